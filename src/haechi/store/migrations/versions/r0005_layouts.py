"""Packed layouts of recordings; accounts of units by the hour."""

revision = "r0005"
down_revision = "r0004"


def upgrade() -> None:
    """Nothing yet."""
