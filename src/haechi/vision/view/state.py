"""What is known of the view of a camera, as bytes that another worker goes on from. Pure.

The server treats them as bytes, but for what a person decides: then it reads them, changes them (`accepted`,
`kept_at`), and gives them back. Versioned, bounded, and checked before use: a worker is not trusted.
"""

from __future__ import annotations

import zlib
from typing import Literal

import cv2
import msgspec
import numpy as np
from msgspec import Struct, structs

from haechi.base.errors import Invalid
from haechi.vision.view.follow import Course
from haechi.vision.view.geometry import IDENTITY, Transform, checked
from haechi.vision.view.health import COARSE, COLUMNS, ROWS, Hold, Trouble, Usual
from haechi.vision.view.picture import LONG_PX, Grey, Mode
from haechi.vision.view.reference import Reference

VERSION = 1
MOST_BYTES = 3 * 1024 * 1024
LEAST_SIDE_PX = 16


class KeptReference(Struct, frozen=True):
    """A `Reference` that can be written down.

    Attributes:
        grey, mask: zlib; the mask is one bit a pixel.
        base: From the root to this reference: the view may have moved before it was made.
        made_ns: When, ns since 1970.
    """

    width: int
    height: int
    grey: bytes
    mask: bytes
    base: Transform
    made_ns: int


class ViewState(Struct, frozen=True):
    """Everything that is kept of a view."""

    version: Literal[1] = 1
    mode: Mode | None = None
    course: Course = Course()
    references: dict[Mode, KeptReference] = {}
    usual: dict[Mode, Usual] = {}
    holds: dict[Trouble, Hold] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ViewState)


def packed(state: ViewState) -> bytes:
    """As bytes."""
    return _encoder.encode(state)


def read(data: bytes) -> ViewState:
    """From bytes.

    Raises:
        Invalid: ``bad-view-state``: they are none of ours, or hold what cannot be.
    """
    if len(data) > MOST_BYTES:
        raise Invalid("the state of a view is too large", code="bad-view-state", limit=MOST_BYTES)
    try:
        state = _decoder.decode(data)
        _check(state)
    except (msgspec.MsgspecError, UnicodeDecodeError, Invalid) as error:
        raise Invalid(f"the state of a view cannot be read: {error}", code="bad-view-state") from error
    return state


def kept(reference: Reference, base: Transform, made_ns: int) -> KeptReference:
    """A reference, to be written down."""
    width, height = reference.size
    bits = np.packbits(reference.mask > 0).tobytes()
    grey = zlib.compress(np.ascontiguousarray(reference.grey).tobytes(), 6)
    return KeptReference(width, height, grey, zlib.compress(bits, 6), base, made_ns)


def restored(kept_one: KeptReference) -> Reference:
    """And back.

    Raises:
        Invalid: ``bad-view-state``: it is not what it says.
    """
    size = kept_one.width * kept_one.height
    grey = np.frombuffer(_inflated(kept_one.grey, size), np.uint8).reshape(kept_one.height, kept_one.width)
    bits = np.frombuffer(_inflated(kept_one.mask, -(-size // 8)), np.uint8)
    mask = np.unpackbits(bits, count=size).reshape(kept_one.height, kept_one.width) * np.uint8(255)
    return Reference(grey.copy(), np.asarray(mask, np.uint8))


def jpeg(kept_one: KeptReference, quality: int = 85) -> bytes:
    """The reference as a picture for people.

    Raises:
        Invalid: ``bad-view-state``.
    """
    return encoded(restored(kept_one).grey, quality)


def encoded(grey: Grey, quality: int) -> bytes:
    """A grey picture as JPEG."""
    is_done, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not is_done:
        raise Invalid("the picture cannot be coded as JPEG", code="bad-view-state")
    return data.tobytes()


def accepted(state: ViewState, transform: Transform) -> ViewState:
    """A person agrees that the view lies there; what was learnt of it stands."""
    return structs.replace(state, course=Course(transform, transform))


def kept_at(state: ViewState, transform: Transform) -> ViewState:
    """A person says where the view lies whatever was found: it is learnt anew from the pictures that follow."""
    return structs.replace(state, course=Course(transform, transform), references={})


def _check(state: ViewState) -> None:
    course = state.course
    asked = course.ask.proposal if course.ask is not None else None
    for transform in (course.transform, course.trusted, *course.pending, asked or IDENTITY):
        checked(transform)
    for one in state.references.values():
        checked(one.base)
        sides = (one.width, one.height)
        if min(sides) < LEAST_SIDE_PX or max(sides) > LONG_PX:
            raise Invalid("a reference has no such size", code="bad-view-state")
        restored(one)
    for usual in state.usual.values():
        if usual.count and (len(usual.texture) != COLUMNS * ROWS or len(usual.coarse) != COARSE[0] * COARSE[1]):
            raise Invalid("what is usual has no such shape", code="bad-view-state")


def _inflated(data: bytes, size: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise Invalid("a reference is damaged", code="bad-view-state") from error
    if len(plain) != size or not unpacker.eof:
        raise Invalid("a reference is not what it says", code="bad-view-state")
    return plain
