"""Lines, who crossed them, and kinds of rules."""

import sqlalchemy as sa
from alembic import op

revision = "r0024"
down_revision = "r0023"


def upgrade() -> None:
    op.create_table(
        "lines",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("camera", sa.String(40), nullable=False, index=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("points", sa.JSON, nullable=False, comment="[[x, y], ...] in [0, 1] from the top left"),
        sa.Column("forward", sa.String(40), nullable=False, comment="name of the way from its left to its right"),
        sa.Column("backward", sa.String(40), nullable=False),
        sa.Column("labels", sa.JSON, nullable=False, comment="classes that are counted without a rule"),
        sa.Column("colour", sa.String(9), nullable=False),
    )
    op.create_table(
        "crossings",
        sa.Column("line", sa.String(40), primary_key=True),
        sa.Column(
            "slot", sa.Integer, primary_key=True, autoincrement=False, comment="quarters of an hour since the epoch"
        ),
        sa.Column("way", sa.String(8), primary_key=True),
        sa.Column("label", sa.String(40), primary_key=True),
        sa.Column("camera", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.CheckConstraint("way IN ('forward', 'backward')", name="way"),
        sa.CheckConstraint("number > 0", name="number"),
    )
    op.create_index("ix_crossings_camera_slot", "crossings", ["camera", "slot"])
    for column in (
        sa.Column("kind", sa.String(16), nullable=False, server_default="object"),
        sa.Column("line", sa.String(40), nullable=True),
        sa.Column("way", sa.String(8), nullable=False, server_default="both"),
        sa.Column("count", sa.Integer, nullable=False, server_default="2"),
        sa.Column("speed_kmh", sa.Float, nullable=False, server_default="30"),
        sa.Column("ground", sa.JSON, nullable=True, comment="points and metres, for speed"),
        sa.Column("hours", sa.JSON, nullable=True, comment="null: always"),
    ):
        op.add_column("rules", column)
    op.add_column("events", sa.Column("kind", sa.String(16), nullable=False, server_default="object"))
    op.add_column("events", sa.Column("detail", sa.String(60), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("events", "detail")
    op.drop_column("events", "kind")
    for name in ("hours", "ground", "speed_kmh", "count", "way", "line", "kind"):
        op.drop_column("rules", name)
    op.drop_table("crossings")
    op.drop_table("lines")
