"""Follows objects over frames. Pure: a state and the detections of a frame in, the next state and track numbers out.

Two-stage association as in ByteTrack (Zhang et al., ECCV 2022): first the sure detections are matched by overlap with
the predicted boxes of all tracks, then the unsure ones with what is left: somebody half hidden keeps the number.
Each box coordinate follows its own constant-velocity Kalman filter in real time, because frames come at any interval.
The state is immutable, so that it can be kept with an event and the decision be made again from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from haechi.base.clock import NS_PER_S
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
    """One object. ``axes`` are centre x, centre y, width and height of its box."""

    number: int
    label: str
    axes: tuple[Axis, Axis, Axis, Axis]
    seen_ns: int
    hits: int


class TrackerState(Struct, frozen=True, array_like=True):
    """All that the tracker knows between two frames."""

    next_number: int = 1
    at_ns: int = 0
    tracks: tuple[Track, ...] = ()


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
    pairs = _match(tracks, range(len(tracks)), detections, sure, SURE_OVERLAP)
    left = [index for index in range(len(tracks)) if index not in pairs]
    pairs |= _match(tracks, left, detections, unsure, UNSURE_OVERLAP)
    kept: list[Track] = []
    numbers: dict[int, int] = {}
    for index, one in enumerate(tracks):
        if index in pairs:
            numbers[pairs[index]] = one.number
            kept.append(_seen(one, detections[pairs[index]], now_ns))
        elif not _is_lost(one, now_ns, dt_s):
            kept.append(one)
    number = state.next_number
    for row in sure:
        if row not in numbers:
            kept.append(_born(number, detections[row], now_ns))
            numbers[row] = number
            number += 1
    numbered = tuple(structs.replace(one, track=numbers.get(row)) for row, one in enumerate(detections))
    return TrackerState(number, now_ns, tuple(kept)), numbered


def _match(
    tracks: Sequence[Track],
    indices: Sequence[int],
    detections: Sequence[Detection],
    rows: Sequence[int],
    least_overlap: float,
) -> dict[int, int]:
    """The best assignment of tracks (by index) to detections (by row) of the same label with enough overlap."""
    if not indices or not rows:
        return {}
    boxes = np.array([_corners(tracks[index]) for index in indices])
    others = np.array([(d.x, d.y, d.x + d.w, d.y + d.h) for d in (detections[row] for row in rows)])
    overlaps = _overlaps(boxes, others)
    same = np.array([[tracks[index].label == detections[row].label for row in rows] for index in indices])
    overlaps = np.where(same & (overlaps >= least_overlap), overlaps, 0.0)
    first, second = linear_sum_assignment(-overlaps)
    chosen = zip(first.tolist(), second.tolist(), strict=True)
    return {indices[i]: rows[j] for i, j in chosen if overlaps[i, j] > 0}


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


def _seen(one: Track, found: Detection, now_ns: int) -> Track:
    x, y, w, h = one.axes
    axes = (
        x.corrected(found.x + found.w / 2),
        y.corrected(found.y + found.h / 2),
        w.corrected(found.w),
        h.corrected(found.h),
    )
    return Track(one.number, one.label, axes, now_ns, one.hits + 1)


def _born(number: int, found: Detection, now_ns: int) -> Track:
    def axis(place: float) -> Axis:
        return Axis(place, 0.0, _MEASURED**2, 0.0, _FIRST_SPEED**2)

    axes = (axis(found.x + found.w / 2), axis(found.y + found.h / 2), axis(found.w), axis(found.h))
    return Track(number, found.label, axes, now_ns, 1)


def _is_lost(one: Track, now_ns: int, dt_s: float) -> bool:
    patience_s = LOST_S if one.hits > 1 else LOST_NEW_S
    return (now_ns - one.seen_ns) / NS_PER_S > max(patience_s, LOST_FRAMES * dt_s)
