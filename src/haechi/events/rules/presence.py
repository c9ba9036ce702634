"""An object of a class stands in a zone for so long.

Once it is in, a lower score does not throw it out; it has left when it was away for `GRACE_S`. While an event goes on,
others of the class join it.
"""

from __future__ import annotations

from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.events.rules.rule import Watch
from haechi.events.rules.sight import best_of, inside, presences_after, seen_in
from haechi.events.rules.state import Beginning, RuleState, Sighting
from haechi.vision.result import FrameResult


def see(watch: Watch, state: RuleState, result: FrameResult) -> Sighting:
    """Take one result."""
    here = inside(watch, {presence.track for presence in state.presences}, result)
    state = structs.replace(state, presences=presences_after(state.presences, here, result))
    stays_ns = round(watch.rule.min_duration_s * NS_PER_S)
    ripe = {one.track: one for one in state.presences if one.missed == 0 and one.last_ns - one.since_ns >= stays_ns}
    seen = [found for found in here if found.track in ripe]
    beginning = None
    if seen:
        first = min(ripe.values(), key=lambda presence: presence.since_ns)
        best = max(seen, key=lambda found: found.score)
        beginning = Beginning(first.since_ns, first.since_ref, seen_in(result, best))
    return Sighting(state, beginning, best_of(result, here), not state.presences)
