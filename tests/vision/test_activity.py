"""What moved where: packed small, kept by the hour, found again by the part of the picture."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_MS, NS_PER_S, SimulatedClock
from haechi.base.errors import DataLoss, Invalid
from haechi.base.ids import CameraId, StreamId
from haechi.media.access_unit import UnitRef
from haechi.store.database import Database
from haechi.vision.activity import NS_PER_HOUR, ActivityStore, Looked
from haechi.vision.hours import Hour, Sample, hour_of, pack, unpack
from haechi.vision.motion import COLUMNS, ROWS
from haechi.vision.result import CELLS_BYTES, Moved
from haechi.vision.search import Hit, Search, Wish, cells_in
from haechi.vision.tables import activity

STREAM = StreamId("cam_front/main")
START = 1_763_712_000 * NS_PER_S // NS_PER_HOUR * NS_PER_HOUR
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LEFT_TOP = ((0.0, 0.0), (0.25, 0.0), (0.25, 0.5), (0.0, 0.5))

samples = st.builds(
    Sample,
    st.integers(0, 3_599_999),
    st.integers(1, 255),
    st.one_of(st.binary(min_size=CELLS_BYTES, max_size=CELLS_BYTES), st.just(bytes(CELLS_BYTES))),
)


def cells(*places: tuple[int, int]) -> bytes:
    """Cells that moved, by column and row."""
    grid = np.zeros((ROWS, COLUMNS), np.bool_)
    for column, row in places:
        grid[row, column] = True
    return np.packbits(grid).tobytes()


def moved(at_s: float, moving: bytes, share: float = 0.1, stream: StreamId = STREAM) -> Moved:
    at_ns = START + int(at_s * NS_PER_S)
    return Moved(UnitRef(stream, 1, int(at_s * 10)), at_ns, share, moving)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ActivityStore]:
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    yield ActivityStore(database, SimulatedClock(START))
    database.close()


def search(store: ActivityStore, wish: Wish, start_s: float = 0, end_s: float = 86_400) -> list[Looked]:
    async def read() -> list[Looked]:
        start_ns, end_ns = START + int(start_s * NS_PER_S), START + int(end_s * NS_PER_S)
        return [looked async for looked in store.search(STREAM, start_ns, end_ns, wish)]

    return asyncio.run(read())


def hits(
    store: ActivityStore, wish: Wish, start_s: float = 0, end_s: float = 86_400
) -> list[tuple[float, float, float]]:
    """Start, end and strongest moment, in seconds."""
    found = [hit for looked in search(store, wish, start_s, end_s) for hit in looked.hits]
    return [tuple((ns - START) / NS_PER_S for ns in (hit.start_ns, hit.end_ns, hit.at_ns)) for hit in found]  # type: ignore[misc]


@given(st.lists(samples, max_size=40), st.lists(st.integers(0, 3_599_999), max_size=40))
def test_an_hour_that_is_packed_comes_back(added: list[Sample], judged: list[int]) -> None:
    hour = Hour()
    for sample in added:
        hour.add(sample)
    for at_ms in judged:
        hour.judge(at_ms)
    again = hour_of(unpack(pack(hour)))
    assert (again.judged, again.samples) == (hour.judged, hour.samples)


@given(st.lists(samples, max_size=30), st.integers(0, 30))
def test_it_does_not_matter_in_how_many_parts_an_hour_was_noted(added: list[Sample], cut: int) -> None:
    whole, first, second = Hour(), Hour(), Hour()
    for number, sample in enumerate(added):
        whole.add(sample)
        (first if number < cut else second).add(sample)
    first.merge(second)
    assert {s: (one.share, one.cells) for s, one in first.samples.items()} == {
        s: (one.share, one.cells) for s, one in whole.samples.items()
    }


@given(st.binary(max_size=400))
def test_noise_is_told(noise: bytes) -> None:
    for body in (noise, b"\x01" + noise, b"\x01" + zlib.compress(noise)):
        with contextlib.suppress(DataLoss):
            moves = unpack(body)
            assert moves.cells.shape == (len(moves.at_ms), CELLS_BYTES)


def test_a_body_that_grows_without_end_is_refused() -> None:
    with pytest.raises(DataLoss, match="cannot be read"):
        unpack(b"\x01" + zlib.compress(bytes(50_000_000)))


def test_a_cell_is_in_a_region_when_its_centre_or_half_of_it_is() -> None:
    def chosen(*region: tuple[float, float]) -> set[tuple[int, int]]:
        grid = np.unpackbits(cells_in(region)).reshape(ROWS, COLUMNS)
        return {(int(column), int(row)) for row, column in zip(*np.nonzero(grid), strict=True)}

    assert chosen(*WHOLE) == {(column, row) for column in range(COLUMNS) for row in range(ROWS)}
    assert chosen(*LEFT_TOP) == {(column, row) for column in range(8) for row in range(9)}
    edge = 1 / 32
    assert chosen((0, 0), (1.3 * edge, 0), (1.3 * edge, 1), (0, 1)) == {(0, row) for row in range(ROWS)}
    assert chosen((0, 0), (1.6 * edge, 0), (1.6 * edge, 1), (0, 1)) == {(c, row) for c in (0, 1) for row in range(ROWS)}
    assert chosen((0.501, 0.501), (0.502, 0.501), (0.502, 0.502)) == {(16, 9)}
    assert chosen((1, 1), (1, 0.999), (0.999, 1)) == {(31, 17)}


@given(st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)), max_size=70))
def test_a_region_is_never_empty_or_is_refused(region: list[tuple[float, float]]) -> None:
    with contextlib.suppress(Invalid):
        assert cells_in(region).any()


def test_what_moves_in_the_region_is_found_and_what_moves_elsewhere_is_not(store: ActivityStore) -> None:
    for at_s, moving in ((10, cells((3, 3))), (12, cells((3, 3), (4, 3))), (14, cells((4, 3))), (60, cells((20, 10)))):
        store.note(moved(at_s, moving))
    store.note(moved(100, cells((5, 5), (25, 10)), share=0.4))
    assert hits(store, Wish(LEFT_TOP)) == [(10, 14, 12), (100, 100, 100)]
    assert hits(store, Wish(LEFT_TOP, min_cells=2)) == [(12, 12, 12)]
    assert hits(store, Wish(LEFT_TOP, min_share=0.02)) == [(12, 12, 12)]
    assert hits(store, Wish(WHOLE)) == [(10, 14, 12), (60, 60, 60), (100, 100, 100)]
    assert hits(store, Wish(WHOLE), start_s=11, end_s=60) == [(12, 14, 12)]


def test_it_is_found_the_same_before_and_after_it_is_written_and_after_a_restart(store: ActivityStore) -> None:
    async def note(*seconds: float) -> None:
        for at_s in seconds:
            store.note(moved(at_s, cells((3, 3))))

    asyncio.run(note(10, 3605, 90_000))
    before = hits(store, Wish(WHOLE), end_s=100_000)
    asyncio.run(store.flush())
    assert (
        hits(store, Wish(WHOLE), end_s=100_000)
        == before
        == [(10, 10, 10), (3605, 3605, 3605), (90_000, 90_000, 90_000)]
    )
    asyncio.run(note(12))
    assert hits(store, Wish(WHOLE), end_s=100)[0] == (10, 12, 10)
    asyncio.run(store.flush())
    again = ActivityStore(store._database, SimulatedClock(START))
    assert hits(again, Wish(WHOLE), end_s=100)[0] == (10, 12, 10)
    (first, *_) = asyncio.run(again.samples(STREAM, START, START + 100 * NS_PER_S))
    assert (first.at_ns, first.share, first.cells) == (START + 10 * NS_PER_S, 26, cells((3, 3)))


def test_progress_is_told_and_how_many_pictures_were_judged(store: ActivityStore) -> None:
    for at_s in range(0, 180, 2):
        store.note(moved(at_s, bytes(CELLS_BYTES), share=0.0))
    store.note(moved(7200, b"", share=1.0))
    told = search(store, Wish(WHOLE), end_s=50 * 3600)
    assert [(looked.done, looked.total) for looked in told] == [(24, 50), (48, 50), (50, 50)]
    minute = START // (60 * NS_PER_S)
    assert told[0].judged == {minute: 30, minute + 1: 30, minute + 2: 30}
    assert told[0].hits == ()


def test_another_streams_motion_is_not_found(store: ActivityStore) -> None:
    store.note(moved(10, cells((3, 3)), stream=StreamId("cam_yard/main")))
    assert hits(store, Wish(WHOLE)) == []


def test_a_damaged_hour_is_left_out_and_noted_over(store: ActivityStore) -> None:
    for at_s in (10, 3700):
        store.note(moved(at_s, cells((3, 3))))
    asyncio.run(store.flush())
    damage = activity.update().where(activity.c.hour == START // NS_PER_HOUR).values(body=b"\x01nonsense")
    store._database.write_now(lambda c: c.execute(damage))
    assert hits(store, Wish(WHOLE)) == [(3700, 3700, 3700)]
    store.note(moved(20, cells((3, 3))))
    asyncio.run(store.flush())
    assert hits(store, Wish(WHOLE)) == [(20, 20, 20), (3700, 3700, 3700)]


def test_what_moved_goes_with_the_footage_and_with_the_camera(store: ActivityStore) -> None:
    for at_s in (10, 3700):
        for camera in ("cam_front", "cam_gone"):
            store.note(moved(at_s, cells((3, 3)), stream=StreamId(f"{camera}/main")))
    asyncio.run(store.flush())
    asyncio.run(store.forget({CameraId("cam_front"): START + 3600 * NS_PER_S}))
    rows = store._database.read_now(lambda c: c.execute(sa.select(activity.c.stream, activity.c.hour)).all())
    assert [tuple(row) for row in rows] == [(STREAM, START // NS_PER_HOUR + 1)]


def test_while_the_database_is_down_it_waits(store: ActivityStore) -> None:
    rename = "ALTER TABLE {} RENAME TO {}"
    store.note(moved(10, cells((3, 3))))
    store._database.write_now(lambda c: c.execute(sa.text(rename.format("activity", "away"))))
    asyncio.run(store.flush())
    store.note(moved(12, cells((3, 3))))
    store._database.write_now(lambda c: c.execute(sa.text(rename.format("away", "activity"))))
    asyncio.run(store.flush())
    assert hits(store, Wish(WHOLE)) == [(10, 12, 10)]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3_599_999), st.booleans()), max_size=50), st.integers(1, 20_000))
def test_hits_are_apart_cover_every_match_and_tell_the_strongest(steps: list[tuple[int, bool]], merge_ms: int) -> None:
    hour = Hour()
    for at_ms, is_in in steps:
        hour.add(Sample(at_ms, 9, cells((3, 3)) if is_in else cells((30, 17))))
    finder = Search(Wish(LEFT_TOP), merge_ms * NS_PER_MS)
    moves = unpack(pack(hour))
    found: list[Hit] = [*finder.feed(moves, 0, 0, NS_PER_HOUR), *finder.flush()]
    mask = cells_in(LEFT_TOP)
    ordered = [one for _, one in sorted(hour.samples.items())]
    wanted = [one.at_ms for one in ordered if np.any(np.frombuffer(one.cells, np.uint8) & mask)]
    for at_ms in wanted:
        assert sum(hit.start_ns <= at_ms * NS_PER_MS <= hit.end_ns for hit in found) == 1
    assert all(b.start_ns - a.end_ns > merge_ms * NS_PER_MS for a, b in pairwise(found))
    assert {hit.start_ns for hit in found} | {hit.end_ns for hit in found} <= {at * NS_PER_MS for at in wanted}
    assert all(0 < hit.peak <= 1 and hit.start_ns <= hit.at_ns <= hit.end_ns for hit in found)


def test_a_day_of_a_restless_camera_is_searched_in_less_than_three_seconds(store: ActivityStore) -> None:
    """Something moves in every second of the day; the pattern is as hard to pack as it gets."""
    chance, made = np.random.default_rng(1), Hour()
    for second in range(3600):
        made.samples[second] = Sample(second * 1000, 9, chance.bytes(CELLS_BYTES))
    first, body = START // NS_PER_HOUR, pack(made)
    rows = [{"stream": STREAM, "hour": first + hour, "body": body} for hour in range(24)]
    store._database.write_now(lambda c: c.execute(activity.insert(), rows))
    clock_s = asyncio.run(_timed(store))
    assert clock_s < 3.0


async def _timed(store: ActivityStore) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async for _ in store.search(STREAM, START, START + 86_400 * NS_PER_S, Wish(LEFT_TOP)):
        continue
    return loop.time() - began
