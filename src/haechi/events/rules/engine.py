"""From what a machine sees to events: one at a time, with a cool-down, within the hours of the rule.

While an event goes on, what holds it up prolongs it; after its end nothing begins within the cool-down, and what is
still there then begins the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.base.week import zone_named
from haechi.events.rules import crossing, crowd, dwell, fall, presence, speed, things
from haechi.events.rules.rule import Kind, Watch
from haechi.events.rules.state import (
    MOST_NS,
    Beginning,
    Closed,
    Decision,
    Going,
    Opened,
    RuleState,
    Seen,
    Sighting,
    Walks,
    Went,
)
from haechi.vision.result import FrameResult

_MACHINES: Mapping[Kind, Callable[[Watch, RuleState, FrameResult], Sighting]] = {
    "object": presence.see,
    "crossing": crossing.see,
    "dwell": dwell.see,
    "crowd": crowd.see,
    "speed": speed.see,
    "fall": fall.see,
    "left": things.see_left,
    "taken": things.see_taken,
}


def decide(watch: Watch, state: RuleState, result: FrameResult) -> tuple[RuleState, tuple[Decision, ...]]:
    """Take one result of the stream, in order."""
    hours = watch.rule.hours
    if hours is not None and not hours.holds(result.captured_ns, zone_named(watch.time_zone)):
        return _rest(watch, state, result)
    sighting = _MACHINES[watch.rule.kind](watch, state, result)
    state = sighting.state
    if state.going is None:
        return _begin(watch, state, result, sighting.beginning)
    going, decisions = _go_on(state.going, result, sighting.best)
    is_long = result.captured_ns - going.start_ns >= MOST_NS
    if is_long or sighting.is_over:
        closed = Closed(going.last_ns, going.last_ref)
        return structs.replace(state, going=None, ended_ns=going.last_ns), (*decisions, closed)
    return structs.replace(state, going=going), decisions


def finish(state: RuleState) -> tuple[RuleState, tuple[Decision, ...]]:
    """No result will follow (the run ended, or the rule is gone): what goes on is over."""
    if state.going is None:
        return RuleState((), None, state.ended_ns), ()
    closed = Closed(state.going.last_ns, state.going.last_ref, is_cut=True)
    return RuleState((), None, state.going.last_ns), (closed,)


def _rest(watch: Watch, state: RuleState, result: FrameResult) -> tuple[RuleState, tuple[Decision, ...]]:
    """Outside its hours a rule says nothing and times nothing; who walks towards its line is followed."""
    memory = None
    if isinstance(state.memory, Walks) or watch.rule.kind == "crossing":
        memory = crossing.see(watch, state, result).state.memory
    if state.going is None:
        return RuleState((), None, state.ended_ns, memory), ()
    going = state.going
    return RuleState((), None, going.last_ns, memory), (Closed(going.last_ns, going.last_ref),)


def _begin(
    watch: Watch, state: RuleState, result: FrameResult, beginning: Beginning | None
) -> tuple[RuleState, tuple[Decision, ...]]:
    """Begin an event when what it waits for has come and the cool-down is over."""
    now_ns = result.captured_ns
    if beginning is None:
        return state, ()
    if state.ended_ns and (now_ns - state.ended_ns) / NS_PER_S < watch.rule.cooldown_s:
        return state, ()
    start_ns, start_ref, seen = beginning.since_ns, beginning.since_ref, beginning.seen
    if start_ns <= state.ended_ns:
        start_ns, start_ref = now_ns, result.ref
    opened = Opened(start_ns, start_ref, seen.at_ns, seen.ref, seen.score, seen.box, beginning.detail)
    going = Going(start_ns, now_ns, result.ref, seen.score)
    return structs.replace(state, going=going), (opened,)


def _go_on(going: Going, result: FrameResult, best: Seen | None) -> tuple[Going, tuple[Decision, ...]]:
    if best is None:
        return going, ()
    is_better = best.score > going.best_score
    score = max(best.score, going.best_score)
    went = Went(result.captured_ns, result.ref, score, best.box if is_better else None)
    return Going(going.start_ns, result.captured_ns, result.ref, score), (went,)
