"""Users, sessions, grants."""

revision = "r0004"
down_revision = "r0003"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
