"""Finds objects again that were hidden: by what they look like, within their reach, or where they were bound for. Pure.

As the observation-centric recovery of OC-SORT (Cao et al., CVPR 2023) and the appearance of BoT-SORT, but gates are
lengths of the object itself: how far somebody can have come is told by how large they are, wherever the camera is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from scipy.optimize import linear_sum_assignment

from haechi.base.clock import NS_PER_S
from haechi.vision.appearance import likeness
from haechi.vision.result import Detection

KNOWN_S = 10.0
"""Somebody whose looks are known is found again after so long; [measured] see `ALIKE`."""
BOUND_S = 3.0
"""Somebody whose looks are not known, after so long."""
ALIKE = 0.7
"""[measured] 90 % of pairs of one person are more alike than 0.75 a moment apart, 5 % of pairs of two people are."""
SPEED_WIDTHS, SPEED_HEIGHTS = 4.0, 1.0
"""How far somebody comes in a second, in widths and heights of their box: a person who runs, across and towards us."""
START_WIDTHS, START_HEIGHTS = 0.75, 0.35
BOUND_WIDTHS, BOUND_HEIGHTS = 1.2, 0.3
"""How far from where they were bound for somebody may be whose looks are not known."""
SIZE, BOUND_SIZE = 2.0, 1.45
"""By how much the height may have changed."""
BOUND_HITS = 3
Place = tuple[float, float, float, float]
"""Centre x and y, width and height."""


class Hidden(Struct, frozen=True):
    """An object that is not seen at the moment.

    Attributes:
        last: Where it was seen last, at ``seen_ns``.
        bound: Where it would be now if it went on as it did.
    """

    label: str
    last: Place
    bound: Place
    seen_ns: int
    hits: int
    look: bytes


def found_again(
    hidden: Sequence[Hidden], detections: Sequence[Detection], rows: Sequence[int], now_ns: int
) -> dict[int, int]:
    """Which of the detections in ``rows`` are which hidden objects, by index.

    Those whose looks agree come first. Without looks a pair must be the only one possible, from both sides.
    """
    if not hidden or not rows:
        return {}
    values = np.array([[_alike(one, detections[row], now_ns) for row in rows] for one in hidden])
    first, second = linear_sum_assignment(-values)
    pairs = {i: j for i, j in zip(first.tolist(), second.tolist(), strict=True) if values[i, j] > 0}
    bound = np.array(
        [
            [
                i not in pairs and j not in pairs.values() and _is_bound(one, detections[row], now_ns)
                for j, row in enumerate(rows)
            ]
            for i, one in enumerate(hidden)
        ]
    )
    pairs |= {i: j for i, j in np.argwhere(bound).tolist() if bound[i].sum() == 1 and bound[:, j].sum() == 1}
    return {i: rows[j] for i, j in pairs.items()}


def _alike(one: Hidden, found: Detection, now_ns: int) -> float:
    """How alike two are that may be one; 0 where they cannot be."""
    away_s = (now_ns - one.seen_ns) / NS_PER_S
    like = likeness(one.look, found.embedding)
    if like is None or like < ALIKE or one.label != found.label or away_s > KNOWN_S:
        return 0.0
    reach = (START_WIDTHS + SPEED_WIDTHS * away_s, START_HEIGHTS + SPEED_HEIGHTS * away_s)
    return like if _is_near(one.last, found, reach, SIZE) else 0.0


def _is_bound(one: Hidden, found: Detection, now_ns: int) -> bool:
    """Whether the detection is where the object was bound for, and nothing is known of what one of them looks like."""
    return (
        one.label == found.label
        and one.hits >= BOUND_HITS
        and now_ns - one.seen_ns <= BOUND_S * NS_PER_S
        and likeness(one.look, found.embedding) is None
        and _is_near(one.bound, found, (BOUND_WIDTHS, BOUND_HEIGHTS), BOUND_SIZE, one.last)
    )


def _is_near(place: Place, found: Detection, reach: tuple[float, float], size: float, of: Place | None = None) -> bool:
    """``reach``: in widths and heights, the larger of both; ``of``: whose size counts, if not that of ``place``."""
    x, y = place[:2]
    w, h = (of or place)[2:]
    widest, highest = max(w, found.w), max(h, found.h)
    return (
        abs(found.x + found.w / 2 - x) <= reach[0] * widest
        and abs(found.y + found.h / 2 - y) <= reach[1] * highest
        and highest <= size * min(h, found.h)
    )
