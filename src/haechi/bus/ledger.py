"""What became of every unit, by stream and minute of captured time; pure, and used by the event loop alone.

Two sums hold for footage that is recorded, once nothing is on its way any more:
``expected = received + missing before receipt`` and ``received = stored + missing after it``.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from math import ceil

from msgspec import Struct

from haechi.base.ids import StreamId

MINUTE_NS = 60 * 1_000_000_000
MINUTES_MOST = 100_000
"""Minutes that wait to be kept: half a day of 100 cameras without a database. Beyond, the oldest are forgotten."""
FULL = 255


class GapCause(StrEnum):
    """Why there are no units. The value is stored, and shown to people."""

    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    PEER_ERROR = "peer-error"
    STALLED = "stalled"
    CAMERA_CLOSED = "camera-closed"
    PACKET_LOSS = "packet-loss"
    DISABLED = "disabled"
    NOT_RUNNING = "not-running"
    CRASHED = "crashed"
    DISK_FULL = "disk-full"
    DISK_ERROR = "disk-error"
    OVERLOAD = "overload"
    RETENTION = "retention"


AFTER_RECEIPT = frozenset(
    {
        GapCause.DISABLED,
        GapCause.PEER_ERROR,
        GapCause.NOT_RUNNING,
        GapCause.CRASHED,
        GapCause.DISK_FULL,
        GapCause.DISK_ERROR,
        GapCause.OVERLOAD,
        GapCause.RETENTION,
    }
)
"""Causes for which a unit came and was not stored; for the others it never came."""


class Entry:
    """Counts of units, of one stream in one minute or since the start.

    Attributes:
        missing: By cause; its value, where it is a `GapCause`.
        motion: Largest share of a picture that moved, 0 to 255.
        score: Best score of a detection, 0 to 255.
        filled: Units that came late, and are stored; `settle` counts them where they belong.
    """

    __slots__ = ("decoded", "filled", "missing", "motion", "received", "score", "stored")

    def __init__(self) -> None:
        self.received = 0
        self.stored = 0
        self.decoded = 0
        self.missing: dict[str, int] = {}
        self.motion = 0
        self.score = 0
        self.filled = 0

    def add(self, other: "Entry | Minute") -> None:
        """Take the counts of ``other`` into this one."""
        self.received += other.received
        self.stored += other.stored
        self.decoded += other.decoded
        for cause, count in other.missing.items():
            self.missing[cause] = self.missing.get(cause, 0) + count
        self.motion = max(self.motion, other.motion)
        self.score = max(self.score, other.score)
        if isinstance(other, Entry):
            self.filled += other.filled

    def settle(self) -> None:
        """Units that came late are missing no more: first those that had come before and were not stored."""
        for cause in sorted(self.missing, key=lambda one: one not in AFTER_RECEIPT):
            count = min(self.filled, self.missing[cause])
            self.missing[cause] -= count
            self._fill(count, is_new=cause not in AFTER_RECEIPT)
        self._fill(self.filled, is_new=True)
        self.missing = {cause: count for cause, count in self.missing.items() if count}

    def _fill(self, count: int, *, is_new: bool) -> None:
        self.filled -= count
        self.stored += count
        self.received += count * is_new

    @property
    def expected(self) -> int:
        """Units that the camera should have sent."""
        return self.received + sum(n for cause, n in self.missing.items() if cause not in AFTER_RECEIPT)


class Minute(Struct, frozen=True):
    """The account of one minute of captured time; see `Entry` for the counts."""

    start_ns: int
    expected: int
    received: int
    stored: int
    decoded: int
    missing: dict[str, int]
    motion: int
    score: int


Slot = tuple[StreamId, int]
"""A stream, and minutes since the epoch."""


class Ledger:
    """All accounts of this process. What was taken out to be kept is counted on in `totals` only."""

    def __init__(self) -> None:
        self._minutes: dict[Slot, Entry] = {}
        self._totals: dict[StreamId, Entry] = {}

    def received(self, stream: StreamId, captured_ns: int, n: int = 1) -> None:
        """Units were published."""
        self._entry(stream, captured_ns).received += n

    def missing(self, stream: StreamId, captured_ns: int, n: int, cause: GapCause | str) -> None:
        """Units never came, or came and were not stored: ``cause`` tells which."""
        missing = self._entry(stream, captured_ns).missing
        key = str(cause)
        missing[key] = missing.get(key, 0) + n

    def stored(self, stream: StreamId, captured_ns: int, n: int = 1) -> None:
        """Units are durable and listed."""
        self._entry(stream, captured_ns).stored += n

    def filled(self, stream: StreamId, captured_ns: int, n: int = 1) -> None:
        """Units came late, out of the camera's memory, and are durable and listed."""
        self._entry(stream, captured_ns).filled += n

    def decoded(self, stream: StreamId, captured_ns: int, n: int = 1) -> None:
        """Units were decoded to be looked at."""
        self._entry(stream, captured_ns).decoded += n

    def moved(self, stream: StreamId, captured_ns: int, share: float) -> None:
        """So much of a picture moved, 0 to 1."""
        entry = self._entry(stream, captured_ns)
        entry.motion = max(entry.motion, _level(share))

    def scored(self, stream: StreamId, captured_ns: int, score: float) -> None:
        """Something was found with this score, 0 to 1."""
        entry = self._entry(stream, captured_ns)
        entry.score = max(entry.score, _level(score))

    def take(self) -> dict[Slot, Entry]:
        """Everything since the last time, to be kept; the minutes begin at zero again."""
        taken, self._minutes = self._minutes, {}
        for (stream, _), entry in taken.items():
            self._total(stream).add(entry)
        return taken

    def give_back(self, taken: Mapping[Slot, Entry]) -> None:
        """What was taken could not be kept: it is due with the next."""
        for (stream, minute), entry in taken.items():
            total = self._total(stream)
            total.received -= entry.received
            total.stored -= entry.stored
            total.decoded -= entry.decoded
            total.filled -= entry.filled
            for cause, count in entry.missing.items():
                total.missing[cause] -= count
            self._slot((stream, minute)).add(entry)

    def totals(self, stream: StreamId) -> Entry:
        """Counts of a stream since this process started."""
        found = Entry()
        found.add(self._totals.get(stream, found))
        for (other, _), entry in self._minutes.items():
            if other == stream:
                found.add(entry)
        return found

    def all_totals(self) -> dict[StreamId, Entry]:
        """Counts of every stream since this process started."""
        found: dict[StreamId, Entry] = {}
        pairs: Iterable[tuple[StreamId, Entry]] = (
            *self._totals.items(),
            *((stream, entry) for (stream, _), entry in self._minutes.items()),
        )
        for stream, entry in pairs:
            found.setdefault(stream, Entry()).add(entry)
        return found

    def _entry(self, stream: StreamId, captured_ns: int) -> Entry:
        slot = (stream, captured_ns // MINUTE_NS)
        entry = self._minutes.get(slot)
        return entry if entry is not None else self._slot(slot)

    def _slot(self, slot: Slot) -> Entry:
        entry = self._minutes.get(slot)
        if entry is None:
            if len(self._minutes) >= MINUTES_MOST:
                oldest = next(iter(self._minutes))
                self._total(oldest[0]).add(self._minutes.pop(oldest))
            entry = self._minutes[slot] = Entry()
        return entry

    def _total(self, stream: StreamId) -> Entry:
        return self._totals.setdefault(stream, Entry())


class NoLedger(Ledger):
    """For streams that nobody accounts for."""

    def _entry(self, stream: StreamId, captured_ns: int) -> Entry:
        return Entry()


def _level(share: float) -> int:
    """0 to 255; what is above 0 at all stays above 0."""
    return min(max(ceil(share * FULL), 0), FULL)
