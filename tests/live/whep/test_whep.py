"""Viewers over real sockets: ICE, DTLS and SRTP between aiortc and ours, on loopback."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid, NotFound, Unavailable
from haechi.media.access_unit import RawUnit, VideoParams
from haechi.media.payload.frames import FrameDepacketiser
from haechi.media.payload.h264 import H264Depacketiser
from haechi.media.rtp import RtpPacket
from haechi.webrtc.port import UdpPort
from tests.cameras import until
from tests.streams import h264_stream, mjpeg_stream
from tests.whep import AUDIO, CAMERA, MULAW, OPUS, VIDEO, Feed, Hall, Watcher, shown, watcher
from tests.whip import film, tones

PATIENCE_S = 60
FPS = 30


def in_order(packets: Sequence[RtpPacket]) -> list[RtpPacket]:
    """Each packet once, by its number; they do not wrap around in so short a test more than once."""
    first = packets[0].sequence
    by_step = {(packet.sequence - first + 0x4000) & 0xFFFF: packet for packet in packets}
    return [by_step[step] for step in sorted(by_step)]


def pictures_of(one: Watcher) -> list[RawUnit]:
    """What came, as units: by the depacketiser that reads cameras."""
    packets = in_order(one.packets["video"])
    reader = H264Depacketiser(packets[0].payload_type)
    reader.trust_markers()
    return [unit for packet in packets for unit in reader.feed(packet)]


def sounds_of(one: Watcher) -> list[RawUnit]:
    packets = in_order(one.packets["audio"])
    reader = FrameDepacketiser(packets[0].payload_type, OPUS)
    return [unit for packet in packets for unit in reader.feed(packet)]


async def played(feed: Feed, units: Sequence[tuple[bytes, bool]]) -> None:
    """In real time, or so."""
    for data, is_sync in units:
        feed.put(data, is_sync=is_sync)
        await asyncio.sleep(1 / FPS)


async def connected(one: Watcher) -> None:
    await until(lambda: one.connection.connectionState == "connected", PATIENCE_S)


def test_a_viewer_gets_every_unit_byte_for_byte_from_the_last_sync_unit_on_with_its_sound() -> None:
    async def run() -> None:
        async with Hall(SystemClock()).open() as hall, watcher() as one:
            params, units = shown(film(3, gop=30))
            video, audio = Feed(hall.bus, VIDEO, params, 3_000), Feed(hall.bus, AUDIO, OPUS, 1_800)
            video.open()
            audio.open()
            for data, is_sync in units[:40]:
                video.put(data, is_sync=is_sync)
            sounds = tones()
            audio.put(sounds[0])
            await one.watch(hall)
            await connected(one)
            for index, (data, is_sync) in enumerate(units[40:]):
                video.put(data, is_sync=is_sync)
                audio.put(sounds[index + 1])
                await asyncio.sleep(1 / FPS)
            last = units[-1][0]
            await until(lambda: bool(pictures_of(one)) and pictures_of(one)[-1].data == last, PATIENCE_S)
            await until(lambda: sounds_of(one)[-1].data == sounds[len(units) - 40], PATIENCE_S)
            pictures = pictures_of(one)
            assert [unit.data for unit in pictures] == [data for data, _ in units[30:]]
            assert not any(unit.damaged or unit.lost_packets for unit in pictures)
            assert isinstance(pictures[0].params, VideoParams)
            assert pictures[0].params.sets == params.sets
            heard = [unit.data for unit in sounds_of(one)]
            began = sounds.index(heard[0])
            assert heard == sounds[began : len(units) - 39]
            assert hall.viewers.count == 1

    asyncio.run(run())


def test_what_lies_behind_is_to_be_decoded_at_once_and_now_has_its_own_time() -> None:
    async def run() -> None:
        async with Hall(SystemClock()).open() as hall, watcher() as one:
            params, units = shown(film(4, gop=60))
            video = Feed(hall.bus, VIDEO, params, 3_000)
            video.open()
            for data, is_sync in units[:50]:
                video.put(data, is_sync=is_sync)
            packets = hall.hub.packets.of(VIDEO)
            now = packets.timestamp(video.sent[-1], params)
            await one.watch(hall, audio=False)
            await until(lambda: len(one.packets["video"]) > 0 and len(pictures_of(one)) == 50, PATIENCE_S)
            stamps = [packet.timestamp for packet in in_order(one.packets["video"]) if packet.marker]
            assert stamps == [now - 90 * (49 - index) for index in range(50)]
            assert packets is hall.hub.packets.of(VIDEO)
            later = video.put(units[50][0], is_sync=False)
            await until(lambda: len(pictures_of(one)) == 51, PATIENCE_S)
            assert one.packets["video"][-1].timestamp == packets.timestamp(later, params) == (now + 3_000) % (1 << 32)

    asyncio.run(run())


class LossyPort(UdpPort):
    """Every ninth packet of media does not go out."""

    dropped = 0
    _packets = 0

    def _send(self, data: bytes, address: tuple[str, int]) -> None:
        is_media = 128 <= data[0] < 192 and not 192 <= data[1] < 224
        self._packets += is_media
        if is_media and self._packets > 20 and self._packets % 9 == 0:
            self.dropped += 1
            return
        super()._send(data, address)


def test_packets_that_get_lost_are_sent_again_when_they_are_asked_for() -> None:
    async def run() -> None:
        async with Hall(SystemClock(), LossyPort).open() as hall, watcher() as one:
            params, units = shown(film(3, size=(640, 480), gop=30, kbps=2_000))
            video = Feed(hall.bus, VIDEO, params, 3_000)
            video.open()
            video.put(*units[0])
            await one.watch(hall, audio=False)
            await until(lambda: len(one.packets["video"]) > 0, PATIENCE_S)
            await played(video, [(data, is_sync) for data, is_sync in units[1:]])
            tail = [(data, is_sync) for data, is_sync in units[1:]]
            sent, got = [data for data, _ in units], list[bytes]()
            for index, (data, is_sync) in enumerate(tail * 3):  # goes on, so that the last gaps are seen, too
                video.put(data, is_sync=is_sync)
                await asyncio.sleep(1 / FPS)
                got = [unit.data for unit in pictures_of(one)][: len(sent)]
                if index % 10 == 0 and got == sent:
                    break
            assert got == sent
            assert isinstance(hall.udp, LossyPort)
            assert hall.udp.dropped > 5
            assert hall.viewers.totals.again >= 5

    asyncio.run(run())


def test_a_viewer_that_asks_for_a_picture_gets_the_last_sync_unit_and_all_since_once_more() -> None:
    async def run() -> None:
        async with Hall(SystemClock()).open() as hall, watcher() as one:
            params, units = shown(film(2, gop=60))
            video = Feed(hall.bus, VIDEO, params, 3_000)
            video.open()
            for data, is_sync in units[:10]:
                video.put(data, is_sync=is_sync)
            watching = await one.watch(hall, audio=False)
            await until(lambda: len(one.packets["video"]) > 0 and len(pictures_of(one)) == 10, PATIENCE_S)
            video.put(*units[10])
            await until(lambda: len(pictures_of(one)) == 11, PATIENCE_S)
            receiver = one.connection.getReceivers()[0]
            ssrc = one.packets["video"][0].ssrc
            for _ in range(3):  # asked for thrice, sent once: a second time only after some seconds
                await receiver._send_rtcp_pli(ssrc)
            await until(lambda: len(pictures_of(one)) == 22, PATIENCE_S)
            await played(video, units[11:15])
            await until(lambda: len(pictures_of(one)) == 26, PATIENCE_S)
            expected = [data for data, _ in units[:11]] * 2 + [data for data, _ in units[11:15]]
            assert [unit.data for unit in pictures_of(one)] == expected
            stamps = [packet.timestamp for packet in in_order(one.packets["video"])]
            assert all((after - before) % (1 << 32) < 1 << 31 for before, after in itertools.pairwise(stamps))
            assert watching.viewer.packets == len(one.packets["video"])

    asyncio.run(run())


def test_sound_and_pictures_have_one_clock() -> None:
    async def run() -> None:
        async with Hall(SystemClock()).open() as hall, watcher() as one:
            params, units = shown(film())
            video, audio = Feed(hall.bus, VIDEO, params, 3_000), Feed(hall.bus, AUDIO, MULAW, 1_800)
            video.open()
            audio.open()
            video.put(*units[0])
            audio.put(bytes(160))
            await one.watch(hall)
            await until(lambda: bool(one.reports["video"]) and bool(one.reports["audio"]), PATIENCE_S)
            picture, sound = one.reports["video"][0], one.reports["audio"][0]
            assert picture.ntp_timestamp == sound.ntp_timestamp  # both were taken when their run began
            assert picture.rtp_timestamp == hall.hub.packets.of(VIDEO).timestamp(video.sent[0], params)
            assert sound.rtp_timestamp == hall.hub.packets.of(AUDIO).timestamp(audio.sent[0], MULAW)

    asyncio.run(run())


def test_a_camera_that_comes_back_goes_on_in_the_same_connection() -> None:
    async def run() -> None:
        async with Hall(SystemClock()).open() as hall, watcher() as one:
            params, units = shown(film())
            video = Feed(hall.bus, VIDEO, params, 3_000)
            video.open()
            video.put(*units[0])
            await one.watch(hall, audio=False)
            await until(lambda: len(one.packets["video"]) > 0, PATIENCE_S)
            video.close()
            video.open()
            await played(video, units[:3])
            await until(lambda: len(pictures_of(one)) == 4, PATIENCE_S)
            stamps = [packet.timestamp for packet in in_order(one.packets["video"]) if packet.marker]
            assert (stamps[1] - stamps[0]) % (1 << 32) == 60 * 90_000
            assert hall.viewers.count == 1
            other, _ = shown(film(1, size=(640, 480)))
            video.close()
            video.open(other)
            await played(video, units[:1])
            await until(lambda: len(pictures_of(one)) == 5, PATIENCE_S)
            high, units = h264_stream()[0], [(unit.data, unit.is_sync) for unit in h264_stream()[1]]
            video.close()
            video.open(high)
            await played(video, units[:1])
            await until(lambda: hall.viewers.count == 0, PATIENCE_S)

    asyncio.run(run())


@pytest.mark.slow
def test_a_right_that_is_withdrawn_ends_the_stream() -> None:
    async def run() -> None:
        async with Hall(SystemClock()).open() as hall, watcher() as one:
            params, units = shown(film())
            video = Feed(hall.bus, VIDEO, params, 3_000)
            video.open()
            video.put(*units[0])
            watching = await one.watch(hall, audio=False)
            await until(lambda: len(one.packets["video"]) > 0, PATIENCE_S)
            await until(lambda: hall.asked > 0, PATIENCE_S)
            hall.may = False
            await until(lambda: hall.viewers.count == 0, PATIENCE_S)
            assert hall.over == 1
            assert hall.bus.channel(VIDEO).subscribers() == 0
            with pytest.raises(NotFound):
                hall.viewers.find(CAMERA, watching.id)
            await until(lambda: one.connection.connectionState in {"closed", "failed"}, PATIENCE_S)

    asyncio.run(run())


class Leaping(SystemClock):
    """The machine's clock, which can be sent ahead."""

    ahead_ns = 0

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + self.ahead_ns


