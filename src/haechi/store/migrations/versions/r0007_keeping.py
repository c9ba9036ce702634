"""How long footage is kept; bookmarks, exports, the audit log."""

revision = "r0007"
down_revision = "r0006"


def upgrade() -> None:
    """Nothing yet."""
