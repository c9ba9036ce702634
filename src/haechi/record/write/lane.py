"""One stream on its way to the disk: which of its units are recorded, and where its gaps begin."""

from collections import deque

from msgspec import Struct

from haechi.base.ids import CameraId, RecordingId, StreamId, camera_of
from haechi.bus.frames import BusItem, GapCause, RunEnded, Subscription
from haechi.media.access_unit import AccessUnit
from haechi.media.reverse.edge import EdgeId
from haechi.record.index.commits import GapOpened
from haechi.record.write.notes import Note
from haechi.record.write.segmenter import Limits, Segmenter
from haechi.record.write.writer import CloseFile, Job

JOBS_PER_STREAM = 4
"""Fragments of one stream that may wait for the disk; what comes after them waits in its bus queue (64 MB)."""


class Acknowledged(Struct, frozen=True):
    """A fragment that is durable and listed.

    Attributes:
        edge: What the camera's memory calls its first unit.
    """

    stream: StreamId
    run: int
    first_seq: int
    last_seq: int
    recording: RecordingId
    number: int
    edge: EdgeId | None = None


class RecorderStats(Struct):
    """Counters since the start, for /metrics and for people.

    Attributes:
        acknowledged_units: Units that survive a power cut.
        lost_units: Units that could not be written, or that the bus dropped because the disk was too slow.
        skipped_units: Units that were recorded already (from the GOP cache), or of cameras that are not recorded.
        uncommitted: Fragments on disk whose index rows wait for the database.
    """

    fragments: int = 0
    acknowledged_units: int = 0
    acknowledged_bytes: int = 0
    lost_units: int = 0
    skipped_units: int = 0
    uncommitted: int = 0
    batches: int = 0
    is_full: bool = False
    failure: str = ""


