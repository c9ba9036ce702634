"""A recorder with its bus, index and volume in a temporary folder, driven by a test."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa

from haechi.base.clock import NS_PER_S, Clock, SystemClock
from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, GapCause, Run, RunEnded
from haechi.media.access_unit import AccessUnit, Codec, CodecParams, UnitRef, VideoParams
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import Gap, RecordIndex, Recording, Span, recording_of
from haechi.record.playback.footage import Playback
from haechi.record.tables import recordings
from haechi.record.tiers.vault import Vault
from haechi.record.write.recorder import Acknowledged, Recorder, RecorderSettings
from haechi.store.database import Database
from tests.streams import START_NS

MAIN = StreamId("cam_front/main")
SUB = StreamId("cam_yard/main")
EVER = 1 << 62
JPEG = VideoParams(Codec.MJPEG, 64, 48)


@lru_cache(maxsize=1)
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        database = Database.at(path)
        database.migrate()
        database.close()
        return path.read_bytes()


class Archive:
    """Everything between the bus and the disk."""

    def __init__(
        self,
        root: Path,
        *,
        clock: Clock | None = None,
        settings: RecorderSettings | None = None,
        keys: KeyRing | None = None,
    ) -> None:
        self.root = root
        self.clock = clock or SystemClock()
        if not (root / "haechi.db").exists():
            (root / "haechi.db").write_bytes(_empty_database())
        self.database = Database.at(root / "haechi.db")
        self.bus = FrameBus()
        self.index = RecordIndex(self.database)
        self.volume = Volume(root / "record")
        self.playback = Playback(self.index, Vault(self.volume, self.database, keys), root)
        self.recorder = Recorder(
            self.bus, self.index, self.volume, self.clock, settings or RecorderSettings(gather_s=0)
        )
        self.acknowledged: list[Acknowledged] = []
        self.recorder.on_acknowledged(self.acknowledged.extend)

    def close(self) -> None:
        self.database.close()

    async def __aenter__(self) -> "Archive":
        self._task = asyncio.ensure_future(self.recorder.run())
        ready = asyncio.ensure_future(self.recorder.ready.wait())
        await asyncio.wait([self._task, ready], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            self._task.result()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.settle()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def settle(self) -> None:
        """Let the recorder take what was published."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def until_acknowledged(self, units: int, within_s: float = 10) -> None:
        """Return when so many units are durable."""
        async with asyncio.timeout(within_s):
            while self.recorder.stats.acknowledged_units < units:
                if self._task.done():
                    self._task.result()
                await asyncio.sleep(0.005)

    def publish(self, params: CodecParams, units: Sequence[AccessUnit]) -> None:
        """Open a run where needed and publish; every unit with ``params`` index 0."""
        channel = self.bus.channel(units[0].ref.stream)
        if channel.current is None:
            channel.open_run(Run(channel.stream, units[0].ref.run, units[0].captured_ns, [params]))
        for unit in units:
            channel.publish(unit)

    def end_run(self, stream: StreamId, cause: GapCause = GapCause.UNREACHABLE, detail: str = "") -> None:
        channel = self.bus.channel(stream)
        assert channel.current is not None
        channel.close_run(RunEnded(stream, channel.current.number, cause, detail, self.clock.wall_ns()))

    async def spans(self, stream: StreamId = MAIN) -> list[Span]:
        return await self.index.spans(stream, 0, EVER)

    async def gaps(self, stream: StreamId = MAIN) -> list[Gap]:
        return await self.index.gaps(stream, 0, EVER)

    def recordings(self) -> list[Recording]:
        query = sa.select(recordings).order_by(recordings.c.stream, recordings.c.start_ns)
        return self.database.read_now(lambda c: [recording_of(row) for row in c.execute(query)])

    def files(self) -> list[Path]:
        return sorted((self.root / "record").rglob("*.mp4"))


FIRST = UnitRef(MAIN, 1, 0)


def pictures(
    count: int, first: UnitRef = FIRST, start_ns: int = START_NS, *, fps: int = 10, gop: int = 20, size: int = 40
) -> list[AccessUnit]:
    """Cheap units of a steady stream: a sync unit each ``gop``, payload that tells which unit it is."""
    return [
        AccessUnit(
            UnitRef(first.stream, first.run, first.seq + number),
            pts=(first.seq + number) * 90_000 // fps,
            dts=(first.seq + number) * 90_000 // fps,
            captured_ns=start_ns + number * NS_PER_S // fps,
            is_sync=number % gop == 0,
            params=0,
            data=f"{first.stream}:{first.run}:{first.seq + number}.".encode().ljust(size, b"."),
        )
        for number in range(count)
    ]


def after(units: Sequence[AccessUnit], seconds: float) -> int:
    """Capture time ``seconds`` after the last unit, ns."""
    return units[-1].captured_ns + int(seconds * NS_PER_S)
