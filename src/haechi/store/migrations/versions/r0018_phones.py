"""Phones as cameras: which one each is, and codes that wait for a phone."""

import sqlalchemy as sa
from alembic import op

revision = "r0018"
down_revision = "r0017"


def upgrade() -> None:
    op.create_table(
        "phones",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("token_sha256", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("paired_ns", sa.BigInteger, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("state_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "phone_pairings",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("code_sha256", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("for_camera", sa.String(40), nullable=False),
        sa.Column("expires_ns", sa.BigInteger, nullable=False),
        sa.Column("is_used", sa.Boolean, nullable=False),
        sa.Column("camera", sa.String(40), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("phone_pairings")
    op.drop_table("phones")
