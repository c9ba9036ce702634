"""Where something moved; and the accounts' peaks in an index, so that a month of them is read without their rows."""

import sqlalchemy as sa
from alembic import op

revision = "r0008"
down_revision = "r0007"


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("stream", sa.String(60), primary_key=True),
        sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False, comment="since the epoch"),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="what moved where: vision/activity.py"),
    )
    op.create_index("ix_hours_stream_hour_peaks", "hours", ["stream", "hour", "peaks"])


def downgrade() -> None:
    op.drop_index("ix_hours_stream_hour_peaks", "hours")
    op.drop_table("activity")
