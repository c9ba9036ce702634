"""Names of files that people take away: camera, time and offset, on any system."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, tzinfo

from haechi.base.clock import NS_PER_MS

_UNSAFE = re.compile(r"[^\w.\-+]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_CAMERA_BYTES = 120
"""Of a name that has at most 255 bytes on the file systems of today."""


def clip_stem(camera: str, start_ns: int, zone: tzinfo) -> str:
    """``Front_door_2026-11-21_14-03-22.123+0900``: sorts by time, and means the same wherever it is read."""
    when = (_EPOCH + timedelta(milliseconds=start_ns // NS_PER_MS)).astimezone(zone)
    return f"{safe_name(camera) or 'camera'}_{when:%Y-%m-%d_%H-%M-%S}.{when.microsecond // 1000:03d}{_offset(when)}"


def safe_name(text: str) -> str:
    """``text`` as part of a file name: letters of any script, digits, and ``_ . - +``; empty when nothing is left."""
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", text)).strip("_.-+")
    while len(name.encode()) > MOST_CAMERA_BYTES:
        name = name[:-1]
    return name.strip("_.-+")


def _offset(when: datetime) -> str:
    """``+0900``; seconds, which some zones of old had, are left out."""
    minutes = int((when.utcoffset() or timedelta()).total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
