"""What is known to be held of cameras' memories, so that the index need not be asked each time. Pure."""

from collections import OrderedDict
from collections.abc import Iterable

from haechi.base.ids import StreamId
from haechi.media.reverse.edge import EdgeRun
from haechi.record.index.ranges import Range, joined

RUNS_MOST = 4096
"""Edge runs of all streams; the one that was asked for the longest ago is forgotten, and read again when needed."""
Key = tuple[StreamId, EdgeRun]


class Held:
    """Ranges by stream and edge run. One that nobody asked for yet is not kept."""

    def __init__(self, most: int = RUNS_MOST) -> None:
        self._most = most
        self._ranges: OrderedDict[Key, list[Range]] = OrderedDict()
        self._is_read: set[Key] = set()

    def begin(self, key: Key) -> None:
        """From now on, what is `add`-ed is kept; what was there before is on its way."""
        self._ranges.setdefault(key, [])
        while len(self._ranges) > self._most:
            oldest, _ = self._ranges.popitem(last=False)
            self._is_read.discard(oldest)

    def read(self, key: Key, ranges: Iterable[Range]) -> None:
        """What the index says."""
        if key in self._ranges:
            self._is_read.add(key)
        self.add(key, ranges)

    def add(self, key: Key, ranges: Iterable[Range]) -> None:
        """Numbers became held. Usually they follow on the last."""
        known = self._ranges.get(key)
        if known is None:
            return
        for first, end in ranges:
            if known and known[-1][0] <= first <= known[-1][1]:
                known[-1] = (known[-1][0], max(known[-1][1], end))
            else:
                known[:] = joined(sorted([*known, (first, end)]))

    def get(self, key: Key) -> list[Range] | None:
        """All of a run, in order, apart; None: the index has to be asked."""
        if key not in self._is_read:
            return None
        self._ranges.move_to_end(key)
        return list(self._ranges[key])

    def forget(self) -> None:
        """The index has to be asked again for all."""
        self._ranges.clear()
        self._is_read.clear()
