"""What several kinds of rules ask of a result."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.events.rules.rule import Watch
from haechi.events.rules.state import GRACE_FRAMES, GRACE_S, Presence, Seen, box_of
from haechi.vision.result import Detection, FrameResult

_STRIDE, _MOST_STRIDE_S = 0.9, 1.5
_SLACK = 0.35
"""Who vanishes and comes back under another number is looked for within a third of the own height, and as far again as
somebody walks in the meantime: 0.9 heights a second, 1.5 m/s of a person. With more, whoever goes out on one side of a
narrow picture is continued by the next one who comes in on the other."""


def inside(watch: Watch, known: Collection[int], result: FrameResult) -> list[Detection]:
    """The objects of the class in the zone: sure ones, and those that were in before."""
    rule = watch.rule
    return [
        found
        for found in result.detections
        if found.label == rule.label
        and found.track is not None
        and (found.score >= rule.min_score or found.track in known)
        and (watch.zone is None or watch.zone.holds(found))
    ]


def presences_after(before: Iterable[Presence], here: Sequence[Detection], result: FrameResult) -> tuple[Presence, ...]:
    """Who is in the zone after this frame, in the order of arrival."""
    tracks = {found.track for found in here}
    now_ns = result.captured_ns
    after: list[Presence] = []
    for presence in before:
        if presence.track in tracks:
            after.append(structs.replace(presence, last_ns=now_ns, missed=0))
            continue
        missed = presence.missed + 1
        if not is_away(presence.last_ns, missed, now_ns):
            after.append(structs.replace(presence, missed=missed))
    known = {presence.track for presence in after}
    new = [found.track for found in here if found.track is not None and found.track not in known]
    return (*after, *(Presence(number, now_ns, result.ref, now_ns) for number in new))


def is_away(last_ns: int, missed: int, now_ns: int) -> bool:
    """Whether something is gone, and not only missing in a frame."""
    return missed >= GRACE_FRAMES and (now_ns - last_ns) / NS_PER_S >= GRACE_S


def seen_in(result: FrameResult, found: Detection) -> Seen:
    """An object as it is in this frame."""
    return Seen(result.captured_ns, result.ref, found.score, box_of(found))


def best_of(result: FrameResult, found: Iterable[Detection]) -> Seen | None:
    """The surest of several."""
    best = max(found, key=lambda one: one.score, default=None)
    return None if best is None else seen_in(result, best)


def aspect_of(result: FrameResult) -> float:
    """Width of the picture in heights."""
    return result.width_px / result.height_px


def feet(found: Detection, aspect: float) -> tuple[float, float]:
    """Where an object stands: the middle of the lower edge, in picture heights."""
    return (found.x + found.w / 2) * aspect, min(found.y + found.h, 1.0)


def size_of(found: Detection, aspect: float) -> float:
    """The longer side of the box, in picture heights."""
    return max(found.w * aspect, found.h)


def reach(size: float, other: float, gap_ns: int) -> float:
    """How far from where it vanished an object may come back, in picture heights, by its sizes then and now."""
    return min(size, other) * (_SLACK + _STRIDE * min(gap_ns / NS_PER_S, _MOST_STRIDE_S))
