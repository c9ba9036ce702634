"""Where something moved."""

revision = "r0008"
down_revision = "r0007"


def upgrade() -> None:
    """Nothing yet."""
