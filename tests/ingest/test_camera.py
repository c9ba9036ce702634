"""What a camera's intake takes of what its source delivers."""

import asyncio
from pathlib import Path

import pytest

from haechi.base.clock import SimulatedClock
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import FrameBus
from haechi.ingest.camera import CameraIngest, Numbers
from haechi.ingest.runs import RunNumbers
from haechi.ingest.source import Sink, Source, Track
from haechi.media.access_unit import AudioParams, Codec, RawUnit
from haechi.store.database import Database
from tests.cameras import no_floor, until
from tests.streams import h264_stream

TRACKS = (Track(Codec.H264, 90_000), Track(Codec.PCMA, 8_000))
SOUND = AudioParams(Codec.PCMA, 8_000, 1, b"", "alaw")


class TwoTracks:
    """Sends both of its tracks whatever is wanted, as many cameras do."""

    async def run(self, sink: Sink) -> None:
        params, coded = h264_stream(frames=2)
        await sink.opened(TRACKS)
        for number, unit in enumerate(coded):
            raw = RawUnit(unit.pts, unit.is_sync, unit.data, params if number == 0 else None)
            sink.unit(0, raw, number * 1_000_000)
            sink.unit(1, RawUnit(160 * number, True, bytes(160), SOUND, lost_packets=1), number * 1_000_000)
            sink.report(1, 10**18, 160 * number)
        await asyncio.Event().wait()


@pytest.mark.parametrize(("audio", "codec", "lost"), [(False, "", 0), (True, "pcma", 2)])
def test_sound_that_is_not_wanted_is_left_out_and_breaks_nothing(
    tmp_path: Path, audio: bool, codec: str, lost: int
) -> None:
    async def run() -> None:
        database = Database.at(tmp_path / "haechi.db")
        database.migrate()
        bus, clock = FrameBus(), SimulatedClock()
        numbers = Numbers(RunNumbers(database), no_floor)
        source: Source = TwoTracks()
        ingest = CameraIngest(CameraId("cam_a"), lambda: source, bus, clock, numbers=numbers, audio=audio)
        task = asyncio.create_task(ingest.run())
        await until(lambda: bus.channel(StreamId("cam_a/main")).units == 2)
        status = ingest.status()
        assert (status.state, status.audio_codec, status.lost_packets) == ("live", codec, lost)
        assert bus.channel(StreamId("cam_a/audio")).units == (2 if audio else 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        database.close()

    asyncio.run(asyncio.wait_for(run(), 10))


class Lossy:
    """Twenty-five pictures a second, of which some come damaged, some never, and one minute is quiet for a while."""

    async def run(self, sink: Sink) -> None:
        params, (first, *_) = h264_stream(frames=2)
        await sink.opened(TRACKS[:1])
        for number in (*range(100), *range(300, 320)):
            if 40 <= number < 43:
                continue
            raw = RawUnit(number * 3600, True, first.data, params, lost_packets=9 * (number == 43))
            if number in (60, 61):
                raw = RawUnit(number * 3600, False, first.data, None, lost_packets=2, damaged=True)
            sink.unit(0, raw, number * 40_000_000)
        await asyncio.Event().wait()


def test_what_never_came_or_came_damaged_is_accounted_for_by_cause(tmp_path: Path) -> None:
    async def run() -> None:
        database = Database.at(tmp_path / "haechi.db")
        database.migrate()
        bus = FrameBus()
        numbers = Numbers(RunNumbers(database), no_floor)
        source: Source = Lossy()
        ingest = CameraIngest(CameraId("cam_a"), lambda: source, bus, SimulatedClock(), numbers=numbers)
        task = asyncio.create_task(ingest.run())
        await until(lambda: bus.channel(StreamId("cam_a/main")).units == 115)
        total = bus.ledger.totals(StreamId("cam_a/main"))
        assert (total.received, total.missing) == (115, {"packet-loss": 5, "stalled": 200})
        assert total.expected == 320
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        database.close()

    asyncio.run(asyncio.wait_for(run(), 10))
