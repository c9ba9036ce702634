"""Pictures for `bench.drift`: views of rendered rooms, photographs and footage, moved as is known, in weather.

A view shows the middle of a larger picture, so that what comes in at its edges when it moves is real.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from tests.footage import footage_names

from haechi.camera.virtual.render import Renderer
from haechi.camera.virtual.scene import scene
from haechi.vision.view.geometry import Matrix, Size

Bgr = NDArray[np.uint8]
Rng = np.random.Generator

SIZE: Size = (768, 432)
MARGIN = 0.16
"""Of the view's width and height around it."""
ROOMS = ("entrance", "aisle", "yard", "stock-room")
PHOTOS = ("coffee.png", "astronaut.png", "chelsea.png", "motorcycle_left.png", "rocket.jpg", "hubble_deep_field.jpg",
          "brick.png", "gravel.png", "grass.png", "camera.png")  # fmt: skip
SHARED = ("people/*", "odd/bikes.mp4", "odd/nasa_13013.mp4", "odd/bigbuckbunny.mp4", "h264/VID_1280x720_cabac*",
          "h264/Zhling*", "h264/MR1_BT_A*", "h265/iphone*", "h265/girlshy*", "h265/nvenc*")  # fmt: skip
FRAMES = (0, 40, 90)
"""Of each piece of footage: for pictures that show something else each time, where it does."""
_FOOTAGE = Path(__file__).resolve().parents[1].parent / "shared" / "footage"


def canvases() -> dict[str, Bgr]:
    """Name to a picture of a view with its margin."""
    found = {f"room {name}": _room(name) for name in ROOMS}
    folder = Path(skimage.data.__file__).parent
    for name in PHOTOS:
        picture = cv2.imread(str(folder / name))
        if picture is not None:
            found[f"photo {name.partition('.')[0]}"] = _fitted(np.asarray(picture, np.uint8))
    for pattern in SHARED:
        for name in footage_names(pattern):
            if name.endswith(("LICENSE.intel", ".wav")):
                continue
            for number, picture in enumerate(_frames(_FOOTAGE / name)):
                found[f"film {Path(name).stem} {number}"] = _fitted(picture)
    return found


def view(canvas: Bgr, matrix: Matrix) -> Bgr:
    """What the camera shows when it has moved by ``matrix`` (view pixels of before to now)."""
    height, width = canvas.shape[:2]
    inner = np.array(
        [[SIZE[0] / (width / (1 + 2 * MARGIN)), 0, 0], [0, SIZE[1] / (height / (1 + 2 * MARGIN)), 0], [0, 0, 1.0]]
    )
    left, top = width * MARGIN / (1 + 2 * MARGIN), height * MARGIN / (1 + 2 * MARGIN)
    start = inner @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    flags = cv2.INTER_AREA if width > 1.5 * SIZE[0] else cv2.INTER_LINEAR
    shown = cv2.warpPerspective(canvas, matrix @ start, SIZE, flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(shown, np.uint8)


def bump(rng: Rng, kind: str) -> Matrix:
    """``shift`` (up to 40 px), ``small`` (1.5 degrees, 2 %, 25 px) or ``bump`` (4 degrees, 5 %, 60 px, tilted)."""
    degrees, zoom, far, tilt = {"shift": (0, 0, 40, 0), "small": (1.5, 0.02, 25, 0), "bump": (4, 0.05, 60, 5e-5)}[kind]
    turn = np.deg2rad(rng.uniform(-degrees, degrees)) if degrees else 0.0
    scale = 1 + (rng.uniform(-zoom, zoom) if zoom else 0.0)
    x, y = SIZE[0] / 2, SIZE[1] / 2
    middle, back = np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]]), np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1.0]])
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    move = np.array([[cos, -sin, rng.uniform(-far, far)], [sin, cos, rng.uniform(-far, far) * 0.7], [0, 0, 1.0]])
    lean = np.array([[1, 0, 0], [0, 1, 0], [rng.uniform(-tilt, tilt), rng.uniform(-tilt, tilt), 1.0]])
    return np.asarray(middle @ move @ lean @ back, np.float64)


def day(picture: Bgr, rng: Rng) -> Bgr:
    """A clear day: a little noise, a little more or less light."""
    return _noisy(picture.astype(np.float32) * rng.uniform(0.92, 1.08), rng, 2.0)


def night(picture: Bgr, rng: Rng) -> Bgr:
    """A sixth of the light, noise of 5 grey levels, and the camera's gain on both."""
    return _noisy(picture.astype(np.float32) / 6 * rng.uniform(1.4, 1.8), rng, 5.0)


