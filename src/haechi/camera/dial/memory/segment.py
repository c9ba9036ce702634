"""One file of the spool: records, each with its length and CRC; whatever is behind the first bad one does not count.

A record is ``length (4 bytes), CRC-32 of the body (4), body``, big-endian. The body begins with its kind: ``R`` the
edge run that all of the file is of, ``P`` codec parameters and their key, ``U`` a unit. Parameters stand before the
first unit of the file that names them, so that each file can be read by itself.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.access_unit import CodecParams, EdgeRun
from haechi.media.nal import MAX_UNIT_BYTES
from haechi.media.reverse.edge import EdgeUnit, Role
from haechi.media.reverse.words import Params, pack, params_word, unpack

VERSION = 1
_HEAD = struct.Struct(">II")
_RUN = struct.Struct(">cBQ")
_UNIT = struct.Struct(">cBBQqqq16s")
MOST_BODY_BYTES = MAX_UNIT_BYTES + 1024
_ROLES: tuple[Role, ...] = ("main", "audio")
NO_KEY = bytes(16)


class SpoolUnit(Struct, frozen=True):
    """A unit as it lies in a file; what its decoder must know has ``key``."""

    role: Role
    is_sync: bool
    seq: int
    pts: int
    dts: int
    wall_ns: int
    key: bytes
    data: bytes


class RunRecord(Struct, frozen=True):
    """The first record of a file."""

    run: EdgeRun


Record = RunRecord | Params | SpoolUnit


def key_of(params: CodecParams) -> bytes:
    """Under which key parameters are kept: half a SHA-256 of what is told of them."""
    return hashlib.sha256(pack(params_word(NO_KEY, params))).digest()[:16]


def run_record(run: EdgeRun) -> bytes:
    """The first record."""
    return _framed(_RUN.pack(b"R", VERSION, run))


def params_record(key: bytes, params: CodecParams) -> bytes:
    """Parameters."""
    return _framed(b"P" + pack(params_word(key, params)))


def unit_record(unit: EdgeUnit, key: bytes) -> bytes:
    """A unit."""
    role, seq = _ROLES.index(unit.role), unit.edge.seq
    return _framed(_UNIT.pack(b"U", role, unit.is_sync, seq, unit.pts, unit.dts, unit.wall_ns, key) + unit.data)


def _framed(body: bytes) -> bytes:
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def records(file: BinaryIO) -> Iterator[tuple[int, Record]]:
    """The good records from the beginning, each with the position behind it."""
    position = 0
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, crc = _HEAD.unpack(head)
        if not 0 < length <= MOST_BODY_BYTES:
            return
        body = file.read(length)
        if len(body) < length or zlib.crc32(body) != crc:
            return
        record = _parse(body)
        if record is None or isinstance(record, RunRecord) != (position == 0):
            return
        position += _HEAD.size + length
        yield position, record


def records_of(path: Path) -> Iterator[Record]:
    """The same of a file by its name; nothing when it is gone."""
    try:
        with path.open("rb") as file:
            for _, record in records(file):
                yield record
    except FileNotFoundError:
        return


def _parse(body: bytes) -> Record | None:
    match body[:1]:
        case b"R" if len(body) == _RUN.size:
            _, version, run = _RUN.unpack(body)
            return RunRecord(EdgeRun(run)) if version == VERSION and run else None
        case b"P":
            try:
                word = unpack(body[1:])
            except PeerError:
                return None
            return word if isinstance(word, Params) else None
        case b"U" if len(body) > _UNIT.size:
            _, role, is_sync, seq, pts, dts, wall_ns, key = _UNIT.unpack_from(body)
            if role < len(_ROLES):
                return SpoolUnit(_ROLES[role], bool(is_sync), seq, pts, dts, wall_ns, key, body[_UNIT.size :])
    return None
