"""Pieces of pulled streams against libav's muxers: every picture bit by bit, at its time, whatever the container."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.errors import HaechiError, PeerError
from haechi.media.access_unit import AudioParams, Codec, VideoParams
from haechi.media.fmp4.foreign import read_samples, read_tracks
from haechi.media.m3u8 import MediaList, Span, parse_playlist
from haechi.media.mpegts import MOST_JUNK_BYTES, PACKET_BYTES, Packet, TsDemuxer
from haechi.media.pieces import PieceReader, PieceUnit
from tests.hls import Streamed, pictures_of, streamed


@pytest.fixture(scope="module")
def ts(tmp_path_factory: pytest.TempPathFactory) -> Streamed:
    return streamed(tmp_path_factory.mktemp("ts"), seconds=3)


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Streamed:
    return streamed(tmp_path_factory.mktemp("mp4"), seconds=3, hls_segment_type="fmp4")


def playlist(stream: Streamed) -> MediaList:
    found = parse_playlist((stream.folder / "live.m3u8").read_bytes(), "http://h/live.m3u8")
    assert isinstance(found, MediaList)
    return found


def bytes_of(stream: Streamed, span: Span) -> bytes:
    data = (stream.folder / span.uri.rpartition("/")[2]).read_bytes()
    return data[span.start : span.start + span.size] if span.size else data


def units_of(stream: Streamed, reader: PieceReader | None = None, *, breaks: bool = False) -> list[PieceUnit]:
    reader = reader or PieceReader()
    units: list[PieceUnit] = []
    for one in playlist(stream).segments:
        init = bytes_of(stream, one.init) if one.init else b""
        units += reader.read(bytes_of(stream, one.span), one.duration_s, init=init, is_break=breaks)
    return units


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hls_segment_type": "fmp4"},
        {"hls_flags": "single_file"},
        {"hls_segment_type": "fmp4", "hls_flags": "single_file"},
        {"codec": "libx265", "hls_segment_type": "fmp4"},
        {"b_frames": 0},
    ],
    ids=str,
)
def test_every_picture_comes_out_as_it_was_encoded_and_when(tmp_path: Path, options: dict[str, str]) -> None:
    stream = streamed(tmp_path, seconds=3, **options)  # type: ignore[arg-type]
    units = units_of(stream)
    assert pictures_of(units) == list(stream.pictures)
    shown = [unit.pts for unit in units if unit.is_video]
    assert [pts - shown[0] for pts in shown] == [pts - stream.times[0] for pts in stream.times]
    decoded = [unit.dts for unit in units if unit.is_video]
    assert decoded == sorted(set(decoded))
    assert [unit.is_sync for unit in units if unit.is_video] == [number % 10 == 0 for number in range(30)]
    (video,) = [unit.params for unit in units if isinstance(unit.params, VideoParams)]
    assert (video.width_px, video.height_px) == (320, 240)


@pytest.mark.parametrize("container", ["ts", "mp4"])
def test_sound_comes_beside_the_pictures_at_its_time(container: str, request: pytest.FixtureRequest) -> None:
    units = units_of(request.getfixturevalue(container))
    sound = [unit for unit in units if not unit.is_video]
    params = sound[0].params
    assert isinstance(params, AudioParams)
    assert (params.codec, params.rate_hz, params.channels) == (Codec.AAC, 48_000, 1)
    steps = {after.dts - before.dts for before, after in itertools.pairwise(sound)}
    assert steps <= {1919, 1920, 1921}
    assert len(sound) > 130


def test_after_a_break_time_goes_on_and_the_coding_is_told_again(ts: Streamed) -> None:
    units = units_of(ts, breaks=True)
    assert pictures_of(units) == list(ts.pictures)
    video = [unit for unit in units if unit.is_video]
    assert [unit.dts for unit in video] == sorted({unit.dts for unit in video})
    assert sum(unit.params is not None for unit in video) == 3
    assert max(after.dts - before.dts for before, after in itertools.pairwise(video)) < 45_000


def test_a_stream_that_begins_anew_without_saying_so_goes_on_in_time(ts: Streamed) -> None:
    reader = PieceReader()
    first, again = units_of(ts, reader), units_of(ts, reader)
    ends, begins = first[-1].dts, again[0].dts
    assert 0 < begins - ends < 90_000
    assert pictures_of(again) == list(ts.pictures)


def demuxed(data: bytes, step: int) -> list[Packet]:
    demuxer = TsDemuxer()
    found = [packet for at in range(0, len(data), step) for packet in demuxer.feed(data[at : at + step])]
    return [*found, *demuxer.flush()]


@settings(max_examples=20)
@given(step=st.integers(1, 5000))
def test_it_does_not_matter_how_a_transport_stream_is_cut(ts: Streamed, step: int) -> None:
    data = bytes_of(ts, playlist(ts).segments[0].span)
    assert demuxed(data, step) == demuxed(data, len(data))


def test_a_packet_that_is_missing_costs_its_picture_and_is_counted(ts: Streamed) -> None:
    first, second, _ = (bytes_of(ts, one.span) for one in playlist(ts).segments)
    packets = [second[at : at + PACKET_BYTES] for at in range(0, len(second), PACKET_BYTES)]
    inner = [n for n, one in enumerate(packets) if (one[1] & 0x5F, one[2]) == (0x01, 0x00)]  # libav's first PID
    middle = inner[len(inner) // 2]
    reader = PieceReader()
    before = pictures_of(reader.read(first, 1.0))
    units = reader.read(b"".join(packets[:middle] + packets[middle + 1 :]), 1.0)
    assert [unit.is_video for unit in units if not unit.data] == [True]
    whole = [data for data in pictures_of(units) if data]
    assert len(whole) == 9
    assert set(whole) < set(ts.pictures) - set(before)


def test_a_scrambled_stream_is_called_so(ts: Streamed) -> None:
    data = bytearray(bytes_of(ts, playlist(ts).segments[0].span))
    for at in range(PACKET_BYTES * 3, len(data), PACKET_BYTES):
        data[at + 3] |= 0x80
    with pytest.raises(PeerError) as caught:
        PieceReader().read(bytes(data), 1.0)
    assert caught.value.code == "stream-locked"


def test_junk_without_end_is_no_transport_stream() -> None:
    with pytest.raises(PeerError) as caught:
        demuxed(b"G" + bytes(PACKET_BYTES - 1) + bytes(2 * MOST_JUNK_BYTES), 1000)
    assert caught.value.code == "bad-mpegts"


@pytest.mark.parametrize("data", [b"", b"<html>", b"ID3\4", b"\xff\xf1", b"WEBVTT"])
def test_what_is_neither_is_said(data: bytes) -> None:
    with pytest.raises(HaechiError) as caught:
        PieceReader().read(data, 1.0)
    assert caught.value.code == "hls-no-video"


@settings(max_examples=150)
@given(
    changes=st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), max_size=12), cut=st.integers(0, 100_000)
)
@pytest.mark.parametrize("container", ["ts", "mp4"])
def test_damage_gives_units_or_an_error_of_the_house(
    container: str, ts: Streamed, mp4: Streamed, changes: list[tuple[int, int]], cut: int
) -> None:
    stream = ts if container == "ts" else mp4
    (first, *_) = playlist(stream).segments
    data = bytearray(bytes_of(stream, first.span))
    init = bytearray(bytes_of(stream, first.init)) if first.init else bytearray()
    for at, value in changes:
        target = init if init and value % 2 else data
        target[at % len(target)] = value
    try:
        PieceReader().read(bytes(data[: max(cut % len(data), 200)]), 1.0, init=bytes(init))
    except HaechiError:
        return


def test_tracks_that_are_not_wanted_cost_nothing(mp4: Streamed) -> None:
    (first, *_) = playlist(mp4).segments
    assert first.init is not None
    tracks = read_tracks(bytes_of(mp4, first.init))
    assert {track.codec for track in tracks.values()} == {Codec.H264, Codec.AAC}
    assert list(read_samples(bytes_of(mp4, first.span), {})) == []
