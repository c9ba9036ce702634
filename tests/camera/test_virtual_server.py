"""The virtual camera on loopback, played by PyAV as a second opinion and by our own client."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Coroutine
from itertools import pairwise
from typing import Any

import av
import pytest

from haechi.base.errors import Denied, HaechiError, PeerError, Unavailable
from haechi.camera.virtual.server import FeedUnit, FileFeed, VirtualCamera
from haechi.media import rtcp
from haechi.media.access_unit import Codec, CodecParams, RawUnit, VideoParams
from haechi.media.depacketise import depacketiser_for
from haechi.media.jpeg import parse_jpeg
from haechi.media.nal import join_annexb, join_lengths, split_annexb, split_lengths
from haechi.media.rtsp.client import Described, Playing, RtcpReceived, RtpReceived, RtspClient, Wishes
from haechi.media.rtsp.server import ServerPolicy
from tests.streams import CodedUnit, aac_stream, h264_stream, h265_stream, mjpeg_stream, pcm_stream


def elementary(params: VideoParams, units: list[CodedUnit]) -> bytes:
    """The units as a byte stream with the parameter sets before each sync unit."""
    nals = [[*(params.sets if unit.is_sync else ()), *split_lengths(unit.data)] for unit in units]
    return b"".join(join_annexb(group) for group in nals)


def h264_feed(fps: float = 50) -> FileFeed:
    params, units = h264_stream(frames=20, gop=10, size=(320, 240))
    return FileFeed(elementary(params, units), Codec.H264, fps)


class ListFeed:
    """Units of several tracks, given with times; for tests with sound."""

    def __init__(self, tracks: list[tuple[CodecParams, list[CodedUnit], int]]) -> None:
        self._tracks = tracks

    def tracks(self) -> tuple[CodecParams, ...]:
        return tuple(params for params, _, _ in self._tracks)

    async def units(self) -> AsyncIterator[FeedUnit]:
        made = [
            FeedUnit(index, unit.data, unit.dts * rate // 90_000, unit.dts / 90_000, unit.is_sync)
            for index, (_, units, rate) in enumerate(self._tracks)
            for unit in units
        ]
        for unit in sorted(made, key=lambda unit: unit.due_s):
            yield unit


class Session:
    """Our own client on a real socket, as short as it can be."""

    def __init__(self, client: RtspClient) -> None:
        self.client = client
        self.units: list[list[RawUnit]] = [[], []]
        self.reports: list[rtcp.SenderReport] = []
        self.playing: Playing | None = None
        self.started = asyncio.Event()

    async def play(self, camera: VirtualCamera, units: int) -> None:
        """Receive until the first track gave so many units."""
        reader, writer = await asyncio.open_connection("127.0.0.1", camera.port)
        try:
            writer.write(self.client.start())
            depacketisers = []
            while len(self.units[0]) < units:
                data = await asyncio.wait_for(reader.read(65536), 5)
                if not data:
                    raise Unavailable("closed", code="connection-lost")
                for event in self.client.feed(data):
                    if isinstance(event, Described):
                        depacketisers = [depacketiser_for(track) for track in event.tracks]
                    elif isinstance(event, Playing):
                        self.playing = event
                    elif isinstance(event, RtpReceived):
                        self.units[event.track_index] += depacketisers[event.track_index].feed_data(event.data)
                    elif isinstance(event, RtcpReceived):
                        found = rtcp.parse(event.data)
                        self.reports += [one for one in found if isinstance(one, rtcp.SenderReport)]
                writer.write(self.client.to_send())
                if self.units[0]:
                    self.started.set()
            writer.write(self.client.teardown())
        finally:
            writer.close()


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 30))


def play_with_pyav(url: str, packets: int, **options: str) -> list[bytes]:
    """The first packets that PyAV reads, whole NAL units with lengths, without parameter sets."""
    with av.open(url, options={"stimeout": "5000000", **options}, timeout=10) as container:
        found: list[bytes] = []
        for packet in container.demux(container.streams.video[0]):
            nals = [nal for nal in split_annexb(bytes(packet)) if nal[0] & 31 not in (7, 8, 9)]
            if nals:
                found.append(join_lengths(nals))
            if len(found) >= packets:
                break
        return found


def cycle_from(sent: list[bytes], first: bytes, count: int) -> list[bytes]:
    """``count`` units of the endless loop over ``sent``, from ``first`` on."""
    start = sent.index(first)
    return [sent[(start + offset) % len(sent)] for offset in range(count)]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pyav_plays_from_it_and_gets_the_same_bytes(transport: str) -> None:
    async def main() -> None:
        policy = ServerPolicy(username="user", password="p@ss/word", udp=True)
        async with VirtualCamera({"/main": h264_feed()}, policy) as camera:
            url = camera.url().replace("rtsp://", "rtsp://user:p%40ss%2Fword@")
            found = await asyncio.to_thread(play_with_pyav, url, 30, rtsp_transport=transport)
        sent = [unit.data for unit in h264_stream(frames=20, gop=10, size=(320, 240))[1]]
        sent = [join_lengths(nal for nal in split_lengths(data) if nal[0] & 31 != 9) for data in sent]
        assert found == cycle_from(sent, found[0], 30)

    run(main)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", [True, False])
def test_our_client_logs_in_and_gets_the_same_units(algorithm: str, qop: bool) -> None:
    async def main() -> None:
        policy = ServerPolicy(username="user", password="secret", algorithm=algorithm, qop=qop)
        async with VirtualCamera({"/main": h264_feed()}, policy) as camera:
            session = Session(RtspClient(camera.url(), "user", "secret"))
            await session.play(camera, 25)
        sent = [unit.data for unit in h264_stream(frames=20, gop=10, size=(320, 240))[1]]
        found = session.units[0]
        assert [unit.data for unit in found] == cycle_from(sent, found[0].data, len(found))
        steps = {after.rtp_ticks - before.rtp_ticks for before, after in pairwise(found)}
        assert steps == {1800}
        assert found[0].is_sync
        assert session.reports

    run(main)


def test_h265_with_aac_arrives_on_two_tracks() -> None:
    async def main() -> None:
        video, pictures = h265_stream(frames=40, fps=30, gop=5)
        sound, frames = aac_stream(frames=80)
        feed = ListFeed([(video, pictures, 90_000), (sound, frames, 48_000)])
        async with VirtualCamera({"/main": feed}) as camera:
            session = Session(RtspClient(camera.url()))
            await session.play(camera, 15)
        assert session.playing is not None
        assert [track.codec for track in session.playing.tracks] == ["H265", "MPEG4-GENERIC"]
        first = session.units[0][0]
        assert isinstance(first.params, VideoParams)
        assert first.params.sets == video.sets
        assert [unit.data for unit in session.units[0]] == cycle_from(
            [unit.data for unit in pictures], first.data, len(session.units[0])
        )
        assert session.units[1][0].params == sound
        assert {unit.data for unit in session.units[1]} <= {unit.data for unit in frames}

    run(main)


def test_mjpeg_with_g711_arrives_on_two_tracks() -> None:
    async def main() -> None:
        video, pictures = mjpeg_stream(frames=10, fps=30)
        sound, frames = pcm_stream(frames=30, law="alaw")
        feed = ListFeed([(video, pictures, 90_000), (sound, frames, 8_000)])
        async with VirtualCamera({"/main": feed}) as camera:
            session = Session(RtspClient(camera.url()))
            await session.play(camera, 4)
        assert session.units[0][0].params == video
        assert session.units[1][0].params == sound
        with av.open(io.BytesIO(session.units[0][0].data), mode="r", format="mjpeg") as container:
            assert next(container.decode(video=0)).width == video.width_px

    run(main)


def test_it_shows_itself_to_many_clients_at_once() -> None:
    async def main() -> None:
        async with VirtualCamera({"/main": h264_feed(), "/sub": h264_feed(25)}) as camera:
            sessions = [Session(RtspClient(camera.url(path))) for path in ("/main", "/sub") for _ in range(4)]
            await asyncio.gather(*(session.play(camera, 12) for session in sessions))
            assert camera.accepted == 8
        assert all(session.units[0][0].is_sync for session in sessions)

    run(main)


def refused(policy: ServerPolicy, url_path: str = "/main", **login: Any) -> HaechiError:
    """The error that a client meets."""
    met: list[HaechiError] = []

    async def main() -> None:
        async with VirtualCamera({"/main": h264_feed()}, policy) as camera:
            client = RtspClient(camera.url() if url_path == "/main" else camera.url(url_path), **login)
            with pytest.raises(HaechiError) as caught:
                await Session(client).play(camera, 1)
            met.append(caught.value)

    run(main)
    return met[0]


def test_a_wrong_password_is_denied_without_telling_it() -> None:
    error = refused(ServerPolicy(username="user", password="right"), username="user", password="canary-wrong")
    assert isinstance(error, Denied)
    assert error.code == "rtsp-unauthorized"
    assert "canary" not in str(error)


def test_no_password_is_denied() -> None:
    assert refused(ServerPolicy(username="user", password="right")).code == "rtsp-unauthorized"


def test_basic_in_clear_text_is_refused_unless_allowed() -> None:
    policy = ServerPolicy(username="user", password="right", algorithm="Basic")
    assert refused(policy, username="user", password="right").code == "rtsp-basic-refused"

    async def main() -> None:
        async with VirtualCamera({"/main": h264_feed()}, policy) as camera:
            client = RtspClient(camera.url(), "user", "right", wishes=Wishes(basic_in_clear=True))
            await Session(client).play(camera, 2)

    run(main)


def test_a_path_that_is_not_there_is_not_found() -> None:
    assert refused(ServerPolicy(), "/other").code == "rtsp-not-found"


def test_a_camera_that_wants_udp_says_so() -> None:
    assert refused(ServerPolicy(tcp=False, udp=True)).code == "rtsp-transport"


def test_garbage_in_the_stream_is_an_error_with_its_place() -> None:
    async def main() -> None:
        async with VirtualCamera({"/main": h264_feed()}) as camera:
            session = Session(RtspClient(camera.url()))
            task = asyncio.ensure_future(session.play(camera, 1000))
            await session.started.wait()
            camera.send_garbage()
            with pytest.raises(PeerError) as caught:
                await task
            assert caught.value.code == "rtsp-bad-message"
            assert caught.value.offset > 1000

    run(main)


def test_a_stall_sends_nothing_and_a_dropped_connection_is_closed() -> None:
    async def main() -> None:
        async with VirtualCamera({"/main": h264_feed()}) as camera:
            session = Session(RtspClient(camera.url()))
            task = asyncio.ensure_future(session.play(camera, 1000))
            await session.started.wait()
            camera.stall()
            await asyncio.sleep(0.05)
            before = len(session.units[0])
            await asyncio.sleep(0.2)
            assert len(session.units[0]) == before
            camera.drop_connections()
            with pytest.raises((Unavailable, ConnectionError)):
                await task
            assert camera.connections == 0

    run(main)


def test_lost_packets_are_seen_and_what_they_hit_is_damaged() -> None:
    async def main() -> None:
        params, units = h264_stream(frames=12, gop=2, size=(1280, 720))
        async with VirtualCamera({"/main": FileFeed(elementary(params, units), Codec.H264, 50)}) as camera:
            camera.lose_every = 7
            session = Session(RtspClient(camera.url()))
            await session.play(camera, 30)
        sent = {unit.data for unit in units}
        found = session.units[0]
        assert sum(unit.lost_packets for unit in found) > 0
        assert any(unit.damaged for unit in found)
        assert all(unit.data in sent for unit in found if not unit.damaged)

    run(main)


def all_tracks_with_pyav(url: str, packets: int) -> dict[str, list[bytes]]:
    """Packets by codec until ``packets`` of video have come."""
    found: dict[str, list[bytes]] = {}
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=10) as container:
        for packet in container.demux():
            name = packet.stream.codec_context.name
            found.setdefault(name, []).append(bytes(packet))
            if packet.stream.type == "video" and len(found[name]) >= packets:
                return found
    return found


def test_pyav_hears_aac_beside_h265() -> None:
    async def main() -> None:
        video, pictures = h265_stream(frames=90, fps=30, gop=5)
        sound, frames = aac_stream(frames=140)
        async with VirtualCamera({"/main": ListFeed([(video, pictures, 90_000), (sound, frames, 48_000)])}) as camera:
            found = await asyncio.to_thread(all_tracks_with_pyav, camera.url(), 20)
        nals = [[nal for nal in split_annexb(data) if not 32 <= nal[0] >> 1 <= 35] for data in found["hevc"]]
        units = [join_lengths(group) for group in nals if group]
        assert units == cycle_from([unit.data for unit in pictures], units[0], len(units))
        heard = found["aac"]
        assert heard == cycle_from([unit.data for unit in frames], heard[0], len(heard))

    run(main)


def test_pyav_hears_g711_beside_mjpeg_and_sees_the_same_pixels() -> None:
    async def main() -> None:
        video, pictures = mjpeg_stream(frames=60, fps=30)
        sound, frames = pcm_stream(frames=150, law="alaw")
        async with VirtualCamera({"/main": ListFeed([(video, pictures, 90_000), (sound, frames, 8_000)])}) as camera:
            found = await asyncio.to_thread(all_tracks_with_pyav, camera.url(), 10)
        scans = [parse_jpeg(unit.data).scan for unit in pictures]
        seen = [parse_jpeg(data).scan for data in found["mjpeg"]]
        assert seen == cycle_from(scans, seen[0], len(seen))
        assert set(found["pcm_alaw"]) <= {unit.data for unit in frames}

    run(main)
