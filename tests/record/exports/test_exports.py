"""Exports: exact, in parts where the coding changes, over a restart, cancelled, bounded, expired, for their owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC
from io import BytesIO
from pathlib import Path

import av
import pytest
from msgspec import structs

from haechi.app.burn import burn
from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.ids import CameraId, ExportId, StreamId, UserId
from haechi.bus.frames import GapCause
from haechi.media.access_unit import AccessUnit, CodecParams
from haechi.record.exports.burned import Burning
from haechi.record.exports.cutter import PLAIN, Cutter, Progress, Style
from haechi.record.exports.runner import NS_PER_DAY, Exports, ExportSettings, Wish
from haechi.record.exports.store import Export, ExportBounds, ExportPart, ExportStore
from tests.record.archive import MAIN, Archive, after
from tests.streams import START_NS, h264_stream, mjpeg_stream, stamped

ANN, OTTO = UserId("usr_annannannann"), UserId("usr_ottoottootto")
FPS = 15
LONG_AGO_NS = 3600 * NS_PER_S


def video(
    run: int = 1, start_ns: int = START_NS, size: tuple[int, int] = (64, 64)
) -> tuple[CodecParams, list[AccessUnit]]:
    params, coded = h264_stream(frames=150, fps=FPS, gop=30, size=size)
    return params, stamped(coded, MAIN, run=run, start_ns=start_ns)


def store(archive: Archive, *runs: tuple[CodecParams, list[AccessUnit]]) -> None:
    """Record runs one after the other."""

    async def play() -> None:
        async with archive:
            for params, units in runs:
                archive.publish(params, units)
                archive.end_run(units[0].ref.stream, GapCause.STALLED)
                await archive.settle()

    asyncio.run(play())


async def burning() -> Burning:
    """Nobody's time zone."""
    return Burning(burn, UTC)


