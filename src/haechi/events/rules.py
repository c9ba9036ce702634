"""Rules and the engine that decides by them. Pure: a state and a result in, the next state and decisions out.

"An object of class C with a score of at least s stands in zone Z for at least T seconds." Once it is in, a lower score
does not throw it out; it has left when it was away for `GRACE_S`. While an event goes on, others of the class join it;
after its end nothing begins within the cool-down, and what is still there then begins the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId, RuleId, ZoneId
from haechi.events.event import Box, Severity
from haechi.media.access_unit import UnitRef
from haechi.vision.result import Detection, FrameResult
from haechi.vision.zones import Zone

GRACE_S = 2.0
GRACE_FRAMES = 2
"""Away means: for `GRACE_S`, and in at least so many frames, however rarely frames are looked at."""
MOST_NS = 600 * NS_PER_S
"""An event that goes on for longer is closed, and after the cool-down the next one begins: clips stay playable."""


class Rule(Struct, frozen=True):
    """What to wait for. ``zone`` None is the whole picture."""

    camera: CameraId
    name: str
    label: str
    zone: ZoneId | None = None
    min_score: float = 0.5
    min_duration_s: float = 1.0
    cooldown_s: float = 10.0
    severity: Severity = "alert"
    enabled: bool = True
    id: RuleId = RuleId("")


class Watch(Struct, frozen=True):
    """A rule together with its zone as it is now."""

    rule: Rule
    zone: Zone | None


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


class RuleState(Struct, frozen=True, array_like=True):
    """What the engine knows about one rule."""

    presences: tuple[Presence, ...] = ()
    going: Going | None = None
    ended_ns: int = 0


class Opened(Struct, frozen=True, tag="opened"):
    """An event begins. ``ref`` is the frame that decided it, ``start_ref`` the first one in which it held."""

    start_ns: int
    start_ref: UnitRef
    at_ns: int
    ref: UnitRef
    score: float
    box: Box


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


def decide(watch: Watch, state: RuleState, result: FrameResult) -> tuple[RuleState, tuple[Decision, ...]]:
    """Take one result of the stream, in order."""
    inside = _inside(watch, state, result)
    state = structs.replace(state, presences=_presences(state.presences, inside, result))
    best = max(inside, key=lambda found: found.score, default=None)
    if state.going is None:
        return _begin(watch, state, result, inside)
    going, decisions = _go_on(state.going, result, best)
    is_long = result.captured_ns - going.start_ns >= MOST_NS
    if is_long or not state.presences:
        closed = Closed(going.last_ns, going.last_ref)
        return RuleState(state.presences, None, going.last_ns), (*decisions, closed)
    return structs.replace(state, going=going), decisions


def finish(state: RuleState) -> tuple[RuleState, tuple[Decision, ...]]:
    """No result will follow (the run ended, or the rule is gone): what goes on is over."""
    if state.going is None:
        return RuleState((), None, state.ended_ns), ()
    closed = Closed(state.going.last_ns, state.going.last_ref, is_cut=True)
    return RuleState((), None, state.going.last_ns), (closed,)


def _inside(watch: Watch, state: RuleState, result: FrameResult) -> list[Detection]:
    """The objects of the class in the zone: sure ones, and those that were in before."""
    rule = watch.rule
    known = {presence.track for presence in state.presences}
    return [
        found
        for found in result.detections
        if found.label == rule.label
        and found.track is not None
        and (found.score >= rule.min_score or found.track in known)
        and (watch.zone is None or watch.zone.holds(found))
    ]


def _presences(before: Iterable[Presence], inside: Sequence[Detection], result: FrameResult) -> tuple[Presence, ...]:
    """Who is in the zone after this frame, in the order of arrival."""
    here = {found.track for found in inside}
    now_ns = result.captured_ns
    after: list[Presence] = []
    for presence in before:
        if presence.track in here:
            after.append(structs.replace(presence, last_ns=now_ns, missed=0))
            continue
        missed = presence.missed + 1
        if missed < GRACE_FRAMES or (now_ns - presence.last_ns) / NS_PER_S < GRACE_S:
            after.append(structs.replace(presence, missed=missed))
    known = {presence.track for presence in after}
    new = [found.track for found in inside if found.track is not None and found.track not in known]
    return (*after, *(Presence(number, now_ns, result.ref, now_ns) for number in new))


def _begin(
    watch: Watch, state: RuleState, result: FrameResult, inside: Sequence[Detection]
) -> tuple[RuleState, tuple[Decision, ...]]:
    """Begin an event when somebody has been in for long enough and the cool-down is over."""
    now_ns, rule = result.captured_ns, watch.rule
    if state.ended_ns and (now_ns - state.ended_ns) / NS_PER_S < rule.cooldown_s:
        return state, ()
    stays_ns = round(rule.min_duration_s * NS_PER_S)
    ripe = {one.track: one for one in state.presences if one.missed == 0 and one.last_ns - one.since_ns >= stays_ns}
    seen = [found for found in inside if found.track in ripe]
    if not seen:
        return state, ()
    best = max(seen, key=lambda found: found.score)
    first = min(ripe.values(), key=lambda presence: presence.since_ns)
    start_ns, start_ref = (first.since_ns, first.since_ref)
    if start_ns <= state.ended_ns:
        start_ns, start_ref = now_ns, result.ref
    opened = Opened(start_ns, start_ref, now_ns, result.ref, best.score, box_of(best))
    going = Going(start_ns, now_ns, result.ref, best.score)
    return structs.replace(state, going=going), (opened,)


def _go_on(going: Going, result: FrameResult, best: Detection | None) -> tuple[Going, tuple[Decision, ...]]:
    if best is None:
        return going, ()
    is_better = best.score > going.best_score
    score = max(best.score, going.best_score)
    went = Went(result.captured_ns, result.ref, score, box_of(best) if is_better else None)
    return Going(going.start_ns, result.captured_ns, result.ref, score), (went,)


def box_of(found: Detection) -> Box:
    """The box of a detection."""
    return found.x, found.y, found.w, found.h
