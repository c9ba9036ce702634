"""Cameras whose inspection was stopped."""

import sqlalchemy as sa
from alembic import op

revision = "r0022"
down_revision = "r0021"


def upgrade() -> None:
    op.create_table(
        "inspection_stops",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("inspection_stops")