class SlowCutter(Cutter):
    """A cutter that stops at its first word until it is let go."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive.index, archive.playback.vault, _nobody_burns)
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def cut(
        self, stream: StreamId, span: tuple[int, int], path: Path, progress: Progress, style: Style = PLAIN
    ) -> ExportPart | None:
        self.begun.set()
        progress(0.5)
        await self.go.wait()
        progress(0.9)
        return await super().cut(stream, span, path, progress, style)


async def _nobody_burns() -> Burning:
    raise AssertionError("nothing is burned into these")


def cutter_of(archive: Archive) -> Cutter:
    return Cutter(archive.index, archive.playback.vault, _nobody_burns)


class Desk:
    """Exports over an archive, long after it was recorded."""

    def __init__(self, archive: Archive, cutter: Cutter | None = None) -> None:
        self.archive = archive
        self.clock = SimulatedClock(START_NS + LONG_AGO_NS)
        self.seen: list[Export] = []
        self.visible = {ANN, OTTO}
        self.exports = Exports(
            ExportStore(archive.database),
            cutter or cutter_of(archive),
            archive.root / "exports",
            self.clock,
            self._may_view,
        )
        self.exports.settings = ExportSettings(reserve_bytes=0)
        self.exports.on_change(self.seen.append)

    async def _may_view(self, user: UserId, _camera: CameraId) -> bool:
        return user in self.visible

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Exports]:
        task = asyncio.ensure_future(self.exports.run())
        try:
            yield self.exports
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def until(self, export: ExportId, state: str) -> Export:
        """The export once it is so."""
        found = await self.exports.get(export)
        for _ in range(600):
            if found.state == state:
                break
            await asyncio.sleep(0.01)
            found = await self.exports.get(export)
        assert found.state == state
        return found

    def files(self) -> list[str]:
        folder = self.archive.root / "exports"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def wish(start_ns: int, end_ns: int, owner: UserId = ANN) -> Wish:
    return Wish(owner, MAIN, start_ns, end_ns, "Front_2025")


def packets(path: Path) -> list[bytes]:
    with av.open(BytesIO(path.read_bytes()), "r", format="mp4") as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def shown(path: Path) -> int:
    with av.open(BytesIO(path.read_bytes()), "r", format="mp4") as container:
        return sum(1 for _ in container.decode(video=0))


def test_an_export_holds_exactly_its_range_and_tells_how_far_it_is(archive: Archive) -> None:
    params, units = video()
    store(archive, (params, units))
    desk = Desk(archive)

    async def play() -> Export:
        async with desk.open() as exports:
            made = await exports.request(wish(units[37].captured_ns, units[111].captured_ns + 1))
            return await desk.until(made.id, "done")

    done = asyncio.run(play())
    path = desk.exports.file(done)
    assert shown(path) == 75
    assert packets(path) == [unit.data for unit in units[30:112]]
    assert (done.progress, done.bytes) == (1.0, path.stat().st_size)
    assert (done.parts[0].start_ns, done.parts[0].end_ns) == (units[37].captured_ns, units[111].captured_ns + 1)
    assert [export.state for export in desk.seen] == ["queued", "running", "done"]


def test_where_the_camera_changed_its_coding_another_file_begins_and_nothing_is_missing(archive: Archive) -> None:
    params, first = video()
    other, second = video(run=2, start_ns=after(first, 2), size=(96, 64))
    store(archive, (params, first), (other, second))
    desk = Desk(archive)

    async def play() -> Export:
        async with desk.open() as exports:
            made = await exports.request(wish(START_NS, after(second, 5)))
            return await desk.until(made.id, "done")

    done = asyncio.run(play())
    assert [packets(desk.exports.file(done, part)) for part in (1, 2)] == [
        [unit.data for unit in first],
        [unit.data for unit in second],
    ]
    assert [part.start_ns for part in done.parts] == [START_NS, second[0].captured_ns]
    assert [part.end_ns for part in done.parts] == [first[-1].captured_ns + 1, second[-1].captured_ns + 1]
    estimate = asyncio.run(cutter_of(archive).estimate(MAIN, START_NS, after(second, 5)))
    assert estimate.files == 2
    with pytest.raises(NotFound):
        desk.exports.file(done, 3)


@pytest.mark.parametrize(("first", "last"), [(0, 149), (37, 111), (30, 59), (1, 2), (149, 149)])
@pytest.mark.parametrize("bframes", [0, 2])
def test_size_and_duration_are_known_before(archive: Archive, first: int, last: int, bframes: int) -> None:
    params, coded = h264_stream(frames=150, fps=FPS, gop=30, size=(320, 240), bframes=bframes)
    units = stamped(coded, MAIN)
    store(archive, (params, units))
    start_ns, end_ns = units[first].captured_ns, units[last].captured_ns + 1
    estimate = asyncio.run(cutter_of(archive).estimate(MAIN, start_ns, end_ns))
    path = asyncio.run(archive.playback.clip(MAIN, start_ns, end_ns))
    with av.open(str(path)) as container:
        duration_s = (container.duration or 0) / 1e6
        written = sum(1 for packet in container.demux(video=0) if packet.size)
    off = abs(estimate.bytes - path.stat().st_size)
    assert off <= max(0.01 * path.stat().st_size, 150), (estimate.bytes, path.stat().st_size)
    assert estimate.units == written
    assert estimate.duration_ns / NS_PER_S == pytest.approx(duration_s, abs=(1 + bframes) / FPS + 0.001)
    assert estimate.start_ns == start_ns


def test_an_estimate_over_a_gap_counts_the_gap(archive: Archive) -> None:
    params, first = video()
    _, second = video(run=2, start_ns=after(first, 100))
    store(archive, (params, first), (params, second))
    estimate = asyncio.run(cutter_of(archive).estimate(MAIN, START_NS, after(second, 1)))
    assert estimate.duration_ns / NS_PER_S == pytest.approx(300 / FPS + 100, abs=0.2)
    assert (estimate.units, estimate.files) == (300, 1)


def test_what_ran_when_the_process_ended_is_made_again_and_half_files_are_removed(archive: Archive) -> None:
    params, units = video()
    store(archive, (params, units))

    async def play() -> tuple[Export, list[str]]:
        slow = SlowCutter(archive)
        desk = Desk(archive, slow)
        async with desk.open() as exports:
            made = await exports.request(wish(START_NS, after(units, 1)))
            await slow.begun.wait()
            assert (await exports.get(made.id)).progress == 0.5
        folder = archive.root / "exports"
        (folder / made.id / "1.mp4.part").write_bytes(b"half")
        (folder / "exp_nobodyknowsit").mkdir()
        again = Desk(archive)
        async with again.open():
            done = await again.until(made.id, "done")
        return done, again.files()

    done, files = asyncio.run(play())
    assert files == [f"{done.id}/1.mp4"]
    assert packets(archive.root / "exports" / done.id / "1.mp4") == [unit.data for unit in units]


def test_an_export_is_cancelled_while_it_runs_and_removed_when_it_is_over(archive: Archive) -> None:
    params, units = video()
    store(archive, (params, units))

    async def play() -> None:
        slow = SlowCutter(archive)
        desk = Desk(archive, slow)
        async with desk.open() as exports:
            made = await exports.request(wish(START_NS, after(units, 1)))
            await slow.begun.wait()
            assert (await exports.delete(made.id)).state == "cancelled"
            slow.go.set()
            await asyncio.sleep(0.05)
            assert (await exports.get(made.id)).state == "cancelled"
            assert desk.files() == []
            await exports.delete(made.id)
            with pytest.raises(NotFound):
                await exports.get(made.id)

    asyncio.run(play())


def test_who_lost_the_camera_while_waiting_gets_no_export(archive: Archive) -> None:
    params, units = video()
    store(archive, (params, units))
    desk = Desk(archive)

    async def play() -> Export:
        made = await desk.exports.request(wish(START_NS, after(units, 1), OTTO))
        desk.visible.discard(OTTO)
        async with desk.open():
            return await desk.until(made.id, "failed")

    failed = asyncio.run(play())
    assert (failed.error_code, failed.parts, desk.files()) == ("camera-not-found", (), [])


def test_exports_are_bounded_by_person_by_bytes_and_by_the_disk(archive: Archive) -> None:
    params, units = video()
    store(archive, (params, units))
    desk = Desk(archive)

    async def ask(settings: ExportSettings) -> str:
        desk.exports.settings = settings
        try:
            await desk.exports.request(wish(START_NS, after(units, 1)))
        except Conflict as error:
            return error.code
        return ""

    small = ExportSettings(reserve_bytes=0, bounds=ExportBounds(active=1))
    assert asyncio.run(ask(small)) == ""
    assert asyncio.run(ask(small)) == "too-many-exports"
    assert asyncio.run(ask(structs.replace(small, max_bytes=1000))) == "exports-full"
    assert asyncio.run(ask(structs.replace(small, reserve_bytes=1 << 60))) == "exports-full"


def test_nothing_backwards_nothing_of_the_future_and_nothing_that_is_not_there(archive: Archive) -> None:
    store(archive, video())
    desk = Desk(archive)
    now_ns = desk.clock.wall_ns()
    for start_ns, end_ns, kind in (
        (START_NS, START_NS, Invalid),
        (now_ns + NS_PER_S, now_ns + 2 * NS_PER_S, Invalid),
        (START_NS - 30 * 3600 * NS_PER_S, START_NS + NS_PER_S, Invalid),
        (START_NS + 600 * NS_PER_S, START_NS + 700 * NS_PER_S, NotFound),
    ):
        with pytest.raises(kind):
            asyncio.run(desk.exports.request(wish(start_ns, end_ns)))
    assert asyncio.run(desk.exports.listed()) == []


def test_a_damaged_recording_fails_the_export_and_says_so(archive: Archive) -> None:
    params, units = video()
    store(archive, (params, units))
    (path,) = archive.files()
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    desk = Desk(archive)

    async def play() -> Export:
        async with desk.open() as exports:
            made = await exports.request(wish(START_NS, after(units, 1)))
            return await desk.until(made.id, "failed")

    failed = asyncio.run(play())
    assert failed.error_code == "fragment-hash"
    assert desk.files() == []


def test_files_go_when_their_time_is_over(archive: Archive) -> None:
    params, units = video()
    store(archive, (params, units))
    desk = Desk(archive)

    async def play() -> None:
        async with desk.open() as exports:
            made = await exports.request(wish(START_NS, after(units, 1)))
            await desk.until(made.id, "done")
            desk.clock.advance(6 * NS_PER_DAY)
            await asyncio.sleep(0.05)
            assert desk.files() == [f"{made.id}/1.mp4"]
            desk.clock.advance(NS_PER_DAY + 1)
            for _ in range(500):
                if not desk.files():
                    break
                await asyncio.sleep(0.01)
            assert desk.files() == []
            with pytest.raises(NotFound):
                await exports.get(made.id)

    asyncio.run(play())


def test_jobs_run_in_the_order_in_which_they_came_and_everyone_sees_their_own(archive: Archive) -> None:
    params, coded = mjpeg_stream()
    units = stamped(coded, MAIN)
    store(archive, (params, units))
    desk = Desk(archive)
    desk.exports.settings = ExportSettings(reserve_bytes=0, at_once=1)

    async def play() -> None:
        made = []
        for owner in (ANN, OTTO, ANN):
            made.append(await desk.exports.request(wish(START_NS, after(units, 1), owner)))
            desk.clock.advance(1)
        async with desk.open() as exports:
            for export in made:
                await desk.until(export.id, "done")
            assert [export.id for export in await exports.listed(ANN)] == [made[2].id, made[0].id]
            assert len(await exports.listed()) == 3
        done = [export.id for export in desk.seen if export.state == "done"]
        assert done == [export.id for export in made]

    asyncio.run(play())
