"""CONTRACT D5: with only protected data left on a full disk, recording stops, live goes on, and an alarm is raised."""

from __future__ import annotations

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.bus.frames import GapCause
from haechi.media.access_unit import AccessUnit
from haechi.record.index.policies import PinKind
from haechi.record.retention.deletion import Retention, RetentionReport, RetentionSettings
from haechi.record.write.recorder import RecorderSettings
from tests.record.archive import JPEG, MAIN, Archive, pictures
from tests.record.retention.test_retention import SmallVolume
from tests.streams import START_NS

IN_FLIGHT = 20
"""The GOP that is not over yet."""
RESERVE = 64 * 1024 * 1024
ROOMY, FULL = 1 << 40, RESERVE - 1
"""One recording less, and there is room again."""


class Disk:
    """A recorder on a disk whose free space a test sets, somebody who watches live, and retention."""

    def __init__(self, root: Path) -> None:
        self.clock = SimulatedClock(START_NS)
        settings = RecorderSettings(gather_s=0, reserve_bytes=RESERVE)
        self.archive = Archive(root, clock=self.clock, settings=settings)
        self.volume = self.archive.volume = SmallVolume(root / "record", ROOMY)
        self.archive.recorder._volume = self.archive.recorder._writer._volume = self.volume
        keep = RetentionSettings(min_free_bytes=RESERVE)
        self.retention = Retention(self.archive.index, self.volume, self.clock, keep)
        self.live = self.archive.bus.watch(MAIN)
        self.seen: list[AccessUnit] = []

    async def comes(self, units: list[AccessUnit], *, stored: bool) -> None:
        """A camera sends for a while; the recorder stores all of it, or loses all of it."""
        stats = self.archive.recorder.stats
        before = stats.acknowledged_units + stats.lost_units
        self.archive.publish(JPEG, units)
        while (item := self.live.take()) is not None:
            if isinstance(item, AccessUnit):
                self.seen.append(item)
        for _ in range(400):
            if stats.acknowledged_units + stats.lost_units >= before + len(units) - IN_FLIGHT:
                break
            await asyncio.sleep(0.005)
        assert stats.is_full is not stored
        self.clock.advance(60 * NS_PER_S)


def test_d5_only_protected_footage_left_stops_recording_not_live_and_says_so(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    units = pictures(300)
    runs = [units[:100], units[100:200], units[200:]]
    index = disk.archive.index

    async def play() -> tuple[RetentionReport, RetentionReport]:
        async with disk.archive:
            await disk.comes(runs[0], stored=True)
            await index.pin(MAIN, START_NS, START_NS + 3600 * NS_PER_S, "case:1", PinKind.PROTECTED)
            disk.volume.free_bytes = FULL
            await disk.comes(runs[1], stored=False)
            stopped = await disk.retention.once()
            await index.unpin("case:1")
            going = await disk.retention.once()
            await disk.comes(runs[2], stored=True)
            assert {recording.start_ns for recording in disk.archive.recordings()} == {
                units[200 - IN_FLIGHT].captured_ns
            }
        return stopped, going

    with capture_logs() as logs:
        stopped, going = asyncio.run(play())
    assert stopped == RetentionReport(only_protected=True)
    assert [log["log_level"] for log in logs if "protected" in log["event"]] == ["critical"]
    assert (going.for_space, going.only_protected) == (1, False)
    assert disk.seen == units
    assert GapCause.DISK_FULL in {gap.cause for gap in asyncio.run(disk.archive.gaps())}
    disk.archive.close()
