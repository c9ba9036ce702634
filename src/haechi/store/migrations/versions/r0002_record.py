"""Recordings, fragments, gaps."""

revision = "r0002"
down_revision = "r0001"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
