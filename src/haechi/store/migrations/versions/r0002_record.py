"""Recordings, fragments, gaps, pins, volumes, and what each camera wants of the recorder."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "volumes",
        sa.Column("id", sa.String(36), primary_key=True, comment="as in the volume's identity file"),
        sa.Column("root", sa.String(4096), nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("failed_ns", sa.BigInteger, nullable=True, comment="when a write or fsync failed; not used since"),
        sa.Column("failure", sa.String(200), nullable=False, server_default=""),
    )
    op.create_table(
        "recordings",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("volume", sa.String(36), nullable=False),
        sa.Column("stream", sa.String(60), nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("params", sa.Integer, nullable=False, comment="index into the run's codec parameters"),
        sa.Column("path", sa.String(300), nullable=False, unique=True, comment="below the volume's root"),
        sa.Column("start_ns", sa.BigInteger, nullable=False, comment="captured_ns of the first unit"),
        sa.Column("end_ns", sa.BigInteger, nullable=False, comment="exclusive: the unit after the last, or just later"),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("init_bytes", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False, comment="up to the end of the last listed fragment"),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.CheckConstraint("start_ns < end_ns", name="span"),
        sa.CheckConstraint("first_seq <= last_seq", name="seq"),
        sa.CheckConstraint("init_bytes > 0 AND init_bytes < size_bytes", name="size"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_recordings_stream_start_ns", "recordings", ["stream", "start_ns", "end_ns"])
    op.create_index("ix_recordings_stream_run_first_seq", "recordings", ["stream", "run", "first_seq"])
    op.create_index("ix_recordings_start_ns", "recordings", ["start_ns"])
    op.create_table(
        "fragments",
        sa.Column("recording", SERIAL, sa.ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True,
                  autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("offset_bytes", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("first_ns", sa.BigInteger, nullable=False),
        sa.Column("last_ns", sa.BigInteger, nullable=False),
        sa.Column("first_pts_ticks", sa.BigInteger, nullable=False),
        sa.Column("first_dts_ticks", sa.BigInteger, nullable=False),
        sa.Column("duration_ticks", sa.BigInteger, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("units", sa.Integer, nullable=False),
        sa.Column("is_sync", sa.Boolean, nullable=False, comment="decoding can start at its first unit"),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False, comment="as the fragment itself carries it"),
        sa.CheckConstraint("first_ns <= last_ns", name="span"),
        sa.CheckConstraint("units > 0 AND offset_bytes > 0 AND size_bytes > 0 AND duration_ticks >= 0", name="size"),
        sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_table(
        "gaps",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("stream", sa.String(60), nullable=False),
        sa.Column("start_ns", sa.BigInteger, nullable=False),
        sa.Column("end_ns", sa.BigInteger, nullable=True, comment="null: lasts"),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.Column("detail", sa.String(200), nullable=False, server_default=""),
        sa.CheckConstraint("end_ns IS NULL OR start_ns < end_ns", name="span"),
    )
    op.create_index("ix_gaps_stream_start_ns", "gaps", ["stream", "start_ns"])
    op.create_index(
        "uq_gaps_stream_open", "gaps", ["stream"], unique=True,
        sqlite_where=sa.text("end_ns IS NULL"), postgresql_where=sa.text("end_ns IS NULL"),
    )  # fmt: skip
    op.create_table(
        "pins",
        sa.Column("stream", sa.String(60), primary_key=True),
        sa.Column("reason", sa.String(120), primary_key=True, comment="for example event:evt_..."),
        sa.Column("start_ns", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("end_ns", sa.BigInteger, nullable=False),
        sa.CheckConstraint("start_ns < end_ns", name="span"),
    )
    op.create_table(
        "record_settings",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("retention_days", sa.Float, nullable=True, comment="null: that of the installation"),
        sa.CheckConstraint("retention_days IS NULL OR retention_days > 0", name="retention_days"),
    )


def downgrade() -> None:
    for table in ("record_settings", "pins", "gaps", "fragments", "recordings", "volumes"):
        op.drop_table(table)
