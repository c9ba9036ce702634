"""Cameras, their zones and rules, and the numbers of their runs."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "cameras",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("url", sa.String(2048), nullable=False, comment="with credentials; never leaves the server"),
        sa.Column("transport", sa.String(8), nullable=False, server_default="tcp"),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("audio", sa.Boolean, nullable=False, server_default=sa.false(), comment="record and show audio"),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, server_default="0", comment="order in lists"),
        sa.CheckConstraint("transport IN ('tcp', 'udp', 'auto')", name="transport"),
    )
    op.create_table(
        "runs",
        sa.Column("stream", sa.String(60), primary_key=True),
        sa.Column("run", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("started_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "zones",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("camera", sa.String(40), nullable=False, index=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("points", sa.JSON, nullable=False, comment="[[x, y], ...] in [0, 1] from top-left"),
        sa.Column("colour", sa.String(9), nullable=False, server_default="#e8590c"),
    )
    op.create_table(
        "rules",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("camera", sa.String(40), nullable=False, index=True),
        sa.Column("zone", sa.String(40), nullable=True, comment="null: the whole picture"),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("label", sa.String(40), nullable=False),
        sa.Column("min_score", sa.Float, nullable=False, server_default="0.5"),
        sa.Column("min_duration_s", sa.Float, nullable=False, server_default="1"),
        sa.Column("cooldown_s", sa.Float, nullable=False, server_default="10"),
        sa.Column("severity", sa.String(12), nullable=False, server_default="alert"),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.CheckConstraint("severity IN ('alert', 'detection')", name="severity"),
    )


def downgrade() -> None:
    for table in ("rules", "zones", "runs", "cameras"):
        op.drop_table(table)
