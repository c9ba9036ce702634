"""Whether a picture is worth looking at: black, over-exposed, unsharp, covered, frozen, noisy. Pure.

Measures are compared with what is usual for this camera in this light; a state is entered and left with hysteresis, by
time and by number of pictures, so that one bad picture says nothing.
"""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from haechi.base.clock import NS_PER_S
from haechi.vision.view.picture import Picture

Trouble = Literal["black", "bright", "blurred", "covered", "frozen", "noisy"]
TROUBLES: tuple[Trouble, ...] = get_args(Trouble)

BLACK_BELOW = 24
"""Grey level under which 99 of 100 pixels of a black picture lie."""
BRIGHT_ABOVE, BRIGHT_SHARE = 250, 0.5
BLURRED_TO = 0.35
"""Of the usual sharpness."""
SAME_SCENE = 0.75
"""Correlation of the coarse picture (32 x 18) with the usual one: what is unsharp still has its light and dark."""
LOST_TEXTURE, LOST_SHARE = 0.2, 0.7
"""A cell (8 x 6) has lost its texture when so little of the usual is left; covered is a picture most of whose do."""
FLAT = 6.0
"""Cells that never had more texture (mean of gradients) are not counted."""
NOISE_TIMES, NOISE_ABOVE = 3.0, 6.0
LEAST_LIVELY = 0.02
"""Mean change from picture to picture, in grey levels, of a camera of which it can be told that it is frozen: those
whose pictures always differ a little."""
ON_NS: dict[Trouble, int] = {
    "black": 5 * NS_PER_S,
    "bright": 20 * NS_PER_S,
    "blurred": 20 * NS_PER_S,
    "covered": 5 * NS_PER_S,
    "frozen": 30 * NS_PER_S,
    "noisy": 30 * NS_PER_S,
}
OFF_NS = 5 * NS_PER_S
LEAST_PICTURES = 3
LEARNT = 12
"""Healthy pictures after which the usual is known."""
SLOW = 0.02
COLUMNS, ROWS = 8, 6
COARSE = (32, 18)


class Measures(Struct, frozen=True):
    """Of one picture.

    Attributes:
        high: Grey level under which 99 of 100 pixels lie.
        bright: Share of pixels that are all but white.
        sharpness: Mean strength of edges among the strongest twentieth of the pixels.
        noise: Deviation of the sensor's noise in the quieter places, in grey levels.
        change: Mean change from the picture before, in grey levels; -1: unknown.
        texture: Mean gradient of each cell, row by row.
        coarse: The picture at 32 x 18.
    """

    high: float
    bright: float
    sharpness: float
    noise: float
    change: float
    texture: tuple[float, ...]
    coarse: bytes


class Usual(Struct, frozen=True):
    """What is usual for a camera in one light; ``count`` healthy pictures went into it."""

    count: int = 0
    sharpness: float = 0.0
    noise: float = 0.0
    change: float = 0.0
    texture: tuple[float, ...] = ()
    coarse: bytes = b""


class Hold(Struct, frozen=True):
    """One state with its hysteresis: whether it is on, and since when, for how many pictures, the opposite is seen."""

    is_on: bool = False
    since_ns: int = 0
    pictures: int = 0


