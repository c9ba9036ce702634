"""What a victim said on its pipe before it was struck down: what it promised, and what it had been given. Pure."""

from collections.abc import Iterable

from haechi.base.ids import StreamId
from tests.faults.script import EPOCH_NS

Key = tuple[StreamId, int, int]
"""Stream, run, number: one unit."""


class Ledger:
    """The words of all lives of a folder, by the order in which they were said.

    Attributes:
        acknowledged: Units that must be there.
        published: Newest unit given to the recorder, of each stream and run.
        pinned: Ranges that must never be deleted: stream, first and last moment.
        wall_ns: How late it was, at the latest.
        stopped: Whether the newest life ended as planned.
        notes: What else it said.
        after_failure: Units that were given after the life had seen its disk fail, and acknowledged.
        viewed, missed: Units that live viewers of the life got, and that they did not get.
    """

    def __init__(self) -> None:
        self.acknowledged: set[Key] = set()
        self.published: dict[tuple[StreamId, int], int] = {}
        self.pinned: list[tuple[StreamId, int, int]] = []
        self.wall_ns = EPOCH_NS
        self.stopped = False
        self.ready = False
        self.notes: list[str] = []
        self.after_failure = self.viewed = self.missed = 0
        self._failed = False
        self._given: dict[tuple[StreamId, int], int] = {}

    def begin(self) -> None:
        """A new life begins."""
        self.stopped = self.ready = self._failed = False
        self.notes = []
        self.after_failure = self.viewed = self.missed = 0

    def hear(self, said: bytes) -> None:
        """Take what a life said; a last line that is not whole was not said."""
        for line in said.decode().split("\n")[:-1]:
            self._line(line.split(" "))

    def _line(self, words: list[str]) -> None:
        match words:
            case ["a", stream, run, first, last]:
                known = self._given.get((StreamId(stream), int(run)), -1)
                self.after_failure += self._failed * max(0, int(last) - max(known, int(first) - 1))
                for seq in range(int(first), int(last) + 1):
                    self.acknowledged.add((StreamId(stream), int(run), seq))
            case ["p", stream, run, seq, wall_ns]:
                self.published[StreamId(stream), int(run)] = int(seq)
                self.wall_ns = max(self.wall_ns, int(wall_ns))
            case ["pin", stream, start_ns, end_ns]:
                self.pinned.append((StreamId(stream), int(start_ns), int(end_ns)))
            case ["ready"]:
                self.ready = True
            case ["stopped"]:
                self.stopped = True
            case ["failed"]:
                self._failed, self._given = True, dict(self.published)
            case ["viewed", got, missed]:
                self.viewed, self.missed = int(got), int(missed)
            case ["note", *rest]:
                self.notes.append(" ".join(rest))
            case _:
                self.notes.append(" ".join(words))

    def in_flight(self, present: Iterable[Key], runs: range) -> dict[StreamId, int]:
        """Units of the runs of one life that the recorder was given and that are not there, by stream."""
        newest: dict[tuple[StreamId, int], int] = {}
        for stream, run, seq in present:
            newest[stream, run] = max(newest.get((stream, run), -1), seq)
        lost: dict[StreamId, int] = {}
        for (stream, run), seq in self.published.items():
            if run in runs:
                missing = seq - newest.get((stream, run), -1)
                lost[stream] = lost.get(stream, 0) + missing
        return lost
