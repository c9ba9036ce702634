"""Turns a scene into pictures and the pictures into H.264, picture by picture, so that playing can begin at once."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache

import av
import cv2
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from haechi.camera.virtual.people import SPRITE_PX
from haechi.camera.virtual.rooms import Room, room
from haechi.camera.virtual.scene import FPS, HEIGHT_PX, WIDTH_PX, Placed, Scene, scene
from haechi.camera.virtual.timecode import TimeCode, burn

GOP_FRAMES = 2 * FPS
BITRATE_BPS = 1_300_000
_NOISES = 5


class Box(Struct, frozen=True):
    """A visible person: upper left corner, width and height, normalised."""

    x: float
    y: float
    w: float
    h: float


class EncodedPicture(Struct, frozen=True):
    """One coded picture: Annex B bytes with parameter sets before each sync picture."""

    data: bytes
    is_sync: bool


class Renderer:
    """Composes the pictures of one scene. Not to be used by two threads at once.

    Args:
        moved: How the camera was bumped: 3 x 3, pixels of the picture of before to now.
    """

    def __init__(self, what: Scene, moved: npt.NDArray[np.float64] | None = None) -> None:
        self._scene = what
        self._moved = moved
        self._room: Room = room(what.room)
        self._smaller: dict[tuple[int, int, int], tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]] = {}

    def luma_chroma(self, frame: int) -> npt.NDArray[np.uint8]:
        """Picture ``frame`` as planar YUV 4:2:0 (BT.601, limited range), shape (1080, 1280), uint8."""
        picture = np.asarray(cv2.cvtColor(self.rgb(frame), cv2.COLOR_RGB2YUV_I420), np.uint8)
        luma = picture[:HEIGHT_PX]
        cv2.add(luma, _noise(frame % _NOISES), dst=luma)
        burn(luma, TimeCode(frame, frame * 1000 // FPS))
        picture[HEIGHT_PX:].reshape(2, HEIGHT_PX // 2, WIDTH_PX // 2)[:, -(HEIGHT_PX // 72 // 2) :, : WIDTH_PX // 4] = (
            128
        )
        return picture

    def rgb(self, frame: int) -> npt.NDArray[np.uint8]:
        """Picture ``frame`` without noise and time code strip, H x W x 3, uint8, RGB."""
        picture = self._room.picture.copy()
        for person in self._scene.placed(frame):
            self._shadow(picture, person)
            self._blend(picture, person)
        if self._moved is not None:
            picture = self._bumped(picture, self._moved)
        self._caption(picture, frame)
        return picture

    def _bumped(self, picture: npt.NDArray[np.uint8], moved: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
        """What the camera shows from where it looks now; beyond the room's edge there is more of the same."""
        size = (WIDTH_PX, HEIGHT_PX)
        return np.asarray(cv2.warpPerspective(picture, moved, size, borderMode=cv2.BORDER_REFLECT), np.uint8)

    def boxes(self, frame: int) -> list[Box]:
        """What of each person can be seen in picture ``frame``; people who are wholly hidden are left out."""
        found = []
        for person in self._scene.placed(frame):
            _, share, (x, y) = self._sprite(person)
            rows, columns = np.nonzero((share > 0.5).any(axis=1))[0], np.nonzero((share > 0.5).any(axis=0))[0]
            if len(rows) and len(columns):
                left, top = (x + columns[0]) / WIDTH_PX, (y + rows[0]) / HEIGHT_PX
                right, bottom = (x + columns[-1] + 1) / WIDTH_PX, (y + rows[-1] + 1) / HEIGHT_PX
                found.append(Box(float(left), float(top), float(right - left), float(bottom - top)))
        return found

    def _sprite(self, person: Placed) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], tuple[int, int]]:
        """The person's colours, how much of each pixel they cover (0-1), where they go; cut at the picture's edge."""
        height = round(person.height * HEIGHT_PX)
        colour, alpha = self._halved(person, height)
        width = round(height * colour.shape[1] / colour.shape[0])
        left, top = round(person.x * WIDTH_PX - width / 2), round(person.y * HEIGHT_PX) - height
        colour = np.asarray(cv2.resize(colour, (width, height)), np.uint8)
        share: npt.NDArray[np.float32] = np.asarray(cv2.resize(alpha, (width, height)), np.float32) * np.float32(
            1 / 255
        )
        x0, y0 = min(max(left, 0), WIDTH_PX), min(max(top, 0), HEIGHT_PX)
        x1, y1 = max(min(left + width, WIDTH_PX), x0), max(min(top + height, HEIGHT_PX), y0)
        inside = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        share = share[inside]
        if person.y <= self._room.cover_line:
            share = share * (1 - self._room.cover[y0:y1, x0:x1].astype(np.float32) * np.float32(1 / 255))
        return colour[inside], share, (x0, y0)

    def _halved(self, person: Placed, height: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """The person's picture, halved until it is less than twice as tall as wanted: quick to shrink, and smooth."""
        figure = person.actor.figure()
        level = max(0, int(np.log2(SPRITE_PX / max(height, 1))))
        key = (id(figure), person.phase, level)
        if key not in self._smaller:
            sprite = figure.phase(person.phase)
            colour, alpha = sprite.colour, sprite.alpha
            for _ in range(level):
                size = (max(colour.shape[1] // 2, 1), max(colour.shape[0] // 2, 1))
                colour = np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.uint8)
                alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
            self._smaller[key] = (colour, alpha)
        return self._smaller[key]

    def _blend(self, picture: npt.NDArray[np.uint8], person: Placed) -> None:
        colour, share, (x, y) = self._sprite(person)
        if not share.size:
            return
        part = picture[y : y + share.shape[0], x : x + share.shape[1]]
        light = self._brightness(person)
        lit = cv2.multiply(colour, np.array([*(factor * light for factor in self._scene.light), 1.0]))
        part[:] = cv2.blendLinear(lit, np.ascontiguousarray(part), share, 1 - share)

    def _brightness(self, person: Placed) -> float:
        x = min(max(round(person.x * WIDTH_PX), 0), WIDTH_PX - 1)
        y = min(max(round((person.y - person.height / 2) * HEIGHT_PX), 0), HEIGHT_PX - 1)
        return float(np.clip(self._room.light[y, x], 0.62, 1.08))

    def _shadow(self, picture: npt.NDArray[np.uint8], person: Placed) -> None:
        wide, high = round(person.height * HEIGHT_PX * 0.3), max(round(person.height * HEIGHT_PX * 0.06), 3)
        x, y = round(person.x * WIDTH_PX) - wide, round(person.y * HEIGHT_PX) - round(high * 1.3)
        v, u = np.mgrid[-1 : 1 : complex(0, 2 * high), -1 : 1 : complex(0, 2 * wide)].astype(np.float32)
        dark = 1 - 0.55 * np.clip(1 - (u * u + v * v), 0, 1) ** 1.2
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + 2 * wide, WIDTH_PX), min(y + 2 * high, HEIGHT_PX)
        if x1 <= x0 or y1 <= y0:
            return
        dark = dark[y0 - y : y1 - y, x0 - x : x1 - x]
        if person.y <= self._room.cover_line:
            dark = np.where(self._room.cover[y0:y1, x0:x1] > 127, 1, dark)
        part = picture[y0:y1, x0:x1]
        part[:] = (part * dark[..., None]).astype(np.uint8)

    def _caption(self, picture: npt.NDArray[np.uint8], frame: int) -> None:
        at_ms = frame * 1000 // FPS
        words = f"{self._scene.title}   {at_ms // 60000:02d}:{at_ms // 1000 % 60:02d}.{at_ms % 1000:03d}   {frame:06d}"
        for away_px, colour in ((2, (16, 16, 16)), (0, (248, 248, 248))):
            place = (24 + away_px, 42 + away_px)
            cv2.putText(picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.66, colour, 1, cv2.LINE_AA)


def encode(
    what: Scene, frames: Iterable[int] | None = None, moved: npt.NDArray[np.float64] | None = None
) -> Iterator[EncodedPicture]:
    """The loop (or only ``frames`` of it) as H.264 High, as fast as taken: a sync picture every 30, no B-frames.

    Args:
        moved: As for `Renderer`.
    """
    renderer = Renderer(what, moved)
    context = av.CodecContext.create("libx264", "w")
    if not isinstance(context, av.VideoCodecContext):
        raise TypeError("libx264 is a video encoder")
    context.width, context.height, context.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS, 1)
    context.gop_size, context.max_b_frames, context.thread_count = GOP_FRAMES, 0, 1
    rate = BITRATE_BPS // 1000
    context.options = {
        "preset": "ultrafast",
        "crf": "20",
        "x264-params": "cabac=1:8x8dct=1:scenecut=0:repeat-headers=1:rc-lookahead=0:sync-lookahead=0"
        f":vbv-maxrate={rate}:vbv-bufsize={rate * 2}"
        ":colormatrix=smpte170m:colorprim=smpte170m:transfer=smpte170m:range=tv:aud=0",
    }
    for number, frame in enumerate(range(what.frames) if frames is None else frames):
        picture = av.VideoFrame.from_ndarray(renderer.luma_chroma(frame), format="yuv420p")
        picture.pts = number
        yield from _packets(context, picture)
    yield from _packets(context, None)


def scene_truth(name: str, frame: int) -> list[Box]:
    """Where people really are in picture ``frame`` of a scene: the boxes that a perfect detector would draw."""
    return _measurer(name).boxes(frame % scene(name).frames)


@cache
def _measurer(name: str) -> Renderer:
    return Renderer(scene(name))


@cache
def _noise(number: int) -> npt.NDArray[np.uint8]:
    """What a sensor adds to the luma."""
    rng = np.random.default_rng(number)
    return np.abs(rng.normal(0, 1.1, (HEIGHT_PX, WIDTH_PX))).round().astype(np.uint8)


def _packets(context: av.VideoCodecContext, picture: av.VideoFrame | None) -> Iterator[EncodedPicture]:
    for packet in context.encode(picture):
        yield EncodedPicture(bytes(packet), bool(packet.is_keyframe))
