"""The cameras table."""

import sqlalchemy as sa

from haechi.store.database import metadata

cameras = sa.Table(
    "cameras",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("url", sa.String(2048), nullable=False),
    sa.Column("transport", sa.String(8), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("audio", sa.Boolean, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
)