class Lane:
    """Turns what the bus delivers of one stream into jobs for the writer.

    Args:
        floor_ns: Nothing captured before this is taken: it is recorded already.
        notes: Of the stream (`haechi.record.write.notes`).

    Attributes:
        waiting: Jobs that were made and not handed on yet.
        in_flight: Jobs that are with the writer.
    """

    def __init__(
        self,
        subscription: Subscription,
        limits: Limits,
        floor_ns: int,
        stats: RecorderStats,
        notes: deque[Note] | None = None,
    ) -> None:
        self.stream = subscription.stream
        self.camera: CameraId = camera_of(subscription.stream)
        self.subscription = subscription
        self.segmenter = Segmenter(subscription.stream, limits)
        self.waiting: deque[Job] = deque()
        self.in_flight = 0
        self._floor_ns = floor_ns
        self._stats = stats
        self._notes: deque[Note] = deque() if notes is None else notes
        self._is_recording = True
        self._dropped = 0
        self._outage = GapCause.UNREACHABLE

    def next_job(self, *, is_wanted: bool) -> Job | None:
        """The next job for the writer; None when there is none, or when enough are with it already."""
        if self.in_flight >= JOBS_PER_STREAM:
            return None
        while not self.waiting:
            item = self.subscription.take()
            if item is None:
                return None
            self.waiting.extend(self.take(item, is_wanted=is_wanted))
        self.in_flight += 1
        return self.waiting.popleft()

    @property
    def is_over(self) -> bool:
        """Nothing more will come, and all that came has been handed on."""
        return self.subscription.is_over and not self.waiting

    def take(self, item: BusItem, *, is_wanted: bool) -> list[Job]:
        """The jobs that follow from ``item``. ``is_wanted``: whether the camera is to be recorded at present."""
        if isinstance(item, RunEnded):
            return self._end_run(item)
        if self.subscription.dropped > self._dropped:
            self._lose(self.subscription.dropped - self._dropped, item.captured_ns)
            self._dropped = self.subscription.dropped
        if is_wanted != self._is_recording:
            return self._switch(item, is_wanted=is_wanted)
        if not is_wanted or item.captured_ns < self._floor_ns:
            self._stats.skipped_units += 1
            return []
        return self._feed(item)

    def last(self, now_ns: int, *, is_wanted: bool) -> list[Job]:
        """For a planned stop: all that waits here or in the queue, and the gap that begins."""
        jobs: list[Job] = list(self.waiting)
        while (item := self.subscription.take()) is not None:
            jobs += self.take(item, is_wanted=is_wanted)
        jobs += self.segmenter.flush()
        jobs.append(CloseFile(self.stream))
        jobs.append(GapOpened(self.stream, now_ns, GapCause.NOT_RUNNING, replaces=True))
        return jobs

    def _feed(self, unit: AccessUnit) -> list[Job]:
        """A unit whose run the bus has forgotten (16 runs behind: the disk stood still) cannot be recorded."""
        try:
            params = self.subscription.params_of(unit)
        except KeyError:
            self._lose(1, unit.captured_ns)
            return []
        self._floor_ns = unit.captured_ns + 1
        if self._notes:
            return [*self._heed(unit), *self.segmenter.feed(unit, params)]
        return list(self.segmenter.feed(unit, params))

    def _heed(self, unit: AccessUnit) -> list[Job]:
        """The camera's numbers change with this unit, perhaps: a file holds units that both count without a hole.

        Where only the camera's numbers go on within a run, units were lost on the way. They may still come, so the hole
        is a gap that they fit into.
        """
        before, found = self.segmenter.note, None
        while self._notes and (self._notes[0].run, self._notes[0].seq) <= (unit.ref.run, unit.ref.seq):
            found = self._notes.popleft()
        if found is None or found.run != unit.ref.run:
            return []
        now = found.edge_of(unit.ref.run, unit.ref.seq)
        expected = None if before is None else before.edge_of(unit.ref.run, unit.ref.seq)
        if now == expected:
            return []
        is_hole = now is not None and expected is not None and now.run == expected.run and now.seq > expected.seq
        jobs: list[Job] = list(self.segmenter.flush(GapCause.PACKET_LOSS if is_hole else None))
        self.segmenter.note = found
        return jobs

    def _lose(self, units: int, captured_ns: int) -> None:
        self._stats.lost_units += units
        self.subscription.ledger.missing(self.stream, captured_ns, units, GapCause.OVERLOAD)

    def _end_run(self, ended: RunEnded) -> list[Job]:
        jobs: list[Job] = list(self.segmenter.flush())
        self._outage = ended.cause
        if self._is_recording:
            jobs.append(GapOpened(self.stream, self._floor_ns, ended.cause, ended.detail))
        return jobs

    def switch_unseen(self, now_ns: int, *, is_wanted: bool) -> list[Job]:
        """Recording of the camera was switched on or off while nothing came of it: what it may send later of the time
        when it was off is not wanted."""
        if is_wanted == self._is_recording or self.subscription.is_live or self.subscription.pending():
            return []
        self._is_recording = is_wanted
        if is_wanted:
            return [GapOpened(self.stream, now_ns, self._outage, replaces=True)]
        return [_disabled(self.stream, now_ns)]

    def _switch(self, unit: AccessUnit, *, is_wanted: bool) -> list[Job]:
        """Recording of the camera was switched on (from the next sync unit on) or off."""
        if is_wanted and not unit.is_sync:
            self._stats.skipped_units += 1
            return []
        self._is_recording = is_wanted
        if is_wanted:
            return self._feed(unit)
        jobs: list[Job] = list(self.segmenter.flush())
        jobs.append(_disabled(self.stream, unit.captured_ns))
        return jobs


def _disabled(stream: StreamId, since_ns: int) -> GapOpened:
    """From here on nothing is to be recorded, also where nothing came before: it must not be filled in later."""
    return GapOpened(stream, since_ns, GapCause.DISABLED, "recording is switched off", replaces=True)
