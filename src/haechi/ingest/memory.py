"""What cameras that dial out kept while they could not reach us: what is known of the memory of each.

A camera numbers its units itself. Here their numbers are compared with what came live, with what is on disk
(`EdgeStore`), and with what the camera says that it has; `haechi.ingest.recollection` asks for the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.ids import CameraId, StreamId, camera_of, stream_of
from haechi.ingest.edge import EdgeStore
from haechi.media.access_unit import UnitRef
from haechi.media.reverse.edge import MOST_SEQ, EdgeId, EdgeMark, EdgeRun, Role
from haechi.media.reverse.spans import Span, Spans, union

log = structlog.get_logger(__name__)

BYTES_PER_S = 1_000_000
"""What one camera may send out of its memory, however fast its link. It keeps to 30 % of the link by itself."""
AT_ONCE = 4
"""Cameras that send out of their memories at a time: a hundred that were cut off together come one after the other."""
SETTLE_NS = 10 * NS_PER_S
"""So long after a connection ended the recorder may still be writing what came over it."""
MOST_SHIFTS = 200
"""How often a camera's numbers may shift against ours in one of our runs: each time some units were damaged."""
MOST_PAST = 8


class MemoryStatus(Struct, frozen=True):
    """What is known of a camera's own memory.

    Attributes:
        bytes, limit_bytes: How full it is; a limit of 0: it has none, or nothing is known of it yet.
        waiting_ns: Footage that it has, that we do not, and that is being brought in.
        kept_units, kept_bytes: Brought in and durable, since our start.
        lost_units: Given way in the camera before we had them, since its program began.
        failures: Times that what was brought could not be kept.
        refused: Times that its memory said what it must not.
    """

    bytes: int = 0
    limit_bytes: int = 0
    waiting_ns: int = 0
    kept_units: int = 0
    kept_bytes: int = 0
    lost_units: int = 0
    failures: int = 0
    refused: int = 0


class _Live:
    """What came live of one of our runs.

    Attributes:
        spans: Numbers by edge run.
        ended_ns: Monotonic time at which it ended; 0: it goes on.
    """

    def __init__(self, run: int) -> None:
        self.run = run
        self.spans: dict[EdgeRun, list[Span]] = {}
        self.last: EdgeId | None = None
        self.shift = 0
        self.shifts = 0
        self.is_trusted = True
        self.ended_ns = 0

    def came(self, edge: EdgeId, seq: int) -> bool:
        """A unit came. Answers whether the two countings run in parallel from here on only."""
        is_shift = self.last is None or self.last.run != edge.run or edge.seq - seq != self.shift
        spans = self.spans.setdefault(edge.run, [])
        if spans and spans[-1][1] == edge.seq:
            spans[-1] = (spans[-1][0], edge.seq + 1)
        else:
            spans.append((edge.seq, edge.seq + 1))
        self.last, self.shift = edge, edge.seq - seq
        self.shifts += is_shift
        return is_shift

    def is_sound(self, edge: EdgeId) -> bool:
        """Whether a camera that counts as it should can say this now."""
        last = self.last
        goes_on = last is None or last.run == edge.run or edge.run not in self.spans
        return goes_on and self.shifts < MOST_SHIFTS and (last is None or last.run != edge.run or last.seq < edge.seq)


class CameraMemory:
    """One camera, for as long as we run.

    Attributes:
        offset_ns: Our clock minus the camera's, by the newest unit that came live; None before the first.
        status: See `MemoryStatus`.
    """

    def __init__(self, camera: CameraId, store: Callable[[], EdgeStore | None], clock: Clock) -> None:
        self.camera = camera
        self._store = store
        self._clock = clock
        self._live: dict[Role, _Live] = {}
        self._past: list[tuple[Role, _Live]] = []
        self.offset_ns: int | None = None
        self.status = MemoryStatus()

    def live(self, ref: UnitRef, captured_ns: int, mark: EdgeMark) -> None:
        """A unit came live and is about to be published. What a camera counts wrongly is not believed any more."""
        role: Role = "main" if ref.stream == stream_of(self.camera) else "audio"
        present = self._live.get(role)
        if present is None or present.run != ref.run:
            self._end(role)
            present = self._live[role] = _Live(ref.run)
        if not present.is_trusted:
            return
        if not present.is_sound(mark.edge):
            present.is_trusted = False
            log.warning("a camera counts its own units wrongly; nothing is brought in", camera=self.camera)
            return
        store = self._store()
        if present.came(mark.edge, ref.seq) and store is not None:
            store.note_live(ref.stream, ref.run, ref.seq, mark.edge)
        if role == "main":
            self.offset_ns = captured_ns - mark.wall_ns

    def ended(self) -> None:
        """The connection is over."""
        for role in list(self._live):
            self._end(role)

    def _end(self, role: Role) -> None:
        live = self._live.pop(role, None)
        if live is not None:
            live.ended_ns = self._clock.monotonic_ns()
            self._past = [*self._past, (role, live)][-MOST_PAST:]

    @property
    def is_trusted(self) -> bool:
        """Whether the camera counted well on this connection."""
        return all(live.is_trusted for live in self._live.values())

    def has_begun(self, role: Role) -> bool:
        """Whether anything came live on this connection."""
        return role in self._live

    def under_way(self, role: Role, run: EdgeRun) -> Spans:
        """Numbers that came over this connection, and those still to come: they are the recorder's."""
        live = self._live.get(role)
        if live is None or live.last is None or not live.spans.get(run):
            return ()
        spans = live.spans[run]
        return union(spans, [(spans[-1][0], MOST_SEQ + 1)]) if live.last.run == run else union(spans)

    def unsettled(self, role: Role, run: EdgeRun) -> Spans:
        """Numbers that came over connections that are over for seconds only: the recorder may still have them."""
        now_ns = self._clock.monotonic_ns()
        self._past = [(one, live) for one, live in self._past if now_ns - live.ended_ns < SETTLE_NS]
        return union(*(live.spans.get(run, []) for one, live in self._past if one == role))


class Memories:
    """All cameras.

    Attributes:
        store: Where what is brought in goes; None: nobody keeps it, and nothing is asked for.
        slots: Taken while a camera sends.
        bytes_per_s: See `BYTES_PER_S`.
    """

    def __init__(self, clock: Clock, store: EdgeStore | None = None) -> None:
        self._clock = clock
        self._cameras: dict[CameraId, CameraMemory] = {}
        self.store = store
        self.slots = asyncio.Semaphore(AT_ONCE)
        self.bytes_per_s = BYTES_PER_S

    def of(self, camera: CameraId) -> CameraMemory:
        """What is known of a camera's memory."""
        found = self._cameras.get(camera)
        if found is None:
            found = self._cameras[camera] = CameraMemory(camera, lambda: self.store, self._clock)
        return found

    def live(self, ref: UnitRef, captured_ns: int, mark: EdgeMark) -> None:
        """A unit that the camera numbered is about to be published."""
        self.of(camera_of(ref.stream)).live(ref, captured_ns, mark)

    def status(self, camera: CameraId) -> MemoryStatus:
        """For people."""
        known = self._cameras.get(camera)
        return known.status if known is not None else MemoryStatus()

    def known(self) -> Sequence[tuple[CameraId, MemoryStatus]]:
        """Every camera that told us that it has a memory."""
        return [(camera, known.status) for camera, known in self._cameras.items() if known.status.limit_bytes]


def stream_for(camera: CameraId, role: Role) -> StreamId:
    """The stream of a track."""
    return stream_of(camera, role)
