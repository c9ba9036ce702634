"""Somebody moves as fast over the ground: measured over a second and a half, because boxes sway."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.events.rules.ground import metres
from haechi.events.rules.rule import Watch
from haechi.events.rules.sight import aspect_of, best_of, feet, inside, is_away, seen_in
from haechi.events.rules.state import Beginning, RuleState, Sighting, Trail, Trails
from haechi.vision.result import FrameResult

WINDOW_NS = 3 * NS_PER_S // 2
LEAST_SPAN_NS = 4 * NS_PER_S // 5
LEAST_SPOTS = 4
FAST_LOOKS = 2
"""So many measurements in a row have to be over the limit."""
MOST_KMH = 400.0
_KMH = 3.6
Spot = tuple[int, float, float]


def see(watch: Watch, state: RuleState, result: FrameResult) -> Sighting:
    """Take one result."""
    before = state.memory if isinstance(state.memory, Trails) else Trails()
    ground, aspect, now_ns = watch.rule.ground, aspect_of(result), result.captured_ns
    known = {trail.track: trail for trail in before.trails}
    here = inside(watch, known, result)
    speeds: dict[int, float] = {}
    for found in here:
        spot = None if ground is None else metres(ground, feet(found, aspect), aspect)
        number = -1 if found.track is None else found.track
        old = known.get(number, Trail(number, ()))
        spots = old.spots if spot is None else (*old.spots, (now_ns, *spot))
        spots = tuple(one for one in spots if now_ns - one[0] <= WINDOW_NS)
        speeds[number] = kmh(spots)
        is_fast = watch.rule.speed_kmh <= speeds[number] <= MOST_KMH
        known[number] = Trail(number, spots, old.fast_looks + 1 if is_fast else 0)
    trails = tuple(one for one in known.values() if one.spots and now_ns - one.spots[-1][0] <= WINDOW_NS)
    fast = {one.track for one in trails if one.fast_looks >= FAST_LOOKS and one.spots[-1][0] == now_ns}
    if not fast:
        state = structs.replace(state, memory=structs.replace(before, trails=trails))
        return Sighting(state, None, None, is_away(before.fast_ns, 2, now_ns))
    seen = [found for found in here if found.track in fast]
    best = max(seen, key=lambda found: speeds[-1 if found.track is None else found.track])
    fastest = speeds[-1 if best.track is None else best.track]
    state = structs.replace(state, memory=Trails(trails, now_ns))
    beginning = Beginning(now_ns, result.ref, seen_in(result, best), f"{fastest:.0f} km/h")
    return Sighting(state, beginning, best_of(result, seen), is_over=False)


def kmh(spots: Sequence[Spot]) -> float:
    """The speed of a straight line through places and times (least squares); 0 where there are too few."""
    if len(spots) < LEAST_SPOTS or spots[-1][0] - spots[0][0] < LEAST_SPAN_NS:
        return 0.0
    times = [(at_ns - spots[0][0]) / NS_PER_S for at_ns, _, _ in spots]
    middle = sum(times) / len(times)
    spread = sum((time - middle) ** 2 for time in times)
    slopes = [
        sum((time - middle) * spot[axis] for time, spot in zip(times, spots, strict=True)) / spread for axis in (1, 2)
    ]
    return math.hypot(*slopes) * _KMH
