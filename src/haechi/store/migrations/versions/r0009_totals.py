"""How much lies where, from an index alone; and which recordings lie in a file or object, without looking at all."""

from alembic import op

revision = "r0009"
down_revision = "r0008"


def upgrade() -> None:
    op.drop_index("ix_recordings_volume_end_ns", "recordings")
    op.create_index("ix_recordings_volume_end_ns_size_bytes", "recordings", ["volume", "end_ns", "size_bytes"])
    op.create_index("ix_recordings_path", "recordings", ["path"])


def downgrade() -> None:
    op.drop_index("ix_recordings_path", "recordings")
    op.drop_index("ix_recordings_volume_end_ns_size_bytes", "recordings")
    op.create_index("ix_recordings_volume_end_ns", "recordings", ["volume", "end_ns"])
