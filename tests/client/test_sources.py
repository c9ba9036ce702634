"""What a client can play, and what it says of what it cannot."""

import asyncio
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import pytest

from haechi.base.errors import HaechiError
from haechi.camera.virtual.server import VirtualCamera
from haechi.client.sources import Opening, open_source, open_with, opening_of
from haechi.media.access_unit import Codec, VideoParams
from tests.cameras import StreamFeed
from tests.streams import h264_stream, picture

SIZE = (160, 120)


def written(path: Path, codec: str, frames: int = 30, bframes: int = 0, fps: int = 15) -> Path:
    """A video file by libav, its container by the name's ending."""
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "bf": str(bframes)} if codec.startswith("lib") else {}
        stream = container.add_stream(codec, rate=fps, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.gop_size = 10
        for number in range(frames):
            frame = picture(number, SIZE)
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "encoder", "codec"),
    [
        ("a.mp4", "libx264", Codec.H264),
        ("a.mkv", "libx264", Codec.H264),
        ("a.mp4", "libx265", Codec.H265),
        ("a.ts", "libx264", Codec.H264),
        ("a.avi", "mpeg4", Codec.H264),
    ],
)
def test_a_file_is_played_whole_at_its_own_times(tmp_path: Path, name: str, encoder: str, codec: Codec) -> None:
    source = open_source(str(written(tmp_path / name, encoder)))
    units = list(source.units())
    source.close()
    assert len(units) == 30
    first = units[0].unit
    assert first.is_sync
    assert isinstance(first.params, VideoParams)
    assert (first.params.codec, first.params.width_px, first.params.height_px) == (codec, *SIZE)
    ticks = sorted(one.unit.rtp_ticks for one in units)
    assert [round((tick - ticks[0]) / 6000) for tick in ticks] == list(range(30))
    assert [one.due for one in units] == sorted(one.due for one in units)
    assert not source.is_live


def test_pictures_in_another_order_than_they_are_shown_keep_their_times(tmp_path: Path) -> None:
    units = list(open_source(str(written(tmp_path / "b.mp4", "libx264", bframes=2))).units())
    ticks = [one.unit.rtp_ticks for one in units]
    assert ticks != sorted(ticks)
    assert len(set(ticks)) == 30


def test_coded_video_is_passed_on_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", "libx264")
    with av.open(str(path)) as container:
        sizes = [packet.size for packet in container.demux(video=0) if packet.size]
    units = [one.unit for one in open_source(str(path)).units()]
    assert all(0 <= size - len(unit.data) < 800 for size, unit in zip(sizes, units, strict=True))  # an SEI, a set


def test_what_a_webcam_gives_is_encoded_here() -> None:
    made_up = Opening("testsrc=size=160x120:rate=15:duration=2", "lavfi", {}, is_live=True, hint="")
    source = open_with(made_up)
    units = list(source.units())
    assert source.is_live
    assert len(units) == 30
    assert units[0].unit.is_sync
    assert isinstance(units[0].unit.params, VideoParams)
    assert units[-1].due == 29 * 6000


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("nowhere.mp4", "no-such-file"),
        ("http://example.org/a.mp4", "bad-source"),
        ("concat:a|b", "no-such-file"),
        ("webcam:front", "bad-source"),
    ],
)
def test_what_cannot_be_a_source_is_told(source: str, code: str) -> None:
    with pytest.raises(HaechiError) as caught:
        opening_of(source)
    assert caught.value.code == code


def test_a_file_that_is_no_video_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("this is no video")
    with pytest.raises(HaechiError) as caught:
        open_source(str(path))
    assert caught.value.code == "source-unavailable"


def test_a_playlist_that_calls_itself_a_video_fetches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "list.mp4"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(HaechiError):
        list(open_source(str(path)).units())


@pytest.mark.parametrize(
    ("source", "format_name", "is_live"), [("rtsp://camera/main", "rtsp", True), ("webcam:0", "v4l2", True)]
)
def test_the_format_of_an_address_is_pinned(source: str, format_name: str, is_live: bool) -> None:
    how = opening_of(source)
    assert (how.format, how.is_live) == (format_name, is_live)


def test_a_camera_is_passed_on_as_it_sends() -> None:
    async def scenario() -> None:
        params, coded = h264_stream(frames=30, fps=15, gop=5)
        async with VirtualCamera({"/live": StreamFeed((params, coded), 30)}) as camera:
            source = await asyncio.to_thread(open_source, camera.url())
            units = await asyncio.to_thread(lambda: [one.unit for one in islice(source.units(), 12)])
            await asyncio.to_thread(source.close)
        assert source.is_live
        assert units[0].is_sync
        assert isinstance(units[0].params, VideoParams)
        assert units[0].params.sets == params.sets
        sent = {unit.data for unit in coded}
        assert all(unit.data in sent for unit in units)

    asyncio.run(scenario())
