"""Thin clients whose stream is a camera."""

import sqlalchemy as sa
from alembic import op

revision = "r0015"
down_revision = "r0014"


def upgrade() -> None:
    column = sa.Column(
        "camera", sa.String(40), nullable=False, server_default="", comment="its stream is; empty: of none"
    )
    with op.batch_alter_table("push_clients") as table:
        table.add_column(column)


def downgrade() -> None:
    with op.batch_alter_table("push_clients") as table:
        table.drop_column("camera")
