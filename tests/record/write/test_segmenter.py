"""Where fragments and files begin and end."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.bus.frames import GapCause
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, UnitRef
from haechi.record.write.segmenter import Limits, Piece, Segmenter
from tests.record.archive import JPEG, MAIN, pictures
from tests.streams import START_NS


def cut(units: list[AccessUnit], limits: Limits | None = None) -> list[Piece]:
    segmenter = Segmenter(MAIN, limits)
    pieces = [piece for unit in units for piece in segmenter.feed(unit, JPEG)]
    return pieces + list(segmenter.flush())


def lengths(pieces: list[Piece]) -> list[int]:
    return [len(piece.units) for piece in pieces]


def test_a_fragment_is_about_two_seconds_and_starts_at_a_sync_unit() -> None:
    pieces = cut(pictures(100, fps=10, gop=10))
    assert lengths(pieces) == [20] * 5
    assert all(piece.units[0].is_sync for piece in pieces)


def test_a_gop_of_four_seconds_is_one_fragment() -> None:
    pieces = cut(pictures(180, fps=15, gop=60))
    assert lengths(pieces) == [60, 60, 60]
    assert all(piece.units[0].is_sync for piece in pieces)


def test_a_gop_longer_than_four_seconds_is_cut_and_the_next_one_begins_a_fragment() -> None:
    pieces = cut(pictures(200, fps=10, gop=100))
    assert lengths(pieces) == [40, 40, 20, 40, 40, 20]
    assert [piece.units[0].is_sync for piece in pieces] == [True, False, False] * 2


def test_sound_of_which_every_frame_is_a_sync_unit_is_cut_at_two_seconds() -> None:
    assert lengths(cut(pictures(300, fps=50, gop=1))) == [88, 88, 88, 36]


def test_eight_megabytes_end_a_fragment() -> None:
    pieces = cut(pictures(20, fps=10, gop=100, size=1_000_000))
    assert max(piece.payload_bytes for piece in pieces) <= 8 * 1024 * 1024
    assert lengths(pieces) == [8, 8, 4]


def test_a_file_ends_after_a_minute_at_a_sync_unit() -> None:
    pieces = cut(pictures(2000, fps=10, gop=30))
    opens = [piece.units[0] for piece in pieces if piece.opens_file]
    assert [unit.ref.seq for unit in opens] == [0, 600, 1200, 1800]
    assert all(unit.is_sync for unit in opens)


def test_a_stream_without_sync_units_still_gets_new_files() -> None:
    pieces = cut(pictures(8000, fps=10, gop=100_000))
    assert [piece.units[0].ref.seq for piece in pieces if piece.opens_file] == [0, 3000, 6000]


def test_a_new_run_and_new_parameters_begin_a_file() -> None:
    units = pictures(20) + pictures(20, UnitRef(MAIN, 2, 0), START_NS + 5 * NS_PER_S)
    pieces = cut(units)
    assert [(piece.units[0].ref.run, piece.opens_file) for piece in pieces] == [(1, True), (2, True)]
    assert pieces[0].end_dts is None
    changed = pictures(20)[:10] + [
        AccessUnit(u.ref, u.pts, u.dts, u.captured_ns, True, 1, u.data) for u in pictures(20)[10:]
    ]
    pieces = cut(changed)
    assert [piece.opens_file for piece in pieces[:2]] == [True, True]
    assert pieces[0].end_ns == pieces[1].start_ns


def test_decode_times_that_go_back_begin_a_file_without_a_gap() -> None:
    units = pictures(10)
    back = [AccessUnit(UnitRef(MAIN, 1, 10 + n), n, n, units[-1].captured_ns + 1 + n, True, 0, b"") for n in range(3)]
    pieces = cut(units + back)
    assert pieces[1].opens_file
    assert pieces[1].hole is None
    assert pieces[0].end_ns == pieces[1].start_ns


def test_missing_units_and_a_standstill_are_named() -> None:
    missing = pictures(10) + pictures(10, UnitRef(MAIN, 1, 15), START_NS + 2 * NS_PER_S)
    assert [piece.hole for piece in cut(missing)] == [None, GapCause.OVERLOAD]
    stalled = pictures(10) + pictures(10, UnitRef(MAIN, 1, 10), START_NS + 20 * NS_PER_S)
    assert [piece.hole for piece in cut(stalled)] == [None, GapCause.STALLED]


@st.composite
def streams(draw: st.DrawFn) -> list[AccessUnit]:
    """Anything a stream may do: runs, holes, new parameters, jumping decode times, any sync pattern and size."""
    units: list[AccessUnit] = []
    run, seq, dts, params, at = 1, 0, 0, 0, 10**18
    for _ in range(draw(st.integers(1, 60))):
        what = draw(st.sampled_from(["unit"] * 8 + ["run", "hole", "params", "back"]))
        match what:
            case "run":
                run, seq, dts, params = run + 1, 0, 0, 0
            case "hole":
                seq += draw(st.integers(1, 5))
            case "params":
                params += 1
            case "back":
                dts = draw(st.integers(0, max(dts, 1)))
            case _:
                pass
        step = draw(st.sampled_from([0, 3000, 6000, 90_000, 600_000, 90_000 * 61]))
        dts += step
        at += 1 + step * NS_PER_S // TICKS_PER_S
        size = draw(st.sampled_from([0, 10, 100, 400]))
        units.append(AccessUnit(UnitRef(MAIN, run, seq), dts, dts, at, draw(st.booleans()), params, bytes(size)))
        seq += 1
    return units


SMALL = Limits(fragment_most_bytes=500, file_bytes=2000, file_most_bytes=4000, fragment_most_units=7)


@given(units=streams())
def test_d1_every_unit_is_in_exactly_one_piece_in_order_and_no_piece_breaks_a_limit(units: list[AccessUnit]) -> None:
    pieces = cut(units, SMALL)
    assert [unit for piece in pieces for unit in piece.units] == units
    for piece in pieces:
        first, last = piece.units[0], piece.units[-1]
        assert len(piece.units) <= SMALL.fragment_most_units
        assert piece.payload_bytes <= SMALL.fragment_most_bytes or len(piece.units) == 1
        assert last.dts - first.dts < SMALL.fragment_most_ticks or len(piece.units) == 1
        assert {(u.ref.run, u.params) for u in piece.units} == {(first.ref.run, first.params)}
        assert all(after.dts >= before.dts for before, after in pairwise(piece.units))
        assert piece.end_ns > last.captured_ns
    for before, after in pairwise(pieces):
        assert before.end_ns <= after.start_ns
        same = before.units[-1].ref.run == after.units[0].ref.run
        if not after.opens_file:
            assert same
            assert before.end_ns == after.start_ns
            assert before.units[-1].ref.seq + 1 == after.units[0].ref.seq
        if before.end_ns < after.start_ns:
            assert after.hole is not None or not same


@given(units=streams(), at=st.integers(0, 60))
def test_a_flush_in_the_middle_loses_nothing(units: list[AccessUnit], at: int) -> None:
    segmenter = Segmenter(MAIN, SMALL)
    pieces: list[Piece] = []
    for number, unit in enumerate(units):
        if number == at:
            pieces += segmenter.flush()
        pieces += segmenter.feed(unit, JPEG)
    pieces += segmenter.flush()
    assert [unit for piece in pieces for unit in piece.units] == units


@given(cuts=st.sets(st.integers(1, 199), max_size=12), count=st.integers(2, 200))
def test_what_comes_in_parts_goes_on_in_the_same_file(cuts: set[int], count: int) -> None:
    units = pictures(count)
    segmenter = Segmenter(MAIN, Limits(file_ticks=8 * 90_000))
    pieces: list[Piece] = []
    for number, unit in enumerate(units):
        if number in cuts:
            pieces += segmenter.pause()
        pieces += segmenter.feed(unit, JPEG)
    pieces += segmenter.pause()
    assert [unit for piece in pieces for unit in piece.units] == units
    opens = [piece.units[0].ref.seq for piece in pieces if piece.opens_file]
    assert opens == [seq for seq in range(count) if seq % 80 == 0]


def test_what_does_not_follow_after_a_pause_begins_a_new_file() -> None:
    units = pictures(40)
    late = [structs.replace(unit, captured_ns=unit.captured_ns + 11 * NS_PER_S) for unit in units[20:]]
    for rest, hole in ((units[21:], GapCause.OVERLOAD), (late, GapCause.STALLED)):
        segmenter = Segmenter(MAIN)
        for unit in units[:20]:
            assert not list(segmenter.feed(unit, JPEG))
        (before,) = segmenter.pause()
        for unit in rest:
            assert not list(segmenter.feed(unit, JPEG))
        (after,) = segmenter.pause()
        assert (before.opens_file, before.hole) == (True, None)
        assert (after.opens_file, after.hole) == (True, hole)
