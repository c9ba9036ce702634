"""The keys of cameras that dial out to us."""

import sqlalchemy as sa
from alembic import op

revision = "r0011"
down_revision = "r0010"


def upgrade() -> None:
    op.create_table(
        "dial_keys",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("public_key", sa.LargeBinary, nullable=False, comment="Ed25519, 32 bytes"),
        sa.Column("issued_ns", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("dial_keys")
