"""The step to classes of footage: what was set and pinned before comes through."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import haechi.store
from haechi.base.ids import CameraId, StreamId
from haechi.record.index.pins import pins_over
from haechi.record.index.policies import PinKind
from haechi.store.database import Database
from tests.store.test_layouts_step import at_revision


def back_to(path: Path, revision: str) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(Path(haechi.store.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def test_what_was_set_and_pinned_comes_through(tmp_path: Path) -> None:
    path = tmp_path / "haechi.db"
    engine = at_revision(path, "r0006")
    with engine.begin() as connection:
        for line in (
            "INSERT INTO record_settings (camera, enabled, retention_days) VALUES ('cam_a', 0, 3.5)",
            "INSERT INTO record_settings (camera, enabled) VALUES ('cam_b', 1)",
            "INSERT INTO pins (stream, reason, start_ns, end_ns) VALUES ('cam_a/main', 'event:evt_1', 1, 2)",
            "INSERT INTO pins (stream, reason, start_ns, end_ns) VALUES ('cam_a/main', 'case:1', 1, 2)",
        ):
            connection.execute(sa.text(line))
    engine.dispose()
    database = Database.at(path)
    database.migrate()
    policies = database.read_now(lambda c: c.execute(sa.text("SELECT * FROM record_settings ORDER BY camera")).all())
    assert [(row.camera, bool(row.enabled), row.continuous_days, row.audio) for row in policies] == [
        ("cam_a", False, 3.5, None),
        ("cam_b", True, None, None),
    ]
    pins = database.read_now(lambda c: pins_over(c, CameraId("cam_a"), 0, 9))
    assert {(pin.reason, pin.kind) for pin in pins} == {("event:evt_1", PinKind.EVENT), ("case:1", PinKind.PROTECTED)}
    assert all(pin.stream == StreamId("cam_a/main") for pin in pins)
    database.close()


def test_the_step_can_be_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "haechi.db"
    at_revision(path, "r0007").dispose()
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO record_settings (camera, continuous_days) VALUES ('cam_a', 2)"))
    engine.dispose()
    back_to(path, "r0006")
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        rows = connection.execute(sa.text("SELECT camera, enabled, retention_days FROM record_settings")).all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [("cam_a", 1, 2.0)]
