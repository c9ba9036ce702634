"""Layouts of the live wall, of each user's own."""

import sqlalchemy as sa
from alembic import op

revision = "r0021"
down_revision = "r0020"


def upgrade() -> None:
    op.create_table(
        "wall_layouts",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("user", sa.String(40), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("name_key", sa.String(200), nullable=False),
        sa.Column("size", sa.String(8), nullable=False, comment="tiles on a page, or auto"),
        sa.Column("cameras", sa.JSON, nullable=True, comment="in this order; null: all that the user may see"),
        sa.Column("focus", sa.String(40), nullable=True, comment="the camera with the large tile"),
        sa.Column("turn_s", sa.Integer, nullable=False, comment="seconds on a page while pages turn"),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("changed_ns", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("user", "name_key", name="uq_wall_layouts_user"),
        sa.CheckConstraint("turn_s BETWEEN 3 AND 3600", name="ck_wall_layouts_turn"),
    )


def downgrade() -> None:
    op.drop_table("wall_layouts")
