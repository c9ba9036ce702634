"""What of a stream goes to a decode worker: sync units always, everything where it is asked for, less under overload.

Pure: units and answers in, plans out; time is that of the units. A stream whose pictures depend on one another cannot
be decoded in part: what can be given up is looks, and then everything but the sync units, up to the next one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.media.access_unit import AccessUnit, Codec, UnitRef, VideoParams
from haechi.vision.messages import Analyse, UnitIn
from haechi.vision.motion import OPEN_SHARE
from haechi.vision.result import FrameResult
from haechi.vision.strain import Level, Strain

MOST_GOP_BYTES = 16 * 1024 * 1024
"""A GOP beyond it is not held, and only its sync unit is looked at."""
MOST_STRAINED_NS = NS_PER_S // 2
"""Sync units of a stream that cannot be kept up with are looked at no closer than this: some cameras send no others."""


class Demand(StrEnum):
    """How much of a stream is to be looked at."""

    SYNC = "sync"
    """Sync units only."""
    MOTION = "motion"
    """Sync units, and N frames per second for a while after something moved."""
    FULL = "full"
    """N frames per second: a rule asks for it."""


class FeedSettings(Struct, frozen=True):
    """How a stream is sampled.

    Attributes:
        fps: Frames per second that are looked at when all units are decoded.
        hold_s: How long all units are decoded after something moved or was seen.
        catch_up_s: How far back frames are looked at when full decoding begins within a GOP.
        most_in_flight: Units that may wait for the worker's answer before the stream falls back to sync units.
        slow_wait_s: When the oldest unanswered work of the stream waits for longer, fewer frames are looked at; looks
            that have not begun by then are left out, and their units decoded only.
        most_wait_s: Work that waits for longer is given up, and the stream falls back to sync units.
        shed_s: How long a stream stays at each step before it is given more again.
        gated: Whether the detector is spared where nothing moves and nothing is tracked.
    """

    fps: float = 5.0
    hold_s: float = 5.0
    catch_up_s: float = 2.0
    most_in_flight: int = 90
    slow_wait_s: float = 0.4
    most_wait_s: float = 1.0
    shed_s: float = 5.0
    gated: bool = True


class Plan(Struct, frozen=True):
    """Units for the worker; ``params`` when they begin a GOP, ``drain`` when they end what is decoded of it."""

    units: tuple[UnitIn, ...]
    params: VideoParams | None
    drain: bool


class _Gop(Struct):
    """Units since a sync unit, and how each is looked at.

    Attributes:
        opened: How many of them the worker's present decoder was given; 0: it has none for this GOP.
        was_shed: Units of it were given up: the stream goes on at the next sync unit, without catching up.
    """

    params: VideoParams
    units: list[AccessUnit]
    marks: list[Analyse]
    size_bytes: int
    opened: int = 0
    was_retried: bool = False
    was_shed: bool = False


class StreamFeed:
    """Plans for one stream.

    Attributes:
        demand: How much is wanted; set it at any time.
        settings: How the stream is sampled.
        shed_units: Units that were not decoded although they were wanted.
        thinned_looks: Looks that were planned and left out because they waited for too long.
        poisoned_units: Units that were kept from the worker because they killed it before.
        wanted_units, wanted_looks: What would have been done so far if nothing were given up.
    """

    def __init__(self, settings: FeedSettings, is_poisoned: Callable[[bytes], bool]) -> None:
        self.settings = settings
        self._is_poisoned = is_poisoned
        self._gop: _Gop | None = None
        self._before: _Gop | None = None
        self._in_flight = 0
        self._full_until_ns = 0
        self._active_until_ns = 0
        self._looked_ns = 0
        self._sync_looked_ns = self._paced_ns = -NS_PER_S * 3600
        self._answered_ns = 0
        self._strain = Strain(settings.slow_wait_s, settings.shed_s)
        self.demand = Demand.MOTION
        self.shed_units = 0
        self.thinned_looks = 0
        self.poisoned_units = 0
        self.wanted_units = self.wanted_looks = 0

    @property
    def is_open(self) -> bool:
        """Whether the worker has a decoder for the present GOP, and is given what follows of it."""
        return self._gop is not None and self._gop.opened > 0

    @property
    def level(self) -> Level:
        """What is given up of the stream at present."""
        return self._strain.level

    def take(self, unit: AccessUnit, params: VideoParams, *, is_ready: bool, waited_s: float = 0.0) -> Plan | None:
        """What to send now that ``unit`` has come; None: nothing.

        Args:
            is_ready: Whether there is a worker.
            waited_s: How long the oldest unanswered work of the stream has been waiting.
        """
        gop = self._extend(unit, params)
        if gop is None:
            return None
        wants_all = self._wants_all(unit.captured_ns)
        self._note_wanted(unit, params, wants_all=wants_all)
        if self._in_flight >= self.settings.most_in_flight:
            self._strain.overrun(unit.captured_ns)
        level = self._strain.waited(unit.captured_ns, waited_s)
        self._mark(gop, unit, wants_all=wants_all)
        if not is_ready:
            gop.opened = 0
            return None
        gop.was_shed = gop.was_shed or (wants_all and self._in_flight >= self.settings.most_in_flight)
        if wants_all and level < Level.SYNC and not gop.was_shed:
            return self._open(gop)
        return self._sync_only(gop, unit, wants_all=wants_all)

    def _open(self, gop: _Gop) -> Plan | None:
        """Everything that the worker lacks of the GOP. A JPEG stands for itself: only what is looked at is decoded."""
        if gop.params.codec is Codec.MJPEG and gop.marks[-1] == "no":
            return None
        return self._plan(gop, len(gop.units), drain=False)

    def _sync_only(self, gop: _Gop, unit: AccessUnit, *, wants_all: bool) -> Plan | None:
        gop.opened = 0
        gop.was_shed = gop.was_shed or wants_all
        is_due = unit.is_sync and gop.marks[-1] != "no"
        if not is_due or self._in_flight >= self.settings.most_in_flight:
            self.shed_units += wants_all or is_due
            return None
        plan = self._plan(gop, 1, drain=True)
        gop.opened = 0
        return plan

    def shed(self, units: Sequence[UnitIn]) -> None:
        """Planned units waited for too long and were not sent."""
        self._in_flight = max(0, self._in_flight - len(units))
        self.shed_units += len(units)
        gop = self._gop
        if gop is None or not units:
            return
        self._strain.overrun(gop.units[-1].captured_ns)
        if units[-1].ref >= gop.units[0].ref:
            gop.opened = 0
            gop.was_shed = True

    def answered(self, units: int, results: Iterable[FrameResult]) -> None:
        """The worker finished a plan of that many units."""
        self._in_flight = max(0, self._in_flight - units)
        hold_ns = int(self.settings.hold_s * NS_PER_S)
        for result in results:
            self._answered_ns = max(self._answered_ns, result.captured_ns)
            if any(found.track is not None for found in result.detections):
                self._active_until_ns = max(self._active_until_ns, result.captured_ns + hold_ns)
            if result.motion >= OPEN_SHARE:
                self._full_until_ns = max(self._full_until_ns, result.captured_ns + hold_ns)

    def retry(self) -> Plan | None:
        """The worker died: what to send to the next one so that nothing is missed. Once for each GOP.

        A GOP that was tried twice is given up: the stream goes on at its next sync unit.
        """
        lost, self._in_flight = self._in_flight, 0
        gop = self._gop
        if gop is None or lost == 0:
            if gop is not None:
                gop.opened = 0
            return None
        if gop.was_retried:
            self._gop = None
            return None
        gop.was_retried = True
        is_full = gop.opened > 0
        count = gop.opened or 1
        gop.opened = 0
        plan = self._plan(gop, count, drain=not is_full)
        gop.opened = count if is_full else 0
        return plan

    def reset(self) -> None:
        """The run ended. Its last GOP stays for pictures."""
        self._before, self._gop = self._gop or self._before, None
        self._full_until_ns = self._active_until_ns = 0

    def units_until(self, ref: UnitRef) -> tuple[tuple[AccessUnit, ...], VideoParams] | None:
        """The units from the sync unit to ``ref``, if they are still held (the present GOP and the one before)."""
        for gop in (self._gop, self._before):
            if gop is None:
                continue
            for count, unit in enumerate(gop.units, 1):
                if unit.ref == ref:
                    return tuple(gop.units[:count]), gop.params
        return None

    def _extend(self, unit: AccessUnit, params: VideoParams) -> _Gop | None:
        """Add the unit to its GOP; None when it cannot be decoded because something before it is missing."""
        if self._is_poisoned(unit.data):
            self.poisoned_units += 1
            self._gop = None
            return None
        if unit.is_sync:
            self._before = self._gop
            self._gop = _Gop(params, [unit], ["no"], len(unit.data))
            return self._gop
        gop = self._gop
        if gop is None:
            return None
        last = gop.units[-1].ref
        is_next = (unit.ref.run, unit.ref.seq) == (last.run, last.seq + 1)
        if not is_next or gop.size_bytes + len(unit.data) > MOST_GOP_BYTES:
            self._gop = None
            return None
        gop.units.append(unit)
        gop.marks.append("no")
        gop.size_bytes += len(unit.data)
        return gop

    def _wants_all(self, captured_ns: int) -> bool:
        match self.demand:
            case Demand.FULL:
                return True
            case Demand.MOTION:
                return captured_ns < max(self._full_until_ns, self._active_until_ns)
            case Demand.SYNC:
                return False

    def _note_wanted(self, unit: AccessUnit, params: VideoParams, *, wants_all: bool) -> None:
        """Count what a worker without other work would be given; early by a tenth as in `_mark`."""
        interval_ns = int(0.9 * NS_PER_S / self.settings.fps)
        is_due = (wants_all or unit.is_sync) and unit.captured_ns - self._paced_ns >= interval_ns
        if is_due:
            self._paced_ns = unit.captured_ns
            self.wanted_looks += 1
        self.wanted_units += is_due or (wants_all and params.codec is not Codec.MJPEG)

    def _mark(self, gop: _Gop, unit: AccessUnit, *, wants_all: bool) -> None:
        """Decide how the newest unit is looked at: every 1/fps, and each sync unit unless these follow one another
        closer than that. Early by a tenth for jitter."""
        interval_ns = int(0.9 * NS_PER_S / self.settings.fps)
        if gop.opened == 0 and wants_all and len(gop.units) > 1:
            self._mark_back(gop, unit.captured_ns, interval_ns)
        if unit.is_sync:
            interval_ns = max(interval_ns, MOST_STRAINED_NS) if self.level is Level.SYNC else interval_ns
            if unit.captured_ns - self._sync_looked_ns < interval_ns:
                return
            self._sync_looked_ns = unit.captured_ns
        elif unit.captured_ns - self._looked_ns < interval_ns << self.level:
            return
        is_active = unit.is_sync or not self.settings.gated or unit.captured_ns < self._active_until_ns
        gop.marks[-1] = "always" if is_active else "motion"
        self._looked_ns = unit.captured_ns

    def _mark_back(self, gop: _Gop, now_ns: int, interval_ns: int) -> None:
        """Full decoding begins within a GOP: look at what was just missed, and not again at what was seen."""
        since_ns = max(now_ns - int(self.settings.catch_up_s * NS_PER_S), self._answered_ns + 1)
        looked_ns = max(self._answered_ns, gop.units[0].captured_ns)
        for row, unit in enumerate(gop.units[:-1]):
            is_due = unit.captured_ns >= since_ns and unit.captured_ns - looked_ns >= interval_ns
            gop.marks[row] = "motion" if is_due else "no"
            if is_due:
                looked_ns = unit.captured_ns
        self._looked_ns = looked_ns

    def _plan(self, gop: _Gop, count: int, *, drain: bool) -> Plan:
        """Units that the worker lacks up to ``count``, from the sync unit on when it has no decoder for this GOP."""
        first = gop.opened
        units = tuple(
            _unit_in(unit, mark) for unit, mark in zip(gop.units[first:count], gop.marks[first:count], strict=True)
        )
        gop.opened = count
        self._in_flight += len(units)
        return Plan(units, gop.params if first == 0 else None, drain)


def _unit_in(unit: AccessUnit, analyse: Analyse) -> UnitIn:
    return UnitIn(unit.ref, unit.pts, unit.captured_ns, unit.is_sync, unit.data, analyse)
