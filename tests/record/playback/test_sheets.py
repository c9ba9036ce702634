"""Sheets of small pictures: the right ones in the right places, kept once nothing can come to them, never stale."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import DataLoss, Invalid, NotFound, Unavailable
from haechi.base.ids import CameraId
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.record.playback.previews import NS_PER_HOUR, Previews
from haechi.record.playback.reel import Reel
from haechi.record.playback.sheets import (
    CELLS,
    SETTLE_NS,
    STEPS_S,
    Cell,
    Facts,
    Sheet,
    cell_size,
    facts_of,
    stretch_of,
    with_facts,
)
from haechi.record.tables import layouts, recordings
from tests.record.archive import JPEG, MAIN, Archive, after, pictures
from tests.streams import START_NS

LATER_NS = START_NS + 30 * 24 * NS_PER_HOUR


class Darkroom:
    """Gives the unit's own bytes for a picture, and lists of them for a sheet; a few units cannot be decoded."""

    def __init__(self) -> None:
        self.decoded: list[UnitRef] = []
        self.laid_out = 0
        self.cells_px: set[tuple[int, int]] = set()
        self.broken: set[int] = set()

    async def still(
        self, units: Sequence[AccessUnit], params: VideoParams, width_px: int | None = None, quality: int = 80
    ) -> bytes:
        self.decoded.append(units[-1].ref)
        if units[-1].ref.seq in self.broken:
            raise Invalid("no picture", code="undecodable")
        return units[-1].data

    async def lay_out(
        self, pictures: Sequence[bytes], columns: int, cell_px: tuple[int, int], quality: int = 80
    ) -> bytes:
        assert (len(pictures), columns) == (CELLS, 8)
        self.laid_out += 1
        self.cells_px.add(cell_px)
        return b"\xff\xd8" + b"|".join(pictures) + b"\xff\xd9"


