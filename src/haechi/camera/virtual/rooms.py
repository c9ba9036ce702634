"""The four places of the demo, drawn once: a shop entrance, an aisle, a yard at night, a stock room."""

from collections.abc import Callable, Sequence
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from haechi.camera.virtual.draw import (
    CARTONS,
    GOODS,
    HEIGHT_PX,
    WIDTH_PX,
    Canvas,
    Point,
    blank,
    box,
    dim,
    disc,
    fill,
    glow,
    grain,
    laid,
    line,
    shelves,
    text,
    tiles,
    vignette,
)


class Room(Struct, frozen=True):
    """An empty place.

    Attributes:
        picture: H x W x 3, uint8, RGB.
        cover: H x W, uint8; 255 where something stands in front of a person at ``cover_line`` or farther away.
        cover_line: Height in the picture (0-1, top to bottom) of the foot of what covers.
        light: H x W, float32: how bright the place is, to light people by; about 0.4 to 1.2.
    """

    picture: npt.NDArray[np.uint8]
    cover: npt.NDArray[np.uint8]
    cover_line: float
    light: npt.NDArray[np.float32]


@cache
def room(name: str) -> Room:
    """The place called ``name``: entrance, aisle, yard or stock-room."""
    makers: dict[str, Callable[[], Room]] = {
        "entrance": _entrance,
        "aisle": _aisle,
        "yard": _yard,
        "stock-room": _stock_room,
    }
    return makers[name]()


def _finish(canvas: Canvas, covers: Sequence[Sequence[Point]], cover_line: float, lit: Canvas) -> Room:
    cover = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    for shape in covers:
        cv2.fillPoly(cover, [np.array(shape, np.float32).round().astype(np.int32)], 255, cv2.LINE_AA)
    vignette(canvas)
    vignette(lit)
    picture = np.clip(canvas, 0, 255).astype(np.uint8)
    return Room(picture, cover, cover_line, np.asarray(lit.mean(axis=2), np.float32))


def _light() -> Canvas:
    return blank((1, 1, 1), (1, 1, 1))


def _entrance() -> Room:
    canvas = blank((214, 206, 192), (232, 226, 214))
    grain(canvas, 3, 1.6)
    laid(
        canvas, tiles((186, 178, 166), columns=16, rows=16, seed=4), [(160, 372), (1120, 372), (1900, 760), (-620, 760)]
    )
    fill(canvas, [(0, 0), (1280, 0), (1120, 92), (160, 92)], (236, 234, 230))
    for x in (380, 640, 900):
        spread = (x - 640) * 0.35
        fill(canvas, [(x - 54 + spread, 22), (x + 54 + spread, 22), (x + 40, 64), (x - 40, 64)], (255, 254, 248))
    _door(canvas)
    laid(canvas, shelves(11, rows=4, palette=GOODS), [(-60, 40), (392, 166), (392, 392), (-60, 640)])
    _poster(canvas)
    text(canvas, "HAECHI MARKET", (468, 138), 22, (120, 60, 44))
    counter = [(838, 436), (1300, 436), (1300, 720), (786, 720), (786, 470)]
    fill(canvas, [(786, 470), (838, 436), (1300, 436), (1300, 470)], (206, 178, 142))
    fill(canvas, [(786, 470), (1300, 470), (1300, 720), (786, 720)], (140, 104, 74))
    for x in range(800, 1280, 96):
        fill(canvas, [(x, 492), (x + 84, 492), (x + 84, 700), (x, 700)], (154, 116, 84))
        line(canvas, (x, 492), (x + 84, 492), (182, 144, 108), 2)
    till = [(1094, 330), (1222, 330), (1236, 452), (1084, 452)]
    fill(canvas, till, (48, 50, 56))
    fill(canvas, [(1106, 342), (1212, 342), (1218, 396), (1100, 396)], (84, 150, 176))
    fill(canvas, [(1098, 410), (1226, 410), (1232, 446), (1090, 446)], (74, 78, 86))
    lit = _light()
    for layer in (canvas, lit):
        glow(layer, (640, 40), (760, 420), (0.10, 0.10, 0.08))
        glow(layer, (600, 300), (190, 260), (0.10, 0.12, 0.16))
        dim(layer, 0.93)
    return _finish(canvas, [counter, till], 0.86, lit)


