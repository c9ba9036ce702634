"""Which recordings go together into one object. Pure."""

from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.record.index.spans import Recording

MINUTE_NS = 60 * NS_PER_S
_UNITS_NS = {"s": NS_PER_S, "m": MINUTE_NS, "h": 60 * MINUTE_NS, "d": 1440 * MINUTE_NS}


class Packing(Struct, frozen=True):
    """How large objects get.

    Attributes:
        target_bytes: An object that is this large is not added to.
        gather_ns: How long recordings wait for others after their time has come.
        least_ns: An object holds at least so much time,
        lonely_ns: unless nothing more came for so long.
        most: Recordings in one object.
    """

    target_bytes: int = 64 * 1024 * 1024
    gather_ns: int = 10 * MINUTE_NS
    least_ns: int = MINUTE_NS
    lonely_ns: int = 60 * MINUTE_NS
    most: int = 200


SINGLY = Packing(target_bytes=1, gather_ns=0, least_ns=0, lonely_ns=0, most=1)
"""For tiers in folders: every recording stays a file of its own."""


SLOWEST_S = 60.0
"""Objects get smaller where the line is slow, so that what a failure costs is about a minute's work."""
LEAST_BYTES = 8 * 1024 * 1024


def sized(packing: Packing, bytes_per_s: float) -> Packing:
    """Objects for a line of this speed; 0: it is not known yet."""
    if not bytes_per_s:
        return packing
    fits = max(LEAST_BYTES, int(bytes_per_s * SLOWEST_S))
    return structs.replace(packing, target_bytes=min(packing.target_bytes, fits))


def duration_ns(text: str) -> int:
    """A time such as ``30m``, ``12h`` or ``7d``, in ns.

    Raises:
        Invalid: ``bad-duration``.
    """
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS_NS or not number.isascii() or not number.isdigit() or len(number) > 6:
        raise Invalid("a time is a whole number and s, m, h or d, for example 12h", code="bad-duration", text=text[:20])
    return int(number) * _UNITS_NS[unit]


def groups(found: Iterable[Recording], packing: Packing, due_ns: int, *, is_tight: bool) -> Iterator[list[Recording]]:
    """Recordings of one stream each, in order of time, that are to become one object now.

    Args:
        found: Candidates, of any streams, each stream's in order of time.
        due_ns: What ended before this is due; how long before tells how long it has waited.
        is_tight: Space is short: nothing waits.
    """
    by_stream: dict[tuple[str, str], list[Recording]] = {}
    for recording in found:
        by_stream.setdefault((recording.stream, recording.volume), []).append(recording)
    cut = (group for waiting in by_stream.values() for group in _cut(waiting, packing))
    ready = [group for group in cut if is_tight or _is_ready(group, packing, due_ns)]
    yield from sorted(ready, key=lambda group: group[0].start_ns)


def _cut(waiting: list[Recording], packing: Packing) -> Iterator[list[Recording]]:
    group: list[Recording] = []
    size = 0
    for recording in waiting:
        if group and (size + recording.size_bytes > packing.target_bytes or len(group) >= packing.most):
            yield group
            group, size = [], 0
        group.append(recording)
        size += recording.size_bytes
    if group:
        yield group


def _is_ready(group: list[Recording], packing: Packing, due_ns: int) -> bool:
    waited_ns = due_ns - group[0].end_ns
    length_ns = sum(one.end_ns - one.start_ns for one in group)
    is_large = sum(one.size_bytes for one in group) >= packing.target_bytes * 3 // 4 or len(group) >= packing.most
    if waited_ns >= packing.lonely_ns:
        return True
    return length_ns >= packing.least_ns and (is_large or waited_ns >= packing.gather_ns)
