"""Follows objects over frames. Pure: a state and the detections of a frame in, the next state and track numbers out.

Two-stage association as in ByteTrack (Zhang et al., ECCV 2022): first the sure detections are matched by overlap with
the predicted boxes of all tracks, then the unsure ones with what is left: somebody half hidden keeps the number.
Each box coordinate follows its own constant-velocity Kalman filter in real time, because frames come at any interval.
Where it is known what things look like (`haechi.vision.appearance`), that decides between two that overlap, and who was
hidden is found again by it (`haechi.vision.refind`), a few seconds later and somewhere else.
The state is immutable, so that it can be kept with an event and the decision be made again from it. It says by which
recipe it goes on: what was decided by an older one is made again by that one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from haechi.base.clock import NS_PER_S
from haechi.vision.appearance import likeness
from haechi.vision.refind import BOUND_S, KNOWN_S, Hidden, found_again
from haechi.vision.result import Detection

SURE_SCORE = 0.5
SURE_OVERLAP = 0.15
UNSURE_OVERLAP = 0.4
LOST_S = 2.0
LOST_NEW_S = 0.7
"""A track that was seen only once is forgotten sooner: it was noise more often than not."""
LOST_FRAMES = 2.5
"""A track outlives that many intervals between frames, however long they are."""
FORESIGHT_S = 1.0
"""A velocity is not believed for longer than this."""
WHOLE = 0.85
"""A box that is narrower or lower than this share of what it was shows only a part."""
WHOLE_AGAIN_S = 3.0
"""After so long it has become smaller."""
KEPT_SIZE = 0.9
"""What somebody becomes smaller in a second as they walk away, at most; what becomes smaller faster is being hidden."""
PACE_S = 0.7
BY_OVERLAP, BY_LOOKS = 0, 1
"""Recipes: by overlap alone, as events of old were decided; and with what things look like."""
UNLIKE = 0.6
"""[measured] 95 % of pairs of one person a moment apart are more alike than 0.73, and 75 % of pairs of two people less
than 0.66. Two boxes that are less alike than this, and overlap less than `SAME_OVERLAP`, are two things."""
SAME_OVERLAP = 0.5
ALIKE = 0.77
LOOKS_WEIGHT = 1.0
"""By how much of an overlap a pair is better that is more alike than `ALIKE`."""
CROWDED_OVERLAP = 0.2
"""What overlaps more with another of its kind shows some of that: it is not what the track looks like."""
_ACCELERATION = 0.35
"""Standard deviation of the acceleration of a box edge, in picture widths per second squared."""
_MEASURED = 0.012
"""Standard deviation of a detector's box, in picture widths."""
_FIRST_SPEED = 0.25
Floats = NDArray[np.float64]


class Axis(Struct, frozen=True, array_like=True):
    """One coordinate of a box: its place and velocity (per second), and their covariance."""

    place: float
    speed: float
    p00: float
    p01: float
    p11: float

    def predicted(self, dt_s: float) -> Axis:
        """After ``dt_s`` of constant velocity."""
        moved_s = min(dt_s, FORESIGHT_S)
        noise = _ACCELERATION**2
        return Axis(
            self.place + self.speed * moved_s,
            self.speed,
            self.p00 + 2 * moved_s * self.p01 + moved_s**2 * self.p11 + noise * moved_s**4 / 4,
            self.p01 + moved_s * self.p11 + noise * moved_s**3 / 2,
            self.p11 + noise * moved_s**2,
        )

    def corrected(self, measured: float) -> Axis:
        """After a measurement."""
        total = self.p00 + _MEASURED**2
        gain, gain_speed = self.p00 / total, self.p01 / total
        off = measured - self.place
        return Axis(
            self.place + gain * off,
            self.speed + gain_speed * off,
            (1 - gain) * self.p00,
            (1 - gain) * self.p01,
            self.p11 - gain_speed * self.p01,
        )


class Track(Struct, frozen=True, array_like=True):
    """One object. ``axes`` are centre x, centre y, width and height of its box.

    Attributes:
        look: What it looked like when nothing was before it.
        whole: Centre, width and height of its box when it was last seen whole, at ``whole_ns``: at the edge of what
            hides it, a box is narrow, and its middle lags behind.
        pace: How fast its middle went until then, per second, across and down.
    """

    number: int
    label: str
    axes: tuple[Axis, Axis, Axis, Axis]
    seen_ns: int
    hits: int
    look: bytes = b""
    whole: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    whole_ns: int = 0
    pace: tuple[float, float] = (0.0, 0.0)


class TrackerState(Struct, frozen=True, array_like=True):
    """All that the tracker knows between two frames."""

    next_number: int = 1
    at_ns: int = 0
    tracks: tuple[Track, ...] = ()
    recipe: int = BY_OVERLAP


