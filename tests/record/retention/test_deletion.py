"""Retention against a model: footage, motion, pins, wishes and disks of any size, in any order (CONTRACT D5)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Struct

from haechi.base.ids import CameraId, RecordingId, StreamId, camera_of, stream_of
from haechi.record.index.policies import NS_PER_DAY, Kept, PinKind, Policy
from haechi.record.retention.deletion import RetentionSettings
from tests.record.shelf import FRONT, MINUTE_NS, YARD, Shelf
from tests.streams import START_NS


class Plan(Struct, frozen=True):
    """What a plan came to."""

    recordings: int
    bytes: int


class Deletion(RuleBasedStateMachine):
    """Footage, motion, pins, wishes and disks of any size, in any order: what is protected stays, and a pass deletes
    what the plan just before it said, in the order of D5."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.shelf = Shelf(Path(self._folder.name), START_NS + 400 * NS_PER_DAY)
        self.pins: dict[str, tuple[RecordingId, PinKind]] = {}
        self.open: set[RecordingId] = set()

    def teardown(self) -> None:
        self.shelf.close()
        self._folder.cleanup()

    @initialize()
    def some(self) -> None:
        for camera in (FRONT, YARD):
            self.shelf.minutes(camera, 3, days_ago=2)

    @rule(camera=st.sampled_from([FRONT, YARD]), days=st.floats(0.1, 90), size=st.integers(2, 5000))
    def comes(self, camera: CameraId, days: float, size: int) -> None:
        start_ns = self.shelf.clock.wall_ns() - int(days * NS_PER_DAY)
        self.shelf.record(stream_of(camera), start_ns // MINUTE_NS * MINUTE_NS, size=size)

    @rule(camera=st.sampled_from([FRONT, YARD]))
    def is_written(self, camera: CameraId) -> None:
        now_ns = self.shelf.clock.wall_ns()
        self.open.add(self.shelf.record(stream_of(camera), now_ns - MINUTE_NS, is_open=True))

    @precondition(lambda self: self.shelf.left())
    @rule(data=st.data(), kind=st.sampled_from(PinKind), reason=st.sampled_from("abc"))
    def is_pinned(self, data: st.DataObject, kind: PinKind, reason: str) -> None:
        one = data.draw(st.sampled_from(self.shelf.left()))
        row = self.shelf.row(one)
        self.shelf.pin(camera_of(StreamId(str(row.stream))), one, f"{reason}{one}", kind)
        self.pins[f"{reason}{one}"] = (one, kind)

    @precondition(lambda self: self.pins)
    @rule(data=st.data())
    def is_let_go(self, data: st.DataObject) -> None:
        reason = data.draw(st.sampled_from(sorted(self.pins)))
        asyncio.run(self.shelf.index.unpin(reason))
        del self.pins[reason]

    @precondition(lambda self: self.shelf.left())
    @rule(data=st.data())
    def moves(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.shelf.left()))
        self.shelf.moved(camera_of(StreamId(str(self.shelf.row(one).stream))), one)

    @rule(days=st.lists(st.floats(0, 60), min_size=3, max_size=3), free=st.integers(0, 20_000))
    def is_wished(self, days: list[float], free: int) -> None:
        self.shelf.retention.settings = RetentionSettings(days[0], free, days[1], days[2])

    @rule(camera=st.sampled_from([FRONT, YARD]), most=st.none() | st.integers(1, 20_000))
    def is_limited(self, camera: CameraId, most: int | None) -> None:
        asyncio.run(self.shelf.index.set_policy(camera, Policy(max_bytes=most)))

    @rule(room=st.integers(0, 30_000))
    def disk_is_small(self, room: int) -> None:
        self.shelf.volume.capacity = self.shelf.volume.used + room

    @rule(days=st.floats(0, 3))
    def time_passes(self, days: float) -> None:
        self.shelf.clock.advance(int(days * NS_PER_DAY))

    @rule()
    def a_pass(self) -> None:
        shelf = self.shelf
        before = {one: shelf.row(one) for one in shelf.left()}
        now_ns = shelf.clock.wall_ns()
        plan = asyncio.run(shelf.retention.plan())
        kept = shelf.kept()
        report = shelf.once()
        gone = before.keys() - set(shelf.left())
        unjudged = {one for one in before if kept[one] is None}
        if not gone & unjudged:  # for want of space, what ended just now is judged at once
            assert Plan(plan.total_recordings, plan.total_bytes) == Plan(
                len(gone), sum(int(str(before[one].size_bytes)) for one in gone)
            )
        assert report.freed_bytes == sum(int(str(before[one].size_bytes)) for one in gone)
        wishes = asyncio.run(shelf.retention._wishes())
        left = [one for one in shelf.left() if kept[one] in (0, 1, 2)]
        for one in left:
            row = before[one]
            keep = wishes.of(camera_of(StreamId(str(row.stream))))
            assert int(str(row.end_ns)) > keep.horizon_ns(Kept(int(str(kept[one]))), now_ns), "its time had come"
        if report.only_protected:
            assert left == []

    @invariant()
    def protected_footage_is_there_with_its_file(self) -> None:
        left = set(self.shelf.left())
        assert {one for one, kind in self.pins.values() if kind is PinKind.PROTECTED} <= left
        assert self.open <= left
        assert len(self.shelf.volume.sizes) == len(left)


Deletion.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestDeletion = pytest.mark.slow(Deletion.TestCase)
