"""The tables of zones and lines, and of what moved where."""

import sqlalchemy as sa

from haechi.store.database import metadata

activity = sa.Table(
    "activity",
    metadata,
    sa.Column("stream", sa.String(60), primary_key=True),
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

zones = sa.Table(
    "zones",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("camera", sa.String(40), nullable=False),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("points", sa.JSON, nullable=False),
    sa.Column("colour", sa.String(9), nullable=False),
    sa.Column("drawn_ns", sa.BigInteger, nullable=False, server_default="0"),
)

inspection_stops = sa.Table(
    "inspection_stops",
    metadata,
    sa.Column("camera", sa.String(40), primary_key=True),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
)

lines = sa.Table(
    "lines",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("camera", sa.String(40), nullable=False),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("points", sa.JSON, nullable=False),
    sa.Column("forward", sa.String(40), nullable=False),
    sa.Column("backward", sa.String(40), nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("colour", sa.String(9), nullable=False),
    sa.Column("drawn_ns", sa.BigInteger, nullable=False, server_default="0"),
)

camera_modules = sa.Table(
    "camera_modules",
    metadata,
    sa.Column("camera", sa.String(40), primary_key=True),
    sa.Column("module", sa.String(40), primary_key=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("hours", sa.JSON(none_as_null=True), nullable=True),
)