BEGIN = TrackerState(recipe=BY_LOOKS)
"""The state before the first frame."""


def track(
    state: TrackerState, captured_ns: int, detections: Sequence[Detection]
) -> tuple[TrackerState, tuple[Detection, ...]]:
    """Take the detections of one frame.

    Args:
        captured_ns: When the frame was taken; one that is not later than the last counts as taken together with it.

    Returns:
        The next state, and the detections in the same order with their track numbers. An unsure detection that belongs
        to no track keeps None.
    """
    now_ns = max(captured_ns, state.at_ns)
    dt_s = (now_ns - state.at_ns) / NS_PER_S if state.tracks else 0.0
    tracks = [_predicted(one, dt_s) for one in state.tracks]
    sure = [row for row, one in enumerate(detections) if one.score >= SURE_SCORE]
    unsure = [row for row, one in enumerate(detections) if one.score < SURE_SCORE]
    by_looks = state.recipe >= BY_LOOKS
    here = [index for index, one in enumerate(tracks) if not by_looks or not _is_away(one, now_ns, dt_s)]
    pairs = _match(tracks, here, detections, sure, SURE_OVERLAP, by_looks=by_looks)
    left = [index for index in here if index not in pairs]
    pairs |= _match(tracks, left, detections, unsure, UNSURE_OVERLAP)
    if by_looks:
        pairs |= _refound(tracks, pairs, detections, sure, now_ns)
    kept: list[Track] = []
    numbers: dict[int, int] = {}
    for index, one in enumerate(tracks):
        if index in pairs:
            numbers[pairs[index]] = one.number
            row = pairs[index]
            kept.append(_seen(one, detections[row], now_ns, is_clear=by_looks and _is_clear(detections, row)))
        elif not _is_lost(one, now_ns, dt_s, by_looks=by_looks):
            kept.append(one)
    number = state.next_number
    for row in sure:
        if row not in numbers:
            kept.append(_born(number, detections[row], now_ns, is_clear=by_looks and _is_clear(detections, row)))
            numbers[row] = number
            number += 1
    numbered = tuple(structs.replace(one, track=numbers.get(row)) for row, one in enumerate(detections))
    return TrackerState(number, now_ns, tuple(kept), state.recipe), numbered


def _match(
    tracks: Sequence[Track],
    indices: Sequence[int],
    detections: Sequence[Detection],
    rows: Sequence[int],
    least_overlap: float,
    *,
    by_looks: bool = False,
) -> dict[int, int]:
    """The best assignment of tracks (by index) to detections (by row) of the same label with enough overlap; of those
    the ones that look like it, where that is known."""
    if not indices or not rows:
        return {}
    boxes = np.array([_corners(tracks[index]) for index in indices])
    others = _boxes([detections[row] for row in rows])
    overlaps = _overlaps(boxes, others)
    same = np.array([[tracks[index].label == detections[row].label for row in rows] for index in indices])
    overlaps = np.where(same & (overlaps >= least_overlap), overlaps, 0.0)
    if by_looks:
        looks = [[likeness(tracks[index].look, detections[row].embedding) for row in rows] for index in indices]
        overlaps = _weighed(overlaps, looks)
    first, second = linear_sum_assignment(-overlaps)
    chosen = zip(first.tolist(), second.tolist(), strict=True)
    return {indices[i]: rows[j] for i, j in chosen if overlaps[i, j] > 0}


def _weighed(overlaps: Floats, looks: Sequence[Sequence[float | None]]) -> Floats:
    """Overlaps (N, M) of pairs that may be one, more for those that are alike and nothing for those that are not."""
    weighed = overlaps.copy()
    for i, j in np.argwhere(overlaps > 0).tolist():
        like = looks[i][j]
        if like is None:
            continue
        is_other = like < UNLIKE and overlaps[i, j] < SAME_OVERLAP
        weighed[i, j] = 0.0 if is_other else max(1e-3, overlaps[i, j] + LOOKS_WEIGHT * (like - ALIKE))
    return weighed


def _refound(
    tracks: Sequence[Track],
    pairs: Mapping[int, int],
    detections: Sequence[Detection],
    sure: Sequence[int],
    now_ns: int,
) -> dict[int, int]:
    """Sure detections that are left over and are tracks that were hidden."""
    hidden = [index for index in range(len(tracks)) if index not in pairs and tracks[index].hits > 1]
    taken = set(pairs.values())
    rows = [row for row in sure if row not in taken]
    found = found_again([_hidden(tracks[index], now_ns) for index in hidden], detections, rows, now_ns)
    return {hidden[one]: row for one, row in found.items()}


