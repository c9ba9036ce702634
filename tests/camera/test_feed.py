"""Feeds go on for ever with growing timestamps, and what they send decodes to what was drawn."""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest

from haechi.base.errors import Invalid, NotFound
from haechi.camera.virtual.__main__ import feeds, parser
from haechi.camera.virtual.feed import BumpedFeed, SceneFeed, default_cache_dir, keep, open_file
from haechi.camera.virtual.scene import FPS, Scene
from haechi.camera.virtual.server import Feed, FeedUnit
from haechi.camera.virtual.timecode import read_timecode
from haechi.media.access_unit import AudioParams, Codec, CodecParams, VideoParams
from tests.footage import footage


async def take(units: AsyncIterator[FeedUnit], count: int) -> list[FeedUnit]:
    return [unit async for _, unit in _numbered(units, count)]


async def _numbered(units: AsyncIterator[FeedUnit], count: int) -> AsyncIterator[tuple[int, FeedUnit]]:
    number = 0
    async for unit in units:
        yield number, unit
        number += 1
        if number == count:
            return


def first(feed: Feed, count: int) -> list[FeedUnit]:
    return asyncio.run(take(feed.units(), count))


def decode(params: CodecParams, units: list[FeedUnit]) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """The pictures, RGB. Lengths are turned back into start codes: the decoder's own second opinion."""
    assert isinstance(params, VideoParams)
    start = b"\0\0\0\1"
    decoder = av.CodecContext.create("h264" if params.codec is Codec.H264 else "hevc", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    packets = [_annexb(unit.data) for unit in units]
    packets[0] = b"".join(start + nal for nal in params.sets) + packets[0]
    pictures = [frame for data in packets for frame in decoder.decode(av.Packet(data))] + decoder.decode(None)
    return [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in pictures]


def _annexb(data: bytes) -> bytes:
    out, at = b"", 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        out += b"\0\0\0\1" + data[at + 4 : at + 4 + size]
        at += 4 + size
    return out


class ShortFeed(SceneFeed):
    """A scene of two seconds."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        super().__init__("entrance", cache_dir)
        whole = self._scene
        self._scene = Scene("entrance", whole.title, whole.room, 2, whole.actors[1:], whole.horizon, whole.grow)


@pytest.mark.slow
def test_a_scene_goes_on_after_its_end_with_growing_time(tmp_path: Path) -> None:
    feed = ShortFeed(tmp_path)
    units = first(feed, 5 * FPS)
    assert [unit.rtp_ticks for unit in units] == [number * 6000 for number in range(5 * FPS)]
    assert units[0].data == units[2 * FPS].data
    assert [number for number, unit in enumerate(units) if unit.is_sync] == [0, 30, 60]
    pictures = decode(feed.tracks()[0], units[: 2 * FPS])
    assert [read_timecode(picture).frame for picture in pictures] == list(range(2 * FPS))


@pytest.mark.slow
def test_a_rendered_scene_is_kept_and_played_the_same(tmp_path: Path) -> None:
    feed = ShortFeed(tmp_path)
    rendered = first(feed, 2 * FPS + 1)
    for _ in range(1000):
        if list(tmp_path.glob("*.h264")):
            break
        feed._unit(2 * FPS - 1)
    again = first(ShortFeed(tmp_path), 2 * FPS + 1)
    assert [hashlib.sha256(unit.data).digest() for unit in again] == [
        hashlib.sha256(unit.data).digest() for unit in rendered
    ]


@pytest.mark.slow
def test_a_closed_scene_says_so_to_who_still_waits() -> None:
    feed = SceneFeed("yard")
    feed.tracks()
    feed.close()
    with pytest.raises(NotFound, match="closed"):
        feed._unit(449)


def test_an_old_rendering_makes_room_for_the_new_one(tmp_path: Path) -> None:
    keep(tmp_path / "yard-1111.h264", b"old")
    keep(tmp_path / "stock-room-1111.h264", b"other")
    keep(tmp_path / "yard-2222.h264", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stock-room-1111.h264", "yard-2222.h264"]


@pytest.mark.slow
def test_a_file_with_reordered_pictures_keeps_their_order_of_sending_and_their_times() -> None:
    path = footage("people/one-by-one-person-detection.mp4")
    feed = open_file(path)
    units = first(feed, 300)
    assert all(a.due_s <= b.due_s for a, b in itertools.pairwise(units))
    assert any(a.rtp_ticks > b.rtp_ticks for a, b in itertools.pairwise(units)), "it has B-frames"
    assert len(decode(feed.tracks()[0], units)) >= 298


@pytest.mark.slow
def test_a_file_with_sound_has_two_tracks_and_loops_without_a_step_back() -> None:
    feed = open_file(footage("people/car-detection.mp4"))
    video, audio = feed.tracks()
    assert isinstance(video, VideoParams)
    assert isinstance(audio, AudioParams)
    assert audio.codec is Codec.AAC
    units = first(feed, 4000)
    assert all(a.due_s <= b.due_s for a, b in itertools.pairwise(units))
    sound = [unit.rtp_ticks for unit in units if unit.track == 1]
    assert sound == sorted(sound)


@pytest.mark.parametrize(("encoder", "codec"), [("pcm_mulaw", Codec.PCMU), ("pcm_alaw", Codec.PCMA)])
def test_the_g711_of_a_file_is_sent_in_pieces_of_twenty_milliseconds_at_most(
    tmp_path: Path, encoder: str, codec: Codec
) -> None:
    path = tmp_path / "talk.mov"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        sound = container.add_stream(encoder, rate=8_000, layout="mono")
        assert isinstance(video, av.VideoStream)
        assert isinstance(sound, av.AudioStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            container.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
            tone = np.full((1, 800), 1_000 * number, np.int16)
            frame = av.AudioFrame.from_ndarray(tone, "s16", "mono")
            frame.sample_rate, frame.pts = 8_000, 800 * number
            container.mux(sound.encode(frame))
        container.mux(video.encode(None))
    feed = open_file(path)
    params = feed.tracks()[1]
    assert (params.codec, params.codec_string) == (codec, "ulaw" if codec is Codec.PCMU else "alaw")
    heard = [unit for unit in first(feed, 60) if unit.track == 1]
    assert max(len(unit.data) for unit in heard) == 160
    assert all(b.rtp_ticks - a.rtp_ticks == len(a.data) for a, b in itertools.pairwise(heard))


def test_a_file_that_is_not_media_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.mp4").write_bytes(b"not a film" * 100)
    with pytest.raises(Invalid, match="not a media file"):
        open_file(tmp_path / "holiday.mp4")
    with pytest.raises(NotFound, match="no such file"):
        open_file(tmp_path / "absent.mp4")


def test_the_command_line_names_each_feed_by_its_path(tmp_path: Path) -> None:
    options = parser().parse_args(["--file", str(tmp_path / "absent.h264")])
    with pytest.raises(NotFound, match="no such file"):
        feeds(options)
    with pytest.raises(NotFound, match="there are entrance, aisle, yard, stock-room"):
        feeds(parser().parse_args(["--scene", "attic"]))
    assert default_cache_dir().name == "scenes"


def test_a_camera_that_is_bumped_shows_the_other_view_from_the_next_sync_unit_on() -> None:
    moved = np.array([[1.0, 0.0, 64.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    feed = BumpedFeed(SceneFeed("entrance"), SceneFeed("entrance", moved=moved))

    async def play() -> list[FeedUnit]:
        taken: list[FeedUnit] = []
        async for unit in feed.units():
            taken.append(unit)
            if len(taken) == 20:
                feed.bump()
            if len(taken) == 2 * FPS + 1:
                return taken
        return taken

    try:
        units = asyncio.run(play())
    finally:
        feed.close()
    assert feed.is_bumped
    assert [unit.is_sync for unit in units[-2:]] == [False, True]
    (params,) = feed.tracks()
    before, after = (decode(params, [unit])[0] for unit in (units[0], units[-1]))
    at = np.s_[300:420, 400:700]
    aside = np.s_[300:420, 464:764]
    here = np.mean(np.abs(before[at].astype(int) - after[aside].astype(int)))
    there = np.mean(np.abs(before[at].astype(int) - after[at].astype(int)))
    assert here < 0.5 * there
