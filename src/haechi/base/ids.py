"""Identities. Each kind is its own type, so that a camera id cannot be handed in where an event id is meant."""

import re
import secrets
from typing import NewType

CameraId = NewType("CameraId", str)
StreamId = NewType("StreamId", str)
EventId = NewType("EventId", str)
ZoneId = NewType("ZoneId", str)
LineId = NewType("LineId", str)
RuleId = NewType("RuleId", str)
UserId = NewType("UserId", str)
ExportId = NewType("ExportId", str)
BookmarkId = NewType("BookmarkId", str)
FilmId = NewType("FilmId", str)
LayoutId = NewType("LayoutId", str)
RecordingId = NewType("RecordingId", int)

_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"
_LENGTH = 16
VIEWING_ROLES = frozenset({"sub", "tile", "h264", "stills"})
"""Streams that are there only while somebody watches them, beside the main one that shows the same: they are neither
recorded nor looked at, and nobody accounts for their units."""
_PATTERN = re.compile(r"[a-z]{2,4}_[a-z0-9]{3,32}")


def new_id(prefix: str) -> str:
    """A fresh, unguessable identifier such as ``cam_k3v9...`` (16 characters of 30: 78 bits)."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))}"


def is_id(text: str, prefix: str) -> bool:
    """Whether ``text`` has the form that `new_id` gives for ``prefix``. Says nothing about existence."""
    return text.startswith(f"{prefix}_") and _PATTERN.fullmatch(text) is not None


def stream_of(camera: CameraId, role: str = "main") -> StreamId:
    """The id of one stream of a camera; ``role`` is ``main``, ``audio``, or one of `VIEWING_ROLES`."""
    return StreamId(f"{camera}/{role}")


def camera_of(stream: StreamId) -> CameraId:
    """The camera that a stream belongs to."""
    return CameraId(stream.partition("/")[0])


def role_of(stream: StreamId) -> str:
    """Which of its camera's streams it is."""
    return stream.partition("/")[2]


def is_for_viewers(stream: StreamId) -> bool:
    """Whether it is one of `VIEWING_ROLES`."""
    return role_of(stream) in VIEWING_ROLES