def _hidden(one: Track, now_ns: int) -> Hidden:
    x, y, w, h = one.whole
    away_s = min((now_ns - one.whole_ns) / NS_PER_S, KNOWN_S)
    bound = (x + one.pace[0] * away_s, y + one.pace[1] * away_s, w, h)
    return Hidden(one.label, one.whole, bound, one.seen_ns, one.hits, one.look)


def _is_clear(detections: Sequence[Detection], row: int) -> bool:
    """Whether a detection shows nothing but itself."""
    mine = detections[row]
    others = [one for number, one in enumerate(detections) if number != row and one.label == mine.label]
    if not others:
        return True
    return float(_overlaps(_boxes([mine]), _boxes(others)).max()) <= CROWDED_OVERLAP


def _boxes(detections: Sequence[Detection]) -> Floats:
    return np.array([(one.x, one.y, one.x + one.w, one.y + one.h) for one in detections])


def _overlaps(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of each of (N, 4) with each of (M, 4) corners: (N, M)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    areas = np.prod(np.clip(others[:, 2:] - others[:, :2], 0, None), axis=1)
    result: Floats = shared / np.maximum(area[:, None] + areas[None, :] - shared, 1e-12)
    return result


def _corners(one: Track) -> tuple[float, float, float, float]:
    x, y, w, h = (axis.place for axis in one.axes)
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def _predicted(one: Track, dt_s: float) -> Track:
    x, y, w, h = one.axes
    return structs.replace(one, axes=(x.predicted(dt_s), y.predicted(dt_s), w.predicted(dt_s), h.predicted(dt_s)))


def _seen(one: Track, found: Detection, now_ns: int, *, is_clear: bool) -> Track:
    x, y, w, h = one.axes
    axes = (
        x.corrected(found.x + found.w / 2),
        y.corrected(found.y + found.h / 2),
        w.corrected(found.w),
        h.corrected(found.h),
    )
    look = found.embedding if is_clear and found.embedding else one.look
    return Track(one.number, one.label, axes, now_ns, one.hits + 1, look, *_whole(one, found, now_ns))


def _born(number: int, found: Detection, now_ns: int, *, is_clear: bool) -> Track:
    def axis(place: float) -> Axis:
        return Axis(place, 0.0, _MEASURED**2, 0.0, _FIRST_SPEED**2)

    axes = (axis(found.x + found.w / 2), axis(found.y + found.h / 2), axis(found.w), axis(found.h))
    return Track(number, found.label, axes, now_ns, 1, found.embedding if is_clear else b"", _place(found), now_ns)


def _whole(
    one: Track, found: Detection, now_ns: int
) -> tuple[tuple[float, float, float, float], int, tuple[float, float]]:
    """`Track.whole`, `Track.whole_ns` and `Track.pace` after a measurement."""
    place, dt_s = _place(found), (now_ns - one.whole_ns) / NS_PER_S
    is_part = found.w < WHOLE * one.whole[2] or found.h < WHOLE * one.whole[3]
    if is_part and dt_s < WHOLE_AGAIN_S:
        return one.whole, one.whole_ns, one.pace
    if dt_s <= 0 or dt_s >= WHOLE_AGAIN_S:
        return place, now_ns, one.pace if dt_s <= 0 else (0.0, 0.0)
    weight = 1.0 if one.hits == 1 else 1 - math.exp(-dt_s / PACE_S)
    vx, vy = (place[0] - one.whole[0]) / dt_s, (place[1] - one.whole[1]) / dt_s
    w, h = (max(now, before * KEPT_SIZE**dt_s) for now, before in zip(place[2:], one.whole[2:], strict=True))
    return (
        (*place[:2], w, h),
        now_ns,
        (one.pace[0] + weight * (vx - one.pace[0]), one.pace[1] + weight * (vy - one.pace[1])),
    )


def _place(found: Detection) -> tuple[float, float, float, float]:
    return found.x + found.w / 2, found.y + found.h / 2, found.w, found.h


def _is_lost(one: Track, now_ns: int, dt_s: float, *, by_looks: bool) -> bool:
    if not by_looks or one.hits == 1:
        return _is_away(one, now_ns, dt_s)
    patience_s = KNOWN_S if one.look else BOUND_S
    return (now_ns - one.seen_ns) / NS_PER_S > max(patience_s, LOST_FRAMES * dt_s)


def _is_away(one: Track, now_ns: int, dt_s: float) -> bool:
    """Whether it was not seen for so long that where it would be says little."""
    patience_s = LOST_S if one.hits > 1 else LOST_NEW_S
    return (now_ns - one.seen_ns) / NS_PER_S > max(patience_s, LOST_FRAMES * dt_s)
