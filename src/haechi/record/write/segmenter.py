"""Where fragments and files begin and end. Pure: units in, fragments out; see docs/design/recording.md."""

from collections.abc import Iterator

from msgspec import Struct

from haechi.base.ids import StreamId
from haechi.bus.frames import GapCause
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, CodecParams
from haechi.media.reverse.edge import EdgeId
from haechi.record.index.layouts import STALL_NS
from haechi.record.write.notes import Note

LONGEST_STEP_TICKS = 60 * TICKS_PER_S


class Limits(Struct, frozen=True):
    """How large fragments and files get.

    Attributes:
        fragment_ticks: A sync unit begins a new fragment when the present one is about this long.
        fragment_most_ticks: No unit this far from the first joins a fragment, sync or not.
        file_ticks, file_bytes: A sync unit begins a new file beyond this.
        file_most_ticks, file_most_bytes: Any fragment begins a new file beyond this (streams without sync units).
    """

    fragment_ticks: int = 2 * TICKS_PER_S
    fragment_most_ticks: int = 4 * TICKS_PER_S
    fragment_most_bytes: int = 8 * 1024 * 1024
    fragment_most_units: int = 4096
    file_ticks: int = 60 * TICKS_PER_S
    file_bytes: int = 256 * 1024 * 1024
    file_most_ticks: int = 300 * TICKS_PER_S
    file_most_bytes: int = 1024 * 1024 * 1024


class Piece(Struct, frozen=True):
    """The units of one fragment, ready to be written.

    Attributes:
        opens_file: A new file begins here.
        end_dts: Decode time of the unit after, where it followed without a break.
        end_ns: Exclusive end of what this piece shows: capture time of the unit after, or just after the last.
        hole: Why nothing precedes this piece directly, when that is known from the units themselves.
        edge: What the camera's memory calls the first unit, where it numbers them.
    """

    stream: StreamId
    params: CodecParams
    units: tuple[AccessUnit, ...]
    opens_file: bool
    end_dts: int | None
    end_ns: int
    hole: GapCause | None
    edge: EdgeId | None = None

    @property
    def start_ns(self) -> int:
        return self.units[0].captured_ns

    @property
    def payload_bytes(self) -> int:
        return sum(len(unit.data) for unit in self.units)


class Segmenter:
    """Gathers the units of one stream into pieces. A piece is given out when the unit after it is known.

    Attributes:
        note: Which numbers the camera gives to units that are fed from now on.
    """

    def __init__(self, stream: StreamId, limits: Limits | None = None) -> None:
        self._stream = stream
        self._limits = limits or Limits()
        self._units: list[AccessUnit] = []
        self._bytes = 0
        self._params: CodecParams | None = None
        self._opens_file = True
        self._hole: GapCause | None = None
        self._file_bytes = 0
        self._file_dts = 0
        self._paused: AccessUnit | None = None
        self.note: Note | None = None

    @property
    def waiting_bytes(self) -> int:
        """Payload that is held back until its fragment is complete."""
        return self._bytes

    def feed(self, unit: AccessUnit, params: CodecParams) -> Iterator[Piece]:
        """Add a unit; yields the piece that it completes, if any. Units come in order of capture."""
        if self._units:
            last = self._units[-1]
            hole = _hole_between(last, unit)
            if hole is not None or _is_break(last, unit):
                follows = hole is None and unit.ref.run == last.ref.run
                yield self._cut(unit if follows else None)
                self._opens_file, self._hole = True, hole
            elif self._is_full(unit):
                yield self._cut(unit)
                self._opens_file = self._file_is_full(unit)
        elif self._paused is not None:
            self._hole = _hole_between(self._paused, unit)
            is_break = self._hole is not None or _is_break(self._paused, unit)
            self._opens_file, self._paused = is_break or self._file_is_full(unit), None
        if not self._units and self._opens_file:
            self._file_bytes, self._file_dts = 0, unit.dts
        self._params = params
        self._units.append(unit)
        self._bytes += len(unit.data)
        self._file_bytes += len(unit.data)

    def flush(self, hole: GapCause | None = None) -> Iterator[Piece]:
        """Yield what waits; the next unit begins a new file. For the end of a run and for a planned stop.

        Args:
            hole: Why units are missing before the next one, where they are.
        """
        if self._units:
            yield self._cut(None)
        self._opens_file, self._hole = True, hole

    def pause(self) -> Iterator[Piece]:
        """Yield what waits; the next unit goes on in the same file, where it may."""
        if self._units:
            last = self._units[-1]
            yield self._cut(None)
            self._opens_file, self._paused = False, last

    def _cut(self, after: AccessUnit | None) -> Piece:
        assert self._params is not None
        first, last = self._units[0].ref, self._units[-1]
        piece = Piece(
            stream=self._stream,
            params=self._params,
            units=tuple(self._units),
            opens_file=self._opens_file,
            end_dts=after.dts if after is not None and 0 <= after.dts - last.dts < LONGEST_STEP_TICKS else None,
            end_ns=after.captured_ns if after is not None else last.captured_ns + 1,
            hole=self._hole,
            edge=None if self.note is None else self.note.edge_of(first.run, first.seq),
        )
        self._units, self._bytes, self._hole = [], 0, None
        return piece

    def _is_full(self, unit: AccessUnit) -> bool:
        limits, first = self._limits, self._units[0]
        length = unit.dts - first.dts
        if unit.is_sync and (not first.is_sync or length * 8 >= limits.fragment_ticks * 7):
            return True
        return (
            length >= limits.fragment_most_ticks
            or self._bytes + len(unit.data) > limits.fragment_most_bytes
            or len(self._units) >= limits.fragment_most_units
        )

    def _file_is_full(self, unit: AccessUnit) -> bool:
        limits, length = self._limits, unit.dts - self._file_dts
        if unit.is_sync and (length >= limits.file_ticks or self._file_bytes >= limits.file_bytes):
            return True
        return length >= limits.file_most_ticks or self._file_bytes >= limits.file_most_bytes


def _hole_between(last: AccessUnit, unit: AccessUnit) -> GapCause | None:
    """Why units are missing between the two, None when none are. A change of run is explained by its end."""
    if unit.ref.run != last.ref.run:
        return None
    if unit.ref.seq != last.ref.seq + 1:
        return GapCause.OVERLOAD
    return GapCause.STALLED if unit.captured_ns - last.captured_ns > STALL_NS else None


def _is_break(last: AccessUnit, unit: AccessUnit) -> bool:
    """Whether ``unit`` cannot stand in the same file as ``last``."""
    step = unit.dts - last.dts
    return unit.ref.run != last.ref.run or unit.params != last.params or not 0 <= step < LONGEST_STEP_TICKS
