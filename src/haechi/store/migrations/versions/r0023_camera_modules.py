"""Which modules look at which camera, and when."""

import sqlalchemy as sa
from alembic import op

revision = "r0023"
down_revision = "r0022"


def upgrade() -> None:
    op.create_table(
        "camera_modules",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("module", sa.String(40), primary_key=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("hours", sa.JSON, nullable=True, comment="of the week, on the site's clock; null: always"),
    )


def downgrade() -> None:
    op.drop_table("camera_modules")
