"""The machine's clock jumps, while recording and across restarts: F25. Real time, real stamps, under libfaketime.

    python -m tests.faults.clocks FOLDER SEED LIFE SECONDS

is one life: cameras stamped as `haechi.ingest` stamps them, retention at work all the time.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, Run
from haechi.ingest.stamp import RunTime, Stamper
from haechi.media.access_unit import TICKS_PER_S, RawUnit, UnitRef
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex
from haechi.record.retention.deletion import Retention, RetentionSettings
from haechi.record.write.recorder import Acknowledged, Recorder, RecorderSettings
from haechi.record.write.segmenter import Limits
from haechi.store.database import Database
from tests.faults.cases import Fault, Outcome, Try, outcome
from tests.faults.judge import Terms
from tests.faults.ledger import Ledger
from tests.faults.restart import looked
from tests.faults.script import PARAMS, RUNS_PER_LIFE, Script
from tests.faults.victim import Life

FPS = 20
GOP = 10
"""Half a second."""
KEEP_DAYS = 30.0
TIDY_S = 0.3
LIFE_S = 2.5
HOUR_S, DAY_S = 3600, 86_400
JUMPS = {
    "+1 h while recording": HOUR_S,
    "-1 h across a restart": -HOUR_S,
    "+40 days while recording": 40 * DAY_S,
    "-1 h while recording": -HOUR_S,
    "+1 h across a restart": HOUR_S,
    "-30 years while recording": -30 * 365 * DAY_S,
    "-30 years across a restart": -30 * 365 * DAY_S,
    "+10 years while recording": 3650 * DAY_S,
    "+40 days across a restart": 40 * DAY_S,
}
"""No source of time vouches for these clocks, so one that is ahead at the start is doubted for a day."""


class ClockVictim:
    """One life in real time."""

    def __init__(self, folder: Path, script: Script, life: int) -> None:
        self._script = script
        self._life = life
        self._clock = SystemClock()
        self.database = Database.at(folder / "haechi.db")
        self.database.migrate()
        self._bus = FrameBus()
        self._index = RecordIndex(self.database)
        volume = Volume(folder / "record")
        settings = RecorderSettings(gather_s=0.02, reserve_bytes=0, limits=Limits(fragment_ticks=TICKS_PER_S // 2))
        self._recorder = Recorder(self._bus, self._index, volume, self._clock, settings)
        self._recorder.on_acknowledged(_tell)
        self._retention = Retention(
            self._index, volume, self._clock, RetentionSettings(KEEP_DAYS, 0), is_sure=lambda: False
        )

    async def live(self, seconds: float) -> None:
        """Record for so long, then stop as planned."""
        task = asyncio.ensure_future(self._recorder.run())
        ready = asyncio.ensure_future(self._recorder.ready.wait())
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        await self._retention.once()  # from here on a leap is a leap, and not the time at which it was started
        _say("ready")
        others = [asyncio.ensure_future(self._tidy())]
        others += [asyncio.ensure_future(self._send(stream, seconds)) for stream in self._script.streams()]
        await asyncio.gather(*others[1:])
        for one in (others[0], task):
            one.cancel()
            with suppress(asyncio.CancelledError):
                await one
        self.database.close()
        _say("stopped")

    async def _tidy(self) -> None:
        while True:
            await self._retention.once()
            await asyncio.sleep(TIDY_S)

    async def _send(self, stream: StreamId, seconds: float) -> None:
        run = self._life * RUNS_PER_LIFE + 1
        floor_ns = await self._index.newest_captured_ns(stream)
        began_ns = self._clock.monotonic_ns()
        time_of_run = RunTime(self._clock.wall_ns(), began_ns, floor_ns)
        stamper = Stamper(UnitRef(stream, run, 0), TICKS_PER_S, time_of_run)
        channel = self._bus.channel(stream)
        channel.open_run(Run(stream, run, time_of_run.start_ns, [PARAMS]))
        for seq in range(int(seconds * FPS)):
            await asyncio.sleep(max(0.0, seq / FPS - (self._clock.monotonic_ns() - began_ns) / NS_PER_S))
            data = self._script.payload(stream, run, seq)
            raw = RawUnit(rtp_ticks=seq * TICKS_PER_S // FPS, is_sync=seq % GOP == 0, data=data)
            unit = stamper.stamp(raw, self._clock.monotonic_ns(), 0)
            _say("p", stream, run, seq, unit.captured_ns)
            channel.publish(unit)


def _say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def _tell(done: list[Acknowledged]) -> None:
    for one in done:
        _say("a", one.stream, one.run, one.first_seq, one.last_seq)


def library() -> Path | None:
    """libfaketime."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def missing() -> str:
    """Why clocks cannot be faked here; empty when they can."""
    return "" if library() else "libfaketime is not installed (apt: faketime)"


class Faked:
    """A machine whose clock can be set while processes run on it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)

    def set(self, by_s: int) -> None:
        """The clock shows so many seconds more than it should."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{by_s:+d}\n")
        fresh.replace(self._file)

    def start(self, folder: Path, script: Script, life: int, seconds: float) -> subprocess.Popen[bytes]:
        """A life on this machine."""
        faked = {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        command = [sys.executable, "-m", "tests.faults.clocks", str(folder), str(script.seed), str(life), str(seconds)]
        return subprocess.Popen(
            command, env=os.environ | faked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )


def play(one: Try) -> Iterator[Outcome]:
    """A life on a right clock, a life within which it jumps, and a life after it."""
    draw = one.draw()
    script = Script(draw.randrange(1 << 30), ends_share=0.0)
    ledger = Ledger()
    machine = Faked(one.root)
    name = list(JUMPS)[one.number % len(JUMPS)]
    is_restart = "restart" in name
    goes_back = draw.random() < 0.5
    wrong: list[str] = []
    for life in (1, 2, 3):
        if is_restart and life == 2:
            machine.set(JUMPS[name])
        process = machine.start(one.root, script, life, LIFE_S)
        first = _until_recording(process, len(script.streams()))
        if not is_restart and life == 2:
            time.sleep(draw.uniform(0.3, 2.0))
            machine.set(JUMPS[name])
        wrong += _heard(process, first, ledger)
        if goes_back and life == 2:
            machine.set(0)
    last = Life(one.root, script, 3)
    what = f"{name}{', and back' if goes_back else ''}"
    yield outcome(what, looked(last, ledger, 3, Terms(loss_most=0)), also=tuple(wrong))


def _until_recording(process: subprocess.Popen[bytes], streams: int) -> bytes:
    """All lines up to the first unit of each camera: a run that begins after a leap has the stamps of the new clock."""
    assert process.stdout is not None
    said, sending = b"", set[bytes]()
    while len(sending) < streams and (line := process.stdout.readline()):
        said += line
        if line.startswith(b"p "):
            sending.add(line.split()[1])
    return said


def _heard(process: subprocess.Popen[bytes], first: bytes, ledger: Ledger) -> list[str]:
    ledger.begin()
    said, errors = process.communicate(timeout=60)
    ledger.hear(first + said)
    return [] if ledger.stopped else [f"the recorder broke down: {errors.decode()[-800:]}"]


FAULT = Fault(
    "clock", "the clock jumps: an hour, 40 days, years",
    "D7: stamps increase, nothing overlaps; retention deletes nothing",
    count=100, strikes=1, play=play, missing=missing,
)  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """One life."""
    folder, seed, life, seconds = arguments
    victim = ClockVictim(Path(folder), Script(int(seed)), int(life))
    asyncio.run(victim.live(float(seconds)))


if __name__ == "__main__":
    main(sys.argv[1:])
