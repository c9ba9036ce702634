"""What is on its way between tiers, what lies in objects, and what is still to be deleted."""

import sqlalchemy as sa

from haechi.store.database import metadata

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

objects = sa.Table(
    "objects",
    metadata,
    sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("volume", sa.String(36), nullable=False),
    sa.Column("path", sa.String(300), nullable=False),
    sa.Column("stream", sa.String(60), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.LargeBinary(32), nullable=True),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
)

moves = sa.Table(
    "moves",
    metadata,
    sa.Column("recording", _SERIAL, primary_key=True, autoincrement=False),
    sa.Column("object", sa.BigInteger, nullable=False),
    sa.Column("source_volume", sa.String(36), nullable=False),
    sa.Column("source_path", sa.String(300), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("base_bytes", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=True),
)

doomed = sa.Table(
    "doomed",
    metadata,
    sa.Column("volume", sa.String(36), primary_key=True),
    sa.Column("path", sa.String(300), primary_key=True),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
)
