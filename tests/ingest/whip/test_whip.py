"""Publishers over real sockets: ICE, DTLS and SRTP between aiortc and ours, on loopback."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import Conflict, HaechiError, Invalid, NotFound, Unavailable
from haechi.base.ids import CameraId
from haechi.ingest.source import Track
from haechi.ingest.whip import publishers
from haechi.ingest.whip.publishers import Publication, Publishers, Wish
from haechi.ingest.whip.source import WhipSource
from haechi.media.access_unit import AudioParams, Codec, RawUnit, VideoParams
from haechi.media.annexb import split_units
from haechi.media.webrtc.description import parse_fragment
from haechi.webrtc.dtls import Identity
from haechi.webrtc.peer import Peer
from haechi.webrtc.port import UdpPort
from tests.cameras import FastClock, until
from tests.streams import vp8_stream
from tests.whip import OnePort, Playing, Publisher, film, publisher, tones

CAMERA = CameraId("cam_phone")


class Kept:
    """A `Sink` that keeps everything."""

    def __init__(self) -> None:
        self.tracks: Sequence[Track] = ()
        self.units: dict[int, list[RawUnit]] = {}
        self.reports = 0

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        self.tracks = tracks
        self.units = {index: [] for index in range(len(tracks))}
        return [True] * len(tracks)

    def unit(self, track: int, raw: RawUnit, _arrived_ns: int) -> None:
        self.units[track].append(raw)

    def report(self, _track: int, _camera_wall_ns: int, _rtp_ticks: int) -> None:
        self.reports += 1

    def of(self, codec: Codec) -> list[RawUnit]:
        """The units of the track of this codec."""
        return next((self.units[index] for index, one in enumerate(self.tracks) if one.codec is codec), [])


class House:
    """A camera that waits to be published."""

    def __init__(self, clock: SystemClock, port: type[UdpPort] = UdpPort) -> None:
        self.clock = clock
        self._port = port
        self.publishers = Publishers(clock)
        self.sink = Kept()
        self.granted = True
        self.is_gone = False
        self.ended: HaechiError | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[House]:
        identity = Identity(dt.datetime.now(dt.UTC))
        port = self._port.bind("127.0.0.1", 0, identity, self.clock)
        port.start()
        self.publishers.stage = OnePort(port)
        task = asyncio.create_task(self._take_in())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            port.close()

    async def _take_in(self) -> None:
        while True:
            try:
                await WhipSource(CAMERA, self.publishers, self.clock).run(self.sink)
            except HaechiError as error:
                self.ended = error

    async def offered(self, offer: str, *, audio: bool = True) -> tuple[Publication, str]:
        async def grant() -> bool:
            return self.granted

        async def is_gone() -> bool:
            return self.is_gone

        wish = Wish(offer.encode(), grant, "192.0.2.9", "Ann", "127.0.0.1", is_gone)
        publication, answer = await self.publishers.offer(CAMERA, wish, audio=audio)
        return publication, answer.decode()

    async def published(self, one: Publisher, *tracks: Playing, audio: bool = True) -> Publication:
        publication, answer = await self.offered(await one.offer(tracks), audio=audio)
        await one.answered(answer)
        return publication


def coded(units: Sequence[bytes]) -> list[bytes]:
    """What each Annex B picture is as a unit of ours."""
    return [unit.data for unit in split_units(b"".join(units), Codec.H264)]


def test_what_is_published_arrives_byte_for_byte_with_its_sound() -> None:
    async def run() -> None:
        async with House(SystemClock()).open() as house, publisher() as one:
            video, audio = Playing("video", film(), 1 / 30), Playing("audio", tones(), 0.02)
            publication = await house.published(one, video, audio)
            await until(lambda: len(house.sink.of(Codec.H264)) >= 30 and len(house.sink.of(Codec.OPUS)) >= 40, 60)
            status = house.publishers.status(CAMERA)
            assert (status.peer, status.who, status.connected_ns > 0) == ("192.0.2.9", "Ann", True)
            pictures, sounds = house.sink.of(Codec.H264), house.sink.of(Codec.OPUS)
            began = next(index for index, unit in enumerate(pictures) if unit.is_sync)
            sent = coded(video.sent)
            first = sent.index(pictures[began].data)
            taken = [unit.data for unit in pictures[began:]]
            assert taken == sent[first : first + len(taken)]
            assert not any(unit.damaged or unit.lost_packets for unit in pictures[began:])
            start = audio.sent.index(sounds[0].data)
            assert [unit.data for unit in sounds] == audio.sent[start : start + len(sounds)]
            assert isinstance(pictures[0].params, VideoParams)
            assert (pictures[0].params.width_px, pictures[0].params.height_px) == (320, 240)
            assert isinstance(sounds[0].params, AudioParams)
            await until(lambda: house.sink.reports > 0, 60)
            publication.end("ended by the publisher")
            await until(lambda: house.ended is not None, 60)
            assert house.ended is not None
            assert house.ended.code == "camera-closed"
            assert house.publishers.status(CAMERA).connected_ns == 0

    asyncio.run(run())


def test_a_second_publisher_is_sent_away_while_the_first_is_heard() -> None:
    async def run() -> None:
        async with House(SystemClock()).open() as house, publisher() as one, publisher() as other:
            await house.published(one, Playing("video", film(), 1 / 30))
            await until(lambda: len(house.sink.of(Codec.H264)) >= 5, 60)
            with pytest.raises(Conflict) as caught:
                await house.published(other, Playing("video", film(), 1 / 30))
            assert caught.value.code == "camera-connected"
            status = house.publishers.status(CAMERA)
            assert (status.rivals, status.rival_peer) == (1, "192.0.2.9")
            count = len(house.sink.of(Codec.H264))
            await until(lambda: len(house.sink.of(Codec.H264)) > count + 5, 60)

    asyncio.run(run())


def test_a_publisher_that_is_gone_without_a_word_gives_way_to_a_new_one() -> None:
    async def run() -> None:
        async with House(SystemClock()).open() as house, publisher() as one, publisher() as other:
            first = await house.published(one, Playing("video", film(), 1 / 30))
            await until(lambda: len(house.sink.of(Codec.H264)) >= 5, 60)
            silence(house, first)
            house.sink.units = {0: []}
            second = await house.published(other, Playing("video", film(), 1 / 30))
            await until(lambda: len(house.sink.of(Codec.H264)) >= 5, 60)
            assert second.id != first.id
            with pytest.raises(NotFound):
                house.publishers.find(CAMERA, first.id)
            assert house.publishers.find(CAMERA, second.id) is second

    asyncio.run(run())


def test_a_publisher_that_has_been_silent_already_gives_way_sooner() -> None:
    async def run() -> None:
        async with House(SystemClock()).open() as house, publisher() as one, publisher() as other:
            first = await house.published(one, Playing("video", film(), 1 / 30))
            await until(lambda: len(house.sink.of(Codec.H264)) >= 5, 60)
            silence(house, first)
            first.peer.heard_ns -= 3 * NS_PER_S
            looks, clock = 0, house.clock
            sleep = clock.sleep

            async def counted(seconds: float) -> None:
                nonlocal looks
                looks += seconds == publishers.RIVAL_S / publishers.RIVAL_LOOKS
                await sleep(seconds)

            clock.sleep = counted  # type: ignore[method-assign]
            second = await house.published(other, Playing("video", film(), 1 / 30))
            assert (second.id != first.id, looks) == (True, publishers.LEAST_LOOKS)

    asyncio.run(run())


def test_a_page_that_was_closed_before_its_answer_came_keeps_no_other_from_publishing() -> None:
    async def run() -> None:
        async with House(SystemClock()).open() as house, publisher() as one, publisher() as other:
            first = await house.published(one, Playing("video", film(), 1 / 30))
            await until(lambda: len(house.sink.of(Codec.H264)) >= 5, 60)
            silence(house, first)
            house.is_gone = True
            with pytest.raises(Unavailable) as caught:
                await house.offered(await other.offer([Playing("video", film(), 1 / 30)]))
            assert caught.value.code == "publisher-gone"
            assert house.publishers.find(CAMERA, first.id) is first  # nobody was there to give way to

    asyncio.run(run())


def test_a_publisher_that_is_gone_without_a_word_is_noticed() -> None:
    async def run() -> None:
        clock = Leaping()
        async with House(clock).open() as house, publisher() as one:
            publication = await house.published(one, Playing("video", film(), 1 / 30))
            await until(lambda: len(house.sink.of(Codec.H264)) >= 5, 60)
            silence(house, publication)
            clock.ahead_ns += 9 * NS_PER_S
            await until(lambda: house.ended is not None, 60)
            assert house.ended is not None
            assert house.ended.code == "publisher-lost"

    asyncio.run(run())


class Leaping(SystemClock):
    """The machine's clock, which can be sent ahead."""

    ahead_ns = 0

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + self.ahead_ns


