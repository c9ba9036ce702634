"""What cameras report by themselves, and their smaller streams."""

import sqlalchemy as sa
from alembic import op

revision = "r0016"
down_revision = "r0015"


def upgrade() -> None:
    op.create_table(
        "reports",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("kinds", sa.JSON, nullable=False, comment="of haechi.fleet.onvif.topics.Kind"),
        sa.Column("severity", sa.String(12), nullable=False),
        sa.Column("cooldown_s", sa.Float, nullable=False),
    )
    op.create_table(
        "sub_streams",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("path", sa.String(1024), nullable=False, comment="with the query"),
        sa.Column("is_tls", sa.Boolean, nullable=False),
        sa.Column("codec", sa.String(16), nullable=False),
        sa.Column("width_px", sa.Integer, nullable=False),
        sa.Column("height_px", sa.Integer, nullable=False),
        sa.Column("fps", sa.Float, nullable=False, comment="0: the device does not say"),
    )


def downgrade() -> None:
    op.drop_table("sub_streams")
    op.drop_table("reports")
