"""One rendition's window: units become parts, parts become segments; pure. See docs/design/llhls.md.

A part is a run of the muxer's very chunks, and a segment a run of parts: nothing is made twice.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import pairwise
from math import ceil
from statistics import median

from msgspec import Struct

from haechi.media.access_unit import TICKS_PER_S

SHORTEST_TARGET_S, LONGEST_TARGET_S = 2, 4
"""Bounds of EXT-X-TARGETDURATION. Whole GOPs make a segment; one longer than this is cut."""
OVER_TICKS = TICKS_PER_S * 45 // 100
"""What rounds to the target may be this much longer (bis 4.4.3.1)."""
LEAST_SHARE = 0.6
"""At a sync unit a segment is closed when it has this share of the target."""
PART_TICKS = TICKS_PER_S * 4 // 10
LONGEST_PART_TICKS = TICKS_PER_S // 2
"""A stream with longer steps between its units has no parts."""
PART_SLACK = 1.08
"""Cameras are not punctual: a part as it is planned has 93 % of the part target, and must have 85 (bis 4.4.4.9)."""
LISTED_TARGETS = 8
"""What is listed, in target durations: the skip boundary is at six (bis 4.4.3.8), and less would never skip."""
KEPT_AFTER = 2
"""Segments that can still be had when they are listed no more."""
MOST_BYTES = 64 * 1024 * 1024
MOST_SEGMENT_BYTES = 16 * 1024 * 1024
MOST_FIRST_UNITS = 1024
ADVANCE_S = 3
"""A part that is further ahead than this is not waited for (bis 6.2.5.2)."""


class Piece(Struct, frozen=True, gc=False):
    """One unit, as its chunk. Times are decode times in 90 kHz ticks of the track's timeline."""

    data: bytes
    dts: int
    ticks: int
    is_sync: bool
    captured_ns: int

    @property
    def end(self) -> int:
        return self.dts + self.ticks


class Plan(Struct, frozen=True):
    """What a playlist says once and for all. ``part_ticks`` 0: no parts. ``step_ticks``: between two units."""

    target_s: int
    part_ticks: int
    step_ticks: int

    @property
    def limit_ticks(self) -> int:
        return self.target_s * TICKS_PER_S + OVER_TICKS


class Part(Struct, frozen=True):
    """``number`` counts over the whole window: so the name of the next one is known, whatever segment it falls into."""

    number: int
    ticks: int
    is_independent: bool
    chunks: tuple[bytes, ...]


class Segment:
    """A segment that grows, or has: see `haechi.media.llhls.LiveSegment`. ``ticks`` 0: it grows."""

    __slots__ = ("breaks", "captured_ns", "epoch", "init", "is_whole", "msn", "parts", "size", "start", "ticks")

    def __init__(self, msn: int, epoch: int, breaks: int, init: str, first: Piece) -> None:
        self.msn = msn
        self.epoch = epoch
        self.breaks = breaks
        self.init = init
        self.captured_ns = first.captured_ns
        self.start = first.dts
        self.is_whole = first.is_sync
        self.parts: list[Part] = []
        self.size = 0
        self.ticks = 0

    @property
    def seconds(self) -> float:
        return self.ticks / TICKS_PER_S


