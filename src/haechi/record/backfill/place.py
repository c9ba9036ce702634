"""When units out of a camera's memory were taken, by our clock: where in a gap they go. Pure.

The camera's numbers are the truth about order, its clock is an estimate about time. So a unit goes where its
neighbours by number say, at the time that the clock says as far as there is room; where the two contradict, all of them
are moved, and only where they are more than fits, they are pressed together. No wrong clock makes us leave one out.
"""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.media.access_unit import TICKS_PER_S

NEAR_NS = NS_PER_S
"""Estimates that are so little off are moved as little as may be; where they are off further, the numbers tell."""
SLACK_NS = 2 * NS_PER_S
"""Where only the clock says where a unit belongs: so far outside of a gap it may be and still be taken to be of it."""


class Room(Struct, frozen=True):
    """A stretch without footage.

    Attributes:
        is_free: Footage may still come there. False: it was not to be recorded, or was deleted on purpose.
    """

    start_ns: int
    end_ns: int
    is_free: bool = True


class Between(Struct, frozen=True):
    """What units lie between: the end of what precedes them by number, the start of what follows; None: unknown.

    Attributes:
        missing_before, missing_after: How many units may still come between these and them.
        last_ns: When the last unit was taken that precedes them, where none is missing between.
    """

    start_ns: int | None = None
    end_ns: int | None = None
    missing_before: int = 0
    missing_after: int = 0
    last_ns: int | None = None

    @property
    def is_anchored(self) -> bool:
        """Whether their numbers say anything about where they belong."""
        return self.start_ns is not None or self.end_ns is not None


def estimates(clock: Sequence[tuple[int, int]], offset_ns: int) -> list[int]:
    """When units were taken, by our clock: spaced as they were decoded, placed by the clock.

    A clock that leaps among them moves none against the others: the middle of what all of them say counts.

    Args:
        clock: The camera's wall time (ns) and ``dts`` (90 kHz) of each.
        offset_ns: Our wall clock minus the camera's.
    """
    media = [dts * NS_PER_S // TICKS_PER_S for _, dts in clock]
    said = sorted(wall_ns - at for (wall_ns, _), at in zip(clock, media, strict=True))
    base_ns = said[len(said) // 2] + offset_ns
    return [base_ns + at for at in media]


def fit(times: Sequence[int], start_ns: int, end_ns: int) -> list[int] | None:
    """Times that strictly increase from ``start_ns`` on and before ``end_ns``, as near to ``times`` as can be: as they
    are, else moved together, else pressed together. None: there are more than nanoseconds."""
    room, count = end_ns - start_ns, len(times)
    if room < count:
        return None
    placed = _increasing(times)
    length = placed[-1] - placed[0]
    if length >= room:
        first = placed[0]
        placed = [start_ns + (at - first) * (room - 1) // length for at in placed]
    else:
        move = max(start_ns - placed[0], 0) + min(end_ns - 1 - placed[-1], 0)
        placed = [at + move for at in placed]
    placed = [max(at, start_ns + number) for number, at in enumerate(_increasing(placed))]
    return [min(at, end_ns - count + number) for number, at in enumerate(placed)]


def place(times: Sequence[int], between: Between, rooms: Sequence[Room]) -> list[int | None]:
    """Where each unit goes. None: it is not to be recorded: it was taken when nothing was, or, where only the clock
    tells where it belongs, while something else was.

    Args:
        times: `estimates`, in the order of their numbers.
        rooms: Where there is no footage within ``between``, in order, apart.
    """
    moved = _within(_following(times, between.last_ns), between)
    free = [number for number, room in enumerate(rooms) if room.is_free]
    chosen = [_room_of(at, rooms, free, is_anchored=between.is_anchored) for at in moved]
    found: list[int | None] = [None] * len(times)
    for number in free:
        mine = [index for index, room in enumerate(chosen) if room == number]
        fitted = _in_room([moved[index] for index in mine], rooms[number], between) if mine else None
        for index, at in zip(mine, fitted or (), strict=fitted is not None):
            found[index] = at
    return found


def _increasing(times: Sequence[int]) -> list[int]:
    found: list[int] = []
    for at in times:
        found.append(at if not found or at > found[-1] else found[-1] + 1)
    return found


def _following(times: Sequence[int], last_ns: int | None) -> Sequence[int]:
    """Where they go on without a hole, and the clock is off by little, they go on at their own pace: a picture that is
    decoded with those before it is shown in time with them."""
    if last_ns is None or len(times) < 2:
        return times
    steps = sorted(after - before for before, after in pairwise(times))
    move = last_ns + steps[len(steps) // 2] - times[0]
    return [at + move for at in times] if abs(move) <= NEAR_NS else times


def _within(times: Sequence[int], between: Between) -> list[int]:
    """All of them moved, so that they lie between their neighbours."""
    start_ns, end_ns = between.start_ns, between.end_ns
    placed = _increasing(times)
    if start_ns is not None and end_ns is not None:
        return _by_number(placed, between, start_ns, end_ns)
    move = 0
    if start_ns is not None:
        move = max(start_ns - placed[0], 0)
    elif end_ns is not None:
        move = min(end_ns - 1 - placed[-1], 0)
    return [at + move for at in placed]


def _by_number(times: Sequence[int], between: Between, start_ns: int, end_ns: int) -> list[int]:
    """Between two neighbours. Units that are still to come find room there, too."""
    step_ns = (end_ns - start_ns) // (between.missing_before + len(times) + between.missing_after + 1)
    low_ns = start_ns + between.missing_before * step_ns // 2
    high_ns = end_ns - between.missing_after * step_ns // 2
    is_near = low_ns - NEAR_NS <= times[0] and times[-1] < high_ns + NEAR_NS
    move = 0 if is_near else start_ns + (between.missing_before + 1) * step_ns - times[0]
    return fit([at + move for at in times], low_ns, high_ns) or list(times)


def _in_room(times: Sequence[int], room: Room, between: Between) -> list[int] | None:
    """Within a room. Where more of them may follow, what does not fit as it is begins where the room does."""
    is_last_known = between.end_ns is not None or not between.is_anchored
    move = 0 if is_last_known or times[-1] < room.end_ns else room.start_ns - times[0]
    return fit([at + move for at in times], room.start_ns, room.end_ns)


def _room_of(at_ns: int, rooms: Sequence[Room], free: Sequence[int], *, is_anchored: bool) -> int | None:
    """The number of the room that a unit goes to: its own, else the nearest, where it is known to belong near it."""
    if any(room.start_ns <= at_ns < room.end_ns and not room.is_free for room in rooms):
        return None
    nearest = min(free, key=lambda number: _distance(at_ns, rooms[number]), default=None)
    if nearest is None or (not is_anchored and _distance(at_ns, rooms[nearest]) > SLACK_NS):
        return None
    return nearest


def _distance(at_ns: int, room: Room) -> int:
    return max(room.start_ns - at_ns, at_ns - room.end_ns + 1, 0)
