"""``haechi check --repair`` and ``haechi tiers adopt``: footage comes back when the database is gone."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from haechi.app.cli.commands import app
from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.ids import new_id
from haechi.record.tables import recordings
from tests.program import environment
from tests.record.archive import MAIN, SUB, _empty_database
from tests.record.tiers.stage import PATIENT, Stage, until_moved
from tests.record.tiers.test_adopted import SMALL
from tests.s3 import ACCESS_KEY, S3, SECRET_KEY


class House:
    """An installation with a second disk and a store, all of whose footage is in the one or the other."""

    def __init__(self, root: Path, s3: S3, name: str) -> None:
        self.root = root
        self._s3, self._name = s3, name
        self.stage = Stage(root / "data", minutes=4)
        tiers = f"""record:
  tiers:
    - {{name: big, url: {root / "data" / "big"}, after: 1d}}
    - {{name: far, url: "s3://footage/{name}", after: 2d, endpoint: "{s3.endpoint}", region: us-east-1}}
"""
        (root / "config.yaml").write_text(tiers)

    async def move(self) -> None:
        """The older footage to the store, the rest to the second disk."""
        far = await self.stage.objects(self._s3.endpoint, self._name, PATIENT)
        middle_ns = sorted(row.end_ns for row in self.stage.rows())[len(self.stage.rows()) // 2]
        far_off = self.stage.mover(far, SMALL, after_ns=self.stage.clock.wall_ns() - middle_ns)
        await until_moved(far_off, self.stage)
        await until_moved(self.stage.mover(await self.stage.folder()), self.stage)

    def lose(self) -> None:
        """The database."""
        self.stage.close()
        for file in (self.root / "data").glob("haechi.db*"):
            file.unlink()

    def run(self, *arguments: str) -> Result:
        env = environment(self.root) | {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        return CliRunner().invoke(app, list(arguments), env=env)

    def is_back(self) -> bool:
        """Whether all footage is listed and reads as it did."""
        self.stage.open()
        self.stage.mover(asyncio.run(self.stage.objects(self._s3.endpoint, self._name, PATIENT)))
        self.stage.mover(asyncio.run(self.stage.folder()))
        same = self.stage.digests() == self.stage.before
        self.stage.close()
        return same


def test_a_repair_lists_again_what_lies_on_every_disk_and_in_our_own_store(tmp_path: Path, s3: S3) -> None:
    house = House(tmp_path, s3, "command-repair")
    asyncio.run(house.move())
    count = len(house.stage.rows())
    assert len(house.stage.volumes()) == 2
    house.lose()
    found = house.run("check")
    assert found.exit_code == 1
    assert "unlisted far" in found.stdout
    assert "haechi tiers adopt far" in found.stdout
    assert "haechi tiers adopt big" in found.stdout
    mended = house.run("check", "--repair", "--level", "hash")
    assert mended.exit_code == 0, mended.stdout
    assert sum(int(line.split()[2]) for line in mended.stdout.splitlines() if "listed again" in line) == count
    assert house.run("check").exit_code == 0
    assert house.is_back()


def test_a_store_of_a_lost_machine_is_looked_into_and_taken_over_by_hand(tmp_path: Path, s3: S3) -> None:
    old = House(tmp_path / "old", s3, "command-taken")
    asyncio.run(old.move())
    new = House(tmp_path / "new", s3, "command-taken")
    new.lose()
    for file in (tmp_path / "new" / "data" / "record").rglob("*"):
        if file.is_file():
            file.unlink()
    (tmp_path / "new" / "data" / "haechi.db").write_bytes(_empty_database())
    refused = new.run("check", "--repair")
    assert refused.exit_code == 1
    assert "run: haechi tiers adopt" in refused.stdout.replace("\n", " ")
    dry = new.run("tiers", "adopt", "far", "--dry-run")
    assert (dry.exit_code, "would be listed" in dry.stdout) == (0, True), dry.stdout
    assert new.run("check").exit_code == 1
    taken = new.run("tiers", "adopt", "far")
    assert "cameras that are not set up: cam_front, cam_yard" in taken.stderr
    assert (taken.exit_code, taken.stdout) == (0, dry.stdout.replace("would be listed", "listed again"))
    assert new.run("check").exit_code == 0
    with pytest.raises(Conflict, match="taken the object store over"):
        asyncio.run(old.stage.objects(s3.endpoint, "command-taken"))
    old.stage.close()


def test_a_tier_that_is_not_in_the_settings_is_told(tmp_path: Path, s3: S3) -> None:
    house = House(tmp_path, s3, "command-none")
    house.stage.close()
    error = house.run("tiers", "adopt", "cloud").exception
    assert isinstance(error, NotFound)
    assert error.context["there_are"] == "big, far"


def test_a_camera_is_brought_back_under_the_id_that_its_footage_has(tmp_path: Path, s3: S3) -> None:
    house = House(tmp_path, s3, "command-camera")
    name = new_id("cam")
    moved = recordings.update().where(recordings.c.stream == MAIN).values(stream=f"{name}/main")
    house.stage.database.write_now(lambda c: c.execute(moved))
    house.stage.close()
    both = ", ".join(sorted([name, SUB.partition("/")[0]]))
    assert f"2 cameras that are not set up: {both}" in told(house)
    added = house.run("camera", "bring-back", name, "rtsp://192.0.2.7/live", "--name", "Gate")
    assert (added.exit_code, name in added.stdout) == (0, True), added.exception
    assert "1 cameras that are not set up" in told(house)
    again = house.run("camera", "bring-back", name, "rtsp://192.0.2.7/live").exception
    assert isinstance(again, Conflict)
    odd = house.run("camera", "bring-back", "front/main", "rtsp://192.0.2.7/live").exception
    assert isinstance(odd, Invalid)


def told(house: House) -> str:
    return house.run("check", "--level", "presence").stderr
