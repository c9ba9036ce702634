"""Where the view of a camera lay, and when; since when a zone or a line is drawn as it is."""

import sqlalchemy as sa
from alembic import op

revision = "r0025"
down_revision = "r0024"


def upgrade() -> None:
    op.create_table(
        "views",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("camera", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="moved, asked, renewed"),
        sa.Column("status", sa.String(16), nullable=False, comment="applied, open, accepted, undone, settled"),
        sa.Column("at_ns", sa.BigInteger, nullable=False, comment="from when on, ns since 1970"),
        sa.Column("transform", sa.JSON, nullable=True, comment="first view to this one: 3 x 3, row by row, in shares"),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("error_px", sa.Float, nullable=False, comment="of a picture 768 wide"),
        sa.Column("inliers", sa.Integer, nullable=False),
        sa.Column("ref", sa.String(120), nullable=False, comment="unit that shows it"),
        sa.Column("decided_by", sa.String(80), nullable=False),
        sa.Column("decided_ns", sa.BigInteger, nullable=False),
        sa.CheckConstraint("kind IN ('moved', 'asked', 'renewed')", name="kind"),
        sa.CheckConstraint("status IN ('applied', 'open', 'accepted', 'undone', 'settled')", name="status"),
    )
    op.create_index("ix_views_camera_at_ns", "views", ["camera", "at_ns"])
    op.create_table(
        "view_states",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("saved_ns", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="what the judge of the view goes on from"),
    )
    for table in ("zones", "lines"):
        column = sa.Column(
            "drawn_ns", sa.BigInteger, nullable=False, server_default="0", comment="in the view of this moment"
        )
        op.add_column(table, column)


def downgrade() -> None:
    for table in ("lines", "zones"):
        op.drop_column(table, "drawn_ns")
    op.drop_table("view_states")
    op.drop_index("ix_views_camera_at_ns", "views")
    op.drop_table("views")