def test_packets_that_get_lost_are_sent_again_and_no_unit_is_missing() -> None:
    async def run() -> None:
        async with House(SystemClock(), LossyPort).open() as house, publisher() as one:
            video = Playing("video", film(size=(640, 480)), 1 / 30)
            await house.published(one, video)
            await until(lambda: len(house.sink.of(Codec.H264)) >= 90, 60)
            stage = house.publishers.stage
            assert isinstance(stage, OnePort)
            assert isinstance(stage.udp, LossyPort)
            assert stage.udp.dropped > 5
            pictures = house.sink.of(Codec.H264)
            sent = coded(video.sent)
            first = sent.index(pictures[0].data)
            assert [unit.data for unit in pictures] == sent[first : first + len(pictures)]

    asyncio.run(run())


class LossyPort(UdpPort):
    """Every twelfth packet of media does not come through."""

    dropped = 0
    _packets = 0

    def _deliver(self, peer: Peer, data: bytes) -> None:
        self._packets += data[0] >= 128
        if data[0] >= 128 and self._packets > 20 and self._packets % 12 == 0:
            self.dropped += 1
            return
        super()._deliver(peer, data)


def silence(house: House, publication: Publication) -> None:
    """Nothing that this publisher sends comes through any more: its network is gone."""
    stage = house.publishers.stage
    assert isinstance(stage, OnePort)
    port = stage.udp
    for name in publication.peer.ice.names:
        port._by_name.pop(name)
    port._by_address.clear()


