"""The judge finds what is wrong: a suite that cannot fail proves nothing."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from haechi.base.ids import StreamId
from tests.faults.evidence import Damaged, read_footage, read_index
from tests.faults.judge import STRICT, Judge, Terms
from tests.faults.ledger import Ledger
from tests.faults.script import GOP, Script
from tests.faults.victim import Life, Victim

SCRIPT = Script(5, cameras=2)
MAIN = StreamId("cam_0/main")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A folder in which somebody recorded, and what was said meanwhile."""
    folder = tmp_path_factory.mktemp("lived")
    ears, voice = os.pipe()
    asyncio.run(Victim(Life(folder, SCRIPT, 1, 14), voice).live())
    os.close(voice)
    with os.fdopen(ears, "rb") as said:
        return folder, said.read()


@pytest.fixture
def scene(lived: tuple[Path, bytes], tmp_path: Path) -> tuple[Path, Ledger]:
    """A copy of it for one test."""
    folder, said = lived
    shutil.copytree(folder, tmp_path / "scene")
    ledger = Ledger()
    ledger.begin()
    ledger.hear(said)
    return tmp_path / "scene", ledger


def violations(scene: tuple[Path, Ledger], terms: Terms = STRICT) -> tuple[str, ...]:
    return Judge(scene[0], SCRIPT, scene[1], 1, terms).look().violations


def change(scene: tuple[Path, Ledger], statement: str, *values: object) -> None:
    connection = sqlite3.connect(scene[0] / "haechi.db")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def some_file(scene: tuple[Path, Ledger]) -> Path:
    return min((scene[0] / "record").rglob("*.mp4"))


def test_a_sound_folder_has_nothing_against_it(scene: tuple[Path, Ledger]) -> None:
    assert scene[1].stopped
    assert len(scene[1].acknowledged) > 200
    assert violations(scene) == ()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


@pytest.mark.parametrize("damage", [flip, shorten, lambda path: path.unlink()])
def test_footage_that_is_not_what_it_was_is_found(scene: tuple[Path, Ledger], damage: Callable[[Path], None]) -> None:
    damage(some_file(scene))
    assert any("listed but not readable" in one for one in violations(scene))


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("DELETE FROM recordings WHERE start_ns = (SELECT min(start_ns) FROM recordings)", "D2 acknowledged and lost"),
        ("DELETE FROM recordings WHERE start_ns = (SELECT min(start_ns) FROM recordings)", "D2 unlisted"),
        ("UPDATE recordings SET end_ns = end_ns + 1", "D7 overlap"),
        ("UPDATE recordings SET end_ns = end_ns - 1000", "D6"),
        ("UPDATE recordings SET first_seq = first_seq + 1", "other units than the index tells"),
        ("UPDATE recordings SET size_bytes = size_bytes - 1", "not readable"),
        ("UPDATE recordings SET run = run + 1", "is not what the camera sent"),
        ("DELETE FROM gaps", "D6"),
    ],
)
def test_an_index_that_says_something_else_is_found(scene: tuple[Path, Ledger], statement: str, word: str) -> None:
    change(scene, statement)
    assert any(word in one for one in violations(scene)), violations(scene)


def test_too_much_loss_is_found(scene: tuple[Path, Ledger]) -> None:
    scene[1].published[MAIN, 1001] += GOP + 2
    assert any("D3" in one for one in violations(scene))
    assert violations(scene, Terms(None)) == ()


def test_a_protected_unit_that_is_gone_is_found_however_old_it_is(scene: tuple[Path, Ledger]) -> None:
    folder, ledger = scene
    first = min(row.start_ns for row in read_index(folder / "haechi.db").rows)
    ledger.wall_ns = first + 10**18
    ledger.pinned.append((MAIN, first, first + 10**9))
    change(scene, "DELETE FROM recordings WHERE start_ns = ? AND stream = ?", first, MAIN)
    hole = (MAIN, first, first + 12 * 10**9, "retention", "")
    change(scene, "INSERT INTO gaps (stream, start_ns, end_ns, cause, detail) VALUES (?, ?, ?, ?, ?)", *hole)
    assert any("D5 protected and gone" in one for one in violations(scene))


def test_every_byte_of_a_fragment_is_looked_at(lived: tuple[Path, bytes]) -> None:
    folder, _ = lived
    row = read_index(folder / "haechi.db").rows[0]
    data = (folder / "record" / row.path).read_bytes()[: row.size_bytes]
    assert len(list(read_footage(data, row.init_bytes))) == row.last_seq - row.first_seq + 1
    for position in range(row.init_bytes, len(data), len(data) // 40):
        spoilt = bytearray(data)
        spoilt[position] ^= 4
        with pytest.raises(Damaged):
            list(read_footage(bytes(spoilt), row.init_bytes))
