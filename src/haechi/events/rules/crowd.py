"""So many at once for so long. What is counted is who is seen in one frame: nobody counts twice under two numbers."""

from __future__ import annotations

from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.events.rules.rule import Watch
from haechi.events.rules.sight import best_of, inside, is_away, presences_after, seen_in
from haechi.events.rules.state import Beginning, Crowded, RuleState, Sighting
from haechi.vision.result import FrameResult


def see(watch: Watch, state: RuleState, result: FrameResult) -> Sighting:
    """Take one result. Fewer for less than the grace, because one stood behind another, is no end."""
    here = inside(watch, {presence.track for presence in state.presences}, result)
    now_ns, crowded = result.captured_ns, state.memory if isinstance(state.memory, Crowded) else None
    if len(here) >= watch.rule.count:
        since = (now_ns, result.ref) if crowded is None else (crowded.since_ns, crowded.since_ref)
        crowded = Crowded(*since, now_ns)
    elif crowded is not None:
        crowded = structs.replace(crowded, missed=crowded.missed + 1)
        if is_away(crowded.held_ns, crowded.missed, now_ns):
            crowded = None
    state = structs.replace(state, presences=presences_after(state.presences, here, result), memory=crowded)
    if crowded is None or crowded.missed:
        return Sighting(state, None, None, crowded is None)
    beginning = None
    if now_ns - crowded.since_ns >= round(watch.rule.min_duration_s * NS_PER_S):
        best = max(here, key=lambda found: found.score)
        beginning = Beginning(crowded.since_ns, crowded.since_ref, seen_in(result, best), str(len(here)))
    return Sighting(state, beginning, best_of(result, here), is_over=False)
