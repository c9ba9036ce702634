"""The people of the rendered scenes: two photographs cut out, given legs, and made to walk.

scikit-image ships the photographs: a portrait of an astronaut (NASA, public domain) and a photographer at work (CC0).
Both end above the knee, so hips, legs and boots are drawn on, in the cloth of the suit.
"""

import importlib.util
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from haechi.base.errors import Unavailable

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.uint8]

GAIT = 12
"""Pictures of one walking cycle (two steps)."""
SPRITE_PX = 620
"""Height of a finished figure; scenes only shrink it."""

_ASTRONAUT = [
    (150, 80), (170, 35), (225, 12), (275, 30), (303, 85), (290, 122), (268, 145), (256, 178), (285, 190), (306, 215),
    (300, 245), (345, 265), (362, 345), (400, 340), (455, 365), (490, 410), (500, 470), (500, 530), (22, 530),
    (18, 420), (30, 330), (45, 270), (80, 230), (118, 205), (120, 165), (180, 145), (160, 115),
]  # fmt: skip
_PHOTOGRAPHER = [
    (-10, 530), (-10, 262), (34, 196), (70, 145), (150, 102), (170, 75), (220, 60), (262, 85), (274, 135), (322, 132),
    (330, 170), (328, 205), (300, 240), (288, 290), (240, 312), (208, 300), (190, 345), (150, 375), (152, 530),
]  # fmt: skip
_TRIPOD = [((292, 200), (294, 482)), ((288, 332), (236, 511)), ((308, 332), (403, 511)), ((250, 488), (392, 478))]
_SKIN = [(178, 120), (215, 105), (268, 130), (262, 150), (240, 198), (200, 190), (180, 160)]


class Sprite(Struct, frozen=True):
    """A person in one phase of walking, feet on the lower edge.

    Attributes:
        colour: H x W x 3, uint8, 0-255, RGB.
        alpha: H x W, uint8, 0 = transparent.
    """

    colour: Image
    alpha: Mask


class Figure:
    """A person in every phase of walking; a phase is drawn when it is first asked for."""

    def __init__(self, draw: Callable[[int], Sprite]) -> None:
        self._draw = draw
        self._drawn: dict[int, Sprite] = {}

    def phase(self, number: int) -> Sprite:
        """Phase ``number`` of `GAIT`."""
        if number not in self._drawn:
            self._drawn[number] = self._draw(number)
        return self._drawn[number]


def photograph(name: str) -> Image:
    """A picture out of scikit-image, H x W x 3, uint8, RGB. The package is found, not imported: it is slow to start.

    Raises:
        Unavailable: scikit-image is not installed.
    """
    found = importlib.util.find_spec("skimage")
    places = (found.submodule_search_locations or []) if found is not None else []
    for place in places:
        path = Path(place) / "data" / name
        if path.is_file():
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if picture is not None:
                return np.ascontiguousarray(picture[:, :, ::-1]).astype(np.uint8)
    raise Unavailable(
        "the demo scenes need the pictures of scikit-image; install haechi[demo]",
        code="demo-pictures-missing",
        name=name,
    )


def cut_out(picture: Image, outline: list[tuple[int, int]], band_px: int = 9) -> Mask:
    """Soft mask of what lies inside ``outline``; the true edge is looked for within ``band_px`` of it (GrabCut)."""
    height, width = picture.shape[:2]
    area = np.zeros((height + 2 * band_px, width + 2 * band_px), np.uint8)
    cv2.fillPoly(area, [np.array(outline, np.int32) + band_px], 255)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band_px + 1, 2 * band_px + 1))
    inside = cv2.erode(area, kernel)[band_px:-band_px, band_px:-band_px]
    around = cv2.dilate(area, kernel)[band_px:-band_px, band_px:-band_px]
    labels = np.full((height, width), cv2.GC_PR_FGD, np.uint8)
    labels[around == 0] = cv2.GC_BGD
    labels[inside > 0] = cv2.GC_FGD
    cv2.setRNGSeed(1)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, labels, (0, 0, 1, 1), background, foreground, 3, cv2.GC_INIT_WITH_MASK)
    hard = np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    return _u8(cv2.GaussianBlur(cv2.morphologyEx(hard, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), (0, 0), 1.1))


_making = threading.Lock()
"""Scenes are rendered side by side and share figures: whoever comes second waits, and does not make it again."""


def astronaut(hue_shift: int = 0) -> Figure:
    """The astronaut, walking. ``hue_shift`` (OpenCV degrees, 0-179) dyes the suit: 0 orange, 60 green, 100 blue."""
    with _making:
        return _astronaut(hue_shift)


def photographer() -> Figure:
    """The photographer behind his tripod. He keeps still: all phases are one picture."""
    with _making:
        return _photographer()