def test_a_viewer_that_is_gone_without_a_word_is_noticed_and_one_that_leaves_is_gone_at_once() -> None:
    async def run() -> None:
        clock = Leaping()
        async with Hall(clock).open() as hall, watcher() as one, watcher() as other:
            params, units = shown(film())
            video = Feed(hall.bus, VIDEO, params, 3_000)
            video.open()
            video.put(*units[0])
            await one.watch(hall, audio=False)
            await other.watch(hall, audio=False)
            await until(lambda: len(one.packets["video"]) > 0 and len(other.packets["video"]) > 0, PATIENCE_S)
            await other.connection.close()
            await until(lambda: hall.viewers.count == 1, PATIENCE_S)
            assert hall.udp is not None
            hall.udp._by_name.clear()  # nothing of it is heard any more
            hall.udp._by_address.clear()
            clock.ahead_ns += 31 * 10**9
            await until(lambda: hall.viewers.count == 0, PATIENCE_S)

    asyncio.run(run())


def test_what_webrtc_cannot_show_is_refused_with_a_word_that_a_player_can_act_on() -> None:
    async def run() -> None:
        async with Hall(SystemClock()).open() as hall:
            offer = await Watcher().offer()
            with pytest.raises(Unavailable) as nothing:
                await hall.offered(offer)
            video = Feed(hall.bus, VIDEO, mjpeg_stream()[0], 9_000)
            video.open()
            video.put(mjpeg_stream()[1][0].data)
            with pytest.raises(Invalid) as jpeg:
                await hall.offered(offer)
            video.close()
            video.open(h264_stream()[0])
            video.put(h264_stream()[1][0].data)
            with pytest.raises(Invalid) as high:
                await hall.offered(offer)
            video.close()
            video.open(shown(film())[0])
            video.put(shown(film())[1][0][0], late_ticks=6_000)
            with pytest.raises(Invalid) as late:
                await hall.offered(offer)
            codes = [caught.value.code for caught in (nothing, jpeg, high, late)]
            assert codes == ["stream-not-live", "viewer-lacks-codec", "viewer-lacks-codec", "pictures-reordered"]
            hall.viewers.is_on = False
            with pytest.raises(NotFound) as off:
                await hall.offered(offer)
            assert off.value.code == "whep-off"

    asyncio.run(run())
