"""Drawing for the rendered scenes: surfaces, goods on shelves, light. Pictures are H x W x 3, float32, 0-255, RGB."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

Canvas = npt.NDArray[np.float32]
Colour = tuple[float, float, float]
Point = tuple[float, float]

WIDTH_PX = 1280
HEIGHT_PX = 720

GOODS: tuple[Colour, ...] = (
    (178, 62, 52), (214, 158, 62), (70, 118, 86), (58, 96, 140), (222, 208, 176), (126, 82, 118), (92, 148, 158),
    (196, 108, 70), (238, 232, 220), (68, 70, 82),
)  # fmt: skip
CARTONS: tuple[Colour, ...] = ((182, 142, 96), (168, 128, 84), (196, 158, 112), (154, 116, 78), (204, 190, 166))


def blank(top: Colour, bottom: Colour, size: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)) -> Canvas:
    """A vertical gradient."""
    share = np.linspace(0, 1, size[1], dtype=np.float32)[:, None, None]
    column = np.array(top, np.float32) * (1 - share) + np.array(bottom, np.float32) * share
    return np.repeat(column, size[0], axis=1).astype(np.float32)


def fill(canvas: Canvas, points: Sequence[Point], colour: Colour) -> None:
    """A polygon with smooth edges (OpenCV smooths 8-bit pictures only, so the edge is drawn as a mask)."""
    shape = np.array(points, np.float32).round().astype(np.int32)
    _through_mask(canvas, shape, 2, colour, lambda mask, at: cv2.fillPoly(mask, [shape - at], 255, cv2.LINE_AA))


def line(canvas: Canvas, start: Point, end: Point, colour: Colour, width_px: int = 1) -> None:
    """A straight line."""
    ends = np.array([start, end], np.float32).round().astype(np.int32)

    def draw(mask: npt.NDArray[np.uint8], at: npt.NDArray[np.int32]) -> None:
        (x0, y0), (x1, y1) = (ends - at).tolist()
        cv2.line(mask, (x0, y0), (x1, y1), 255, width_px, cv2.LINE_AA)

    _through_mask(canvas, ends, width_px + 2, colour, draw)


def disc(canvas: Canvas, centre: Point, radius_px: float, colour: Colour) -> None:
    """A filled circle."""
    turns = np.linspace(0, 2 * np.pi, 49)[:-1]
    fill(
        canvas,
        [(centre[0] + radius_px * float(np.cos(t)), centre[1] + radius_px * float(np.sin(t))) for t in turns],
        colour,
    )


def _through_mask(
    canvas: Canvas,
    points: npt.NDArray[np.int32],
    margin_px: int,
    colour: Colour,
    draw: Callable[[npt.NDArray[np.uint8], npt.NDArray[np.int32]], object],
) -> None:
    """Lay ``colour`` where ``draw`` makes its mask white; only the surroundings of ``points`` are touched."""
    limit = np.array([canvas.shape[1], canvas.shape[0]])
    low = np.clip(points.min(axis=0) - margin_px, 0, limit).astype(np.int32)
    high = np.clip(points.max(axis=0) + margin_px + 1, 0, limit)
    if (high <= low).any():
        return
    mask = np.zeros((int(high[1] - low[1]), int(high[0] - low[0])), np.uint8)
    draw(mask, low)
    share = (mask.astype(np.float32) / 255)[..., None]
    part = canvas[low[1] : high[1], low[0] : high[0]]
    part += (np.array(colour, np.float32) - part) * share


def box(canvas: Canvas, corner: Point, size: Point, colour: Colour, edge: float = 0.72) -> None:
    """An upright box with a darker rim and a lighter upper edge."""
    (x, y), (w, h) = corner, size
    fill(canvas, [(x, y), (x + w, y), (x + w, y + h), (x, y + h)], _scaled(colour, edge))
    fill(canvas, [(x + 2, y + 2), (x + w - 2, y + 2), (x + w - 2, y + h - 2), (x + 2, y + h - 2)], colour)
    line(canvas, (x + 2, y + 2), (x + w - 2, y + 2), _scaled(colour, 1.18), 2)


def text(canvas: Canvas, words: str, corner: Point, height_px: float, colour: Colour) -> None:
    """A line of lettering whose capitals are about ``height_px`` high; ``corner`` is its lower left."""
    scale = height_px / 21
    thick = max(1, round(scale * 1.6))
    place = np.array([round(corner[0]), round(corner[1])], np.int32)
    (width, height), below = cv2.getTextSize(words, cv2.FONT_HERSHEY_DUPLEX, scale, thick)
    extent = place + np.array([(0, -height), (width, below)], np.int32)

    def draw(mask: npt.NDArray[np.uint8], at: npt.NDArray[np.int32]) -> None:
        x, y = (place - at).tolist()
        cv2.putText(mask, words, (x, y), cv2.FONT_HERSHEY_DUPLEX, scale, 255, thick, cv2.LINE_AA)

    _through_mask(canvas, extent, 4, colour, draw)


def laid(canvas: Canvas, texture: Canvas, corners: Sequence[Point]) -> None:
    """Lay a flat texture into the picture; ``corners`` in order: upper left, upper right, lower right, lower left."""
    height, width = texture.shape[:2]
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    size = (canvas.shape[1], canvas.shape[0])
    warped = cv2.warpPerspective(texture, matrix, size, flags=cv2.INTER_AREA)
    cover = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, size, flags=cv2.INTER_LINEAR)[..., None]
    canvas[:] = warped * cover + canvas * (1 - cover)


def shelves(seed: int, *, rows: int, palette: Sequence[Colour], size: tuple[int, int] = (1400, 640)) -> Canvas:
    """A flat shelf full of goods of uneven size, with a price strip under each board."""
    rng = np.random.default_rng(seed)
    width, height = size
    canvas = blank((58, 54, 50), (38, 35, 33), size)
    step = height / rows
    for row in range(rows):
        floor = (row + 1) * step - 16
        x = 8.0
        while x < width - 30:
            w, h = float(rng.uniform(34, 92)), float(rng.uniform(0.5, 0.84)) * step
            colour = _scaled(palette[int(rng.integers(len(palette)))], float(rng.uniform(0.82, 1.12)))
            for _ in range(int(rng.integers(1, 4))):
                if x + w > width - 8:
                    break
                box(canvas, (x, floor - h), (w, h), colour)
                band = _scaled(colour, 1.35 if sum(colour) < 330 else 0.62)
                fill(canvas, [(x + 5, floor - h * 0.62), (x + w - 5, floor - h * 0.62), (x + w - 5, floor - h * 0.4),
                              (x + 5, floor - h * 0.4)], band)  # fmt: skip
                x += w + 3
            x += float(rng.uniform(0, 16))
        fill(canvas, [(0, floor), (width, floor), (width, floor + 16), (0, floor + 16)], (196, 194, 188))
        fill(canvas, [(0, floor + 10), (width, floor + 10), (width, floor + 16), (0, floor + 16)], (120, 118, 114))
    return canvas


def tiles(colour: Colour, *, columns: int, rows: int, seed: int, size: tuple[int, int] = (1400, 1400)) -> Canvas:
    """A flat floor of square tiles of slightly uneven colour."""
    rng = np.random.default_rng(seed)
    uneven = rng.uniform(0.93, 1.05, (rows, columns, 1)).astype(np.float32)
    flat = cv2.resize(uneven * np.array(colour, np.float32), size, interpolation=cv2.INTER_NEAREST)
    canvas = np.asarray(flat, np.float32)
    for column in range(columns + 1):
        line(canvas, (column * size[0] / columns, 0), (column * size[0] / columns, size[1]), _scaled(colour, 0.8), 3)
    for row in range(rows + 1):
        line(canvas, (0, row * size[1] / rows), (size[0], row * size[1] / rows), _scaled(colour, 0.8), 3)
    return canvas


def grain(canvas: Canvas, seed: int, amount: float, blur_px: float = 1.2) -> None:
    """Uneven the surface, as asphalt, plaster and concrete are. Lays on the whole picture."""
    noise = np.random.default_rng(seed).normal(0, 1, canvas.shape[:2]).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), blur_px), np.float32)
    canvas += (noise / max(float(noise.std()), 1e-6) * amount)[..., None]


def glow(canvas: Canvas, centre: Point, radius: Point, strength: Colour) -> None:
    """Add a soft pool of light; ``strength`` is how much brighter (as a factor minus one) its middle is."""
    y, x = np.mgrid[0 : canvas.shape[0], 0 : canvas.shape[1]].astype(np.float32)
    away = ((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2
    canvas *= 1 + np.exp(-away)[..., None] * np.array(strength, np.float32)


def dim(canvas: Canvas, factor: float) -> None:
    """Make all of it darker."""
    canvas *= factor


def vignette(canvas: Canvas, strength: float = 0.3) -> None:
    """Darken the corners, as every wide lens does."""
    height, width = canvas.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    away = ((x - width / 2) / (width / 2)) ** 2 + ((y - height / 2) / (height / 2)) ** 2
    canvas *= (1 - strength * np.clip(away / 2, 0, 1) ** 1.4)[..., None]


def _scaled(colour: Colour, factor: float) -> Colour:
    return (min(colour[0] * factor, 255.0), min(colour[1] * factor, 255.0), min(colour[2] * factor, 255.0))
