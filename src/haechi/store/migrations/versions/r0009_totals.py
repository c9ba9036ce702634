"""How much lies where, kept by the database itself with every change; and indexes for what waits, and for what lies in
a file or object. Whoever makes the table `recordings` anew has to make its triggers anew: `haechi check` would tell."""

import sqlalchemy as sa
from alembic import op

revision = "r0009"
down_revision = "r0008"

ADD = """INSERT INTO stored (volume, recordings, bytes) VALUES (NEW.volume, 1, NEW.size_bytes)
 ON CONFLICT (volume) DO UPDATE SET recordings = stored.recordings + 1, bytes = stored.bytes + NEW.size_bytes;"""
TAKE = """UPDATE stored SET recordings = recordings - 1, bytes = bytes - OLD.size_bytes WHERE volume = OLD.volume;"""
CHANGED = "OLD.volume <> NEW.volume OR OLD.size_bytes <> NEW.size_bytes"
UPDATED = "AFTER UPDATE OF volume, size_bytes ON recordings"
SQLITE = (
    f"CREATE TRIGGER recordings_added AFTER INSERT ON recordings BEGIN {ADD} END",
    f"CREATE TRIGGER recordings_taken AFTER DELETE ON recordings BEGIN {TAKE} END",
    f"CREATE TRIGGER recordings_changed {UPDATED} WHEN {CHANGED} BEGIN {TAKE} {ADD} END",
)
BODIES = {"recordings_added": ADD, "recordings_taken": TAKE, "recordings_changed": f"{TAKE} {ADD}"}
EACH = "FOR EACH ROW"
POSTGRESQL = (
    *(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$"
        for name, body in BODIES.items()
    ),
    f"CREATE TRIGGER recordings_added AFTER INSERT ON recordings {EACH} EXECUTE FUNCTION recordings_added()",
    f"CREATE TRIGGER recordings_taken AFTER DELETE ON recordings {EACH} EXECUTE FUNCTION recordings_taken()",
    f"CREATE TRIGGER recordings_changed {UPDATED} {EACH} WHEN ({CHANGED}) EXECUTE FUNCTION recordings_changed()",
)


def upgrade() -> None:
    op.drop_index("ix_recordings_volume_end_ns", "recordings")
    op.create_index("ix_recordings_volume_end_ns_size_bytes", "recordings", ["volume", "end_ns", "size_bytes"])
    op.create_index("ix_recordings_path", "recordings", ["path"])
    op.create_table(
        "stored",
        sa.Column("volume", sa.String(36), primary_key=True),
        sa.Column("recordings", sa.BigInteger, nullable=False, comment="how many are listed there"),
        sa.Column("bytes", sa.BigInteger, nullable=False, comment="the sum of their size_bytes"),
    )
    total = "INSERT INTO stored SELECT volume, COUNT(*), SUM(size_bytes) FROM recordings GROUP BY volume"
    op.execute(sa.text(total))
    for step in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(sa.text(step))


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name in BODIES:
        op.execute(sa.text(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON recordings"))
        if not is_sqlite:
            op.execute(sa.text(f"DROP FUNCTION {name}()"))
    op.drop_table("stored")
    op.drop_index("ix_recordings_path", "recordings")
    op.drop_index("ix_recordings_volume_end_ns_size_bytes", "recordings")
    op.create_index("ix_recordings_volume_end_ns", "recordings", ["volume", "end_ns"])
