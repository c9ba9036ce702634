"""Which numbers a camera's memory gave to what is recorded, and which of its units need not be sent any more."""

import sqlalchemy as sa
from alembic import op

revision = "r0014"
down_revision = "r0013"
INDEX = "ix_recordings_stream_edge_run_edge_seq"


def upgrade() -> None:
    run, seq = "the camera's count that its units are of", "number of the first unit; the others follow without a hole"
    op.add_column("recordings", sa.Column("edge_run", sa.BigInteger, nullable=True, comment=run))
    op.add_column("recordings", sa.Column("edge_seq", sa.BigInteger, nullable=True, comment=seq))
    numbered = sa.text("edge_run IS NOT NULL")
    op.create_index(
        INDEX,
        "recordings",
        ["stream", "edge_run", "edge_seq"],
        sqlite_where=numbered,
        postgresql_where=numbered,
    )
    op.create_table(
        "edge_settled",
        sa.Column("stream", sa.String(60), primary_key=True),
        sa.Column("edge_run", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("first_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("end_seq", sa.BigInteger, nullable=False, comment="exclusive"),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
        sa.CheckConstraint("first_seq < end_seq", name="range"),
    )


def downgrade() -> None:
    op.drop_table("edge_settled")
    op.drop_index(INDEX, "recordings")
    op.drop_column("recordings", "edge_seq")
    op.drop_column("recordings", "edge_run")