def measured(picture: Picture, before: Picture | None) -> Measures:
    """Measure one picture; ``before`` is the one that came before it, if it has the same size."""
    small = picture.small
    gradient = _gradient(small)
    cells = cv2.resize(gradient, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    change = -1.0
    if before is not None and before.size == picture.size:
        change = float(np.mean(cv2.absdiff(picture.grey, before.grey)))
    fine = _gradient(picture.grey)
    return Measures(
        high=float(np.percentile(small, 99)),
        bright=float(np.mean(small >= BRIGHT_ABOVE)),
        sharpness=_strongest(picture, fine),
        noise=_noise(picture),
        change=change,
        texture=tuple(round(float(one), 2) for one in cells.ravel()),
        coarse=np.asarray(cv2.resize(small, COARSE, interpolation=cv2.INTER_AREA), np.uint8).tobytes(),
    )


def troubles_in(now: Measures, usual: Usual) -> frozenset[Trouble]:
    """What is wrong with one picture."""
    if now.high < BLACK_BELOW:
        return frozenset({"black"})
    found: set[Trouble] = set()
    if now.bright > BRIGHT_SHARE:
        found.add("bright")
    if usual.count < LEARNT:
        return frozenset(found)
    is_same = likeness(now.coarse, usual.coarse) > SAME_SCENE
    if not found and not is_same and lost_share(now, usual) > LOST_SHARE:
        found.add("covered")
    elif is_same and now.sharpness < BLURRED_TO * usual.sharpness:
        found.add("blurred")
    if usual.change > LEAST_LIVELY and now.change == 0.0:
        found.add("frozen")
    if now.noise > max(NOISE_TIMES * usual.noise, usual.noise + NOISE_ABOVE):
        found.add("noisy")
    return frozenset(found)


def learnt(usual: Usual, now: Measures) -> Usual:
    """The usual, with one more healthy picture: a plain mean at first, then slowly."""
    weight = max(SLOW, 1.0 / (usual.count + 1))
    coarse = now.coarse
    if usual.count:
        mixed = (1 - weight) * np.frombuffer(usual.coarse, np.uint8) + weight * np.frombuffer(now.coarse, np.uint8)
        coarse = np.rint(mixed).astype(np.uint8).tobytes()
    texture = usual.texture or now.texture
    change = usual.change if now.change < 0 else _mixed(usual.change, now.change, weight)
    return Usual(
        count=min(usual.count + 1, 1_000_000),
        sharpness=_mixed(usual.sharpness, now.sharpness, weight),
        noise=_mixed(usual.noise, now.noise, weight),
        change=change,
        texture=tuple(round(_mixed(a, b, weight), 3) for a, b in zip(texture, now.texture, strict=True)),
        coarse=coarse,
    )


def held(hold: Hold, *, is_seen: bool, at_ns: int, on_ns: int) -> Hold:
    """The state after one more picture."""
    if is_seen == hold.is_on:
        return Hold(hold.is_on)
    since_ns = hold.since_ns if hold.pictures else at_ns
    pictures = hold.pictures + 1
    wait_ns = OFF_NS if hold.is_on else on_ns
    if pictures >= LEAST_PICTURES and at_ns - since_ns >= wait_ns:
        return Hold(not hold.is_on)
    return structs.replace(hold, since_ns=since_ns, pictures=pictures)


def lost_share(now: Measures, usual: Usual) -> float:
    """Of the cells that usually have texture, those that have lost it."""
    pairs = [(a, b) for a, b in zip(now.texture, usual.texture, strict=True) if b > FLAT]
    if len(pairs) < 6:
        return 0.0
    return sum(a < LOST_TEXTURE * b + 1.0 for a, b in pairs) / len(pairs)


def likeness(first: bytes, second: bytes) -> float:
    """Correlation of two coarse pictures, -1 to 1; 0 when one of them is flat."""
    a, b = (np.frombuffer(one, np.uint8).astype(np.float64) for one in (first, second))
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / norm if norm > 1e-6 else 0.0


def _gradient(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(cv2.magnitude(across, down) / 4, np.float32)


def _strongest(picture: Picture, gradient: NDArray[np.float32]) -> float:
    """Relative to the contrast of the picture: dimmer light alone is no blur."""
    contrast = float(np.std(picture.small)) + 1.0
    edge = gradient[::2, ::2].ravel()
    most = np.partition(edge, int(0.95 * edge.size))[int(0.95 * edge.size) :]
    return float(most.mean()) / contrast


def _noise(picture: Picture) -> float:
    """Immerkaer's estimate (1996), cell by cell; the quieter quarter of them tells."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    rough = np.abs(cv2.filter2D(picture.grey, cv2.CV_32F, kernel))
    cells = cv2.resize(rough, (16, 12), interpolation=cv2.INTER_AREA)
    return float(np.percentile(cells, 25)) * float(np.sqrt(np.pi / 2)) / 6


def _mixed(old: float, new: float, weight: float) -> float:
    return (1 - weight) * old + weight * new
