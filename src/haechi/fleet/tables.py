"""The cameras table, and the keys of those that dial out."""

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

dial_keys = sa.Table(
    "dial_keys",
    metadata,
    sa.Column("camera", sa.String(40), primary_key=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False, comment="Ed25519, 32 bytes"),
    sa.Column("issued_ns", sa.BigInteger, nullable=False),
)
