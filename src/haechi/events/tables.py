"""The tables of rules, of what cameras may report, of events and looks."""

import sqlalchemy as sa

from haechi.store.database import metadata

rules = sa.Table(
    "rules",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("camera", sa.String(40), nullable=False),
    sa.Column("zone", sa.String(40), nullable=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("label", sa.String(40), nullable=False),
    sa.Column("min_score", sa.Float, nullable=False),
    sa.Column("min_duration_s", sa.Float, nullable=False),
    sa.Column("cooldown_s", sa.Float, nullable=False),
    sa.Column("severity", sa.String(12), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
)

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("camera", sa.String(40), primary_key=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("kinds", sa.JSON, nullable=False, comment="of haechi.fleet.onvif.topics.Kind"),
    sa.Column("severity", sa.String(12), nullable=False),
    sa.Column("cooldown_s", sa.Float, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("camera", sa.String(40), nullable=False),
    sa.Column("stream", sa.String(60), nullable=False),
    sa.Column("rule", sa.String(40), nullable=False),
    sa.Column("rule_name", sa.String(120), nullable=False),
    sa.Column("zone", sa.String(40), nullable=True),
    sa.Column("zone_name", sa.String(120), nullable=False),
    sa.Column("label", sa.String(40), nullable=False),
    sa.Column("severity", sa.String(12), nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("start_ns", sa.BigInteger, nullable=False),
    sa.Column("last_ns", sa.BigInteger, nullable=False),
    sa.Column("end_ns", sa.BigInteger, nullable=True),
    sa.Column("first_ref", sa.String(120), nullable=False),
    sa.Column("last_ref", sa.String(120), nullable=False),
    sa.Column("best_ref", sa.String(120), nullable=False),
    sa.Column("best_ns", sa.BigInteger, nullable=False),
    sa.Column("best_box", sa.JSON, nullable=False),
    sa.Column("model_name", sa.String(80), nullable=False),
    sa.Column("model_hash", sa.String(64), nullable=False),
    sa.Column("config_hash", sa.String(64), nullable=False),
    sa.Column("reviewed", sa.Boolean, nullable=False),
    sa.Column("is_cut", sa.Boolean, nullable=False),
    sa.Column("basis", sa.LargeBinary, nullable=False),
)

looks = sa.Table(
    "looks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("stream", sa.String(60), nullable=False),
    sa.Column("run", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("captured_ns", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
