"""One life: the real recorder, index, volume and retention over a folder, fed by a script, faster than real time.

Says on a pipe what it promises, before anything else happens: ``a`` stream run first last (acknowledged), ``p`` stream
run seq wall (about to be given to the recorder), ``pin`` stream start end, ``ready``, ``failed`` (the disk), ``viewed``
units missed, ``stopped`` (as planned).

    python -m tests.faults.victim LIFE

is one on standard output, ``LIFE`` as JSON; the suite itself forks.
"""

import asyncio
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import HaechiError
from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, GapCause, Run, RunEnded, Subscription
from haechi.media.access_unit import TICKS_PER_S, AccessUnit
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex
from haechi.record.retention.deletion import Retention, RetentionSettings
from haechi.record.write.recorder import Acknowledged, Recorder, RecorderSettings
from haechi.record.write.segmenter import Limits
from haechi.store.database import Database
from tests.faults.evidence import unlisted
from tests.faults.script import FPS, GOP, PARAMS, STEP_NS, Chunk, Script, life_start_ns

FILE_S = 12
"""Short files, so that many are begun and closed."""
KEEP_NS = 9_000 * NS_PER_S
"""Retention: two and a half lives."""
TIDY_EVERY = 7
PIN_EVERY = 11
SPEED = 20
SWEPT_S = 60
"""Within so long of a start, nothing unlisted is left (D2)."""


class Life(Struct, frozen=True):
    """One process.

    Attributes:
        folder: Holds ``haechi.db`` and ``record/``.
        number: Lives of a folder count from 1.
        steps: After so many it stops as planned.
        migrates: Bring the schema up to date first, as a server does.
        patience_s: Between steps it waits until all that is complete is acknowledged, as it is in real time, at most so
            long; after that it goes on where the fault is one that keeps things from being acknowledged (``is_patient``
            false), else it is broken.
        keep_free_bytes: Retention sees to it that so much is free.
        reserve_bytes: Recording stops when less is free.
        pace_s: Real time between steps.
        pins_all: Everything is protected.
        sealed: What it records is sealed, with the ring of keys in the folder, which it makes where there is none.
        sweeps: Before it stops it waits until no file is unlisted, a minute at most (D2).
    """

    folder: Path
    script: Script
    number: int = 1
    steps: int = 40
    migrates: bool = True
    patience_s: float = 20.0
    is_patient: bool = True
    tidies: bool = True
    keep_free_bytes: int = 0
    reserve_bytes: int = 0
    pace_s: float = 0.0
    pins_all: bool = False
    sealed: bool = False
    sweeps: bool = False


