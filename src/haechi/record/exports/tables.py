"""The table of exports."""

import sqlalchemy as sa

from haechi.store.database import metadata

exports = sa.Table(
    "exports",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("owner", sa.String(40), nullable=False),
    sa.Column("camera", sa.String(40), nullable=False),
    sa.Column("stream", sa.String(60), nullable=False),
    sa.Column("start_ns", sa.BigInteger, nullable=False),
    sa.Column("end_ns", sa.BigInteger, nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("burn_in", sa.Boolean, nullable=False),
    sa.Column("sound", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("progress", sa.Float, nullable=False),
    sa.Column("error_code", sa.String(60), nullable=False),
    sa.Column("error_message", sa.String(300), nullable=False),
    sa.Column("parts", sa.JSON, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("finished_ns", sa.BigInteger, nullable=True),
    sa.Column("expires_ns", sa.BigInteger, nullable=True),
)