def _door(canvas: Canvas) -> None:
    """Glass double doors onto the street, by day."""
    fill(canvas, [(470, 158), (772, 158), (772, 402), (470, 402)], (86, 84, 82))
    street = blank((196, 218, 238), (222, 226, 222), (290, 236))
    fill(street, [(0, 96), (84, 60), (84, 236), (0, 236)], (168, 150, 132))
    fill(street, [(84, 84), (150, 84), (150, 236), (84, 236)], (190, 176, 158))
    fill(street, [(210, 48), (290, 30), (290, 236), (210, 236)], (150, 158, 168))
    for x in range(222, 286, 22):
        for y in range(64, 150, 26):
            fill(street, [(x, y), (x + 12, y), (x + 12, y + 15), (x, y + 15)], (96, 112, 130))
    fill(street, [(0, 176), (290, 170), (290, 236), (0, 236)], (150, 150, 150))
    canvas[162:398, 476:766] = street
    for x in (470, 618, 766):
        fill(canvas, [(x, 158), (x + 7, 158), (x + 7, 402), (x, 402)], (70, 70, 70))
    for x in (604, 636):
        line(canvas, (x, 270), (x, 310), (220, 220, 220), 4)
    fill(canvas, [(440, 402), (806, 402), (838, 426), (410, 426)], (112, 106, 100))


def _poster(canvas: Canvas) -> None:
    fill(canvas, [(838, 176), (1010, 176), (1010, 296), (838, 296)], (250, 246, 236))
    fill(canvas, [(846, 184), (1002, 184), (1002, 250), (846, 250)], (226, 150, 62))
    disc(canvas, (924, 217), 25, (250, 220, 120))
    text(canvas, "FRESH", (884, 282), 17, (70, 60, 54))


def _aisle() -> Room:
    canvas = blank((188, 190, 190), (176, 176, 172))
    laid(
        canvas, tiles((198, 198, 194), columns=12, rows=22, seed=6), [(470, 330), (810, 330), (1560, 760), (-280, 760)]
    )
    fill(canvas, [(0, 0), (1280, 0), (810, 148), (470, 148)], (224, 226, 226))
    for near, far in ((0.0, 0.3), (0.42, 0.62), (0.7, 0.82), (0.88, 0.96)):
        for side in (-1.0, 1.0):
            shape = [(640 + side * (w * (1 - at) + 40 * at), 150 * at) for at, w in _strip(near, far)]
            fill(canvas, shape, (255, 255, 250))
    _fridge(canvas)
    laid(canvas, shelves(21, rows=5, palette=GOODS), [(-330, -110), (490, 136), (490, 356), (-330, 800)])
    laid(canvas, shelves(22, rows=5, palette=GOODS), [(790, 136), (1610, -110), (1610, 800), (790, 356)])
    for x, words in ((340, "3"), (900, "4")):
        fill(canvas, [(x, 78), (x + 40, 78), (x + 40, 130), (x, 130)], (44, 92, 78))
        text(canvas, words, (x + 11, 116), 23, (244, 244, 240))
    lit = _light()
    for layer in (canvas, lit):
        glow(layer, (640, 190), (420, 240), (0.14, 0.14, 0.14))
        glow(layer, (640, 640), (420, 240), (0.10, 0.10, 0.09))
        dim(layer, 0.92)
    return _finish(canvas, [], 0.0, lit)


def _strip(near: float, far: float) -> list[tuple[float, float]]:
    """Corners of a lamp on the ceiling: how far away (0-1), and how far from the middle at the near edge."""
    return [(near, 250), (far, 250), (far, 330), (near, 330)]


