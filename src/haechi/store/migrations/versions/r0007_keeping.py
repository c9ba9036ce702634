"""How long footage is kept; bookmarks, exports, the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "r0007"
down_revision = "r0006"

JUDGED = sa.text("kept_as IS NOT NULL")
UNJUDGED = sa.text("kept_as IS NULL")


def upgrade() -> None:
    _keep_by_class()
    _pins_by_kind()
    _bookmarks()
    _exports()
    _audit()


def downgrade() -> None:
    for table in ("audit_head", "audit", "exports", "bookmarks"):
        op.drop_table(table)
    for index in ("ix_recordings_unjudged", "ix_recordings_kept_as"):
        op.drop_index(index, "recordings")
    op.drop_column("recordings", "kept_as")
    op.drop_index("ix_pins_stream_end_ns", "pins")
    op.drop_column("pins", "kind")
    op.rename_table("record_settings", "record_settings_new")
    op.create_table(
        "record_settings",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("retention_days", sa.Float, nullable=True),
    )
    op.execute(
        "INSERT INTO record_settings (camera, enabled, retention_days) "
        "SELECT camera, COALESCE(enabled, TRUE), continuous_days FROM record_settings_new"
    )
    op.drop_table("record_settings_new")


def _keep_by_class() -> None:
    op.rename_table("record_settings", "record_settings_old")
    op.create_table(
        "record_settings",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("enabled", sa.Boolean, nullable=True, comment="null: as the installation"),
        *(
            sa.Column(f"{name}_days", sa.Float, nullable=True, comment="null: as the installation")
            for name in ("continuous", "motion", "event")
        ),
        sa.Column("max_bytes", sa.BigInteger, nullable=True, comment="null: as the installation"),
        sa.Column("purpose", sa.String(500), nullable=False, server_default="", comment="why this camera records"),
        sa.Column("audio", sa.Boolean, nullable=True, comment="whether sound is recorded; null: as the installation"),
        sa.CheckConstraint("continuous_days >= 0 AND motion_days >= 0 AND event_days >= 0", name="days"),
        sa.CheckConstraint("max_bytes IS NULL OR max_bytes > 0", name="max_bytes"),
    )
    op.execute(
        "INSERT INTO record_settings (camera, enabled, continuous_days) "
        "SELECT camera, enabled, retention_days FROM record_settings_old"
    )
    op.drop_table("record_settings_old")
    kept_as = "0 continuous, 1 motion, 2 event, 3 protected; null: not judged yet, and never deleted before that"
    op.add_column("recordings", sa.Column("kept_as", sa.SmallInteger, nullable=True, comment=kept_as))
    op.create_index(
        "ix_recordings_kept_as", "recordings", ["stream", "kept_as", "end_ns", "start_ns", "size_bytes"],
        sqlite_where=JUDGED, postgresql_where=JUDGED,
    )  # fmt: skip
    op.create_index(
        "ix_recordings_unjudged", "recordings", ["stream", "start_ns"], sqlite_where=UNJUDGED, postgresql_where=UNJUDGED
    )


def _pins_by_kind() -> None:
    op.add_column(
        "pins",
        sa.Column("kind", sa.String(12), nullable=False, server_default="protected", comment="event: kept event_days"),
    )
    op.execute("UPDATE pins SET kind = 'event' WHERE reason LIKE 'event:%'")
    op.create_index("ix_pins_stream_end_ns", "pins", ["stream", "end_ns", "start_ns", "kind"])


def _bookmarks() -> None:
    op.create_table(
        "bookmarks",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("camera", sa.String(40), nullable=False),
        sa.Column("start_ns", sa.BigInteger, nullable=False),
        sa.Column("end_ns", sa.BigInteger, nullable=True, comment="null: a moment"),
        sa.Column("note", sa.String(500), nullable=False, server_default=""),
        sa.Column("keep", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("made_by", sa.String(40), nullable=False, comment="user id; the user may be gone"),
        sa.Column("made_by_name", sa.String(64), nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.CheckConstraint("end_ns IS NULL OR start_ns < end_ns", name="span"),
    )
    op.create_index("ix_bookmarks_camera_start_ns", "bookmarks", ["camera", "start_ns"])


def _exports() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("owner", sa.String(40), nullable=False, comment="user id; the user may be gone"),
        sa.Column("camera", sa.String(40), nullable=False),
        sa.Column("stream", sa.String(60), nullable=False),
        sa.Column("start_ns", sa.BigInteger, nullable=False),
        sa.Column("end_ns", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(200), nullable=False, comment="of the file, without .mp4"),
        sa.Column("burn_in", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("progress", sa.Float, nullable=False, server_default="0"),
        sa.Column("error_code", sa.String(60), nullable=False, server_default=""),
        sa.Column("error_message", sa.String(300), nullable=False, server_default=""),
        sa.Column("parts", sa.JSON, nullable=False, comment="[{bytes, start_ns, end_ns, units}], in order"),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("finished_ns", sa.BigInteger, nullable=True),
        sa.Column("expires_ns", sa.BigInteger, nullable=True),
        sa.CheckConstraint("start_ns < end_ns", name="span"),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
    )
    op.create_index("ix_exports_owner_created_ns", "exports", ["owner", "created_ns"])
    op.create_index("ix_exports_state", "exports", ["state", "created_ns"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False, comment="1, 2, 3 without holes"),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("user", sa.String(64), nullable=False, comment="name at the time; empty: nobody was logged in"),
        sa.Column("user_id", sa.String(40), nullable=False, server_default=""),
        sa.Column("action", sa.String(24), nullable=False),
        sa.Column("object", sa.String(120), nullable=False, server_default=""),
        sa.Column("detail", sa.String(500), nullable=False, server_default=""),
        sa.Column("hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of the hash before and this row"),
    )
    op.create_index("ix_audit_at_ns", "audit", ["at_ns"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.CheckConstraint("id = 1", name="one"),
    )
    op.execute(sa.text("INSERT INTO audit_head (id, number, hash) VALUES (1, 0, :zero)").bindparams(zero=bytes(32)))
