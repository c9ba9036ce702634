"""Where the ONVIF services of cameras are."""

import sqlalchemy as sa
from alembic import op

revision = "r0012"
down_revision = "r0011"


def upgrade() -> None:
    op.create_table(
        "onvif_links",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("path", sa.String(512), nullable=False),
        sa.Column("is_tls", sa.Boolean, nullable=False),
        sa.Column("profile", sa.String(64), nullable=False, comment="the device's token for the stream"),
    )


def downgrade() -> None:
    op.drop_table("onvif_links")