def _fridge(canvas: Canvas) -> None:
    laid(canvas, shelves(23, rows=4, palette=GOODS, size=(900, 420)), [(486, 152), (794, 152), (794, 326), (486, 326)])
    canvas[152:326, 486:794] = canvas[152:326, 486:794] * 0.75 + np.array((56, 66, 72), np.float32)
    for x in range(486, 800, 77):
        line(canvas, (x, 150), (x, 328), (96, 100, 104), 5)
    fill(canvas, [(480, 128), (800, 128), (800, 152), (480, 152)], (226, 230, 232))
    text(canvas, "DAIRY", (606, 147), 12, (60, 96, 130))


def _yard() -> Room:
    canvas = blank((24, 32, 52), (46, 54, 74))
    rng = np.random.default_rng(5)
    for _ in range(70):
        x, y = int(rng.integers(0, 1280)), int(rng.integers(0, 170))
        canvas[y, x] += float(rng.uniform(30, 120))
    ground = blank((72, 72, 76), (98, 96, 94), (1280, 360))
    canvas[360:] = ground
    rough = canvas[360:].copy()
    grain(rough, 9, 4.0, 1.0)
    canvas[360:] = rough
    _warehouse(canvas)
    _fence(canvas)
    fill(canvas, [(297, 60), (303, 60), (305, 404), (295, 404)], (120, 122, 126))
    for x in (560, 700, 840, 980):
        fill(canvas, [(x, 420), (x + 6, 420), (x + 60, 716), (x + 44, 716)], (150, 146, 130))
    _van(canvas)
    barrier = [(40, 560), (624, 548), (640, 566), (660, 668), (18, 690)]
    fill(canvas, barrier, (148, 146, 140))
    fill(canvas, [(40, 560), (624, 548), (640, 566), (36, 580)], (186, 184, 176))
    for x in range(60, 620, 92):
        fill(canvas, [(x, 594), (x + 44, 592), (x + 22, 632), (x - 22, 634)], (206, 168, 44))
    lit = _light()
    for layer in (canvas, lit):
        dim(layer, 0.62)
        glow(layer, (400, 470), (480, 300), (1.0, 0.82, 0.52))
        glow(layer, (800, 330), (270, 220), (0.75, 0.68, 0.52))
    _lamp(canvas, (300, 60))
    _lamp(canvas, (704, 118))
    return _finish(canvas, [barrier], 0.955, lit)


def _warehouse(canvas: Canvas) -> None:
    fill(canvas, [(620, 84), (1280, 40), (1280, 412), (620, 378)], (116, 104, 98))
    for y in range(96, 376, 15):
        line(canvas, (620, y + 8), (1280, y * 1.13 - 30), (104, 92, 86), 1)
    fill(canvas, [(760, 148), (1060, 140), (1060, 400), (760, 386)], (132, 138, 146))
    for y in range(154, 392, 14):
        line(canvas, (760, y), (1060, y + (y - 148) * 0.06 - 8), (108, 114, 122), 2)
    fill(canvas, [(1128, 196), (1212, 194), (1212, 409), (1128, 405)], (82, 92, 104))
    fill(canvas, [(1140, 210), (1200, 208), (1200, 262), (1140, 264)], (170, 160, 112))
    text(canvas, "DOCK 2", (852, 126), 17, (216, 208, 190))


def _fence(canvas: Canvas) -> None:
    for x in range(-60, 640, 13):
        line(canvas, (x, 236), (x + 92, 372), (104, 110, 118), 1)
        line(canvas, (x + 92, 236), (x, 372), (104, 110, 118), 1)
    for x in range(10, 640, 124):
        line(canvas, (x, 224), (x, 384), (136, 140, 146), 5)
    line(canvas, (0, 236), (622, 236), (136, 140, 146), 3)