@cache
def _portrait() -> tuple[Image, Mask, Image]:
    """The astronaut's photograph, its mask, and a patch of the suit."""
    picture = photograph("astronaut.png")
    return picture, cut_out(picture, _ASTRONAUT), _cloth(picture)


@cache
def _astronaut(hue_shift: int) -> Figure:
    picture, mask, cloth = _portrait()
    if hue_shift:
        picture, cloth = _dye(picture, hue_shift), _dye(cloth, hue_shift)
    return Figure(lambda phase: _standing(picture, mask, cloth, phase))


@cache
def _photographer() -> Figure:
    picture = photograph("camera.png")
    mask = cut_out(picture, _PHOTOGRAPHER)
    for start, end in _TRIPOD:
        cv2.line(mask, start, end, 255, 9, cv2.LINE_AA)
    colour = _tinted(picture)
    tall = np.zeros((720, 470, 3), np.uint8)
    alpha = np.zeros((720, 470), np.uint8)
    coat = (26, 27, 33)
    back = [(46, 240), (14, 310), (2, 420), (6, 545), (90, 560), (190, 545), (180, 300)]
    shoes = [(150, 700), (176, 676), (214, 690), (236, 716), (150, 718)]
    for shape, shade in (
        ([(60, 520), (40, 700), (88, 712), (130, 540)], (40, 42, 48)),
        ([(130, 500), (150, 690), (196, 700), (194, 500)], (92, 92, 94)),
        ([(34, 690), (84, 690), (120, 712), (116, 718), (32, 718)], (24, 22, 22)),
        (shoes, (28, 26, 26)),
        (back, coat),
    ):
        cv2.fillPoly(tall, [np.array(shape, np.int32)], shade, cv2.LINE_AA)
        cv2.fillPoly(alpha, [np.array(shape, np.int32)], 255, cv2.LINE_AA)
    for (x0, y0), (x1, y1) in (((278, 505), (240, 716)), ((444, 505), (466, 600)), ((334, 480), (334, 690))):
        cv2.line(tall, (x0, y0), (x1, y1), (70, 70, 72), 7, cv2.LINE_AA)
        cv2.line(alpha, (x0, y0), (x1, y1), 255, 7, cv2.LINE_AA)
    region = np.s_[0:512, 40:470]
    share = (mask[:, :430].astype(np.float32) / 255)[..., None]
    tall[region] = (colour[:, :430] * share + tall[region] * (1 - share)).astype(np.uint8)
    alpha[region] = np.maximum(alpha[region], mask[:, :430])
    alpha = _u8(cv2.GaussianBlur(alpha, (0, 0), 0.9))
    size = (round(470 * SPRITE_PX / 720), SPRITE_PX)
    still = Sprite(_u8(cv2.resize(tall, size, interpolation=cv2.INTER_AREA)), _u8(cv2.resize(alpha, size)))
    return Figure(lambda _: still)


def _standing(picture: Image, mask: Mask, cloth: Image, phase: int) -> Sprite:
    """The upper half of the photograph over drawn hips and legs in one phase of walking."""
    height, width = 1130, 560
    left = 28
    colour = np.zeros((height, width, 3), np.uint8)
    alpha = np.zeros((height, width), np.uint8)
    turn = 2 * np.pi * phase / GAIT
    bob = round(7 * abs(np.sin(turn)))
    for side in (1, -1) if np.cos(turn) > 0 else (-1, 1):
        lift = max(0.0, np.sin(turn) * side)
        swing = np.cos(turn) * side
        hip, knee, foot = (250 + 62 * side, 560 + bob), (256 + 66 * side, 800), (258 + 62 * side, 1070)
        knee = (round(knee[0] + 8 * swing), round(knee[1] - 26 * lift))
        foot = (round(foot[0] + 20 * swing), round(foot[1] - 62 * lift))
        _leg(colour, alpha, cloth, (hip, knee, foot), 0.78 if swing < 0 else 1.0)
    hips = [(92, 470), (404, 470), (398, 560), (394, 650), (268, 662), (252, 686), (238, 662), (112, 650), (100, 560)]
    _fill(colour, alpha, cloth, [(x, y + bob) for x, y in hips], 0.9)
    cv2.ellipse(colour, (392 + left, 470 + bob), (104, 96), 0, 0, 180, (12, 12, 14), -1, cv2.LINE_AA)
    cv2.ellipse(alpha, (392 + left, 470 + bob), (104, 96), 0, 0, 180, 255, -1, cv2.LINE_AA)
    region = np.s_[bob : 512 + bob, left : left + 512]
    share = (mask.astype(np.float32) / 255)[..., None]
    colour[region] = (picture * share + colour[region] * (1 - share)).astype(np.uint8)
    alpha[region] = np.maximum(alpha[region], mask)
    size = (round(width * SPRITE_PX / height), SPRITE_PX)
    return Sprite(_u8(cv2.resize(colour, size, interpolation=cv2.INTER_AREA)), _u8(cv2.resize(alpha, size)))


