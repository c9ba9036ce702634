"""The cameras table, the keys of those that dial out, and the phones that are cameras."""

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

phones = sa.Table(
    "phones",
    metadata,
    sa.Column("camera", sa.String(40), primary_key=True),
    sa.Column("token_sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("paired_ns", sa.BigInteger, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False, comment="JSON, as the phone told it last; empty: never yet"),
    sa.Column("state_ns", sa.BigInteger, nullable=False),
)

phone_pairings = sa.Table(
    "phone_pairings",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("code_sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("for_camera", sa.String(40), nullable=False, comment="empty: a new one"),
    sa.Column("expires_ns", sa.BigInteger, nullable=False),
    sa.Column("is_used", sa.Boolean, nullable=False),
    sa.Column("camera", sa.String(40), nullable=False, comment="what came of it; empty: nothing yet"),
)
