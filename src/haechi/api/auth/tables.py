"""Tables of the edge: users and what they may see, sessions, tokens, settings from the browser, audit log."""

import sqlalchemy as sa

from haechi.store.database import metadata

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("name_key", sa.String(200), nullable=False, unique=True),
    sa.Column("role", sa.String(12), nullable=False),
    sa.Column("password_hash", sa.String(255), nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("may_speak", sa.Boolean, nullable=False, server_default=sa.false()),
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("user", sa.String(40), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("camera", sa.String(40), primary_key=True),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("user", sa.String(40), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("seen_ns", sa.BigInteger, nullable=False),
)

devices = sa.Table(
    "devices",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("user", sa.String(40), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
)

read_tokens = sa.Table(
    "read_tokens",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("user", sa.String(40), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("ha1_md5", sa.String(32), nullable=False),
    sa.Column("ha1_sha256", sa.String(64), nullable=False),
    sa.Column("cameras", sa.JSON, nullable=True),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_ns", sa.BigInteger, nullable=False),
    sa.Column("used_ns", sa.BigInteger, nullable=False),
)

wall_layouts = sa.Table(
    "wall_layouts",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("user", sa.String(40), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("name_key", sa.String(200), nullable=False),
    sa.Column("size", sa.String(8), nullable=False),
    sa.Column("cameras", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("focus", sa.String(40), nullable=True),
    sa.Column("turn_s", sa.Integer, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("user", "name_key", name="uq_wall_layouts_user"),
    sa.CheckConstraint("turn_s BETWEEN 3 AND 3600", name="ck_wall_layouts_turn"),
)

setup_tokens = sa.Table(
    "setup_tokens",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
)

settings = sa.Table(
    "settings",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("user", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(40), nullable=False),
    sa.Column("action", sa.String(24), nullable=False),
    sa.Column("object", sa.String(120), nullable=False),
    sa.Column("detail", sa.String(500), nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)
