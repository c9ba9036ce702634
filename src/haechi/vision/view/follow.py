"""From single estimates to what counts: three in a row that agree, within what may be done without asking. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S
from haechi.vision.view.align import Estimate
from haechi.vision.view.geometry import IDENTITY, Size, Transform, apart_px, composed, inverse, kept_share, shift_of

IN_A_ROW = 3
DEAD_PX = 2.0
"""A view that lies so close to where it was has not moved (pixels of the pictures compared, 768 wide)."""
AGREE_PX = 2.5
"""Estimates that lie so close together agree."""
LEAST_SPAN_NS = 2 * NS_PER_S
"""From the first to the last of them: a camera that is being turned is not there yet."""
LEAST_KEPT = 0.75
MOST_SCALE = 1.15
"""Beyond either, zones would be guesswork: a person is asked."""
LOST_NS = 60 * NS_PER_S
"""Nothing can be told for so long: the view is another, or something stands before it. A person is asked."""
LEAST_LOST = 4

AskReason = Literal["far", "lost"]


class Ask(Struct, frozen=True):
    """What a person is asked.

    Attributes:
        reason: ``far``: it moved by more than may be followed unasked. ``lost``: where it lies cannot be told.
        proposal: Where it seems to lie (root to now); None when lost.
    """

    reason: AskReason
    proposal: Transform | None = None


class Course(Struct, frozen=True):
    """Where a view lies, and what speaks against it.

    Attributes:
        transform: From the first view of the camera (root) to now, as it counts.
        trusted: The last one that a person agreed to: from there on it may move by itself within the limits.
        pending: Estimates in a row that agree with each other and not with ``transform``.
        since_ns: When the first of them was seen.
        lost_ns, lost: Since when, and for how many looks, nothing can be told although something seems to have moved.
        ask: What a person is asked at present.
    """

    transform: Transform = IDENTITY
    trusted: Transform = IDENTITY
    pending: tuple[Transform, ...] = ()
    since_ns: int = 0
    lost_ns: int = 0
    lost: int = 0
    ask: Ask | None = None


class Moved(Struct, frozen=True):
    """The view moved, and zones follow it: root to now."""

    transform: Transform
    estimate: Estimate


class Asked(Struct, frozen=True):
    """A person has to say what is to be done."""

    ask: Ask
    estimate: Estimate | None = None


class Settled(Struct, frozen=True):
    """Nothing is asked any more: the view is where it was."""


Turn = Moved | Asked | Settled


def placed_by(
    course: Course, estimate: Estimate, where: Transform, size: Size, at_ns: int
) -> tuple[Course, Turn | None]:
    """One estimate more; ``where`` is what it comes to from the root."""
    course = structs.replace(course, lost_ns=0, lost=0)
    if apart_px(where, course.transform, size) <= DEAD_PX:
        had_ask = course.ask is not None
        return structs.replace(course, pending=(), since_ns=0, ask=None), Settled() if had_ask else None
    if not course.pending or any(apart_px(where, one, size) > AGREE_PX for one in course.pending):
        return structs.replace(course, pending=(where,), since_ns=at_ns), None
    pending = (*course.pending, where)[-IN_A_ROW:]
    course = structs.replace(course, pending=pending)
    if len(pending) < IN_A_ROW or at_ns - course.since_ns < LEAST_SPAN_NS:
        return course, None
    return _agreed(course, estimate, middle(pending, size), size)


def _agreed(course: Course, estimate: Estimate, where: Transform, size: Size) -> tuple[Course, Turn | None]:
    if is_near(course.transform, where, size) and is_near(course.trusted, where, size):
        return Course(where, course.trusted), Moved(where, estimate)
    asked = course.ask
    if asked is not None and asked.proposal is not None and apart_px(asked.proposal, where, size) <= AGREE_PX:
        return course, None
    ask = Ask("far", where)
    return structs.replace(course, ask=ask), Asked(ask, estimate)


def untold(course: Course, at_ns: int, *, is_tripped: bool) -> tuple[Course, Turn | None]:
    """A look that told nothing."""
    course = structs.replace(course, pending=(), since_ns=0)
    if not is_tripped:
        return structs.replace(course, lost_ns=0, lost=0), None
    lost_ns = course.lost_ns or at_ns
    course = structs.replace(course, lost_ns=lost_ns, lost=course.lost + 1)
    if course.ask is not None or course.lost < LEAST_LOST or at_ns - lost_ns < LOST_NS:
        return course, None
    ask = Ask("lost")
    return structs.replace(course, ask=ask), Asked(ask)


def is_near(before: Transform, after: Transform, size: Size) -> bool:
    """Whether a view may be followed so far without asking."""
    step = composed(after, inverse(before))
    is_scaled = not 1 / MOST_SCALE <= shift_of(step, size).scale <= MOST_SCALE
    return kept_share(step) >= LEAST_KEPT and not is_scaled


def middle(transforms: tuple[Transform, ...], size: Size) -> Transform:
    """The one that lies closest to the others."""
    return min(transforms, key=lambda one: sum(apart_px(one, other, size) for other in transforms))
