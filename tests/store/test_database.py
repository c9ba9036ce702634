"""One unit of work is one transaction, changes of the schema included."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text

from haechi.base.errors import Unavailable
from haechi.store.database import MIGRATIONS, Database, newest_revision


def test_a_change_of_the_schema_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    """Found by power cuts: half of the first migration was there, and the database could not be opened any more."""
    database = Database.at(tmp_path / "haechi.db")

    def half(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE first (id INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO first VALUES (1)"))
        raise Unavailable("the power went")

    with pytest.raises(Unavailable, match="power"):
        database.write_now(half)
    assert database.read_now(lambda c: inspect(c).get_table_names()) == []
    database.migrate()
    assert "cameras" in database.read_now(lambda c: inspect(c).get_table_names())
    database.close()


def test_a_unit_of_reading_sees_one_state(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "haechi.db")
    database.write_now(lambda c: c.execute(text("CREATE TABLE numbers (n INTEGER)")))
    count = text("SELECT count(*) FROM numbers")

    def read(connection: Connection) -> tuple[int, int]:
        before = connection.execute(count).scalar_one()
        database.write_now(lambda c: c.execute(text("INSERT INTO numbers VALUES (1)")))
        return before, connection.execute(count).scalar_one()

    assert database.read_now(read) == (0, 0)
    assert database.read_now(read) == (1, 1)
    database.close()


def test_a_database_of_the_newest_schema_is_opened_without_alembic_and_an_older_one_is_brought_up(
    tmp_path: Path,
) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == newest_revision()
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    told = text("UPDATE alembic_version SET version_num = :revision")
    database.write_now(lambda c: c.execute(told, {"revision": "r9999"}))
    with pytest.raises(CommandError, match="r9999"):
        database.migrate()
    database.write_now(lambda c: c.execute(told, {"revision": newest_revision()}))
    database.close()
    code = (
        "import sys; from pathlib import Path; from haechi.store.database import Database;"
        " Database.at(Path(sys.argv[1])).migrate(); print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "haechi.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split()[-1] == "False"