class ScriptClock(SystemClock):
    """Shows the time that the script is at; waits are a twentieth as long as they say."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._since_ns = 0
        self._began_ns = super().monotonic_ns()

    def show(self, wall_ns: int) -> None:
        """It is at least so late."""
        self._since_ns = max(self._since_ns, wall_ns - self._start_ns)

    def wall_ns(self) -> int:
        return self._start_ns + self._since_ns

    def monotonic_ns(self) -> int:
        return (super().monotonic_ns() - self._began_ns) * SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


class Victim:
    """A life as it is lived. ``voice``: where it speaks."""

    def __init__(self, life: Life, voice: int) -> None:
        self.life = life
        self._voice = voice
        self.clock = ScriptClock(life_start_ns(life.number))
        self.database = Database.at(life.folder / "haechi.db")
        if life.migrates:
            self.database.migrate()
        self.bus = FrameBus()
        self.index = RecordIndex(self.database)
        self.volume = Volume(life.folder / "record")
        self.retention = Retention(self.index, self.volume, self.clock, _kept(life))
        limits = Limits(file_ticks=FILE_S * TICKS_PER_S)
        keys = KeyRing(life.folder / "keys.json")
        if life.sealed and not keys.keys():
            keys.add(self.clock)
        settings = RecorderSettings(
            gather_s=0.0, limits=limits, reserve_bytes=life.reserve_bytes, keys=keys, encrypt=life.sealed
        )
        self.recorder = Recorder(self.bus, self.index, self.volume, self.clock, settings, on_full=self.retention.wake)
        self.recorder.on_acknowledged(self._acknowledged)
        self._due = 0
        self._done = 0
        self._more = asyncio.Event()
        self._has_failed = False
        self._given = self._seen = 0
        self._viewers: list[Subscription] = []

    def say(self, *words: object) -> None:
        """One line; gone to the judge when this returns."""
        os.write(self._voice, (" ".join(map(str, words)) + "\n").encode())

    async def live(self) -> None:
        """Record all steps, then stop as planned."""
        task = asyncio.ensure_future(self.recorder.run())
        ready = asyncio.ensure_future(self.recorder.ready.wait())
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if task.done():
            task.result()
        self.say("ready")
        self._viewers = [self.bus.watch(stream) for stream in self.life.script.streams()]
        tidying = asyncio.ensure_future(self.retention.run()) if self.life.keep_free_bytes else None
        try:
            for number, chunks in enumerate(self.life.script.steps(self.life.number, self.life.steps)):
                await self._step(number, chunks)
                if task.done():
                    task.result()
            if self.life.sweeps:
                await self._swept()
            self.say("viewed", self._seen, self._given - self._seen)
        finally:
            for one in (task, tidying):
                if one is not None:
                    one.cancel()
                    with suppress(asyncio.CancelledError):
                        await one
            if self.retention.last.only_protected:
                self.say("note", "only protected footage is left")
            self.database.close()
        self.say("stopped")

    async def _step(self, number: int, chunks: list[Chunk]) -> None:
        for chunk in chunks if self.life.pins_all else ():
            await self._pin(chunk, chunk.start_ns)
        for chunk in chunks:
            self._publish(chunk, 0, 1)
        await self._settle()
        for chunk in chunks:
            self._publish(chunk, 1, GOP)
            if chunk.ends_run:
                self._end_run(chunk)
        if self.life.pace_s:
            await asyncio.sleep(self.life.pace_s)
        if self.life.tidies and number % TIDY_EVERY == TIDY_EVERY - 1:
            with suppress(HaechiError):
                await self.retention.once()
        if chunks and number % PIN_EVERY == PIN_EVERY - 1:
            await self._pin(chunks[0], chunks[0].start_ns - 2 * STEP_NS)
        for viewer in self._viewers:
            while (item := viewer.take()) is not None:
                self._seen += isinstance(item, AccessUnit)

    def _publish(self, chunk: Chunk, first: int, end: int) -> None:
        channel = self.bus.channel(chunk.stream)
        if channel.current is None:
            channel.open_run(Run(chunk.stream, chunk.run, chunk.start_ns, [PARAMS]))
        units = [self.life.script.unit(chunk, number) for number in range(first, end)]
        wall_ns = units[-1].captured_ns + NS_PER_S // FPS
        self.clock.show(wall_ns)
        self.say("p", chunk.stream, chunk.run, units[-1].ref.seq, wall_ns)
        for unit in units:
            channel.publish(unit)
        self._given += len(units)
        if first == 0 and chunk.first_seq:
            self._due += 1
        if end == GOP and chunk.ends_run:
            self._due += 1

    def _end_run(self, chunk: Chunk) -> None:
        ended = RunEnded(chunk.stream, chunk.run, GapCause.UNREACHABLE, "the script says so", self.clock.wall_ns())
        self.bus.channel(chunk.stream).close_run(ended)

    async def _settle(self) -> None:
        """Let everything that is complete become durable, as it would long before the next unit comes."""
        try:
            async with asyncio.timeout(self.life.patience_s):
                while self._done < self._due:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            if self.life.is_patient:
                raise
            self._done = self._due
        if self.recorder.stats.failure and not self._has_failed:
            self._has_failed = True
            self.say("failed")

    async def _swept(self) -> None:
        """Return when every file is listed, or when it takes too long, which the judge will see."""
        deadline_ns = time.monotonic_ns() + SWEPT_S * NS_PER_S
        while unlisted(self.life.folder) and time.monotonic_ns() < deadline_ns:  # noqa: ASYNC110 - the disk says it
            await asyncio.sleep(0.1)

    async def _pin(self, chunk: Chunk, start_ns: int) -> None:
        end_ns = start_ns + STEP_NS
        with suppress(HaechiError):
            await self.index.pin(chunk.stream, start_ns, end_ns, f"pin {chunk.run}/{chunk.first_seq}")
            self.say("pin", chunk.stream, start_ns, end_ns)

    def _acknowledged(self, done: list[Acknowledged]) -> None:
        for one in done:
            self.say("a", StreamId(one.stream), one.run, one.first_seq, one.last_seq)
        self._done += len(done)
        self._more.set()


def _kept(life: Life) -> RetentionSettings:
    days = KEEP_NS / (86_400 * NS_PER_S)
    return RetentionSettings(days, life.keep_free_bytes)


def main(life: Life, voice: int) -> None:
    """Live it; an expected failure is told, anything else is a bug and ends the process badly."""

    async def live() -> None:
        try:
            victim = Victim(life, voice)
            await victim.live()
        except HaechiError as error:
            tell(voice, error.code, error.message)
        except OSError as error:
            tell(voice, "OSError", error)

    asyncio.run(live())


def tell(voice: int, *words: object) -> None:
    """A note: what a supervisor would log before it starts the recorder again."""
    os.write(voice, ("note " + " ".join(map(str, words)).replace("\n", " | ") + "\n").encode())


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Life, dec_hook=lambda kind, value: kind(value)), 1)
