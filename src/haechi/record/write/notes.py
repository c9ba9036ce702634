"""What ingest says of live units that a camera numbers itself: which of its numbers go with which of ours."""

from collections import deque

from msgspec import Struct

from haechi.base.ids import StreamId
from haechi.media.reverse.edge import EdgeId, EdgeRun

NOTES_MOST = 1024
"""Of one stream that wait for their units: where more come, nothing is recorded, and the oldest are of no use."""


class Note(Struct, frozen=True, order=True):
    """From unit ``seq`` of our ``run`` on, our numbers and the camera's run in parallel, from ``edge`` on."""

    run: int
    seq: int
    edge: EdgeId

    def edge_of(self, run: int, seq: int) -> EdgeId | None:
        """What the camera calls a unit of ours; None: the note does not speak of it."""
        if run != self.run or seq < self.seq:
            return None
        return EdgeId(EdgeRun(self.edge.run), self.edge.seq + seq - self.seq)


class EdgeNotes:
    """The notes of all streams, each until the recorder comes to the unit that it speaks of."""

    def __init__(self) -> None:
        self._notes: dict[StreamId, deque[Note]] = {}

    def of(self, stream: StreamId) -> deque[Note]:
        """The notes of a stream that wait, in order; whoever comes to one takes it away. Always the same object."""
        return self._notes.setdefault(stream, deque(maxlen=NOTES_MOST))

    def add(self, stream: StreamId, note: Note) -> None:
        """Take a note."""
        self.of(stream).append(note)
