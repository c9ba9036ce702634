"""Events, detections."""

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