def plan_for(pieces: list[Piece], target_s: int = 0) -> Plan:
    """The plan of a stream that begins like this. ``target_s``: as it must be, where another rendition said it."""
    whole = pieces[-1].end - pieces[0].dts
    target = target_s or min(max(ceil((whole - OVER_TICKS) / TICKS_PER_S), SHORTEST_TARGET_S), LONGEST_TARGET_S)
    steps = [after.dts - before.dts for before, after in pairwise(pieces)] or [pieces[0].ticks]
    step = max(1, round(median(steps)))
    if step > LONGEST_PART_TICKS:
        return Plan(target, 0, step)
    units = max(1, min(round(PART_TICKS / step), LONGEST_PART_TICKS // step))
    return Plan(target, round(units * step * PART_SLACK), step)


class Track:
    """The window of one rendition. Segments have their numbers for ever: none is used again.

    Args:
        first_msn: Media sequence number of the first segment.
        is_led: Another track says what the target is (`follow`), and where it begins anew.

    Attributes:
        version: Grows with each change that a playlist shows.
        plan: None until the first segment is closed (or `follow` has told).
    """

    def __init__(self, first_msn: int, *, is_led: bool = False) -> None:
        self._is_led = is_led
        self._next_msn = first_msn
        self._next_part = 0
        self._epoch = self._last_epoch = 0
        self._init = ""
        self._first: list[Piece] = []
        self._pending: list[Piece] = []
        self._last: Piece | None = None
        self.closed: deque[Segment] = deque()
        self._after: deque[Segment] = deque()
        self.open: Segment | None = None
        self.inits: OrderedDict[str, bytes] = OrderedDict()
        self._target_s = 0
        self.version = 0
        self.plan: Plan | None = None

    # -- what comes in ------------------------------------------------------------------------------------------------
    def follow(self, target_s: int) -> None:
        """Have the same target as another rendition (bis 6.2.4)."""
        self._target_s = target_s

    def begin(self, epoch: int, name: str, init: bytes) -> None:
        """What comes now does not go on from what came before. ``epoch``: its discontinuity sequence number."""
        self.pause()
        self._epoch = epoch
        self._init = name
        self.inits[name] = init

    def pause(self) -> None:
        """Nothing comes for the time being: what is there is closed."""
        if self._first:
            self._plan_and_replay()
        if self.open is not None:
            last = self._last
            assert last is not None
            self._close_segment(last.end)
        self._last = None

    def add(self, piece: Piece) -> None:
        """Take the next unit. The first one after `begin` is a sync unit."""
        if self.plan is None:
            self._gather(piece)
            return
        if self.open is not None:
            self._cut_before(piece)
        if self.open is None:
            self._open_segment(piece)
        self._take(piece)

    def _gather(self, piece: Piece) -> None:
        """Until the first segment is there nobody is told anything, and so its parts are cut when the plan is known."""
        first = self._first
        if first:
            age = piece.dts - first[0].dts
            is_long = piece.end - first[0].dts > LONGEST_TARGET_S * TICKS_PER_S + OVER_TICKS
            least = SHORTEST_TARGET_S * TICKS_PER_S // 4 if self._is_led else 1
            if (piece.is_sync and age >= least) or is_long or len(first) >= MOST_FIRST_UNITS:
                self._plan_and_replay()
                self._close_segment(self._end_before(piece))
                self.add(piece)
                return
        first.append(piece)

    def _plan_and_replay(self) -> None:
        first, self._first = self._first, []
        self.plan = plan_for(first, self._target_s)
        self._open_segment(first[0])
        for piece in first:
            self._take(piece)

    def _cut_before(self, piece: Piece) -> None:
        """Close the part, and the segment, where ``piece`` belongs to the next."""
        assert self.open is not None
        assert self.plan is not None
        age = piece.dts - self.open.start
        share = 0.97 if self._is_led else LEAST_SHARE
        is_due = piece.is_sync and (age >= share * self.plan.target_s * TICKS_PER_S or not self.open.is_whole)
        if is_due or piece.end - self.open.start > self.plan.limit_ticks or self.open.size > MOST_SEGMENT_BYTES:
            self._close_segment(self._end_before(piece))
        elif self._pending and piece.end - self._pending[0].dts > self._part_ticks:
            self._close_part()

    def _take(self, piece: Piece) -> None:
        assert self.open is not None
        self._pending.append(piece)
        self.open.size += len(piece.data)
        self._last = piece
        if piece.end + piece.ticks - self._pending[0].dts > self._part_ticks > 0:
            self._close_part()

    @property
    def _part_ticks(self) -> int:
        assert self.plan is not None
        return self.plan.part_ticks or self.plan.limit_ticks

    def _end_before(self, piece: Piece) -> int:
        """Where the segment ends that ``piece`` does not belong to: where it begins, unless there is a hole between."""
        assert self.open is not None
        assert self.plan is not None
        last = self._last
        assert last is not None
        return piece.dts if 0 < piece.dts - self.open.start <= self.plan.limit_ticks else last.end

    def _open_segment(self, first: Piece) -> None:
        breaks = self._epoch - self._last_epoch if self._next_part else 0
        self.open = Segment(self._next_msn, self._epoch, breaks, self._init, first)
        self._last_epoch = self._epoch
        self._next_msn += 1

    def _close_part(self) -> None:
        assert self.open is not None
        pieces, self._pending = self._pending, []
        ticks = min(pieces[-1].end - pieces[0].dts, self._part_ticks)
        is_independent = any(piece.is_sync for piece in pieces)
        self.open.parts.append(Part(self._next_part, ticks, is_independent, tuple(piece.data for piece in pieces)))
        self._next_part += 1
        self.version += 1

    def _close_segment(self, end: int) -> None:
        if self._pending:
            self._close_part()
        segment = self.open
        assert segment is not None
        segment.ticks = max(1, end - segment.start)
        self.closed.append(segment)
        self.open = None
        self.version += 1
        self._forget_old()

    def _forget_old(self) -> None:
        assert self.plan is not None
        listed = sum(segment.ticks for segment in self.closed)
        least = LISTED_TARGETS * self.plan.target_s * TICKS_PER_S
        while len(self.closed) > 2 and (listed - self.closed[0].ticks >= least or self.bytes > MOST_BYTES):
            gone = self.closed.popleft()
            listed -= gone.ticks
            self._after.append(gone)
            while self._after and (len(self._after) > KEPT_AFTER or self.bytes > MOST_BYTES):
                self._after.popleft()
        used = {segment.init for segment in (*self._after, *self.closed)} | {self._init}
        for name in [name for name in self.inits if name not in used]:
            del self.inits[name]

    # -- what is asked for --------------------------------------------------------------------------------------------
    @property
    def bytes(self) -> int:
        """All that is held."""
        growing = self.open.size if self.open is not None else sum(len(piece.data) for piece in self._first)
        return growing + sum(segment.size for segment in (*self._after, *self.closed))

    @property
    def next_msn(self) -> int:
        """Media sequence number of the segment after the newest."""
        return self._next_msn

    @property
    def next_part(self) -> int:
        """Number of the part that comes next."""
        return self._next_part

    @property
    def last(self) -> tuple[int, int]:
        """Media sequence number of the newest segment of which something is there, and its newest part."""
        if self.open is not None and self.open.parts:
            return self.open.msn, len(self.open.parts) - 1
        return self._next_msn - (1 if self.open is None else 2), len(self.closed[-1].parts) - 1 if self.closed else -1

    def part(self, number: int) -> Part | None:
        """A part that is still there."""
        held: list[Segment] = [*self._after, *self.closed]
        if self.open is not None:
            held.append(self.open)
        for segment in reversed(held):
            if segment.parts and segment.parts[0].number <= number <= segment.parts[-1].number:
                return segment.parts[number - segment.parts[0].number]
        return None

    def segment(self, msn: int) -> Segment | None:
        """A closed segment that is still there."""
        return next((segment for segment in (*self.closed, *self._after) if segment.msn == msn), None)

    def has(self, msn: int, part: int | None) -> bool:
        """Whether a playlist would name this segment, or this part or a later one (bis 6.2.5.2)."""
        newest = self.closed[-1].msn if self.closed else -1
        if self.plan is None or not self.closed:
            return False
        if part is None or not self.plan.part_ticks:
            return msn <= newest
        growing = len(self.open.parts) if self.open is not None else 0
        if msn < newest:
            return True
        if msn == newest:
            return part < len(self.closed[-1].parts) or growing > 0
        return self.open is not None and msn == self.open.msn and growing > part

    def is_too_far(self, msn: int, part: int | None) -> bool:
        """Whether this is so far ahead that nobody who read a playlist asks for it (bis 6.2.5.2)."""
        if self.plan is None or not self.closed:
            return False
        newest = self.closed[-1].msn
        if msn > newest + 2:
            return True
        growing = len(self.open.parts) if self.open is not None else 0
        if part is None or not self.plan.part_ticks or msn != newest + 1:
            return False
        return part >= growing + ceil(ADVANCE_S * TICKS_PER_S / self.plan.part_ticks)
