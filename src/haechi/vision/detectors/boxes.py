"""From raw boxes and scores to detections: thresholds, suppression, coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from haechi.vision.result import Detection

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


def overlap(box: Floats, others: Floats) -> Floats:
    """Intersection over union of one box (4,) with others (N, 4); corners x1, y1, x2, y2."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.clip(width, 0, None) * np.clip(height, 0, None)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    result: Floats = shared / np.maximum(area + areas - shared, 1e-9)
    return result


def suppress(boxes: Floats, scores: Floats, limit: float) -> Indices:
    """Greedy non-maximum suppression: the rows that stay, best first; equal scores keep their order.

    Args:
        boxes: (N, 4) corners.
        scores: (N,).
        limit: Overlap beyond which the weaker of two boxes goes.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = int(order[0]), order[1:]
        kept.append(best)
        order = rest[overlap(boxes[best], boxes[rest]) <= limit]
    return np.asarray(kept, dtype=np.intp)


def detections(boxes: Floats, scores: Floats, classes: Sequence[str]) -> tuple[Detection, ...]:
    """Detections from corners in [0, 1] (cut to the picture), best first; boxes without area are left out."""
    found: list[Detection] = []
    cut = np.clip(boxes, 0.0, 1.0)
    for row in np.argsort(-scores, kind="stable"):
        x1, y1, x2, y2 = (float(value) for value in cut[row])
        if x2 > x1 and y2 > y1:
            found.append(Detection(classes[row], float(scores[row]), x1, y1, x2 - x1, y2 - y1))
    return tuple(found)