class Room:
    """An archive with its previews."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.dark = Darkroom()
        reel = Reel(archive.index, archive.playback.vault)
        self.previews = Previews(reel, self.dark.still, archive.root / "previews", 1 << 20)

    def record(self, units: list[AccessUnit], *, ends: bool = True) -> None:
        async def play() -> None:
            async with self.archive:
                self.archive.publish(JPEG, units)
                if ends:
                    self.archive.end_run(MAIN)
                await self.archive.settle()

        asyncio.run(play())

    def sheet(self, at_ns: int, step_s: int = 1, now_ns: int = LATER_NS) -> Sheet:
        return asyncio.run(self.previews.sheet(MAIN, at_ns, step_s * NS_PER_S, now_ns, self.dark.lay_out))

    def kept(self) -> list[str]:
        return sorted(path.name for path in (self.archive.root / "previews").rglob("*-sheet-*.jpg"))


@pytest.fixture
def room(archive: Archive) -> Room:
    return Room(archive)


def shown(sheet: Sheet) -> list[bytes]:
    """What is in each cell."""
    begin = sheet.jpeg.rindex(b"}") + 1 if sheet.facts.is_final else 2
    return sheet.jpeg[begin:-2].split(b"|")


@given(at_ns=st.integers(0, 1 << 61), step_s=st.sampled_from(STEPS_S))
def test_every_moment_lies_in_one_stretch_and_all_who_ask_for_it_get_the_same(at_ns: int, step_s: int) -> None:
    stretch = stretch_of(at_ns, step_s * NS_PER_S)
    assert stretch.start_ns <= at_ns < stretch.end_ns
    assert stretch_of(stretch.start_ns, stretch.step_ns) == stretch_of(stretch.end_ns - 1, stretch.step_ns) == stretch
    wider = stretch_of(at_ns, 2 * step_s * NS_PER_S) if step_s < STEPS_S[-1] else stretch
    assert wider.start_ns <= stretch.start_ns
    assert wider.end_ns >= stretch.end_ns


@given(step_ns=st.integers(-NS_PER_S, 20_000 * NS_PER_S).filter(lambda ns: ns not in {s * NS_PER_S for s in STEPS_S}))
def test_a_step_that_is_no_power_of_two_is_refused(step_ns: int) -> None:
    with pytest.raises(Invalid, match="power of two"):
        stretch_of(START_NS, step_ns)


_CELL = st.none() | st.builds(Cell, st.integers(-(1 << 31), 1 << 31), st.integers(0, 1 << 40), st.integers(0, 1 << 40))
_FACTS = st.builds(
    Facts, st.integers(0, 1 << 60), st.integers(1, 1 << 40), st.just(8), st.integers(16, 160), st.integers(16, 160),
    st.booleans(), st.lists(_CELL, min_size=CELLS, max_size=CELLS).map(tuple),
)  # fmt: skip


@given(facts=_FACTS, rest=st.binary(max_size=40))
def test_a_sheet_says_what_it_shows_and_remains_a_jpeg(facts: Facts, rest: bytes) -> None:
    jpeg = with_facts(b"\xff\xd8" + rest, facts)
    assert facts_of(jpeg) == facts
    size = int.from_bytes(jpeg[4:6], "big")
    assert jpeg[:4] == b"\xff\xd8\xff\xfe"
    assert jpeg[4 + size :] == rest


@given(data=st.binary(max_size=300) | st.binary(max_size=60).map(lambda rest: b"\xff\xd8\xff\xfe\x00\x20" + rest))
def test_nonsense_in_the_place_of_a_sheet_is_noticed(data: bytes) -> None:
    with pytest.raises(DataLoss):
        facts_of(data)


@given(width=st.integers(1, 9000), height=st.integers(1, 9000))
def test_cells_have_the_shape_of_the_picture_within_bounds(width: int, height: int) -> None:
    wide, high = cell_size(width, height)
    assert 16 <= wide <= 160
    assert 16 <= high <= 160
    assert max(wide, high) == 160


def test_each_cell_shows_the_unit_at_the_middle_of_its_step_and_says_which(room: Room) -> None:
    units = pictures(1200, gop=10)
    room.record(units)
    for step_s in (1, 2, 8):
        sheet = room.sheet(START_NS + 30 * NS_PER_S, step_s)
        seen = 0
        for number, (cell, content) in enumerate(zip(sheet.facts.cells, shown(sheet), strict=True)):
            begin_ns = sheet.facts.start_ms * NS_PER_MS + number * step_s * NS_PER_S
            middle_ns = begin_ns + step_s * NS_PER_S // 2
            before = [unit for unit in units if unit.is_sync and unit.captured_ns <= middle_ns]
            if not before or middle_ns > units[-1].captured_ns:
                continue
            assert cell == Cell((before[-1].captured_ns - begin_ns) // NS_PER_MS, 1, before[-1].ref.seq)
            assert content == before[-1].data
            seen += 1
        assert seen > 10
        assert sheet.facts.is_final
        assert facts_of(sheet.jpeg) == sheet.facts
    assert room.dark.cells_px == {(160, 120)}


def test_a_step_with_a_little_footage_has_a_picture_and_one_without_has_none(room: Room) -> None:
    """A minute, a hole of ten, a minute: of steps of 512 s and of 1024 s the middles lie in holes."""
    first = pictures(600, gop=10)
    second = pictures(600, UnitRef(MAIN, 2, 0), after(first, 600), gop=10)
    room.record(first)
    room.record(second)
    for step_s in (64, 256, 512, 1024, 4096, 16_384):
        sheet = room.sheet(START_NS, step_s)
        step_ns = step_s * NS_PER_S
        for number, cell in enumerate(sheet.facts.cells):
            begin_ns = sheet.facts.start_ms * NS_PER_MS + number * step_ns
            there = [u for u in (*first, *second) if begin_ns <= u.captured_ns < begin_ns + step_ns]
            assert (cell is None) == (not there), (step_s, number)


def test_a_kept_sheet_is_neither_decoded_nor_laid_out_again_and_outlasts_a_restart(room: Room) -> None:
    room.record(pictures(1200, gop=10))
    once = room.sheet(START_NS + 30 * NS_PER_S)
    counts = len(room.dark.decoded), room.dark.laid_out
    again = Room(room.archive)
    assert again.sheet(START_NS + 31 * NS_PER_S) == once
    assert (len(room.dark.decoded), room.dark.laid_out) == counts
    assert (again.dark.decoded, again.dark.laid_out) == ([], 0)
    assert len(room.kept()) == 1


def test_many_who_ask_at_once_wait_for_one_making(room: Room) -> None:
    room.record(pictures(1200, gop=10))

    async def many() -> list[Sheet]:
        asks = [
            room.previews.sheet(MAIN, START_NS + 30 * NS_PER_S, NS_PER_S, LATER_NS, room.dark.lay_out)
            for _ in range(20)
        ]
        return await asyncio.gather(*asks)

    assert len(set(map(id, asyncio.run(many())))) >= 1
    assert room.dark.laid_out == 1


def test_a_stretch_that_still_grows_is_not_final_and_shows_what_came_meanwhile(room: Room) -> None:
    units = pictures(200, gop=10)
    stretch = stretch_of(START_NS, NS_PER_S)
    room.record(units[:100])
    growing = room.sheet(START_NS, now_ns=units[99].captured_ns)
    held = [cell for cell in growing.facts.cells if cell]
    assert not growing.facts.is_final
    assert room.kept() == []
    room.record([_again(unit) for unit in units[100:]])
    assert not room.sheet(START_NS, now_ns=stretch.end_ns + SETTLE_NS - 1).facts.is_final
    assert room.kept() == []
    whole = room.sheet(START_NS, now_ns=stretch.end_ns + SETTLE_NS)
    assert whole.facts.is_final
    assert len([cell for cell in whole.facts.cells if cell]) >= len(held) + 9
    assert len(room.dark.decoded) == len(set(room.dark.decoded)), "what was there before is not decoded again"


def _again(unit: AccessUnit) -> AccessUnit:
    """The unit in the next run."""
    return AccessUnit(
        UnitRef(MAIN, 2, unit.ref.seq - 100), unit.pts, unit.dts, unit.captured_ns, unit.is_sync, 0, unit.data
    )


def test_when_footage_goes_its_pictures_are_in_no_sheet_any_more_though_the_old_one_lies_there(room: Room) -> None:
    first = pictures(600, gop=10)
    second = pictures(600, UnitRef(MAIN, 2, 0), after(first, 30), gop=10)
    room.record(first)
    room.record(second)
    before = room.sheet(START_NS, 4)
    assert before.facts.is_final
    gone = room.archive.recordings()[0]
    _unlist(room.archive, gone.id)
    left = room.sheet(START_NS, 4)
    assert {cell.run for cell in before.facts.cells if cell} == {1, 2}
    assert {cell.run for cell in left.facts.cells if cell} <= {1, 2}
    lost = [unit for unit in first if gone.start_ns <= unit.captured_ns < gone.end_ns and unit.is_sync]
    assert any(unit.data in before.jpeg for unit in lost)
    assert not any(unit.data in left.jpeg for unit in lost)
    for one in room.archive.recordings():
        _unlist(room.archive, one.id)
    with pytest.raises(NotFound) as caught:
        room.sheet(START_NS, 4)
    assert caught.value.code == "no-picture"


def _unlist(archive: Archive, recording: int) -> None:
    def work(connection: sa.Connection) -> None:
        connection.execute(layouts.delete().where(layouts.c.recording == recording))
        connection.execute(recordings.delete().where(recordings.c.id == recording))

    archive.database.write_now(work)


def test_sheets_go_with_the_footage_and_with_the_camera(room: Room) -> None:
    room.record(pictures(1200, gop=10))
    room.sheet(START_NS + 30 * NS_PER_S)
    asyncio.run(room.previews.forget({CameraId("cam_front"): START_NS}))
    assert len(room.kept()) == 1
    asyncio.run(room.previews.forget({CameraId("cam_front"): START_NS + NS_PER_HOUR}))
    assert room.kept() == []


def test_a_picture_that_cannot_be_made_leaves_its_cell_empty_and_is_tried_again(room: Room) -> None:
    room.record(pictures(1200, gop=10))
    room.dark.broken = {20}
    partly = room.sheet(START_NS + 30 * NS_PER_S)
    assert not partly.facts.is_final
    assert room.kept() == []
    room.dark.broken = set()
    whole = room.sheet(START_NS + 30 * NS_PER_S)
    assert whole.facts.is_final
    assert len([1 for cell in whole.facts.cells if cell]) == len([1 for cell in partly.facts.cells if cell]) + 1


def test_when_no_picture_of_a_stretch_can_be_made_there_is_no_sheet(room: Room) -> None:
    room.record(pictures(100, gop=10))
    room.dark.broken = set(range(100))
    with pytest.raises(NotFound, match="can be decoded"):
        room.sheet(START_NS)


def test_a_damaged_file_on_the_shelf_is_made_anew(room: Room) -> None:
    room.record(pictures(1200, gop=10))
    once = room.sheet(START_NS + 30 * NS_PER_S)
    (path,) = (room.archive.root / "previews").rglob("*-sheet-*.jpg")
    path.write_bytes(b"\xff\xd8rubbish")
    assert room.sheet(START_NS + 30 * NS_PER_S) == once
    assert path.read_bytes() == once.jpeg


def test_a_decoder_that_is_busy_is_told_and_nothing_is_kept(room: Room) -> None:
    room.record(pictures(100, gop=10))

    async def busy(pictures: Sequence[bytes], columns: int, cell_px: tuple[int, int], quality: int = 80) -> bytes:
        raise Unavailable("busy", code="vision-busy")

    with pytest.raises(Unavailable):
        asyncio.run(room.previews.sheet(MAIN, START_NS, NS_PER_S, LATER_NS, busy))
    assert room.kept() == []
