"""Packed layouts of recordings instead of a row for each fragment; accounts of units by the hour.

Recordings may share a file from now on (several in one object), so their paths need not differ any more.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
PAGE = 1000
OLD = ("id", "volume", "stream", "run", "params", "path", "start_ns", "end_ns", "first_seq", "last_seq", "init_bytes",
       "size_bytes", "is_open")  # fmt: skip


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    recordings = "recordings_new" if is_sqlite else "recordings"
    if is_sqlite:
        _copy_recordings()
    else:
        op.drop_constraint("recordings_path_key", "recordings")
        op.add_column("recordings", sa.Column("base_bytes", sa.BigInteger, nullable=False, server_default="0"))
        op.add_column("recordings", sa.Column("seal", sa.LargeBinary, nullable=True))
    op.create_table(
        "layouts",
        sa.Column("recording", SERIAL, sa.ForeignKey(f"{recordings}.id", ondelete="CASCADE"), primary_key=True,
                  autoincrement=False),
        sa.Column("pieces", sa.LargeBinary, nullable=False, comment="all fragments: record/index/layouts.py"),
    )  # fmt: skip
    _pack_fragments()
    op.drop_table("fragments")
    if is_sqlite:
        op.drop_table("recordings")
        op.rename_table("recordings_new", "recordings")
        op.create_index("ix_recordings_stream_start_ns", "recordings", ["stream", "start_ns", "end_ns"])
        op.create_index("ix_recordings_stream_run_first_seq", "recordings", ["stream", "run", "first_seq"])
        op.create_index("ix_recordings_start_ns", "recordings", ["start_ns"])
    op.create_index(
        "ix_recordings_open", "recordings", ["id"],
        sqlite_where=sa.text("is_open = 1"), postgresql_where=sa.text("is_open"),
    )  # fmt: skip
    op.create_table(
        "hours",
        sa.Column("stream", sa.String(60), primary_key=True),
        sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False, comment="since the epoch"),
        sa.Column("peaks", sa.LargeBinary, nullable=False, comment="motion, score, loss of 60 minutes, a byte each"),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="accounts by the minute: record/index/accounts.py"),
    )


def _copy_recordings() -> None:
    """SQLite cannot drop a constraint: make the table again."""
    op.create_table(
        "recordings_new",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("volume", sa.String(36), nullable=False),
        sa.Column("stream", sa.String(60), nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("params", sa.Integer, nullable=False, comment="index into the run's codec parameters"),
        sa.Column("path", sa.String(300), nullable=False, comment="below the volume's root"),
        sa.Column("start_ns", sa.BigInteger, nullable=False, comment="captured_ns of the first unit"),
        sa.Column("end_ns", sa.BigInteger, nullable=False, comment="exclusive: the unit after the last, or just later"),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("init_bytes", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False, comment="up to the end of the last listed fragment"),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("base_bytes", sa.BigInteger, nullable=False, server_default="0",
                  comment="where it begins in the file or object at path"),
        sa.Column("seal", sa.LargeBinary, nullable=True, comment="null: plain; else its data key, sealed"),
        sa.CheckConstraint("start_ns < end_ns", name="span"),
        sa.CheckConstraint("first_seq <= last_seq", name="seq"),
        sa.CheckConstraint("init_bytes > 0 AND init_bytes < size_bytes", name="size"),
        sqlite_autoincrement=True,
    )  # fmt: skip
    new, old = (sa.table(name, *(sa.column(one) for one in OLD)) for name in ("recordings_new", "recordings"))
    op.execute(new.insert().from_select(list(OLD), sa.select(old).order_by(old.c.id)))


def _pack_fragments() -> None:
    """All rows of a recording into one, a page of recordings at a time."""
    connection = op.get_bind()
    last = -1
    query = sa.text(
        "SELECT recording, number, offset_bytes, size_bytes, first_ns, last_ns, first_pts_ticks, first_dts_ticks,"
        " duration_ticks, first_seq, units, is_sync, sha256 FROM fragments"
        " WHERE recording > :first AND recording <= :last ORDER BY recording, number"
    )
    page = sa.text("SELECT MAX(id) FROM (SELECT id FROM recordings WHERE id > :last ORDER BY id LIMIT :page) AS p")
    insert = sa.text("INSERT INTO layouts (recording, pieces) VALUES (:recording, :pieces)")
    while (end := connection.execute(page, {"last": last, "page": PAGE}).scalar()) is not None:
        rows = connection.execute(query, {"first": last, "last": end})
        packed = [{"recording": one, "pieces": _pack(pieces)} for one, pieces in groupby(rows, lambda row: row[0])]
        if packed:
            connection.execute(insert, packed)
        last = end


def _pack(rows: Iterator[Sequence[Any]]) -> bytes:
    """Version 1 of the packed form, as it was when this step was written."""
    packed = bytearray([1])
    number = end = length = duration = units = seq = dts = shown = next_ns = 0
    for _, n, offset, size, first_ns, last_ns, pts, new_dts, ticks, first_seq, count, is_sync, sha256 in rows:
        differences = (n - number - 1, offset - end, ticks - duration, count - units, first_seq - seq - units,
                       new_dts - dts - duration, pts - new_dts - shown)  # fmt: skip
        times = (first_ns - next_ns, last_ns - first_ns - (ticks - ticks // count) * 100_000 // 9)
        odd = sum(1 << bit for bit, one in enumerate(differences) if one)
        step = _zigzag(size - length)
        flags = bool(is_sync) | bool(odd) << 1 | bool(times[0]) << 2 | bool(times[1]) << 3 | (step & 15) << 4
        packed += bytes([flags, odd]) if odd else bytes([flags])
        for one in (*map(_zigzag, filter(None, differences)), step >> 4, *map(_zigzag, filter(None, times))):
            _put(packed, one)
        packed += sha256[:16]
        number, end, length, duration = n, offset + size, size, ticks
        units, seq, dts, shown = count, first_seq, new_dts, pts - new_dts
        next_ns = first_ns + ticks * 100_000 // 9
    return bytes(packed)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _put(packed: bytearray, value: int) -> None:
    while value >= 0x80:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    packed.append(value)
