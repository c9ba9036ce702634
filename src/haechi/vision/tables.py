"""The tables of zones, of what moved where, and of cameras that are not looked at."""

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
)

inspection_stops = sa.Table(
    "inspection_stops",
    metadata,
    sa.Column("camera", sa.String(40), primary_key=True),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
)
