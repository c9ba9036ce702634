"""A window of Low-Latency HLS, by values: whatever a camera sends, its playlists follow Apple's rules."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.live.llhls.programme import MOST_FIRST_EPOCH, Coding, Programme
from haechi.live.llhls.track import LISTED_TARGETS, MOST_BYTES
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, Codec, UnitRef, VideoParams
from haechi.media.fmp4.foreign import Defaults, ForeignTrack, read_samples
from haechi.media.fmp4.muxer import chunk
from tests.llhls_rules import attributes, faults_between, faults_of, joined, read
from tests.streams import START_NS

STREAM = StreamId("cam_a/main")
PARAMS = VideoParams(Codec.H264, 640, 360, (b"\x67\x42\xc0\x1e", b"\x68\xce"), "avc1.42c01e")
FIRST_MSN = 5_000_000


def coding(run: int = 1, number: int = 0) -> Coding:
    return Coding(run, number, PARAMS, b"init of run %d" % run)


def unit(seq: int, ticks: int, *, is_sync: bool, run: int = 1, size: int = 40) -> AccessUnit:
    captured_ns = START_NS + ticks * NS_PER_S // TICKS_PER_S + run * 60 * NS_PER_S
    return AccessUnit(UnitRef(STREAM, run, seq), ticks, ticks, captured_ns, is_sync, 0, bytes([seq % 251]) * size)


class Feed:
    """A camera that sends, and what a player reads after each unit."""

    def __init__(self) -> None:
        self.programme = Programme(FIRST_MSN)
        self.chunks: list[bytes] = []
        self.texts: list[str] = []
        self._last = 0

    def send(self, one: AccessUnit, step: int, *, of: Coding | None = None) -> None:
        data = chunk(one, PARAMS, one.ref.seq + 1, duration_ticks=step)
        self.chunks.append(data)
        self.programme.add_picture(one, data, of or coding(one.ref.run))
        if self.programme.pictures.closed:
            text = self.programme.playlist("video")
            if not self.texts or self.texts[-1] != text:
                self.texts.append(text)

    def gops(self, count: int, gop: int, fps: float, *, run: int = 1, start: int = 0) -> None:
        step = round(TICKS_PER_S / fps)
        for number in range(count * gop):
            self.send(unit(start + number, (start + number) * step, is_sync=number % gop == 0, run=run), step)


def faults(texts: Sequence[str]) -> list[str]:
    found: list[str] = []
    seen = [read(text) for text in texts]
    for one in seen:
        found += faults_of(one)
    for before, after in pairwise(seen):
        found += faults_between(before, after)
    return found


def test_segments_are_whole_gops_and_parts_join_to_them() -> None:
    feed = Feed()
    feed.gops(6, 30, 15)
    track = feed.programme.pictures
    seen = read(feed.texts[-1])
    assert [segment.duration_s for segment in seen.segments] == [2.0] * 5
    assert seen.target_s == 2
    assert seen.part_target_s == 0.432
    parted = [segment for segment in seen.segments if segment.parts]
    assert len(parted) == 2
    assert all(segment.parts[0].is_independent for segment in parted)
    assert not any(part.is_independent for segment in parted for part in segment.parts[1:])
    for number, segment in enumerate(track.closed):
        whole = b"".join(data for part in segment.parts for data in part.chunks)
        assert whole == b"".join(feed.chunks[30 * number : 30 * number + 30])
    assert faults(feed.texts) == []


def test_a_part_is_there_with_its_last_unit_and_no_later() -> None:
    feed = Feed()
    feed.gops(2, 30, 15)
    counts = []
    for number in range(60, 72):
        feed.send(unit(number, number * 6000, is_sync=number == 60), 6000)
        counts.append(len(growing.parts) if (growing := read(feed.texts[-1]).growing) is not None else 0)
    assert counts == [0] * 5 + [1] * 6 + [2]


@settings(max_examples=25, deadline=None)
@given(
    fps=st.sampled_from([0.5, 1, 2, 4, 5, 7, 8, 10, 12, 12.5, 15, 20, 25, 29.97, 30, 50, 60]),
    gop_s=st.floats(0.3, 9),
    jitter=st.integers(0, 300),
    seed=st.randoms(use_true_random=False),
)
def test_the_rules_hold_whatever_a_camera_sends(fps: float, gop_s: float, jitter: int, seed: object) -> None:
    feed, step = Feed(), round(TICKS_PER_S / fps)
    gop = max(1, round(gop_s * fps))
    draw = getattr(seed, "randint")  # noqa: B009 (hypothesis gives an object)
    for number in range(min(max(4 * gop, round(40 * fps)), 1500)):
        late = draw(0, jitter) if fps < 40 else 0
        feed.send(unit(number, number * step + late, is_sync=number % gop == 0), min(step, TICKS_PER_S))
    assert feed.texts
    assert [fault for fault in faults(feed.texts) if "lasts only" not in fault] == []


def test_what_is_older_than_the_window_goes_and_memory_is_bounded() -> None:
    feed = Feed()
    feed.gops(40, 15, 15)
    track = feed.programme.pictures
    assert read(feed.texts[-1]).length_s < (LISTED_TARGETS + 1) * 2
    assert track.segment(FIRST_MSN) is None
    assert track.part(0) is None
    for number in range(600, 620):
        feed.send(unit(number, number * 6000, is_sync=number % 15 == 0, size=6_000_000), 6000)
    assert track.bytes <= MOST_BYTES + 40_000_000


def test_a_delta_update_says_the_same_as_the_whole() -> None:
    feed = Feed()
    feed.gops(30, 30, 15)
    known = read(feed.texts[-3])
    whole = read(feed.programme.playlist("video"))
    delta = read(feed.programme.playlist("video", skip=True))
    assert delta.skipped > 0
    assert joined(known, delta) == joined(whole, whole)
    assert faults_of(delta) == []


def test_a_new_run_is_a_discontinuity_with_its_own_init_and_begins_at_a_sync_unit() -> None:
    feed = Feed()
    feed.gops(3, 15, 15)
    feed.programme.end_run()
    feed.send(unit(0, 0, is_sync=False, run=2), 6000)
    feed.send(unit(1, 6000, is_sync=False, run=2), 6000)
    for number in range(2, 70):
        feed.send(unit(number, number * 6000, is_sync=number % 15 == 2, run=2), 6000)
    seen = read(feed.texts[-1])
    broken = [segment for segment in seen.segments if segment.breaks]
    assert [segment.breaks for segment in broken] == [1]
    assert broken[0].init == "video/i2.0.mp4"
    assert feed.programme.pictures.inits["i2.0.mp4"] == b"init of run 2"
    first = feed.programme.pictures.segment(broken[0].msn)
    assert first is not None
    assert first.parts[0].chunks[0] == chunk(unit(2, 12000, is_sync=True, run=2), PARAMS, 3, duration_ticks=6000)
    assert faults(feed.texts) == []


def test_a_hole_is_a_discontinuity_and_what_cannot_be_decoded_after_it_is_left_out() -> None:
    feed = Feed()
    feed.gops(3, 15, 15)
    for number in range(90, 170):
        feed.send(unit(number, number * 6000, is_sync=number % 15 == 5), 6000)
    seen = read(feed.texts[-1])
    assert sum(segment.breaks for segment in seen.segments) == 1
    assert faults(feed.texts) == []


def test_a_stream_that_leaves_units_out_goes_on() -> None:
    feed = Feed()
    for number in range(100):
        feed.send(unit(3 * number, number * 9000, is_sync=number % 20 == 0), 9000)
    assert not any(segment.breaks for segment in read(feed.texts[-1]).segments)
    assert faults(feed.texts) == []


def test_a_gop_longer_than_any_target_is_cut_and_the_next_sync_unit_begins_a_segment() -> None:
    feed = Feed()
    feed.gops(4, 150, 15)
    seen = read(feed.texts[-1])
    assert seen.target_s == 4
    track = feed.programme.pictures
    begins = [segment.is_whole for segment in track.closed]
    assert begins.count(True) >= 2
    assert faults(feed.texts) == []


def test_a_reload_waits_for_what_is_not_there_and_too_far_ahead_is_refused() -> None:
    feed = Feed()
    feed.gops(2, 30, 15)
    track = feed.programme.pictures
    newest = track.closed[-1].msn
    growing = track.open
    assert growing is not None
    have = len(growing.parts)
    assert track.has(newest, None)
    assert track.has(newest, 0)
    assert track.has(newest - 3, 7)
    assert not track.has(newest + 1, None)
    assert track.has(newest + 1, have - 1)
    assert not track.has(newest + 1, have)
    assert track.has(newest, 99) == (have > 0)
    assert not track.is_too_far(newest + 2, 0)
    assert track.is_too_far(newest + 3, 0)
    assert track.is_too_far(newest + 3, None)
    assert track.is_too_far(newest + 1, have + 8)


AUDIO = AudioParams(Codec.AAC, 16_000, 1, bytes.fromhex("1408"), "mp4a.40.2")
FRAME = 5760


def heard(seq: int, *, late_ns: int, run: int = 1) -> AccessUnit:
    """A frame of sound whose own clock began ``late_ns`` after that of the pictures."""
    ticks = seq * FRAME
    captured_ns = START_NS + ticks * NS_PER_S // TICKS_PER_S + run * 60 * NS_PER_S + late_ns
    return AccessUnit(UnitRef(StreamId("cam_a/audio"), run, seq), ticks, ticks, captured_ns, True, 0, b"sound%d" % seq)


def listen(feed: Feed, one: AccessUnit, run: int = 1) -> None:
    data = chunk(one, AUDIO, one.ref.seq + 1, duration_ticks=FRAME)
    feed.programme.add_sound(one, ((one, data),), Coding(run, 0, AUDIO, b"init of sound"))


def test_sound_is_on_the_timeline_of_the_pictures_with_the_same_target_and_the_same_breaks() -> None:
    feed = Feed()
    track = feed.programme.with_sound()
    told: list[str] = []

    def both(run: int, number: int, *, is_sync: bool) -> None:
        feed.send(unit(number, number * 6000, is_sync=is_sync, run=run), 6000)
        for seq in range(number * 6000 // FRAME, (number + 1) * 6000 // FRAME):
            listen(feed, heard(seq, late_ns=250_000_000, run=run), run)
        if track.closed:
            told.append(feed.programme.playlist("audio"))

    for number in range(200):
        both(1, number, is_sync=number % 30 == 0)
    feed.programme.end_run()
    for number in range(100):
        both(2, number, is_sync=number % 30 == 0)
    assert faults(told) == []
    seen, pictures = read(told[-1]), read(feed.texts[-1])
    assert (seen.target_s, seen.part_target_s) == (pictures.target_s, 0.415)
    assert [one.breaks for one in seen.segments if one.breaks] == [1]
    assert seen.breaks + 1 == pictures.breaks + 1 == FIRST_MSN % MOST_FIRST_EPOCH + 1
    assert pictures.reports == [{"URI": "audio.m3u8", "LAST-MSN": str(track.last[0]), "LAST-PART": str(track.last[1])}]
    part = track.part(track.next_part - 1)
    assert part is not None
    told_ticks = [dts_of(data) for data in part.chunks]
    assert all(ticks % FRAME == 22_500 % FRAME for ticks in told_ticks)


def dts_of(data: bytes) -> int:
    return next(iter(read_samples(data, {1: ForeignTrack(Codec.AAC, TICKS_PER_S, b"", Defaults())}))).dts


def test_sound_that_changes_makes_the_pictures_begin_anew_too() -> None:
    feed = Feed()
    feed.programme.with_sound()
    for number in range(150):
        feed.send(unit(number, number * 6000, is_sync=number % 15 == 0), 6000)
        listen(feed, heard(number, late_ns=0), run=1 if number < 60 else 2)
    breaks = [segment.breaks for segment in read(feed.texts[-1]).segments]
    assert sum(breaks) == 1
    assert faults(feed.texts) == []


def test_the_multivariant_playlist_tells_codecs_sizes_and_rates() -> None:
    feed = Feed()
    feed.gops(3, 30, 15)
    text = feed.programme.multivariant("hls/main", ("opus", 1), query="?token=hrt_x%2B")
    media, variant, uri = text.splitlines()[2:]
    assert attributes(media) == {
        "TYPE": "AUDIO",
        "GROUP-ID": "sound",
        "NAME": "Sound",
        "DEFAULT": "YES",
        "AUTOSELECT": "YES",
        "CHANNELS": "1",
        "URI": "hls/main/audio.m3u8?token=hrt_x%2B",
    }
    assert attributes(variant) == {
        "BANDWIDTH": "20064",
        "AVERAGE-BANDWIDTH": "18240",
        "CODECS": "avc1.42c01e,opus",
        "RESOLUTION": "640x360",
        "FRAME-RATE": "15.000",
        "AUDIO": "sound",
    }
    assert uri == "hls/main/video.m3u8?token=hrt_x%2B"
    assert "audio" not in feed.programme.multivariant("hls/main", None).lower()
