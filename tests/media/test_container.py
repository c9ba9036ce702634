"""Film files: which container, packets to units, and media time that never goes back."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Invalid, PeerError
from haechi.media.access_unit import Codec
from haechi.media.container import FilmTime, Role, SoundPackets, VideoPackets, container_of
from haechi.media.nal import join_annexb, split_lengths
from tests.streams import aac_stream, h264_stream

CODECS = st.sampled_from([Codec.H264, Codec.H265, Codec.MJPEG])
SECOND = 90_000


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypisom", "mov"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "mov"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        ((b"\x47" + bytes(187)) * 4, "mpegts"),
        ((bytes(4) + b"\x47" + bytes(187)) * 4, "mpegts"),
    ],
)
def test_the_container_is_told_by_the_first_bytes(head: bytes, name: str) -> None:
    assert container_of(head) == name


@given(st.binary(max_size=1024))
def test_any_file_is_a_known_container_or_refused_with_what_to_do(head: bytes) -> None:
    with suppress(Invalid):
        assert container_of(head) in {"mov", "matroska", "avi", "mpegts"}


def test_what_is_no_film_is_refused_with_what_to_do() -> None:
    with pytest.raises(Invalid, match="ffmpeg") as caught:
        container_of(b"#EXTM3U")
    assert caught.value.code == "film-container"


@given(CODECS, st.binary(max_size=80), st.lists(st.binary(max_size=200), max_size=6))
def test_noise_gives_units_or_an_error_that_says_so(codec: Codec, extra: bytes, packets: list[bytes]) -> None:
    with suppress(PeerError):
        track = VideoPackets(codec, extra, (64, 64))
        for packet in packets:
            unit = track.unit(packet)
            assert unit is None or unit.data


@given(st.sampled_from([Codec.AAC, Codec.OPUS, Codec.PCMU]), st.binary(max_size=20), st.binary(max_size=300))
def test_noise_as_sound_gives_frames_or_an_error_that_says_so(codec: Codec, extra: bytes, packet: bytes) -> None:
    with suppress(PeerError):
        frames = list(SoundPackets(codec, 8000, 1, extra).frames(packet))
        assert sum(len(frame.data) for frame in frames) <= len(packet)


def test_both_fields_of_a_picture_in_one_packet_stay_one_unit() -> None:
    params, units = h264_stream(frames=2, gop=2)
    first = list(split_lengths(units[0].data))
    track = VideoPackets(Codec.H264, b"")
    unit = track.unit(join_annexb([*params.sets, *first, *first]))
    assert unit is not None
    assert list(split_lengths(unit.data)) == [*first, *first]
    assert unit.is_sync
    assert unit.params is not None


def test_pictures_before_their_parameter_sets_are_none() -> None:
    params, units = h264_stream(frames=2, gop=2)
    track = VideoPackets(Codec.H264, b"")
    assert track.unit(join_annexb(split_lengths(units[0].data))) is None
    assert track.unit(join_annexb([*params.sets, *split_lengths(units[0].data)])) is not None


def test_several_frames_of_sound_in_one_packet_come_one_after_the_other() -> None:
    units = aac_stream(frames=3)[1][:3]
    header = bytes.fromhex("fff14c40")  # ADTS, AAC-LC, 48 kHz, mono
    framed = b""
    for unit in units:
        size = len(unit.data) + 7
        framed += header[:3] + bytes([0x40 | size >> 11, size >> 3 & 255, (size & 7) << 5 | 31, 0xFC]) + unit.data
    frames = list(SoundPackets(Codec.AAC, 48_000, 1, b"").frames(framed))
    assert [frame.data for frame in frames] == [unit.data for unit in units]
    assert [frame.later_ticks for frame in frames] == [0, 1920, 3840]
    assert [frame.params is not None for frame in frames] == [True, False, False]


@given(st.lists(st.tuples(st.sampled_from(["main", "audio"]), st.integers(-(10**9), 10**9), st.integers(-900, 90_000))))
def test_decode_times_strictly_increase_and_no_picture_is_shown_before_it_is_decoded(
    units: list[tuple[Role, int, int]],
) -> None:
    time = FilmTime()
    seen: dict[Role, list[int]] = {"main": [], "audio": []}
    for role, dts, offset in units:
        pts, at = time.place(role, dts + offset, dts)
        assert pts >= at
        seen[role].append(at)
    assert all(before < after for times in seen.values() for before, after in pairwise(times))


def test_times_without_a_leap_stay_as_they_are() -> None:
    time = FilmTime()
    assert [time.place("main", pts, dts) for pts, dts in ((9000, 0), (3000, 3000), (12000, 6000))] == [
        (9000, 0),
        (3000, 3000),
        (12000, 6000),
    ]


def test_pictures_and_sound_leap_together() -> None:
    """A recorder's clock was set back in the middle: both go on, and stay beside each other."""
    time = FilmTime()
    for n in range(10):
        time.place("main", 100 * SECOND + n * 3600, 100 * SECOND + n * 3600)
        time.place("audio", 100 * SECOND + n * 3600, 100 * SECOND + n * 3600)
    _, picture = time.place("main", 0, 0)
    _, sound = time.place("audio", 0, 0)
    assert picture == sound == 100 * SECOND + 10 * 3600
