"""Events, and the looks (results of the vision stage) that they rest on."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("camera", sa.String(40), nullable=False),
        sa.Column("stream", sa.String(60), nullable=False),
        sa.Column("rule", sa.String(40), nullable=False, comment="as it was then; the rule may be gone"),
        sa.Column("rule_name", sa.String(120), nullable=False),
        sa.Column("zone", sa.String(40), nullable=True),
        sa.Column("zone_name", sa.String(120), nullable=False, server_default=""),
        sa.Column("label", sa.String(40), nullable=False),
        sa.Column("severity", sa.String(12), nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("start_ns", sa.BigInteger, nullable=False),
        sa.Column("last_ns", sa.BigInteger, nullable=False, comment="when it was last seen to hold"),
        sa.Column("end_ns", sa.BigInteger, nullable=True, comment="null: still going on"),
        sa.Column("first_ref", sa.String(120), nullable=False),
        sa.Column("last_ref", sa.String(120), nullable=False),
        sa.Column("best_ref", sa.String(120), nullable=False),
        sa.Column("best_ns", sa.BigInteger, nullable=False),
        sa.Column("best_box", sa.JSON, nullable=False, comment="[x, y, w, h] in [0, 1] from top-left"),
        sa.Column("model_name", sa.String(80), nullable=False),
        sa.Column("model_hash", sa.String(64), nullable=False),
        sa.Column("config_hash", sa.String(64), nullable=False),
        sa.Column("reviewed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("is_cut", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("basis", sa.LargeBinary, nullable=False, comment="what the decision was made from; msgpack"),
        sa.CheckConstraint("severity IN ('alert', 'detection')", name="severity"),
        sa.CheckConstraint("end_ns IS NULL OR end_ns >= start_ns", name="order"),
    )
    op.create_index("ix_events_start_ns", "events", ["start_ns"])
    op.create_index("ix_events_camera_start_ns", "events", ["camera", "start_ns"])
    op.create_index("ix_events_reviewed", "events", ["reviewed", "start_ns"])
    op.create_table(
        "looks",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True, comment="order in which decisions were made"),
        sa.Column("stream", sa.String(60), nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("captured_ns", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="FrameResult, msgpack"),
        sa.UniqueConstraint("stream", "run", "seq", name="uq_looks_ref"),
    )
    op.create_index("ix_looks_stream_captured_ns", "looks", ["stream", "captured_ns"])


def downgrade() -> None:
    op.drop_table("looks")
    op.drop_table("events")
