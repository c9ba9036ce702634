"""Units of one camera's past on their way into files: numbered as our units are, and cut as the recorder cuts. Pure."""

from collections.abc import Sequence

from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, CodecParams, UnitRef
from haechi.media.reverse.edge import EdgeId, EdgeRun, EdgeUnit
from haechi.record.index.spans import Recording
from haechi.record.write.notes import Note
from haechi.record.write.segmenter import Limits, Piece, Segmenter


class Track:
    """One edge run of a stream. Its units are a run of ours, in which they keep the camera's numbers.

    Args:
        run: A number that no run of the stream ever had.

    Attributes:
        known: The recording that is in the file which the next unit may go on in.
    """

    def __init__(self, stream: StreamId, edge_run: EdgeRun, run: int, limits: Limits) -> None:
        self.stream = stream
        self.edge_run = edge_run
        self._run = run
        self._limits = limits
        self._params: list[CodecParams] = []
        self.known: Recording | None = None
        self._segmenter = self._fresh()

    def pieces(self, placed: Sequence[tuple[EdgeUnit, int]]) -> list[Piece]:
        """What is to be written, given each unit's time by our clock, in order."""
        found: list[Piece] = []
        for unit, captured_ns in placed:
            found += self._segmenter.feed(self._numbered(unit, captured_ns), unit.params)
        found += self._segmenter.pause()
        return found

    def end_file(self) -> None:
        """The next unit begins a new file."""
        self.known = None
        self._segmenter = self._fresh()

    def _fresh(self) -> Segmenter:
        segmenter = Segmenter(self.stream, self._limits)
        segmenter.note = Note(self._run, 0, EdgeId(self.edge_run, 0))
        return segmenter

    def _numbered(self, unit: EdgeUnit, captured_ns: int) -> AccessUnit:
        if unit.params not in self._params:
            self._params.append(unit.params)
        return AccessUnit(
            ref=UnitRef(self.stream, self._run, unit.edge.seq),
            pts=unit.pts,
            dts=unit.dts,
            captured_ns=captured_ns,
            is_sync=unit.is_sync,
            params=self._params.index(unit.params),
            data=unit.data,
        )
