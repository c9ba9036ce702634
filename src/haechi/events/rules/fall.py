"""Somebody who stood lies on the ground, and stays there.

Told by the shape of the box over time, and by the angle of the trunk where the joints are known. A person who lies down
slowly (longer than `FALL_NS` from standing to lying) does not fall; nor does one who is cut off by the edge of the
picture, because the shape of the box says nothing then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.events.event import Box
from haechi.events.rules.rule import Watch
from haechi.events.rules.sight import aspect_of, best_of, inside, is_away, reach, seen_in
from haechi.events.rules.state import Beginning, Posture, Postures, RuleState, Sighting, box_of
from haechi.vision.result import Detection, FrameResult

FALL_NS = 3 * NS_PER_S
UPRIGHT_RATIO = 1.3
LYING_RATIO = 0.8
LYING_SHARE = 0.7
"""Height over width of a box: of who stands, and of who lies; and how high it is at most beside its height before."""
UPRIGHT_DEGREES, LYING_DEGREES = 35.0, 55.0
"""Of the trunk, from the vertical."""
EDGE = 0.01
_LEAST_SCORE = 0.3
_SHOULDERS, _HIPS = (5, 6), (11, 12)
"""As COCO and Halpe number the joints."""


class Pose(Enum):
    """What a look says of somebody."""

    UPRIGHT = 1
    LYING = 2
    UNSURE = 3


def see(watch: Watch, state: RuleState, result: FrameResult) -> Sighting:
    """Take one result."""
    before = state.memory.postures if isinstance(state.memory, Postures) else ()
    here = inside(watch, {one.track for one in before}, result)
    postures = _after(before, here, result)
    state = structs.replace(state, memory=Postures(postures))
    down = {one.track: one for one in postures if one.down is not None}
    seen = [found for found in here if found.track in down]
    if not seen:
        return Sighting(state, None, None, not down)
    needed_ns = round(watch.rule.min_duration_s * NS_PER_S)
    ripe = [one for one in down.values() if one.missed == 0 and _lain_ns(one, result) >= needed_ns]
    beginning = None
    if ripe:
        first = min(ripe, key=lambda one: -_lain_ns(one, result))
        shown = next(found for found in seen if found.track == first.track)
        since = (result.captured_ns, result.ref) if first.down is None else (first.down.at_ns, first.down.ref)
        beginning = Beginning(*since, seen_in(result, shown))
    return Sighting(state, beginning, best_of(result, seen), is_over=False)


def pose_of(found: Detection, aspect: float, tall: float) -> Pose:
    """Whether somebody stands or lies. ``tall``: height of the box when they last stood, 0 when not known."""
    angle = _trunk_degrees(found.points, aspect)
    ratio = found.h / max(found.w * aspect, 1e-9)
    if angle is not None:
        if angle >= LYING_DEGREES and ratio < 1.0:
            return Pose.LYING
        return Pose.UPRIGHT if angle <= UPRIGHT_DEGREES and ratio >= 1.0 else Pose.UNSURE
    if found.x <= EDGE or found.y <= EDGE or found.x + found.w >= 1 - EDGE or found.y + found.h >= 1 - EDGE:
        return Pose.UNSURE
    if ratio >= UPRIGHT_RATIO:
        return Pose.UPRIGHT
    return Pose.LYING if ratio <= LYING_RATIO and found.h <= LYING_SHARE * tall else Pose.UNSURE


def _trunk_degrees(points: Sequence[tuple[float, float, float]], aspect: float) -> float | None:
    """The angle of the trunk from the vertical, 0 to 90; None where the joints are not known well enough."""
    if len(points) <= max(_HIPS) or any(points[joint][2] < _LEAST_SCORE for joint in (*_SHOULDERS, *_HIPS)):
        return None
    (sx, sy), (hx, hy) = (
        (sum(points[joint][0] for joint in pair) / 2 * aspect, sum(points[joint][1] for joint in pair) / 2)
        for pair in (_SHOULDERS, _HIPS)
    )
    if math.hypot(sx - hx, sy - hy) < 1e-3:
        return None
    return math.degrees(math.atan2(abs(sx - hx), abs(sy - hy)))


def _lain_ns(one: Posture, result: FrameResult) -> int:
    return 0 if one.down is None else result.captured_ns - one.down.at_ns


def _after(before: Sequence[Posture], here: Sequence[Detection], result: FrameResult) -> tuple[Posture, ...]:
    aspect, now_ns = aspect_of(result), result.captured_ns
    known = _joined(before, here, aspect, now_ns)
    after: list[Posture] = []
    for found in here:
        number = -1 if found.track is None else found.track
        old = known.pop(number, Posture(number, box_of(found), now_ns))
        one = structs.replace(old, box=box_of(found), seen_ns=now_ns, missed=0)
        pose = pose_of(found, aspect, old.tall)
        if pose is Pose.UPRIGHT:
            one = structs.replace(one, upright_ns=now_ns, tall=found.h, down=None)
        elif pose is Pose.LYING and one.down is None and one.upright_ns and now_ns - one.upright_ns <= FALL_NS:
            one = structs.replace(one, down=seen_in(result, found))
        after.append(one)
    for old in known.values():
        left = structs.replace(old, missed=old.missed + 1)
        if not is_away(left.seen_ns, left.missed, now_ns):
            after.append(left)
    return tuple(after)


def _joined(before: Sequence[Posture], here: Sequence[Detection], aspect: float, now_ns: int) -> dict[int, Posture]:
    """Postures by the number that they go on under: who falls changes shape, and trackers may take them for another."""
    numbers = {found.track for found in here}
    known = {one.track: one for one in before}
    gone = {one.track: one for one in before if one.track not in numbers}
    for found in here:
        if found.track is None or found.track in known:
            continue
        near = [(_apart(found, one.box, aspect), one.track) for one in gone.values()]
        near = [(away, track) for away, track in near if away <= _reach(gone[track], now_ns)]
        if near:
            _, track = min(near)
            known[found.track] = structs.replace(gone.pop(track), track=found.track)
            del known[track]
    return known


def _reach(one: Posture, now_ns: int) -> float:
    return reach(one.tall, one.tall, now_ns - one.seen_ns)


def _apart(found: Detection, box: Box, aspect: float) -> float:
    """From the middle of a box to the middle of another, in picture heights."""
    x, y, w, h = box
    return math.hypot((found.x + found.w / 2 - x - w / 2) * aspect, found.y + found.h / 2 - y - h / 2)
