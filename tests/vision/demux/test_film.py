"""Films taken apart: every packet comes out as it is in the file; a file that cannot be taken in says what to do."""

import asyncio
import random
from pathlib import Path

import pytest

from haechi.base.errors import HaechiError, Invalid
from haechi.media.access_unit import Codec, VideoParams
from haechi.media.container import FilmHead, FilmUnit
from haechi.media.nal import split_annexb, split_lengths
from haechi.vision.decode import GopDecoder
from haechi.vision.demux.film import open_film
from tests.containers import packets_of, write_film

pytestmark = pytest.mark.slow


async def _read(path: Path, *, sound: bool) -> tuple[FilmHead, list[FilmUnit], int]:
    units: list[FilmUnit] = []
    damaged = 0
    async with open_film(path, sound=sound) as film:
        assert {"memory", "files", "seccomp"} <= set(film.confined)
        async for batch in film.batches():
            units += batch.units
            damaged = batch.damaged
            assert 0 <= batch.share <= 1
    return film.head, units, damaged


def read(path: Path, *, sound: bool = False) -> tuple[FilmHead, list[FilmUnit], int]:
    return asyncio.run(_read(path, sound=sound))


def refusal(path: Path, *, sound: bool = False) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read(path, sound=sound)
    return caught.value


def nals_of(packet: bytes, *, has_lengths: bool, codec: Codec) -> list[bytes]:
    """The NAL units of a packet, without parameter sets and delimiters."""
    dropped = {7, 8, 9} if codec is Codec.H264 else {32, 33, 34, 35}
    nals = split_lengths(packet) if has_lengths else split_annexb(packet)
    return [nal for nal in nals if (nal[0] & 31 if codec is Codec.H264 else nal[0] >> 1 & 63) not in dropped]


@pytest.mark.parametrize(
    ("ending", "encoder", "codec", "bframes"),
    [
        *((ending, "libx264", Codec.H264, 2) for ending in ("mp4", "mov", "mkv", "ts")),
        *((ending, "libx265", Codec.H265, 0) for ending in ("mp4", "mkv", "ts")),
        ("avi", "libx264", Codec.H264, 0),
    ],
)
def test_every_picture_comes_out_bit_by_bit_at_its_time(
    tmp_path: Path, ending: str, encoder: str, codec: Codec, bframes: int
) -> None:
    path = write_film(tmp_path / f"film.{ending}", video=encoder, bframes=bframes)
    head, units, damaged = read(path)
    packets = packets_of(path)
    assert (len(units), damaged, head.has_sound) == (30, 0, False)
    has_lengths = ending in {"mp4", "mov", "mkv"}
    for unit, packet in zip(units, packets, strict=True):
        assert list(split_lengths(unit.data)) == nals_of(packet.data, has_lengths=has_lengths, codec=codec)
        assert (unit.pts, unit.dts) == (packet.pts, packet.dts)
    first = units[0].video
    assert isinstance(first, VideoParams)
    assert (first.codec, first.width_px, first.height_px) == (codec, 320, 240)
    assert [unit.is_sync for unit in units].count(True) == 2
    decoder = GopDecoder(first)
    gop = units[: next(n for n, unit in enumerate(units) if n and unit.is_sync)]
    frames = [one for n, unit in enumerate(gop) for one in decoder.feed(n, unit.pts, unit.data)] + decoder.drain()
    assert len(frames) == len(gop)
    assert decoder.damaged == 0


