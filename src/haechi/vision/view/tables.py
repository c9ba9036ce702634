"""The tables of views."""

import sqlalchemy as sa

from haechi.store.database import metadata

views = sa.Table(
    "views",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("camera", sa.String(40), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("transform", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("error_px", sa.Float, nullable=False),
    sa.Column("inliers", sa.Integer, nullable=False),
    sa.Column("ref", sa.String(120), nullable=False),
    sa.Column("decided_by", sa.String(80), nullable=False),
    sa.Column("decided_ns", sa.BigInteger, nullable=False),
)

view_states = sa.Table(
    "view_states",
    metadata,
    sa.Column("camera", sa.String(40), primary_key=True),
    sa.Column("saved_ns", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
