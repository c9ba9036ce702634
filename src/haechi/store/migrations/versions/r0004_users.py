"""Users, sessions, grants; settings made in the browser."""

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.String(200), nullable=False, unique=True, comment="case-folded; what log-in looks up"),
        sa.Column("role", sa.String(12), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False, comment="argon2id, with its parameters"),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.CheckConstraint("role IN ('admin', 'viewer')", name="role"),
    )
    op.create_table(
        "grants",
        sa.Column("user", sa.String(40), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("camera", sa.String(40), primary_key=True, comment="a viewer sees these and no others"),
    )
    for table, comment in (("sessions", "SHA-256 of the cookie"), ("devices", "SHA-256 of the device cookie")):
        op.create_table(
            table,
            sa.Column("token_hash", sa.String(64), primary_key=True, comment=comment),
            sa.Column("user", sa.String(40), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
            sa.Column("created_ns", sa.BigInteger, nullable=False),
            *([sa.Column("seen_ns", sa.BigInteger, nullable=False)] if table == "sessions" else []),
        )
    op.create_table(
        "setup_tokens",
        sa.Column("token_hash", sa.String(64), primary_key=True, comment="SHA-256 of the one-time token"),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("changed_ns", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("settings", "setup_tokens", "devices", "sessions", "grants", "users"):
        op.drop_table(table)