def _leg(
    colour: Image,
    alpha: Mask,
    cloth: Image,
    joints: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
    light: float,
) -> None:
    (hx, hy), (kx, ky), (fx, fy) = joints
    _fill(colour, alpha, cloth, [(hx - 78, hy), (hx + 78, hy), (kx + 60, ky), (kx - 60, ky)], light)
    _fill(colour, alpha, cloth, [(kx - 60, ky - 6), (kx + 60, ky - 6), (fx + 50, fy), (fx - 50, fy)], light * 0.94)
    boot = [(fx - 52, fy - 46), (fx + 52, fy - 46), (fx + 60, fy + 34), (fx + 44, fy + 56), (fx - 44, fy + 56)]
    boot.append((fx - 60, fy + 34))
    cv2.fillPoly(colour, [np.array(boot, np.int32)], (30, 28, 30), cv2.LINE_AA)
    cv2.fillPoly(alpha, [np.array(boot, np.int32)], 255, cv2.LINE_AA)
    cv2.line(colour, (fx - 40, fy + 10), (fx + 40, fy + 10), (70, 66, 66), 5, cv2.LINE_AA)


def _fill(colour: Image, alpha: Mask, cloth: Image, shape: list[tuple[int, int]], light: float) -> None:
    """Fill a shape with cloth, darker towards its sides so that it looks round."""
    points = np.array(shape, np.int32)
    area = np.zeros(alpha.shape, np.uint8)
    cv2.fillPoly(area, [points], 255, cv2.LINE_AA)
    x, y, width, height = cv2.boundingRect(points)
    x, y = max(x, 0), max(y, 0)
    part = np.s_[y : y + height, x : x + width]
    depth = cv2.distanceTransform((area[part] > 127).astype(np.uint8), cv2.DIST_L2, 3)
    roundness = np.clip(depth / (0.34 * min(width, height)), 0.0, 1.0) ** 0.6
    shade = (light * (0.42 + 0.58 * roundness))[..., None]
    share = (area[part].astype(np.float32) / 255)[..., None]
    rows, columns = shade.shape[:2]
    tile = np.tile(cloth, (rows // cloth.shape[0] + 1, columns // cloth.shape[1] + 1, 1))[:rows, :columns]
    colour[part] = (tile * shade * share + colour[part] * (1 - share)).astype(np.uint8)
    alpha[part] = np.maximum(alpha[part], area[part])


def _cloth(picture: Image) -> Image:
    """A patch of the suit that can be laid side by side without seams; its folds are calmed, or they make a pattern."""
    patch = picture[300:400, 52:112].astype(np.float32)
    patch = np.mean(patch, axis=(0, 1)) * 0.7 + patch * 0.3
    half = np.concatenate([patch, patch[::-1]], axis=0)
    return _u8(np.concatenate([half, half[:, ::-1]], axis=1).astype(np.uint8))


def _dye(picture: Image, hue_shift: int) -> Image:
    """Turn the orange of the suit; hair and skin are less saturated and stay."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    hue, saturation = hsv[..., 0], hsv[..., 1]
    suit = ((hue < 14) | (hue > 172)) & (saturation > 140)
    suit[: 150 if picture.shape[0] > 300 else 0] = False
    share = (cv2.GaussianBlur(suit.astype(np.float32), (0, 0), 1.5))[..., None]
    hsv[..., 0] = (hue.astype(np.int32) + hue_shift) % 180
    hsv[..., 1] = (saturation * 0.72).astype(np.uint8)
    dyed = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return (dyed * share + picture * (1 - share)).astype(np.uint8)


def _tinted(picture: Image) -> Image:
    """Colour for the photographer, who was photographed in black and white: a warm face, a cool coat."""
    grey = picture.astype(np.float32)
    face = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(face, [np.array(_SKIN, np.int32)], 255)
    warm = (cv2.GaussianBlur(face, (0, 0), 5).astype(np.float32) / 255)[..., None]
    skin = grey * np.array([1.08, 0.86, 0.72], np.float32)
    coat = grey * np.array([0.94, 0.98, 1.1], np.float32)
    return np.clip(skin * warm + coat * (1 - warm), 0, 255).astype(np.uint8)


def _u8(array: npt.NDArray[np.generic] | cv2.typing.MatLike) -> Image:
    return np.asarray(array, np.uint8)
