"""``haechi keys`` and sealed footage, by the command itself."""

import json
from pathlib import Path

import pytest

from haechi.app.embedded import open_rooms
from haechi.base.errors import Invalid
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.seal import Header
from haechi.record.tables import recordings
from haechi.store.database import Database
from tests.program import environment, haechi
from tests.record.archive import MAIN
from tests.server import settings_for


@pytest.mark.slow
def test_keys_are_made_listed_and_rotated(tmp_path: Path) -> None:
    env = environment(tmp_path)
    assert "no keys" in haechi("keys", "list", env=env).stdout
    made = haechi("keys", "new", env=env)
    assert made.returncode == 0, made.stderr
    ring = KeyRing(tmp_path / "data" / "keys.json")
    first = ring.keys()[0]
    assert first.secret not in made.stdout
    sealed = ring.seal(MAIN)
    database = Database.at(tmp_path / "data" / "haechi.db")
    row = {"volume": "v", "stream": MAIN, "run": 1, "params": 0, "path": "p", "start_ns": 1, "end_ns": 2}
    row |= {"first_seq": 0, "last_seq": 0, "init_bytes": 1, "size_bytes": 2, "is_open": False, "seal": sealed.header}
    database.write_now(lambda c: c.execute(recordings.insert().values(row)))
    turned = haechi("keys", "rotate", env=env)
    assert "1 recordings" in turned.stdout, turned.stderr
    kept = database.read_now(lambda c: c.execute(recordings.select()).one())
    database.close()
    newest = KeyRing(ring.path).keys()[-1]
    assert Header.decode(kept.seal).key_id == newest.id != first.id
    listed = haechi("keys", "list", env=env).stdout
    assert [line.split()[0] for line in listed.splitlines()] == [first.id, newest.id]
    assert listed.splitlines()[-1].endswith("seals")


@pytest.mark.slow
def test_tiers_that_make_no_sense_are_told_before_anything_starts(tmp_path: Path) -> None:
    tiers = [{"name": "far", "url": "s3://key:secret@bucket/x"}]
    env = environment(tmp_path, RECORD__TIERS=json.dumps(tiers))
    done = haechi("check", env=env)
    assert done.returncode != 0
    assert "not into its address" in done.stderr
    assert "Traceback" not in done.stderr


def test_sealing_without_a_key_is_told_before_anything_is_recorded(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, vision=False)
    record = settings.record.model_copy(update={"encrypt": True})
    with pytest.raises(Invalid, match="haechi keys new"):
        open_rooms(settings.model_copy(update={"record": record}))
