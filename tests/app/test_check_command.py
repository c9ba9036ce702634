"""``haechi check``: its levels, its exit codes, its repair, and what it says it cost."""

import asyncio
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from haechi.app.cli.commands import app
from tests.program import environment
from tests.record.archive import JPEG, Archive, pictures


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A data folder with footage of a minute and ten seconds."""
    data = Path(environment(tmp_path)["HAECHI_DATA_DIR"])
    data.mkdir(parents=True, exist_ok=True)
    archive = Archive(data)

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(700))

    asyncio.run(play())
    archive.close()
    return tmp_path


def check(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments], env=environment(folder))


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.mp4"))


@pytest.mark.parametrize(("level", "fragments"), [("presence", 0), ("size", 0), ("hash", 35)])
def test_sound_footage_is_sound_at_every_level_and_the_cost_is_told(house: Path, level: str, fragments: int) -> None:
    result = check(house, "--level", level)
    assert (result.exit_code, result.stdout.strip()) == (0, f"2 recordings, {fragments} fragments, 0 issues")
    cost = re.search(r"(\d+) files and (\d+) bytes in \d+\.\d s", result.stderr)
    assert cost is not None
    assert (int(cost[1]), int(cost[2]) > 0) == (2, level == "hash")


def test_damage_is_exit_code_1_and_a_repair_makes_it_0(house: Path) -> None:
    first = files(house)[0]
    data = bytearray(first.read_bytes())
    data[-3] ^= 1
    first.write_bytes(data)
    assert check(house, "--level", "size").exit_code == 0
    found = check(house, "--level", "hash")
    assert (found.exit_code, "damaged" in found.stdout) == (1, True)
    repaired = check(house, "--level", "hash", "--repair")
    assert (repaired.exit_code, "1 issues, 1 mended" in repaired.stdout) == (0, True)
    assert check(house, "--level", "hash").exit_code == 0


def test_what_is_too_much_to_be_an_accident_is_not_forgotten_d8(house: Path) -> None:
    archive = Archive(Path(environment(house)["HAECHI_DATA_DIR"]))

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(7000, start_ns=1_763_800_000 * 10**9))

    asyncio.run(play())
    archive.close()
    for file in files(house)[:12]:
        file.unlink()
    result = check(house, "--repair")
    assert result.exit_code == 1
    assert "12 recordings have no file" in result.stdout.replace("\n", " ")
    assert check(house).stdout.count("missing") == 12
