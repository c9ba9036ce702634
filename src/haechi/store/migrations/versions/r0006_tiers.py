"""Tiers: kinds of volumes, what is on its way between them, what lies in objects, and what is still to be deleted."""

import sqlalchemy as sa
from alembic import op

revision = "r0006"
down_revision = "r0005"

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("volumes", sa.Column("kind", sa.String(10), nullable=False, server_default="folder"))
    op.add_column("volumes", sa.Column("url", sa.String(1000), nullable=False, server_default=""))
    op.add_column("volumes", sa.Column("name", sa.String(40), nullable=False, server_default=""))
    op.add_column("volumes", sa.Column("rank", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_recordings_volume_end_ns", "recordings", ["volume", "end_ns"])
    op.create_table(
        "objects",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("volume", sa.String(36), nullable=False),
        sa.Column("path", sa.String(300), nullable=False, comment="file or object below the volume's root"),
        sa.Column("stream", sa.String(60), nullable=False),
        sa.Column("state", sa.String(10), nullable=False, comment="planned, uploaded or listed"),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=True, comment="of all its bytes, from uploaded on"),
        sa.Column("since_ns", sa.BigInteger, nullable=False, comment="when it came into this state"),
        sa.CheckConstraint("state IN ('planned', 'uploaded', 'listed')", name="state"),
        sa.CheckConstraint("state = 'planned' OR sha256 IS NOT NULL", name="sha256"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_objects_volume_path", "objects", ["volume", "path"], unique=True)
    op.create_index("ix_objects_state", "objects", ["state"])
    op.create_table(
        "moves",
        sa.Column("recording", SERIAL, primary_key=True, autoincrement=False),
        sa.Column("object", sa.BigInteger, nullable=False, comment="what it becomes part of"),
        sa.Column("source_volume", sa.String(36), nullable=False),
        sa.Column("source_path", sa.String(300), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False, comment="of the recording, plain"),
        sa.Column("base_bytes", sa.BigInteger, nullable=False, comment="where it begins in the object"),
        sa.Column("seal", sa.LargeBinary, nullable=True, comment="header with the wrapped data key"),
    )
    op.create_index("ix_moves_object", "moves", ["object"])
    op.create_table(
        "doomed",
        sa.Column("volume", sa.String(36), primary_key=True),
        sa.Column("path", sa.String(300), primary_key=True),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("doomed")
    op.drop_table("moves")
    op.drop_table("objects")
    op.drop_index("ix_recordings_volume_end_ns", "recordings")
    for column in ("rank", "name", "url", "kind"):
        op.drop_column("volumes", column)
