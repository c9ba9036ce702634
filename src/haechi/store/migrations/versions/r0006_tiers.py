"""Tiers: where recordings are, and what is on its way."""

revision = "r0006"
down_revision = "r0005"


def upgrade() -> None:
    """Nothing yet."""
