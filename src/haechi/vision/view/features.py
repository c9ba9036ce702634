"""Points of a picture that can be found again: ORB, spread over the picture, and the match of two sets of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from haechi.vision.view.picture import Grey, Mask

Points = NDArray[np.float32]
"""n x 2: x, y in pixels."""
Descriptors = NDArray[np.uint8]
"""n x 32."""

DETECTED = 4000
PER_CELL = 14
CELL_PX = 48
"""At most so many points in a square of this side: else a hedge would have them all, and the hull of what fits be
small. 768 x 432 has 144 of them."""
MOST_POINTS = 1500
RATIO = 0.8
"""A match counts when it is so much better than the second best (Lowe)."""
_LONE = 64
"""A match without a second best counts when it differs in so many of 256 bits."""


class Features(Struct, frozen=True):
    """Where they are, and how each looks: n x 32 bytes."""

    points: Points
    descriptors: Descriptors


def found(even: Grey, mask: Mask | None) -> Features:
    """The features of a picture, where ``mask`` lets them be."""
    orb = cv2.ORB.create(DETECTED, scaleFactor=1.2, nlevels=6, edgeThreshold=19, fastThreshold=8)
    keypoints = _spread(orb.detect(even, mask))
    if not keypoints:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8))
    kept, descriptors = orb.compute(even, keypoints)
    points = np.array([one.pt for one in kept], np.float32).reshape(-1, 2)
    return Features(points, np.asarray(descriptors, np.uint8).reshape(len(points), -1))


def matched(before: Features, now: Features) -> tuple[Points, Points]:
    """Pairs of points that are each other's best match, and clearly so."""
    if len(before.points) < 2 or len(now.points) < 2:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    far, nearest = _nearest(before.descriptors, now.descriptors, 2)
    _, back = _nearest(now.descriptors, before.descriptors, 1)
    best = nearest[:, 0]
    is_mutual = back[best, 0] == np.arange(len(best))
    is_clear = (far[:, 0] < RATIO * far[:, 1]) & (far[:, 0] <= _LONE)
    keep = is_mutual & is_clear
    return before.points[keep], now.points[best[keep]]


def _nearest(of: Descriptors, among: Descriptors, count: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The nearest ``count`` of each: in how many bits they differ, and which they are."""
    far, which = cv2.batchDistance(of, among, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=count)
    return np.asarray(far, np.int32), np.asarray(which, np.int32)


def _spread(keypoints: Sequence[cv2.KeyPoint]) -> list[cv2.KeyPoint]:
    """The strongest of each cell."""
    taken: dict[tuple[int, int], int] = {}
    kept: list[cv2.KeyPoint] = []
    for one in sorted(keypoints, key=lambda keypoint: -keypoint.response):
        cell = (int(one.pt[0]) // CELL_PX, int(one.pt[1]) // CELL_PX)
        count = taken.get(cell, 0)
        if count < PER_CELL:
            taken[cell] = count + 1
            kept.append(one)
    return kept[:MOST_POINTS]
