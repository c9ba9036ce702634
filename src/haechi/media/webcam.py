"""Cameras in this machine: their addresses (``webcam:0``, ``webcam:/dev/video0?size=1280x720&fps=15``), their JPEGs."""

from __future__ import annotations

import re

from msgspec import Struct

from haechi.base.errors import Invalid
from haechi.media.jpeg import HUFFMAN_TABLES

SCHEME = "webcam:"
_NUMBER = re.compile(r"\d{1,3}")
_PATH = re.compile(r"/dev/(video\d{1,3}|v4l/by-(id|path)/[A-Za-z0-9][A-Za-z0-9._:+-]{0,200})")
_NAME = re.compile(r"[A-Za-z0-9][\w .()+#-]{0,99}")
_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
_CODECS = ("auto", "h264", "mjpeg", "raw")
LARGEST_PX = 7680


class Webcam(Struct, frozen=True):
    """Which camera of this machine, and how it is wanted.

    Attributes:
        which: Its number, on Linux also the path of its device, on Windows also its name.
        width_px, height_px: Wanted size; 0: what the camera likes.
        fps: Wanted pictures a second; 0: what the camera likes.
        kbps: What our encoder may spend where the camera codes nothing itself.
        codec: ``auto``: what the camera codes best; ``raw``: nothing, we encode.
    """

    which: str
    width_px: int = 0
    height_px: int = 0
    fps: int = 0
    kbps: int = 2000
    codec: str = "auto"

    @classmethod
    def parse(cls, address: str) -> Webcam:
        """Read an address.

        Raises:
            Invalid: ``bad-url``.
        """
        which, _, query = address.strip()[len(SCHEME) :].partition("?")
        if address.strip()[: len(SCHEME)].lower() != SCHEME or not any(
            one.fullmatch(which) for one in (_NUMBER, _PATH, _NAME)
        ):
            raise _bad("a webcam is webcam:0, or webcam:/dev/video0; see haechi webcam list")
        found: dict[str, str] = {}
        for pair in filter(None, query.split("&")):
            name, _, value = pair.partition("=")
            if name in found or name not in {"size", "fps", "kbps", "codec"}:
                raise _bad("behind the ? may stand, each once: size=1280x720, fps=15, kbps=1500, codec=h264")
            found[name] = value
        return cls(
            which, *_size(found), _number(found, "fps", 0, 120), _number(found, "kbps", 2000, 50_000), _codec(found)
        )

    @property
    def address(self) -> str:
        """The address, written the one way."""
        defaults = Webcam(self.which)
        wishes = [
            f"size={self.width_px}x{self.height_px}" if self.width_px else "",
            f"fps={self.fps}" if self.fps else "",
            f"kbps={self.kbps}" if self.kbps != defaults.kbps else "",
            f"codec={self.codec}" if self.codec != defaults.codec else "",
        ]
        query = "&".join(filter(None, wishes))
        return f"{SCHEME}{self.which}{'?' if query else ''}{query}"


def _size(found: dict[str, str]) -> tuple[int, int]:
    if "size" not in found:
        return 0, 0
    match = _SIZE.fullmatch(found["size"])
    if match is None or max(int(match[1]), int(match[2])) > LARGEST_PX or min(int(match[1]), int(match[2])) < 16:
        raise _bad("size is width and height, such as 1280x720")
    return int(match[1]), int(match[2])


def _number(found: dict[str, str], name: str, default: int, most: int) -> int:
    text = found.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 6 or not 1 <= int(text) <= most:
        raise _bad(f"{name} is a number from 1 to {most}")
    return int(text)


def _codec(found: dict[str, str]) -> str:
    codec = found.get("codec", "auto")
    if codec not in _CODECS:
        raise _bad(f"codec is one of {', '.join(_CODECS)}")
    return codec


def _bad(message: str) -> Invalid:
    return Invalid(message, code="bad-url")


def with_huffman_tables(jpeg: bytes) -> bytes:
    """A webcam's JPEG as everybody can read it: many leave the standard tables out (T.81 K.3). Others pass."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        kind = jpeg[at + 1]
        if kind == 0xC4:
            return jpeg
        if kind == 0xDA:
            return jpeg[:at] + _HUFFMAN + jpeg[at:]
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg


_HUFFMAN = b"".join(
    b"\xff\xc4" + (len(table) + 3).to_bytes(2, "big") + bytes((number,)) + table
    for number, table in HUFFMAN_TABLES.items()
)
