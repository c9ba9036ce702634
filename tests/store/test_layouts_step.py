"""The step of the history that packs fragments: everything that was listed before is listed after."""

import asyncio
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import haechi.store
from haechi.base.ids import RecordingId
from haechi.record.index.layouts import FragmentRow, rows_of
from haechi.record.index.spans import RecordIndex, fragments_in, packed_of, recordings_between
from haechi.store.database import Database
from tests.record.archive import EVER, MAIN
from tests.record.index.test_layouts import steady

COLUMNS = ("number", "offset_bytes", "size_bytes", "first_ns", "last_ns", "first_pts_ticks", "first_dts_ticks",
           "duration_ticks", "first_seq", "units", "is_sync")  # fmt: skip


def at_revision(path: Path, revision: str) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(Path(haechi.store.__file__).parent / "migrations"))
    with engine.begin() as connection:
        connection.execute(sa.text("PRAGMA foreign_keys=ON"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine


def old_rows() -> dict[int, list[FragmentRow]]:
    odd = [
        FragmentRow(3, 5000, 70, 10**18 + 5, 10**18 + 5, 90, 80, 0, 7, 1, False, b"q" * 16),
        FragmentRow(7, 9000, 71, 10**18 + 50, 10**18 + 99, 95, 99, 20, 40, 3, True, b"r" * 16),
    ]
    return {1: steady(30), 2: odd, 5: steady(1)}


def test_recordings_and_fragments_come_through_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "haechi.db"
    engine = at_revision(path, "r0004")
    with engine.begin() as connection:
        for number, pieces in old_rows().items():
            connection.execute(
                sa.text(
                    "INSERT INTO recordings VALUES (:id, 'v', 'cam_front/main', 1, 0, :path, :start, :end, 0, 899, 731,"
                    " 11000000, 0)"
                ),
                {"id": number, "path": f"{number}.mp4", "start": number * 10**9, "end": (number + 1) * 10**9},
            )
            connection.execute(
                sa.table("fragments", *map(sa.column, ("recording", *COLUMNS, "sha256"))).insert(),
                [
                    {one: getattr(row, one) for one in COLUMNS}
                    | {"recording": number, "sha256": row.digest + b"the other half.."}
                    for row in pieces
                ],
            )
    engine.dispose()
    database = Database.at(path)
    database.migrate()
    found = database.read_now(lambda c: recordings_between(c, MAIN, 0, EVER))
    assert [(one.id, one.path, one.base_bytes, one.seal) for one in found] == [
        (number, f"{number}.mp4", 0, None) for number in old_rows()
    ]
    for number, pieces in old_rows().items():
        packed = database.read_now(partial(packed_of, recording=RecordingId(number)))
        assert rows_of(packed) == pieces
    assert len(database.read_now(lambda c: fragments_in(c, [one.id for one in found]))) == 33
    assert asyncio.run(RecordIndex(database).storage_bytes()) == 33_000_000
    database.write_now(lambda c: c.execute(sa.text("DELETE FROM recordings WHERE id = 1")))
    left = database.read_now(lambda c: c.execute(sa.text("SELECT recording FROM layouts ORDER BY 1")).scalars().all())
    assert left == [2, 5]
    database.close()


def test_what_is_open_is_found_without_looking_at_all_recordings(tmp_path: Path) -> None:
    path = tmp_path / "haechi.db"
    engine = at_revision(path, "head")
    with engine.begin() as connection:
        plan = connection.execute(sa.text("EXPLAIN QUERY PLAN SELECT id FROM recordings WHERE is_open = 1")).all()
    engine.dispose()
    assert "ix_recordings_open" in plan[0].detail
