"""Somebody spends so long in a zone in all; short absences neither count nor begin it anew."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.events.rules.rule import Watch
from haechi.events.rules.sight import aspect_of, best_of, feet, inside, reach, seen_in, size_of
from haechi.events.rules.state import GRACE_FRAMES, GRACE_S, Beginning, RuleState, Sighting, Stay, Stays
from haechi.vision.result import Detection, FrameResult

ABSENT_NS = 10 * NS_PER_S
"""Who is away from the zone for longer begins anew."""


def see(watch: Watch, state: RuleState, result: FrameResult) -> Sighting:
    """Take one result."""
    before = state.memory.stays if isinstance(state.memory, Stays) else ()
    here = inside(watch, {stay.track for stay in before}, result)
    stays = _after(before, here, result)
    state = structs.replace(state, memory=Stays(stays))
    needed_ns = round(watch.rule.min_duration_s * NS_PER_S)
    ripe = {stay.track: stay for stay in stays if stay.total_ns >= needed_ns}
    seen = [found for found in here if found.track in ripe]
    if not seen:
        return Sighting(state, None, None, not ripe)
    longest = max((stay for stay in ripe.values() if stay.missed == 0), key=lambda stay: stay.total_ns)
    best = max(seen, key=lambda found: found.score)
    beginning = Beginning(longest.since_ns, longest.since_ref, seen_in(result, best))
    return Sighting(state, beginning, best_of(result, seen), is_over=False)


def _after(before: Sequence[Stay], here: Sequence[Detection], result: FrameResult) -> tuple[Stay, ...]:
    aspect, now_ns = aspect_of(result), result.captured_ns
    present = {found.track for found in result.detections}
    known = _joined(before, here, aspect, now_ns, present)
    after: list[Stay] = []
    for found in here:
        x, y = feet(found, aspect)
        old = known.pop(_number(found), None)
        if old is None:
            old = Stay(_number(found), x, y, 0.0, now_ns, result.ref, 0, now_ns)
        gap_ns = now_ns - old.seen_ns
        was_in = not old.is_out and (old.missed == 0 or gap_ns <= GRACE_S * NS_PER_S)
        after.append(
            structs.replace(
                old,
                x=x,
                y=y,
                size=size_of(found, aspect),
                total_ns=old.total_ns + (gap_ns if was_in else 0),
                seen_ns=now_ns,
                missed=0,
                is_out=False,
            )
        )
    for old in known.values():
        left = structs.replace(old, missed=old.missed + 1, is_out=old.is_out or old.track in present)
        if left.missed < GRACE_FRAMES or now_ns - left.seen_ns < ABSENT_NS:
            after.append(left)
    return tuple(after)


def _joined(
    before: Sequence[Stay], here: Sequence[Detection], aspect: float, now_ns: int, present: set[int | None]
) -> dict[int, Stay]:
    """Stays by the number that they go on under; a new track continues the nearest that vanished within its reach."""
    known = {stay.track: stay for stay in before}
    gone = {stay.track: stay for stay in before if stay.track not in present}
    pairs: list[tuple[float, int, int]] = []
    for found in here:
        if _number(found) in known:
            continue
        for stay in gone.values():
            away = math.dist(feet(found, aspect), (stay.x, stay.y))
            if away <= reach(stay.size, size_of(found, aspect), now_ns - stay.seen_ns):
                pairs.append((away, _number(found), stay.track))
    for _, number, track in sorted(pairs):
        if number not in known and track in gone:
            known[number] = structs.replace(gone.pop(track), track=number)
            del known[track]
    return known


def _number(found: Detection) -> int:
    return -1 if found.track is None else found.track
