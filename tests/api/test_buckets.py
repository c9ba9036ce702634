"""What is drawn of a range: nothing that is missing vanishes, and no more is sent than is asked for."""

from __future__ import annotations

import base64
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from haechi.api.buckets import WORST_FIRST, Buckets, Hole, Stretch, packed
from haechi.bus.ledger import GapCause

START = 1_760_000_000_000
HOUR = 3_600_000
lengths = st.integers(1, 3 * HOUR)


@st.composite
def lanes(draw: st.DrawFn) -> tuple[list[Stretch], list[Hole]]:
    """Stretches and gaps by turns, without a moment between them, as the index keeps them."""
    at = START + draw(st.integers(-2 * HOUR, HOUR))
    stretches, holes = [], []
    for is_hole, length in draw(st.lists(st.tuples(st.booleans(), lengths), max_size=40)):
        if is_hole:
            holes.append(
                Hole(at, at + length, str(draw(st.sampled_from(GapCause))), draw(st.sampled_from(["", "why"])))
            )
        else:
            stretches.append(Stretch(at, at + length))
        at += length
    return stretches, holes


def test_every_cause_has_its_place_among_the_worst() -> None:
    assert set(WORST_FIRST) == set(GapCause)


def test_buckets_cover_the_range_and_are_never_more_than_asked_for() -> None:
    buckets = Buckets.of(START, START + 1001, 10)
    assert (buckets.bucket_ms, buckets.count) == (101, 10)
    assert Buckets.of(START, START + 3, 2000).count == 3


@given(lanes(), st.integers(1, 300), st.integers(1, 60))
def test_no_gap_vanishes_and_what_is_drawn_is_in_order_within_the_range_and_bounded(
    lane: tuple[list[Stretch], list[Hole]], count: int, most: int
) -> None:
    stretches, holes = lane
    buckets = Buckets.of(START, START + 12 * HOUR, count)
    drawn, gaps = buckets.drawn(stretches, holes, most)
    assert len(gaps) <= max(most, 1)
    edges = sorted([*((one.start_ms, one.end_ms) for one in drawn), *((one.start_ms, one.end_ms) for one in gaps)])
    assert all(START <= one.start_ms < one.end_ms <= START + 12 * HOUR for one in gaps)
    assert all(before[1] <= after[0] for before, after in pairwise(edges))
    for hole in holes:
        if hole.end_ms > START and hole.start_ms < START + 12 * HOUR:
            inside = (max(hole.start_ms, START), min(hole.end_ms, START + 12 * HOUR))
            covered = sum(max(0, min(g.end_ms, inside[1]) - max(g.start_ms, inside[0])) for g in gaps)
            assert covered == inside[1] - inside[0]
    assert all(one.end_ms - one.start_ms >= buckets.bucket_ms or one.end_ms == START + 12 * HOUR for one in gaps)


def test_where_gaps_run_together_the_worst_cause_is_told_and_long_ones_keep_their_ends() -> None:
    buckets = Buckets.of(START, START + 24 * HOUR, 24)
    holes = [
        Hole(START + 1000, START + 2000, "camera-closed"),
        Hole(START + 900_000, START + 900_500, "disk-full", "no space"),
        Hole(START + 5 * HOUR + 7, START + 8 * HOUR + 9, "unreachable", "no route"),
    ]
    stretches = [
        Stretch(START, START + 1000),
        Stretch(START + 2000, START + 900_000),
        Stretch(START + 900_500, START + 5 * HOUR + 7),
        Stretch(START + 8 * HOUR + 9, START + 24 * HOUR),
    ]
    drawn, gaps = buckets.drawn(stretches, holes, 100)
    assert gaps == [
        Hole(START, START + HOUR, "disk-full", "no space"),
        Hole(START + 5 * HOUR + 7, START + 8 * HOUR + 9, "unreachable", "no route"),
    ]
    assert drawn == [
        Stretch(START + HOUR, START + 5 * HOUR + 7),
        Stretch(START + 8 * HOUR + 9, START + 24 * HOUR),
    ]


def test_stretches_are_joined_over_what_nobody_could_see() -> None:
    buckets = Buckets.of(START, START + 24 * HOUR, 24)
    minutes = [Stretch(START + n * 60_000, START + n * 60_000 + 59_990) for n in range(60)]
    assert buckets.drawn(minutes, [], 100)[0] == [Stretch(START, START + HOUR - 10)]


def test_a_bucket_shows_the_highest_of_the_minutes_that_it_touches() -> None:
    hour = START // HOUR + 1
    minutes = {0: (7, 200, 0), 1: (9, 0, 250), 30: (255, 1, 255), 59: (1, 1, 3)}
    body = bytes(minutes.get(n, (0, 0, 255))[lane] for lane in range(3) for n in range(60))
    wide = Buckets.of(hour * HOUR, (hour + 2) * HOUR, 4)
    assert [lane.tolist() for lane in wide.lanes([hour], body)] == [
        [9, 255, 0, 0],
        [200, 1, 0, 0],
        [250, 3, 255, 255],
    ]
    fine = Buckets.of(hour * HOUR + 30_000, hour * HOUR + 90_000, 3)
    assert [lane.tolist() for lane in fine.lanes([hour], body)] == [[7, 9, 9], [200, 200, 0], [0, 250, 250]]
    assert [lane.tolist() for lane in fine.lanes([], b"")] == [[0] * 3, [0] * 3, [255] * 3]


@given(
    st.integers(0, 5 * HOUR),
    st.integers(1, 5 * HOUR),
    st.integers(1, 300),
    st.dictionaries(
        st.integers(START // HOUR - 1, START // HOUR + 8), st.binary(min_size=180, max_size=180), max_size=6
    ),
)
def test_lanes_are_what_looking_at_each_minute_gives(
    offset: int, length: int, count: int, hours: dict[int, bytes]
) -> None:
    buckets = Buckets.of(START + offset, START + offset + length, count)
    motion, _, loss = buckets.lanes(list(hours), b"".join(hours.values()))
    for row in range(buckets.count):
        left = buckets.start_ms + row * buckets.bucket_ms
        right = min(left + buckets.bucket_ms, buckets.end_ms)
        touched = range(left // 60_000, -(-right // 60_000))
        told = [hours[minute // 60][minute % 60 :: 60] for minute in touched if minute // 60 in hours]
        assert motion[row] == max((one[0] for one in told), default=0)
        assert loss[row] == max((one[2] for one in told if one[2] != 255), default=255)


def test_events_are_counted_where_they_begin_and_a_count_has_one_byte() -> None:
    counts = Buckets.of(START, START + 10_000, 5).counts([(-5, 1), (0, 300), (2, 4), (9, 1)])
    assert counts.tolist() == [255, 0, 4, 0, 1]
    assert base64.b64decode(packed(counts)) == bytes([255, 0, 4, 0, 1])
