"""Volumes, recordings and their layouts, accounts, gaps, pins, and what each camera wants of the recorder."""

import sqlalchemy as sa

from haechi.store.database import metadata

volumes = sa.Table(
    "volumes",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("root", sa.String(4096), nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("failed_ns", sa.BigInteger, nullable=True),
    sa.Column("failure", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False, server_default="folder"),
    sa.Column("url", sa.String(1000), nullable=False, server_default=""),
    sa.Column("name", sa.String(40), nullable=False, server_default=""),
    sa.Column("rank", sa.Integer, nullable=False, server_default="0"),
)

recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("volume", sa.String(36), nullable=False),
    sa.Column("stream", sa.String(60), nullable=False),
    sa.Column("run", sa.BigInteger, nullable=False),
    sa.Column("params", sa.Integer, nullable=False),
    sa.Column("path", sa.String(300), nullable=False),
    sa.Column("start_ns", sa.BigInteger, nullable=False),
    sa.Column("end_ns", sa.BigInteger, nullable=False),
    sa.Column("first_seq", sa.BigInteger, nullable=False),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("init_bytes", sa.Integer, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("base_bytes", sa.BigInteger, nullable=False, default=0, server_default="0"),
    sa.Column("seal", sa.LargeBinary, nullable=True),
    sa.Column("kept_as", sa.SmallInteger, nullable=True),
    sa.Column("edge_run", sa.BigInteger, nullable=True),
    sa.Column("edge_seq", sa.BigInteger, nullable=True),
)

stored = sa.Table(
    "stored",
    metadata,
    sa.Column("volume", sa.String(36), primary_key=True),
    sa.Column("recordings", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)
"""Sums over `recordings`. Triggers keep them, so that no write can forget to; nothing else writes here but repairs."""

layouts = sa.Table(
    "layouts",
    metadata,
    sa.Column("recording", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("pieces", sa.LargeBinary, nullable=False),
)

edge_settled = sa.Table(
    "edge_settled",
    metadata,
    sa.Column("stream", sa.String(60), primary_key=True),
    sa.Column("edge_run", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("first_seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("end_seq", sa.BigInteger, nullable=False),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
)
"""Units in a camera's memory that are not recorded (any more) and are not wanted either."""

hours = sa.Table(
    "hours",
    metadata,
    sa.Column("stream", sa.String(60), primary_key=True),
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("peaks", sa.LargeBinary, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

gaps = sa.Table(
    "gaps",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("stream", sa.String(60), nullable=False),
    sa.Column("start_ns", sa.BigInteger, nullable=False),
    sa.Column("end_ns", sa.BigInteger, nullable=True),
    sa.Column("cause", sa.String(20), nullable=False),
    sa.Column("detail", sa.String(200), nullable=False),
)

pins = sa.Table(
    "pins",
    metadata,
    sa.Column("stream", sa.String(60), primary_key=True),
    sa.Column("reason", sa.String(120), primary_key=True),
    sa.Column("start_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("end_ns", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(12), nullable=False),
)

record_settings = sa.Table(
    "record_settings",
    metadata,
    sa.Column("camera", sa.String(40), primary_key=True),
    sa.Column("enabled", sa.Boolean, nullable=True),
    sa.Column("continuous_days", sa.Float, nullable=True),
    sa.Column("motion_days", sa.Float, nullable=True),
    sa.Column("event_days", sa.Float, nullable=True),
    sa.Column("max_bytes", sa.BigInteger, nullable=True),
    sa.Column("purpose", sa.String(500), nullable=False),
    sa.Column("audio", sa.Boolean, nullable=True),
)

bookmarks = sa.Table(
    "bookmarks",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("camera", sa.String(40), nullable=False),
    sa.Column("start_ns", sa.BigInteger, nullable=False),
    sa.Column("end_ns", sa.BigInteger, nullable=True),
    sa.Column("note", sa.String(500), nullable=False),
    sa.Column("keep", sa.Boolean, nullable=False),
    sa.Column("made_by", sa.String(40), nullable=False),
    sa.Column("made_by_name", sa.String(64), nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
)
