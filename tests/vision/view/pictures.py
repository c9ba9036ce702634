"""Pictures of a view for tests: a rendered room with a margin, moved by a known homography, in noise."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.camera.virtual.render import Renderer
from haechi.camera.virtual.scene import scene
from haechi.vision.view.geometry import Matrix, Size, Transform, of_pixels
from haechi.vision.view.picture import Picture, seen

SIZE: Size = (640, 360)
Bgr = NDArray[np.uint8]


@cache
def canvas(room: str) -> Bgr:
    """A room at 960 x 540: what a camera shows is its middle."""
    picture = cv2.cvtColor(Renderer(scene(room)).rgb(0), cv2.COLOR_RGB2BGR)
    return np.asarray(cv2.resize(picture, (960, 540), interpolation=cv2.INTER_AREA), np.uint8)


def view(room: str, matrix: Matrix | None = None) -> Bgr:
    """What the camera shows when it has moved by ``matrix``, in pixels of `SIZE`."""
    start = np.array([[1, 0, -160], [0, 1, -90], [0, 0, 1.0]])
    moved = start if matrix is None else matrix @ start
    return np.asarray(cv2.warpPerspective(canvas(room), moved, SIZE, flags=cv2.INTER_LINEAR), np.uint8)


def noisy(picture: Bgr, seed: int, sigma: float = 2.0, light: float = 1.0) -> Picture:
    """As a sensor sees it."""
    height, width = picture.shape[:2]
    grain = _grain()[seed * 31 % 97 : seed * 31 % 97 + height, seed * 17 % 89 : seed * 17 % 89 + width]
    shown = picture.astype(np.float32) * np.float32(light) + grain[..., None] * np.float32(sigma)
    return seen(np.clip(shown, 0, 255).astype(np.uint8))


@cache
def _grain() -> NDArray[np.float32]:
    """Noise of deviation 1, larger than a picture: each shows another part of it."""
    return np.random.default_rng(1).normal(0, 1, (SIZE[1] + 100, SIZE[0] + 90)).astype(np.float32)


def turned(degrees: float = 0.0, zoom: float = 1.0, x: float = 0.0, y: float = 0.0) -> Matrix:
    """A turn about the middle, a zoom and a shift, in pixels."""
    angle = np.deg2rad(degrees)
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    middle = np.array([[1, 0, SIZE[0] / 2], [0, 1, SIZE[1] / 2], [0, 0, 1.0]])
    move = np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1.0]])
    return np.asarray(middle @ move @ np.linalg.inv(middle), np.float64)


def truth(matrix: Matrix) -> Transform:
    """The same as the product says it."""
    return of_pixels(matrix, SIZE)
