"""The tables of phones: which one each such camera is, and codes that wait for a phone."""

import sqlalchemy as sa

from haechi.store.database import metadata

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
