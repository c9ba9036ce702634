"""What the machines remember from one result to the next, and what they decide.

All of it is stored with an event, so that its decision can be made again: fields may be added at the end, with
defaults, and are never taken away.
"""

from __future__ import annotations

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.events.event import Box
from haechi.media.access_unit import UnitRef
from haechi.vision.result import Detection

GRACE_S = 2.0
GRACE_FRAMES = 2
"""Away means: for `GRACE_S`, and in at least so many frames, however rarely frames are looked at."""
MOST_NS = 600 * NS_PER_S
"""An event that goes on for longer is closed, and after the cool-down the next one begins: clips stay playable."""


class Presence(Struct, frozen=True, array_like=True):
    """One tracked object in the zone: since when, when last, and for how many frames it has been missing."""

    track: int
    since_ns: int
    since_ref: UnitRef
    last_ns: int
    missed: int = 0


class Going(Struct, frozen=True, array_like=True):
    """An event that goes on."""

    start_ns: int
    last_ns: int
    last_ref: UnitRef
    best_score: float


class Seen(Struct, frozen=True, array_like=True):
    """An object as it was in one frame."""

    at_ns: int
    ref: UnitRef
    score: float
    box: Box


class Walk(Struct, frozen=True, array_like=True):
    """Somebody on the way to, over, or from a line.

    Attributes:
        track: Its number; negative when its run ended.
        x, y: Where the feet were last, in picture heights.
        size: The longer side of the box, in picture heights.
        net: How often the line was crossed since the feet were last clear of it: forwards less backwards.
        crossed: The object in the frame in which ``net`` changed last.
        is_clear: Whether the feet are farther from the line than they seem to move by themselves.
    """

    track: int
    x: float
    y: float
    size: float
    seen_ns: int
    score: float
    missed: int = 0
    net: int = 0
    crossed: Seen | None = None
    is_clear: bool = False


class Walks(Struct, frozen=True, array_like=True, tag="walks"):
    """Everybody near a line or not, and when a crossing was last said."""

    walks: tuple[Walk, ...] = ()
    said_ns: int = 0


class Stay(Struct, frozen=True, array_like=True):
    """Somebody's time in a zone: ``total_ns`` in all, without absences."""

    track: int
    x: float
    y: float
    size: float
    since_ns: int
    since_ref: UnitRef
    total_ns: int
    seen_ns: int
    missed: int = 0
    is_out: bool = False


class Stays(Struct, frozen=True, array_like=True, tag="stays"):
    """Everybody who is or was just now in the zone."""

    stays: tuple[Stay, ...] = ()


class Crowded(Struct, frozen=True, array_like=True, tag="crowded"):
    """Since when there have been so many, and when last."""

    since_ns: int
    since_ref: UnitRef
    held_ns: int
    missed: int = 0


class Trail(Struct, frozen=True, array_like=True):
    """Where somebody was on the ground in the last moments: ns, and metres in two directions."""

    track: int
    spots: tuple[tuple[int, float, float], ...]
    fast_looks: int = 0


class Trails(Struct, frozen=True, array_like=True, tag="trails"):
    """Everybody's way, and when somebody was last too fast."""

    trails: tuple[Trail, ...] = ()
    fast_ns: int = 0
    since_ns: int = 0
    since_ref: UnitRef | None = None


class Posture(Struct, frozen=True, array_like=True):
    """How somebody stood, and whether they lie.

    Attributes:
        upright_ns: When they were last upright; 0: never seen so.
        tall: Height of the box then.
        down: The first frame of lying.
    """

    track: int
    box: Box
    seen_ns: int
    upright_ns: int = 0
    tall: float = 0.0
    down: Seen | None = None
    missed: int = 0


class Postures(Struct, frozen=True, array_like=True, tag="postures"):
    """Everybody's."""

    postures: tuple[Posture, ...] = ()


class Thing(Struct, frozen=True, array_like=True):
    """Something that stands still.

    Attributes:
        first: As it was first seen.
        seen_ns: When last.
        near_ns: When a person was last near it, or in the way.
        is_brought: Whether it appeared while a person was near, and not with the first look.
        is_told: Whether the rule has said so already.
    """

    box: Box
    first: Seen
    last: Seen
    near_ns: int = 0
    is_brought: bool = False
    is_told: bool = False
    missed: int = 0
    gone: Seen | None = None


class Things(Struct, frozen=True, array_like=True, tag="things"):
    """All of them. ``since_ns``: when this was first looked at."""

    since_ns: int
    things: tuple[Thing, ...] = ()


Memory = Walks | Stays | Crowded | Trails | Postures | Things


class RuleState(Struct, frozen=True, array_like=True):
    """What the engine knows about one rule."""

    presences: tuple[Presence, ...] = ()
    going: Going | None = None
    ended_ns: int = 0
    memory: Memory | None = None


class Opened(Struct, frozen=True, tag="opened"):
    """An event begins. ``ref`` is the frame that shows it (where nothing else is said, the one that decided it),
    ``start_ref`` the first one in which it held; ``detail`` says how many, how fast, or which way."""

    start_ns: int
    start_ref: UnitRef
    at_ns: int
    ref: UnitRef
    score: float
    box: Box
    detail: str = ""


class Went(Struct, frozen=True, tag="went"):
    """The event still goes on; with a box when this is the best view of the object so far."""

    at_ns: int
    ref: UnitRef
    score: float
    box: Box | None


class Closed(Struct, frozen=True, tag="closed"):
    """The event is over; it last held at ``end_ns``. Cut: not because the object left, but no result followed."""

    end_ns: int
    ref: UnitRef
    is_cut: bool = False


Decision = Opened | Went | Closed


class Beginning(Struct, frozen=True):
    """What a rule waits for has come: since when, and what shows it."""

    since_ns: int
    since_ref: UnitRef
    seen: Seen
    detail: str = ""


class Sighting(Struct, frozen=True):
    """What a machine makes of one result.

    Attributes:
        beginning: An event may begin.
        best: What holds an event up that goes on; None: nothing in this frame.
        is_over: Nothing holds any more, and has not for the grace.
    """

    state: RuleState
    beginning: Beginning | None
    best: Seen | None
    is_over: bool


def box_of(found: Detection) -> Box:
    """The box of a detection."""
    return found.x, found.y, found.w, found.h
