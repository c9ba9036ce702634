"""Footage that is sealed as it is recorded: the same footage, readable by nobody without the key, whatever happens."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from haechi.base.errors import Unavailable
from haechi.media.access_unit import TICKS_PER_S
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.plain_file import PlainFile
from haechi.record.repair.adopt import adopt
from haechi.record.repair.check import CheckLevel, check
from haechi.record.write.recorder import RecorderSettings
from haechi.record.write.segmenter import Limits
from tests.faults.ledger import Ledger
from tests.faults.script import STEPS_MOST, Script
from tests.faults.victim import Life
from tests.record.archive import JPEG, MAIN, Archive, pictures
from tests.streams import START_NS

REPOSITORY = Path(__file__).parents[2]
COUNT = 400


def sealing(root: Path) -> Archive:
    """An archive that seals; its ring is made where there is none."""
    keys = KeyRing(root / "keys.json")
    limits = Limits(file_ticks=12 * TICKS_PER_S)
    archive = Archive(root, settings=RecorderSettings(gather_s=0, limits=limits, keys=keys, encrypt=True), keys=keys)
    if not keys.keys():
        keys.add(archive.clock)
    return archive


@pytest.fixture
def recorded(tmp_path: Path) -> Archive:
    archive = sealing(tmp_path)

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(COUNT, size=2000))
            archive.end_run(MAIN)

    asyncio.run(play())
    return archive


def all_units(archive: Archive) -> bool:
    """Whether every unit comes back as it was published."""
    found = asyncio.run(archive.playback.units(MAIN, 1, 0, COUNT - 1)).units
    return list(found) == pictures(COUNT, size=2000)


def sound(archive: Archive) -> bool:
    keys = KeyRing(archive.root / "keys.json")
    report = asyncio.run(check(archive.index, archive.volume, CheckLevel.HASH, keys=keys))
    return report.is_sound


def test_what_is_recorded_sealed_comes_back_and_shows_nothing_on_disk(recorded: Archive) -> None:
    assert all_units(recorded)
    assert sound(recorded)
    assert all(row.seal for row in recorded.recordings())
    for path in recorded.files():
        assert path.name.endswith(".sealed.mp4")
        data = path.read_bytes()
        assert b"moof" not in data
        assert b"cam_front/main:1:" not in data
        with PlainFile(path, KeyRing(recorded.root / "keys.json")) as file:
            assert file.read().count(b"moof") > 1


@pytest.mark.parametrize("cut", [1, 15, 3000, 45_000])
def test_a_torn_end_is_cut_off_at_the_next_start(recorded: Archive, cut: int) -> None:
    newest = recorded.volume.path_of(recorded.recordings()[-1].path)
    whole = newest.read_bytes()
    newest.write_bytes(whole[:-cut])
    asyncio.run(adopt(recorded.index, recorded.volume, KeyRing(recorded.root / "keys.json")))
    assert sound(recorded)
    assert recorded.recordings()[-1].end_ns < START_NS + COUNT * 10**8


def test_the_index_is_made_again_from_sealed_files(recorded: Archive) -> None:
    before = [(row.path, row.start_ns, row.size_bytes, row.seal) for row in recorded.recordings()]
    recorded.close()
    (recorded.root / "haechi.db").unlink()
    again = sealing(recorded.root)

    async def start() -> None:
        await again.volume.claim(again.database, again.clock)
        await adopt(again.index, again.volume, KeyRing(again.root / "keys.json"))

    asyncio.run(start())
    assert [(row.path, row.start_ns, row.size_bytes, row.seal) for row in again.recordings()] == before
    assert all_units(again)
    again.close()


def test_without_the_key_files_stay_and_footage_is_told_to_be_locked(recorded: Archive) -> None:
    files = {path: path.read_bytes() for path in recorded.files()}
    recorded.close()
    (recorded.root / "haechi.db").unlink()
    (recorded.root / "keys.json").rename(recorded.root / "elsewhere.json")
    bare = Archive(recorded.root)

    async def start() -> None:
        await bare.volume.claim(bare.database, bare.clock)
        await adopt(bare.index, bare.volume)

    asyncio.run(start())
    assert bare.recordings() == []
    assert {path: path.read_bytes() for path in bare.files()} == files
    bare.close()
    (recorded.root / "elsewhere.json").rename(recorded.root / "keys.json")
    back = sealing(recorded.root)
    asyncio.run(back.volume.claim(back.database, back.clock))
    asyncio.run(adopt(back.index, back.volume, KeyRing(back.root / "keys.json")))
    assert all_units(back)
    (recorded.root / "keys.json").unlink()
    late = Archive(recorded.root, keys=KeyRing(recorded.root / "keys.json"))
    with pytest.raises(Unavailable, match="put back the key file"):
        all_units(late)
    back.close()
    late.close()


def killed(life: Life, after_s: float) -> Ledger:
    """What a life had acknowledged when it was killed."""
    command = [sys.executable, "-m", "tests.faults.victim", msgspec.json.encode(life, enc_hook=str).decode()]
    ledger = Ledger()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        while not ledger.ready:
            line = process.stdout.readline()
            assert line, "it ended before it recorded"
            ledger.hear(line)
        time.sleep(after_s)
        process.kill()
        ledger.hear(process.stdout.read())
    return ledger


@pytest.mark.slow
def test_d2_d3_killed_at_any_moment_nothing_acknowledged_is_lost_of_sealed_footage(tmp_path: Path) -> None:
    """As the fault `kill` has it for footage in clear, which its judge can read without us."""
    script = Script(20261121)
    for number in range(1, 4):
        life = Life(tmp_path, script, number, STEPS_MOST, tidies=False, sealed=True)
        ledger = killed(life, 0.3 + 0.37 * number)
        assert ledger.acknowledged
        archive = sealing(tmp_path)

        async def look(archive: Archive = archive, ledger: Ledger = ledger) -> None:
            await archive.volume.claim(archive.database, archive.clock)
            await adopt(archive.index, archive.volume, KeyRing(tmp_path / "keys.json"))
            for stream, run, seq in sorted(ledger.acknowledged):
                found = (await archive.playback.units(stream, run, seq, seq)).units
                assert next(unit.data for unit in found if unit.ref.seq == seq) == script.payload(stream, run, seq)

        asyncio.run(look())
        assert sound(archive)
        assert all(row.seal for row in archive.recordings())
        archive.close()