def infrared(picture: Bgr, rng: Rng) -> Bgr:
    """Without colour, lit from the camera: bright in the middle, dark at the rim."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    height, width = grey.shape
    y, x = np.mgrid[-1 : 1 : complex(0, height), -1 : 1 : complex(0, width)]
    lit = 255 * (grey / 255) ** 0.7 * np.exp(-(x * x + y * y) * 0.9)
    return _noisy(np.repeat(lit[..., None], 3, axis=2), rng, 4.0)


def rain(picture: Bgr, rng: Rng) -> Bgr:
    """300 streaks, softened contrast."""
    wet = picture.astype(np.float32) * 0.8 + 25
    for x, y in rng.uniform((0, 0), SIZE, (300, 2)):
        end = (int(x + rng.uniform(-3, 3)), int(y + rng.uniform(12, 30)))
        cv2.line(wet, (int(x), int(y)), end, (210, 210, 210), 1, cv2.LINE_AA)
    return _noisy(np.asarray(cv2.GaussianBlur(wet, (3, 3), 0), np.float32), rng, 2.0)


def fog(picture: Bgr, rng: Rng) -> Bgr:
    """A quarter of the contrast, softened."""
    pale = cv2.GaussianBlur(picture, (5, 5), 0).astype(np.float32) * 0.25 + 150
    return _noisy(np.asarray(pale, np.float32), rng, 1.5)


def crushed(picture: Bgr, rng: Rng) -> Bgr:
    """288 lines, JPEG of quality 12, enlarged again."""
    small = cv2.resize(day(picture, rng), (512, 288), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 12])
    plain = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.asarray(cv2.resize(plain, SIZE, interpolation=cv2.INTER_LINEAR), np.uint8)


def crowd(picture: Bgr, rng: Rng, people: int = 25) -> Bgr:
    """People everywhere, each time elsewhere, that nobody has drawn boxes around."""
    full = picture.copy()
    for _ in range(people):
        _paste(full, rng)
    return full


def hidden(picture: Bgr, rng: Rng, share: float, others: list[Bgr]) -> Bgr:
    """``share`` of the picture behind something else: blocks of another picture that stand still together."""
    other = others[rng.integers(len(others))]
    covered = picture.copy()
    columns, rows = 8, 6
    taken = rng.permutation(columns * rows)[: round(share * columns * rows)]
    if rng.random() < 0.5:
        taken = np.arange(round(share * columns * rows))
        if rng.random() < 0.5:
            taken = columns * rows - 1 - taken
    laid = view(other, np.eye(3))
    for cell in taken:
        y, x = cell // columns * SIZE[1] // rows, cell % columns * SIZE[0] // columns
        part = np.s_[y : y + SIZE[1] // rows, x : x + SIZE[0] // columns]
        covered[part] = laid[part]
    return covered


WEATHER: dict[str, Callable[[Bgr, Rng], Bgr]] = {
    "day": day,
    "night": night,
    "infrared": infrared,
    "rain": rain,
    "fog": fog,
    "288 lines, JPEG 12": crushed,
}


def _noisy(picture: NDArray[np.float32], rng: Rng, sigma: float) -> Bgr:
    noise = rng.standard_normal(picture.shape, np.float32) * np.float32(sigma)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@cache
def _people() -> Renderer:
    return Renderer(scene("entrance"))


def _paste(picture: Bgr, rng: Rng) -> None:
    renderer = _people()
    placed = scene("entrance").placed(int(rng.integers(scene("entrance").frames)))
    if not placed:
        return
    colour, share, _ = renderer._sprite(placed[-1])
    if not share.size:
        return
    factor = rng.uniform(0.3, 0.9)
    colour = cv2.resize(colour, None, fx=factor, fy=factor)
    alpha = cv2.resize(share, None, fx=factor, fy=factor)[..., None]
    height, width = min(colour.shape[0], SIZE[1] - 1), min(colour.shape[1], SIZE[0] - 1)
    x, y = int(rng.integers(SIZE[0] - width)), int(rng.integers(SIZE[1] - height))
    part = picture[y : y + height, x : x + width]
    part[:] = (colour[:height, :width, ::-1] * alpha[:height, :width] + part * (1 - alpha[:height, :width])).astype(
        np.uint8
    )


def _room(name: str) -> Bgr:
    return _fitted(np.asarray(cv2.cvtColor(Renderer(scene(name)).rgb(0), cv2.COLOR_RGB2BGR), np.uint8))


def _fitted(picture: Bgr) -> Bgr:
    """Cut to the shape of a view, at least as large as a view with its margin."""
    height, width = picture.shape[:2]
    wanted = SIZE[0] / SIZE[1]
    if width / height > wanted:
        cut = round(height * wanted)
        picture = picture[:, (width - cut) // 2 :][:, :cut]
    else:
        cut = round(width / wanted)
        picture = picture[(height - cut) // 2 :][:cut]
    least = (round(SIZE[0] * (1 + 2 * MARGIN)), round(SIZE[1] * (1 + 2 * MARGIN)))
    if picture.shape[1] < least[0]:
        picture = np.asarray(cv2.resize(picture, least, interpolation=cv2.INTER_CUBIC), np.uint8)
    return np.ascontiguousarray(picture)


def _frames(path: Path) -> list[Bgr]:
    """A few pictures of a film; none when it has none."""
    found: list[Bgr] = []
    try:
        with av.open(io.BytesIO(path.read_bytes())) as film:
            for number, frame in enumerate(film.decode(video=0)):
                if number in FRAMES:
                    found.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
                if number >= max(FRAMES):
                    break
    except (av.FFmpegError, IndexError):
        return found
    return found