def _van(canvas: Canvas) -> None:
    shadow = np.zeros(canvas.shape[:2], np.float32)
    cv2.ellipse(shadow, (1090, 574), (250, 36), 0, 0, 360, 1, -1, cv2.LINE_AA)
    canvas *= 1 - 0.55 * np.asarray(cv2.GaussianBlur(shadow, (0, 0), 12))[..., None]
    body = [(866, 430), (900, 352), (940, 330), (1330, 322), (1330, 566), (872, 566), (856, 520)]
    fill(canvas, body, (206, 208, 210))
    fill(canvas, [(856, 500), (1330, 496), (1330, 566), (872, 566)], (170, 172, 176))
    fill(canvas, [(880, 426), (908, 362), (944, 346), (1010, 344), (1010, 424)], (50, 62, 76))
    line(canvas, (1024, 336), (1024, 560), (150, 152, 156), 2)
    text(canvas, "HAECHI", (1080, 446), 34, (150, 62, 48))
    for x in (952, 1226):
        disc(canvas, (x, 562), 46, (28, 28, 30))
        disc(canvas, (x, 562), 21, (150, 152, 156))
    fill(canvas, [(858, 478), (876, 474), (878, 500), (858, 502)], (244, 226, 170))


def _lamp(canvas: Canvas, at: Point) -> None:
    x, y = round(at[0]), round(at[1])
    halo = np.zeros(canvas.shape[:2], np.float32)
    cv2.circle(halo, (x, y), 16, 1, -1)
    halo = np.asarray(cv2.GaussianBlur(halo, (0, 0), 26)) * 2.4 + np.asarray(cv2.GaussianBlur(halo, (0, 0), 5))
    canvas += halo[..., None] * np.array((255, 214, 150), np.float32)


def _stock_room() -> Room:
    canvas = blank((186, 190, 192), (170, 172, 172))
    grain(canvas, 13, 2.0)
    floor = tiles((152, 154, 154), columns=6, rows=6, seed=14)
    laid(canvas, floor, [(150, 330), (1130, 330), (1960, 760), (-680, 760)])
    rough = canvas[330:].copy()
    grain(rough, 15, 2.4)
    canvas[330:] = rough
    laid(canvas, shelves(31, rows=3, palette=CARTONS), [(250, 96), (1030, 96), (1030, 352), (250, 352)])
    laid(canvas, shelves(32, rows=3, palette=CARTONS), [(-260, -40), (196, 84), (196, 372), (-260, 640)])
    laid(canvas, shelves(33, rows=3, palette=CARTONS), [(1084, 84), (1540, -40), (1540, 640), (1084, 372)])
    _hatched_zone(canvas)
    fill(canvas, [(556, 22), (724, 22), (724, 78), (556, 78)], (232, 186, 44))
    text(canvas, "NO ENTRY", (576, 58), 18, (36, 34, 30))
    for x, y, size in ((60, 560, 128), (178, 604, 104), (84, 468, 100)):
        box(canvas, (x, y), (size, size * 0.86), CARTONS[(x + y) % 5])
        line(canvas, (x + size / 2, y), (x + size / 2, y + size * 0.86), (214, 186, 146), 7)
    lit = _light()
    for layer in (canvas, lit):
        glow(layer, (640, 470), (620, 300), (0.16, 0.15, 0.12))
        dim(layer, 0.92)
    return _finish(canvas, [], 0.0, lit)


ZONE: tuple[Point, ...] = ((0.30, 0.62), (0.66, 0.62), (0.74, 0.93), (0.22, 0.93))
"""The hatched floor of the stock room, normalised."""


def _hatched_zone(canvas: Canvas) -> None:
    flat = np.zeros((600, 900, 3), np.float32)
    flat[:] = (158, 150, 138)
    border = np.zeros((600, 900), np.uint8)
    cv2.rectangle(border, (0, 0), (899, 599), 255, 52)
    stripes = flat.copy()
    stripes[:] = (226, 186, 40)
    for x in range(-640, 940, 72):
        fill(stripes, [(x, 600), (x + 36, 600), (x + 636, 0), (x + 600, 0)], (44, 42, 40))
    flat[border > 0] = stripes[border > 0]
    corners = [(x * WIDTH_PX, y * HEIGHT_PX) for x, y in ZONE]
    before = canvas.copy()
    laid(canvas, flat, corners)
    canvas[:] = canvas * 0.82 + before * 0.18
