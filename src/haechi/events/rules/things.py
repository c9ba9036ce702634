"""A thing is left behind, or taken away.

Only what changes while a person is near counts: a detector that sees a bag and then does not, with nobody there, has
changed its mind. Left: it appeared with a person near, and has stood alone for so long since. Taken: it stood there, a
person came near, and since it can be seen that nothing hides its place, it has been gone for so long.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.events.event import Box
from haechi.events.rules.rule import Watch
from haechi.events.rules.sight import is_away, seen_in
from haechi.events.rules.state import Beginning, RuleState, Sighting, Thing, Things, box_of
from haechi.vision.result import Detection, FrameResult

PERSON = "person"
SAME_OVERLAP = 0.5
SETTLE_NS = 3 * NS_PER_S
"""What is there in the first seconds is furniture."""
NEAR_NS = 4 * NS_PER_S
"""A person was near when a thing appeared or vanished: within so long of it."""
MARGIN = 0.5
"""Near means: within half of the person's height of the box of the thing."""
FLICKER_NS = 10 * NS_PER_S
"""A thing that is overlooked for less, with nobody near, was there all the time."""
FORGET_NS = 120 * NS_PER_S
"""What is hidden or gone for longer than this and the time that the rule waits is forgotten."""
MOST_THINGS = 64


def see_left(watch: Watch, state: RuleState, result: FrameResult) -> Sighting:
    """Take one result: is something left behind?"""
    things = _after(watch, state, result)
    needed_ns, now_ns = round(watch.rule.min_duration_s * NS_PER_S), result.captured_ns
    ripe = [
        one
        for one in things.things
        if one.is_brought and one.missed == 0 and not one.is_told and now_ns - _alone_since(one) >= needed_ns
    ]
    holding = [one for one in things.things if one.is_told and one.gone is None]
    if not ripe:
        here = [one.last for one in holding if one.missed == 0]
        best = max(here, key=lambda seen: seen.score, default=None)
        return Sighting(structs.replace(state, memory=things), None, best, not holding)
    first = min(ripe, key=lambda one: one.first.at_ns)
    told = Things(
        things.since_ns, tuple(structs.replace(one, is_told=True) if one in ripe else one for one in things.things)
    )
    beginning = Beginning(first.first.at_ns, first.first.ref, first.last)
    return Sighting(structs.replace(state, memory=told), beginning, first.last, is_over=False)


def see_taken(watch: Watch, state: RuleState, result: FrameResult) -> Sighting:
    """Take one result: is something gone?"""
    things = _after(watch, state, result)
    needed_ns, now_ns = round(watch.rule.min_duration_s * NS_PER_S), result.captured_ns
    ripe = [
        one
        for one in things.things
        if one.gone is not None
        and not one.is_told
        and not _is_hidden(one, result)
        and now_ns - one.gone.at_ns >= needed_ns
        and one.last.at_ns - one.first.at_ns >= SETTLE_NS
    ]
    if not ripe:
        holding = [one for one in things.things if one.is_told]
        return Sighting(structs.replace(state, memory=things), None, None, not holding)
    left = tuple(one for one in things.things if one not in ripe)
    first = min(ripe, key=lambda one: one.last.at_ns)
    gone = first.gone if first.gone is not None else first.last
    shown = structs.replace(gone, box=first.box, score=first.last.score)
    state = structs.replace(state, memory=Things(things.since_ns, left))
    return Sighting(state, Beginning(gone.at_ns, gone.ref, shown), shown, is_over=False)


def _alone_since(one: Thing) -> int:
    return max(one.near_ns, one.first.at_ns)


def _after(watch: Watch, state: RuleState, result: FrameResult) -> Things:
    """Where things are after this frame."""
    before = state.memory if isinstance(state.memory, Things) else Things(result.captured_ns)
    persons = [box_of(found) for found in result.detections if found.label == PERSON]
    found = [one for one in result.detections if one.label == watch.rule.label and _holds(watch, one)]
    after: list[Thing] = []
    for thing in before.things:
        same = max(found, key=lambda one: overlap(thing.box, box_of(one)), default=None)
        if same is not None and overlap(thing.box, box_of(same)) >= SAME_OVERLAP:
            found.remove(same)
            after.append(_still_there(thing, same, result, persons))
        else:
            missing = _missing(watch, thing, result, persons)
            if missing is not None:
                after.append(missing)
    for one in found:
        if one.score >= watch.rule.min_score and len(after) < MOST_THINGS:
            after.append(_new(one, result, persons, before.since_ns))
    return Things(before.since_ns, tuple(after))


def _holds(watch: Watch, found: Detection) -> bool:
    return watch.zone is None or watch.zone.holds(found)


def _new(found: Detection, result: FrameResult, persons: Sequence[Box], since_ns: int) -> Thing:
    seen = seen_in(result, found)
    is_near = is_anyone_near(seen.box, persons)
    is_brought = is_near and result.captured_ns - since_ns >= SETTLE_NS
    return Thing(seen.box, seen, seen, result.captured_ns if is_near else 0, is_brought)


def _still_there(thing: Thing, found: Detection, result: FrameResult, persons: Sequence[Box]) -> Thing:
    near_ns = result.captured_ns if is_anyone_near(thing.box, persons) else thing.near_ns
    return structs.replace(thing, last=seen_in(result, found), near_ns=near_ns, missed=0, gone=None)


def _missing(watch: Watch, thing: Thing, result: FrameResult, persons: Sequence[Box]) -> Thing | None:
    """A thing that is not seen: hidden, gone, or overlooked. None when it is to be forgotten."""
    now_ns, gap_ns = result.captured_ns, result.captured_ns - thing.last.at_ns
    left = structs.replace(thing, missed=thing.missed + 1)
    if gap_ns > FORGET_NS + watch.rule.min_duration_s * NS_PER_S:
        return None
    if _is_hidden(left, result):
        return structs.replace(left, near_ns=now_ns, gone=None)
    if left.gone is None and is_anyone_near(thing.box, persons):
        left = structs.replace(left, near_ns=now_ns)
    if left.gone is not None or not is_away(left.last.at_ns, left.missed, now_ns):
        return left
    if left.near_ns >= left.last.at_ns - NEAR_NS:
        return structs.replace(left, gone=structs.replace(left.last, at_ns=now_ns, ref=result.ref))
    return left if gap_ns < FLICKER_NS else None


def _is_hidden(thing: Thing, result: FrameResult) -> bool:
    """Whether a person stands before it."""
    return any(found.label == PERSON and _shared(thing.box, box_of(found)) > 0 for found in result.detections)


def is_anyone_near(box: Box, persons: Sequence[Box]) -> bool:
    """Whether a person is within half of their own height of a box, or before it."""
    return any(_shared(box, (x - MARGIN * h, y - MARGIN * h, w + h, 2 * h)) > 0 for x, y, w, h in persons)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    shared = _shared(one, other)
    return shared / max(one[2] * one[3] + other[2] * other[3] - shared, 1e-12)


def _shared(one: Box, other: Box) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)