def test_who_says_good_bye_is_gone_at_once() -> None:
    async def run() -> None:
        async with House(SystemClock()).open() as house, publisher() as one:
            await house.published(one, Playing("video", film(), 1 / 30))
            await until(lambda: len(house.sink.of(Codec.H264)) >= 5, 60)
            await one.connection.close()
            await until(lambda: house.ended is not None, 60)
            assert house.ended is not None
            assert house.ended.code == "camera-closed"

    asyncio.run(run())


def test_a_right_that_is_withdrawn_ends_the_stream() -> None:
    async def run() -> None:
        async with House(SystemClock()).open() as house, publisher() as one:
            await house.published(one, Playing("video", film(), 1 / 30))
            await until(lambda: len(house.sink.of(Codec.H264)) >= 5, 60)
            house.granted = False
            await until(lambda: house.ended is not None, 60)
            assert house.ended is not None
            assert house.ended.code == "publishing-withdrawn"

    asyncio.run(run())


def test_who_does_not_come_after_the_answer_is_not_waited_for_long() -> None:
    async def run() -> None:
        async with House(FastClock(50)).open() as house, publisher() as one:
            await house.offered(await one.offer([Playing("video", film(), 1 / 30)]))
            await until(lambda: house.ended is not None, 60)
            assert house.ended is not None
            assert house.ended.code == "publisher-not-connected"

    asyncio.run(run())


def test_another_certificate_than_that_of_the_offer_is_not_let_in() -> None:
    async def run() -> None:
        async with House(SystemClock()).open() as house, publisher() as one:
            offer = await one.offer([Playing("video", film(), 1 / 30)])
            lines = offer.splitlines(keepends=True)
            digits = ":".join(["00"] * 32)
            forged = [f"a=fingerprint:sha-256 {digits}\r\n" if "fingerprint" in line else line for line in lines]
            _, answer = await house.offered("".join(forged))
            await one.answered(answer)
            await until(lambda: house.ended is not None, 60)
            assert house.ended is not None
            assert house.ended.code == "dtls-failed"
            assert house.sink.units == {}

    asyncio.run(run())


def test_a_phone_without_h264_is_taken_as_vp8_byte_for_byte() -> None:
    async def run() -> None:
        params, units = vp8_stream()
        async with House(SystemClock()).open() as house, publisher() as one:
            video = Playing("video", [unit.data for unit in units], 1 / 30)
            _, answer = await house.offered(await one.offer([video], video="video/VP8"))
            await one.answered(answer)
            await until(lambda: len(house.sink.of(Codec.VP8)) >= 20, 60)
            pictures = house.sink.of(Codec.VP8)
            assert pictures[0].is_sync
            assert pictures[0].params == params
            first = video.sent.index(pictures[0].data)
            taken = [unit.data for unit in pictures]
            assert taken == video.sent[first : first + len(taken)]

    asyncio.run(run())


def test_a_browser_without_h264_and_vp8_gets_no_answer() -> None:
    async def run() -> None:
        async with House(SystemClock()).open() as house, publisher() as one:
            offer = await one.offer([Playing("video", film(), 1 / 30)])
            with pytest.raises(Invalid) as caught:
                await house.offered(offer.replace("H264", "AV1"))
            assert caught.value.code == "offer-without-h264"

    asyncio.run(run())


def test_a_camera_that_nobody_takes_in_says_that_it_is_not_ready() -> None:
    async def run() -> None:
        house = House(FastClock(200))
        async with publisher() as one:
            offer = await one.offer([Playing("video", film(), 1 / 30)])
            with pytest.raises(Unavailable) as caught:
                await house.offered(offer)
            assert caught.value.code == "whip-not-ready"

    asyncio.run(run())


def test_ice_restarts_with_new_names_while_the_stream_goes_on() -> None:
    async def run() -> None:
        async with House(SystemClock()).open() as house, publisher() as one:
            publication = await house.published(one, Playing("video", film(), 1 / 30))
            await until(lambda: len(house.sink.of(Codec.H264)) >= 5, 60)
            before = publication.etag
            fragment = parse_fragment(b"a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n")
            ours = parse_fragment(house.publishers.restart(publication, fragment, "127.0.0.1"))
            assert publication.etag != before
            assert publication.peer.ice.theirs == fragment.ice
            assert publication.peer.ice.ours == ours.ice
            count = len(house.sink.of(Codec.H264))
            await until(lambda: len(house.sink.of(Codec.H264)) > count + 5, 60)

    asyncio.run(run())
