"""The tables of rules, of what cameras may report, of events and looks, and of who crossed lines."""

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
    sa.Column("kind", sa.String(16), nullable=False, server_default="object"),
    sa.Column("line", sa.String(40), nullable=True),
    sa.Column("way", sa.String(8), nullable=False, server_default="both"),
    sa.Column("count", sa.Integer, nullable=False, server_default="2"),
    sa.Column("speed_kmh", sa.Float, nullable=False, server_default="30"),
    sa.Column("ground", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("hours", sa.JSON(none_as_null=True), nullable=True),
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
    sa.Column("kind", sa.String(16), nullable=False, server_default="object"),
    sa.Column("detail", sa.String(60), nullable=False, server_default=""),
)

crossings = sa.Table(
    "crossings",
    metadata,
    sa.Column("line", sa.String(40), primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False, comment="quarters of an hour since the epoch"),
    sa.Column("way", sa.String(8), primary_key=True, comment="forward or backward"),
    sa.Column("label", sa.String(40), primary_key=True),
    sa.Column("camera", sa.String(40), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
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
