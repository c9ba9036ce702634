"""D1-D3: whatever moment the recorder dies at, what it acknowledged is there, and what is listed is readable."""

import asyncio
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from haechi.base.ids import StreamId
from haechi.bus.frames import GapCause
from haechi.media.access_unit import UnitRef
from haechi.record.disk.volume import VolumeFailed
from haechi.record.repair.adopt import adopt
from haechi.record.repair.check import CheckLevel, check
from tests.record.archive import EVER, Archive, pictures
from tests.streams import START_NS

REPOSITORY = Path(__file__).parents[2]
STRACE = shutil.which("strace")

Fragment = tuple[StreamId, int, int, int]


class Death:
    """What the writer had acknowledged when it died."""

    def __init__(self, output: bytes) -> None:
        lines = output.decode().split("\n")
        self.acknowledged: list[Fragment] = []
        for line in lines[:-1]:
            words = line.split()
            if len(words) == 4:
                self.acknowledged.append((StreamId(words[0]), int(words[1]), int(words[2]), int(words[3])))


def record_until_killed(root: Path, run: int, *, after_s: float) -> Death:
    command = [sys.executable, "-m", "tests.record.crash_writer", str(root), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=REPOSITORY) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        while first and first != b"ready\n":
            first = writer.stdout.readline()
        time.sleep(after_s)
        writer.send_signal(signal.SIGKILL)
        return Death(writer.stdout.read())


def record_until_system_call(root: Path, run: int, calls: str, number: int) -> Death:
    assert STRACE is not None
    inject = f"inject={calls}:signal=SIGKILL:when={number}"
    command = [STRACE, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", inject]
    command += [sys.executable, "-m", "tests.record.crash_writer", str(root), str(run)]
    done = subprocess.run(command, capture_output=True, cwd=REPOSITORY, timeout=120, check=False)
    return Death(done.stdout)


def inspect(root: Path, death: Death) -> None:
    """Start again as the server would, then look at everything."""
    archive = Archive(root)

    async def look() -> None:
        await archive.volume.claim(archive.database, archive.clock)
        await adopt(archive.index, archive.volume)
        report = await check(archive.index, archive.volume, CheckLevel.HASH)
        assert report.is_sound, report
        for fragment in death.acknowledged:
            await expect(archive, fragment)
        for stream in {fragment[0] for fragment in death.acknowledged}:
            gaps = await archive.index.gaps(stream, 0, EVER)
            assert gaps[-1].cause is GapCause.CRASHED

    asyncio.run(look())
    archive.close()


async def expect(archive: Archive, fragment: Fragment) -> None:
    stream, run, first_seq, last_seq = fragment
    found = await archive.playback.units(stream, run, first_seq, last_seq)
    units = [unit for unit in found.units if unit.ref.seq >= first_seq]
    wanted = pictures(len(units), UnitRef(stream, run, first_seq), units[0].captured_ns, size=3000)
    assert units[-1].ref.seq == last_seq
    assert units == wanted


@pytest.mark.slow
def test_d2_d3_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    draw = random.Random(20261121)
    deaths = []
    for run in range(1, 5):
        deaths.append(record_until_killed(tmp_path, run, after_s=draw.uniform(0.0, 0.6)))
        inspect(tmp_path, deaths[-1])
    assert sum(len(death.acknowledged) for death in deaths) > 50
    for death in deaths:
        inspect(tmp_path, death)


@pytest.mark.slow
@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize("calls", ["pwrite64", "fdatasync", "fsync"])
def test_d2_d3_killed_at_any_system_call_nothing_acknowledged_is_lost(tmp_path: Path, calls: str) -> None:
    draw = random.Random(calls)
    acknowledged = 0
    for run in range(1, 4):
        number = draw.randint(1, 60 if calls == "fsync" else 300)
        death = record_until_system_call(tmp_path, run, calls, number)
        acknowledged += len(death.acknowledged)
        inspect(tmp_path, death)
    assert acknowledged > 0


def record_with_fault(root: Path, calls: str, fault: str) -> Death:
    """Record for a while with a fault that strikes the first file of the first camera."""
    file = root / "record/cam_0/2025-11-21/08/08-00-00.000Z_main_r1.mp4"
    script = "import sys; from tests.record.crash_writer import *; main_for(Path(sys.argv[1]), 60)"
    command = [str(STRACE), "-f", "-qq", "-o", "/dev/null", "-P", str(file), "-e", f"trace={calls}"]
    command += ["-e", f"inject={calls}:{fault}", sys.executable, "-c", script, str(root)]
    done = subprocess.run(command, capture_output=True, cwd=REPOSITORY, timeout=120, check=False)
    assert b"stopped by itself" in done.stdout, done.stderr.decode()[-2000:]
    return Death(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize(
    ("calls", "fault", "is_first"),
    [
        ("fdatasync", "error=EIO:when=1", True),
        ("fdatasync", "error=EIO:when=2", False),
        ("pwrite64", "error=EIO:when=2", True),
        ("pwrite64", "error=EIO:when=6", False),
    ],
)
def test_d10_a_failed_write_or_fsync_is_never_acknowledged_and_the_volume_is_not_used_again(
    tmp_path: Path, calls: str, fault: str, is_first: bool
) -> None:
    """Also when it strikes the very first batch of a stream: its gap begins with the first unit (D6)."""
    death = record_with_fault(tmp_path, calls, fault)
    archive = Archive(tmp_path)

    async def look() -> None:
        await archive.volume.claim(archive.database, archive.clock)
        with pytest.raises(VolumeFailed, match="haechi check --repair"):
            archive.volume.verify()
        report = await check(archive.index, archive.volume, CheckLevel.HASH, repair=True)
        assert report.database_is_sound
        archive.volume.verify()
        for fragment in death.acknowledged:
            await expect(archive, fragment)
        gaps = await archive.index.gaps(StreamId("cam_0/main"), 0, EVER)
        assert GapCause.DISK_ERROR in {gap.cause for gap in gaps}
        spans = await archive.index.spans(StreamId("cam_0/main"), 0, EVER)
        assert bool(spans) is not is_first
        assert min([one.start_ns for one in spans] + [one.start_ns for one in gaps]) == START_NS

    asyncio.run(look())
    archive.close()


@pytest.mark.slow
@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_a_full_disk_costs_what_cannot_be_written_and_recording_goes_on_when_there_is_room(tmp_path: Path) -> None:
    death = record_with_fault(tmp_path, "pwrite64", "error=ENOSPC:when=6")
    archive = Archive(tmp_path)

    async def look() -> None:
        await archive.volume.claim(archive.database, archive.clock)
        assert (await check(archive.index, archive.volume, CheckLevel.HASH)).is_sound
        for fragment in death.acknowledged:
            await expect(archive, fragment)
        gaps = await archive.index.gaps(StreamId("cam_0/main"), 0, EVER)
        assert GapCause.DISK_FULL in {gap.cause for gap in gaps}
        spans = await archive.index.spans(StreamId("cam_0/main"), 0, EVER)
        assert len(spans) > 1

    asyncio.run(look())
    archive.close()