@pytest.mark.parametrize(
    ("ending", "encoder", "codec"),
    [
        ("mp4", "aac", Codec.AAC),
        ("ts", "aac", Codec.AAC),
        ("mkv", "libopus", Codec.OPUS),
        ("mov", "pcm_mulaw", Codec.PCMU),
        ("avi", "pcm_alaw", Codec.PCMA),
    ],
)
def test_sound_comes_out_as_it_is_in_the_file(tmp_path: Path, ending: str, encoder: str, codec: Codec) -> None:
    path = write_film(tmp_path / f"film.{ending}", sound=encoder)
    head, units, damaged = read(path, sound=True)
    heard = [unit for unit in units if unit.role == "audio"]
    assert head.has_sound
    assert damaged == 0
    assert heard[0].sound is not None
    assert (heard[0].sound.codec, heard[0].sound.rate_hz) == (codec, 8_000 if "pcm" in encoder else 48_000)
    packets = packets_of(path, "audio")
    whole = b"".join(packet.data for packet in packets)
    if ending == "ts":  # the ADTS header of each frame, 7 bytes, is taken off
        assert sum(len(unit.data) + 7 for unit in heard) == len(whole)
        assert all(unit.data in whole for unit in heard[:5])
    else:
        assert [unit.data for unit in heard] == [packet.data for packet in packets]
    assert abs(heard[-1].pts - heard[0].pts - 2 * 90_000) < 9_000
    assert {unit.role for unit in read(path, sound=False)[1]} == {"main"}


def test_motion_jpeg_comes_out_as_it_is(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.avi", video="mjpeg")
    _, units, _ = read(path)
    assert [unit.data for unit in units] == [packet.data for packet in packets_of(path)]
    assert units[0].video == VideoParams(Codec.MJPEG, 320, 240)
    assert all(unit.is_sync for unit in units)


def test_the_time_at_which_it_was_filmed_is_read(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", created="2024-02-29T12:30:00.000000Z")
    head, _, _ = read(path)
    assert head.created_ns == 1_709_209_800_000_000_000
    assert abs(head.duration_ns - 2_000_000_000) < 100_000_000


def test_other_codings_are_named_with_what_to_do(tmp_path: Path) -> None:
    error = refusal(write_film(tmp_path / "old.mkv", video="mpeg4"))
    assert error.code == "film-codec"
    assert "mpeg4" in error.message
    assert "ffmpeg -i FILE" in error.message
    path = write_film(tmp_path / "loud.mp4", sound="mp3")
    error = refusal(path, sound=True)
    assert error.code == "film-sound-codec"
    assert "mp3" in error.message
    assert len(read(path, sound=False)[1]) == 30
    assert refusal(write_film(tmp_path / "heard.mp4", video="", sound="aac")).code == "film-no-video"


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://192.0.2.1/secret.ts\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
        b"<?xml version='1.0'?><MPD/>",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"",
    ],
)
def test_a_file_that_is_no_film_is_refused_whatever_it_is_called(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    assert refusal(path).code == "film-container"


def test_a_film_that_was_cut_off_gives_what_is_whole(tmp_path: Path) -> None:
    whole = write_film(tmp_path / "whole.ts", seconds=4).read_bytes()
    path = tmp_path / "cut.ts"
    path.write_bytes(whole[: len(whole) // 2])
    _, units, _ = read(path)
    assert 20 <= len(units) <= 40


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_damaged_films_end_in_units_or_in_a_clear_error(tmp_path: Path, ending: str) -> None:
    good = write_film(tmp_path / f"film.{ending}", sound="aac", seconds=1).read_bytes()
    chance = random.Random(7)
    path = tmp_path / f"bad.{ending}"
    for _ in range(4):
        data = bytearray(good)
        for _ in range(40):
            data[chance.randrange(12, len(data))] = chance.randrange(256)
        path.write_bytes(bytes(data))
        assert _outcome(path) in {"units", "film-broken", "film-codec", "film-sound-codec", "film-no-video"}


def _outcome(path: Path) -> str:
    try:
        _, units, _ = read(path, sound=True)
    except HaechiError as error:
        return error.code
    return "units" if all(len(unit.data) < 8 * 1024 * 1024 for unit in units) else "too large"


def test_the_films_own_reader_is_the_only_one_that_may_be_used(tmp_path: Path) -> None:
    """The demuxer is pinned by the first bytes: libav is never asked what the rest may be."""
    path = tmp_path / "film.mp4"
    body = b"#EXTM3U\nhttp://192.0.2.1/\n" * 50
    path.write_bytes((16).to_bytes(4, "big") + b"ftypisom" + bytes(4) + body)
    assert refusal(path).code == "film-broken"
