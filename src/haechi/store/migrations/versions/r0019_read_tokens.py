"""Read tokens: what players, other systems and other Haechis watch with."""

import sqlalchemy as sa
from alembic import op

revision = "r0019"
down_revision = "r0018"


def upgrade() -> None:
    op.create_table(
        "read_tokens",
        sa.Column("id", sa.String(40), primary_key=True, comment="also the user name for Digest"),
        sa.Column("user", sa.String(40), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True, comment="SHA-256"),
        sa.Column("ha1_md5", sa.String(32), nullable=False, comment="RFC 7616 H(A1) of id, realm and token"),
        sa.Column("ha1_sha256", sa.String(64), nullable=False),
        sa.Column("cameras", sa.JSON, nullable=True, comment="null: all that the user may see"),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_ns", sa.BigInteger, nullable=False, comment="0: never"),
        sa.Column("used_ns", sa.BigInteger, nullable=False, comment="0: not yet"),
    )


def downgrade() -> None:
    op.drop_table("read_tokens")
