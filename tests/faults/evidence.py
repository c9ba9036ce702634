"""Reads footage and index with nothing of ours: own box walk, own SHA-256, plain SQL. What the judge believes.

Format: docs/design/recording.md (file format); ISO/IEC 14496-12 (moof, trun, mdat).
"""

import hashlib
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

STAMP = bytes.fromhex("6b1f3d0a9c0e4d7b8f6e2f0f5a1e7c02")
DIGEST_AT = 28
COVERED_AT = 60


class Damaged(Exception):
    """The bytes are not what a recording holds."""


class Seen(Struct, frozen=True):
    """A unit as it lies on disk."""

    run: int
    seq: int
    captured_ns: int
    payload: bytes


class Row(Struct, frozen=True):
    """A recording as the index lists it."""

    id: int
    stream: str
    run: int
    path: str
    start_ns: int
    end_ns: int
    first_seq: int
    last_seq: int
    init_bytes: int
    size_bytes: int
    base_bytes: int = 0


class Hole(Struct, frozen=True):
    """A gap as the index lists it; ``end_ns`` None: it lasts."""

    stream: str
    start_ns: int
    end_ns: int | None
    cause: str


class Index(Struct, frozen=True):
    """What the database says. ``integrity``: SQLite's own verdict."""

    integrity: str
    rows: tuple[Row, ...]
    holes: tuple[Hole, ...]
    failure: str


def read_index(path: Path) -> Index:
    """The index, by plain SQL.

    Raises:
        sqlite3.DatabaseError: It cannot be read at all.
    """
    connection = sqlite3.connect(path)
    try:
        integrity = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        connection.row_factory = sqlite3.Row
        rows = [dict(one) for one in connection.execute("SELECT * FROM recordings ORDER BY stream, start_ns")]
        holes = connection.execute("SELECT stream, start_ns, end_ns, cause FROM gaps ORDER BY stream, start_ns")
        failure = connection.execute("SELECT failure FROM volumes WHERE failure != ''").fetchone()
        return Index(
            integrity,
            tuple(Row(**{name: one[name] for name in Row.__struct_fields__ if name in one}) for one in rows),
            tuple(Hole(*one) for one in holes),
            failure[0] if failure else "",
        )
    finally:
        connection.close()


def failure_of(path: Path) -> str:
    """Why the volume must not be used, as the index says; empty where nothing says so."""
    try:
        return read_index(path).failure
    except sqlite3.DatabaseError:
        return ""


def unlisted(folder: Path) -> list[str]:
    """Files of footage that no row speaks of."""
    root = folder / "record"
    files = {str(path.relative_to(root)) for path in root.rglob("*.mp4")}
    return sorted(files - {row.path for row in read_index(folder / "haechi.db").rows})


def read_footage(data: bytes, init_bytes: int, spoilt: list[int] | None = None) -> Iterator[Seen]:
    """Every unit of the listed bytes of a recording, each fragment after its hash was compared.

    Args:
        spoilt: Takes where fragments with another hash begin, instead of an error.

    Raises:
        Damaged: A box is not whole, or a hash differs.
    """
    position = init_bytes
    while position < len(data):
        size, kind = _box(data, position)
        if kind != b"uuid" or data[position + 8 : position + 24] != STAMP:
            raise Damaged(f"no stamp box at {position}")
        begin, stamp_end = position, position + size
        position = stamp_end
        sizes: list[int] = []
        while True:
            size, kind = _box(data, position)
            if kind == b"moof":
                sizes = _sample_sizes(data[position + 8 : position + size])
            position += size
            if kind == b"mdat":
                break
        if hashlib.sha256(data[begin + COVERED_AT : position]).digest() != data[begin + DIGEST_AT : begin + COVERED_AT]:
            if spoilt is None:
                raise Damaged(f"the hash of the fragment at {begin} differs")
            spoilt.append(begin)
            continue
        yield from _units(data[begin + COVERED_AT : stamp_end], data[position - size + 8 : position], sizes)


def _units(stamps: bytes, body: bytes, sizes: list[int]) -> Iterator[Seen]:
    run, count = struct.unpack_from(">QI", stamps)
    if count != len(sizes) or sum(sizes) != len(body):
        raise Damaged("stamps, samples and bytes do not agree")
    offset = 0
    for number, size in enumerate(sizes):
        captured_ns, seq = struct.unpack_from(">QQ", stamps, 12 + 16 * number)
        yield Seen(run, seq, captured_ns, body[offset : offset + size])
        offset += size


def _box(data: bytes, position: int) -> tuple[int, bytes]:
    if position + 8 > len(data):
        raise Damaged(f"cut off at {position}")
    size, kind = struct.unpack_from(">I4s", data, position)
    if size < 8 or position + size > len(data):
        raise Damaged(f"a box at {position} is not whole")
    return size, kind


def _sample_sizes(moof: bytes) -> list[int]:
    traf = _child(moof, b"traf")
    trun = _child(traf, b"trun")
    flags, count = int.from_bytes(trun[1:4], "big"), int.from_bytes(trun[4:8], "big")
    offset = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
    fields = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
    if 0x200 not in fields:
        raise Damaged("sample sizes are not explicit")
    column, step = fields.index(0x200), len(fields)
    table = struct.unpack_from(f">{count * step}I", trun, offset)
    return list(table[column::step])


def _child(data: bytes, wanted: bytes) -> bytes:
    position = 0
    while position < len(data):
        size, kind = _box(data, position)
        if kind == wanted:
            return data[position + 8 : position + size]
        position += size
    raise Damaged(f"no {wanted.decode()}")
