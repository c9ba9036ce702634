"""Cameras that kept what they took while we could not be reached: what is asked of them, and in which order."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from haechi.api.dial_gauges import DialGauges
from haechi.base.clock import SimulatedClock, SystemClock
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import FrameBus
from haechi.camera.dial.line import Server
from haechi.ingest import recollection
from haechi.ingest.memory import MOST_SHIFTS, SETTLE_NS, CameraMemory, MemoryStatus
from haechi.media.access_unit import UnitRef
from haechi.media.reverse.edge import MOST_SEQ, EdgeId, EdgeMark, EdgeRun
from haechi.media.reverse.spans import covers
from tests.cameras import StreamFeed, units_of, until
from tests.dialling import Port, a_way_to, dialling, end
from tests.memories import Device, Shelf, Talking, remembering
from tests.streams import h264_stream

PATIENCE_S = 90.0
LARGE = 64 << 20


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at every second in earnest is looked at more often here."""
    for name, seconds in (("AGAIN_S", 0.5), ("LOOK_S", 0.2), ("ACKNOWLEDGE_S", 0.2)):
        monkeypatch.setattr(recollection, name, seconds)


class House:
    """A server's intake, a shelf, and a camera with a memory, for one test."""

    def __init__(self, folder: Path, limit_bytes: int = LARGE) -> None:
        self.folder = folder
        self.clock = SystemClock()
        self.port = Port(folder / "server", self.clock)
        self.shelf = Shelf(self.port.bus)
        self.port.manager.openers.memories.store = self.shelf
        feed = StreamFeed(h264_stream(frames=30, fps=15, gop=10), 60)
        self.device = Device(feed, folder / "spool", limit_bytes, self.clock)
        self.camera = CameraId("")

    @property
    def runs(self) -> list[EdgeRun]:
        """Edge runs, as they were first kept."""
        return list(dict.fromkeys(edge.run for _, edge in self.shelf.kept))

    def count(self) -> int:
        """How many units of the main stream are on the shelf without a hole from the first one taken."""
        spans = self.shelf.spans(stream_of(self.camera), self.device.keeper.run_number)
        return spans[0][1] if spans and spans[0][0] == 0 else 0

    def assert_exact(self, run: EdgeRun | None = None) -> None:
        """What is on the shelf is what the camera took, in its present run or in that one."""
        assert self.shelf.twice == 0
        ours = run or self.device.keeper.run_number
        for (_, edge), (data, _) in self.shelf.kept.items():
            assert edge.run != ours or data == self.device.taken[0][edge.seq]


def shown(house: House) -> dict[str, float]:
    """What Prometheus would read."""
    registry = CollectorRegistry()
    openers = house.port.manager.openers
    DialGauges(registry).set(openers.lines, openers.memories)
    lines = generate_latest(registry).decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def in_a_house(folder: Path, use: Callable[[House], Awaitable[None]], limit_bytes: int = LARGE) -> None:
    async def run() -> None:
        house = House(folder, limit_bytes)
        shelf = asyncio.create_task(house.shelf.run())
        try:
            async with house.port.open():
                await use(house)
        finally:
            await end(shelf)
            house.port.close()

    asyncio.run(run())


@pytest.mark.slow
def test_what_was_taken_while_the_link_was_cut_is_brought_in_whole_live_first_and_oldest_first(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        house.camera, token = await house.port.camera()
        async with a_way_to(house.port.number) as way:
            dialled = Server("127.0.0.1", way.port, house.port.server.pin)
            async with remembering(house.device, dialled, house.camera, token, house.clock):
                await until(lambda: len(house.shelf.kept) > 30, PATIENCE_S)
                way.cut()
                gone = len(house.device.taken[0])
                await until(lambda: len(house.device.taken[0]) > gone + 100, PATIENCE_S)
                back = len(house.device.taken[0])
                way.mend()
                await until(lambda: house.count() > back + 60, PATIENCE_S)
        house.assert_exact()
        late = [edge.seq for _, edge in house.shelf.order]
        assert late == sorted(late)
        assert len(late) >= 80
        live = [edge.seq for (_, edge), (_, is_live) in house.shelf.kept.items() if is_live]
        arrived = list(house.shelf.kept)
        first_late = next(n for n, (_, edge) in enumerate(arrived) if edge.seq in late and edge.seq > gone)
        assert any(edge.seq > late[-1] for _, edge in arrived[:first_late]), "live came first"
        assert not set(live) & set(late)

    in_a_house(tmp_path, use)


@pytest.mark.slow
def test_what_cannot_be_stored_is_not_acknowledged_and_asked_for_again(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        house.camera, token = await house.port.camera()
        memories = house.port.manager.openers.memories
        async with a_way_to(house.port.number) as way:
            dialled = Server("127.0.0.1", way.port, house.port.server.pin)
            async with remembering(house.device, dialled, house.camera, token, house.clock):
                await until(lambda: len(house.shelf.kept) > 30, PATIENCE_S)
                house.shelf.is_full = True
                gone = len(house.device.taken[0])
                way.cut()
                await until(lambda: len(house.device.taken[0]) > gone + 60, PATIENCE_S)
                way.mend()
                await until(lambda: memories.status(house.camera).failures > 0, PATIENCE_S)
                spool = house.device.spool
                assert spool.stock().held[0].end > gone, "the camera keeps what nobody has"
                house.shelf.is_full = False
                await until(lambda: house.count() > gone + 60, PATIENCE_S)
                told = shown(house)
        assert told['haechi_reverse_dials{result="welcomed"}'] >= 2
        assert told["haechi_reverse_connected"] == 1
        assert told[f'haechi_memory_failures{{camera="{house.camera}"}}'] > 0
        assert told[f'haechi_memory_kept_units{{camera="{house.camera}"}}'] >= 60
        assert told[f'haechi_memory_limit_bytes{{camera="{house.camera}"}}'] == LARGE
        house.assert_exact()
        assert memories.status(house.camera).kept_units >= 60

    in_a_house(tmp_path, use)


@pytest.mark.slow
def test_after_the_camera_program_ended_its_last_run_is_brought_in_before_anything_else(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        house.camera, token = await house.port.camera()
        async with a_way_to(house.port.number) as way:
            dialled = Server("127.0.0.1", way.port, house.port.server.pin)
            async with remembering(house.device, dialled, house.camera, token, house.clock):
                await until(lambda: len(house.shelf.kept) > 30, PATIENCE_S)
                way.cut()
                gone = len(house.device.taken[0])
                await until(lambda: len(house.device.taken[0]) > gone + 60, PATIENCE_S)
                first = house.device.keeper.run_number
            feed = StreamFeed(h264_stream(frames=30, fps=15, gop=10), 60)
            second = Device(feed, tmp_path / "spool", LARGE, house.clock)
            async with remembering(second, dialled, house.camera, token, house.clock):
                way.mend()
                stream = stream_of(house.camera)
                await until(lambda: house.shelf.spans(stream, first)[-1][1] > gone + 60, PATIENCE_S)
                await until(lambda: bool(house.shelf.spans(stream, second.keeper.run_number)), PATIENCE_S)
        spans = house.shelf.spans(stream_of(house.camera), first)
        assert spans == ((0, len(house.device.taken[0])),), "nor is what was taken at the very end missing"
        house.assert_exact(first)

    in_a_house(tmp_path, use)


@pytest.mark.slow
@pytest.mark.parametrize("audio", [True, False], ids=["with sound", "without"])
def test_sound_is_brought_in_where_it_is_taken_and_nowhere_else(tmp_path: Path, *, audio: bool) -> None:
    async def use(house: House) -> None:
        camera = await house.port.registry.add("Door", "reverse:", audio=audio)
        house.camera, token = camera.id, await house.port.keys.issue(camera.id)
        feed = StreamFeed(h264_stream(frames=30, fps=15, gop=10), 30)
        house.device = Device(Talking(feed), tmp_path / "spool", LARGE, house.clock)
        sound = stream_of(house.camera, "audio")
        taken = house.device.taken
        async with a_way_to(house.port.number) as way:
            dialled = Server("127.0.0.1", way.port, house.port.server.pin)
            async with remembering(house.device, dialled, house.camera, token, house.clock):
                await until(lambda: len(house.shelf.kept) > 60, PATIENCE_S)
                way.cut()
                pictures, frames = len(taken[0]), len(taken[1])
                await until(lambda: len(taken[1]) > frames + 80, PATIENCE_S)
                way.mend()
                await until(lambda: house.count() > pictures + 50, PATIENCE_S)
                run = house.device.keeper.run_number
                if audio:
                    whole = lambda: covers(house.shelf.spans(sound, run), 0, frames + 80)  # noqa: E731
                    await until(whole, PATIENCE_S)
        heard = {edge.seq: data for (stream, edge), (data, _) in house.shelf.kept.items() if stream == sound}
        assert bool(heard) == audio
        assert all(data == taken[1][seq] for seq, data in heard.items())

    in_a_house(tmp_path, use)


def test_a_memory_that_says_nonsense_is_refused_and_live_goes_on(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        house.camera, token = await house.port.camera()
        memories = house.port.manager.openers.memories
        async with remembering(house.device, house.port.server, house.camera, token, house.clock):
            await until(lambda: memories.status(house.camera).limit_bytes > 0, PATIENCE_S)
            (client,) = house.device.camera._clients
            client.say(b"\x03nonsense")
            await until(lambda: memories.status(house.camera).refused == 1, PATIENCE_S)
            seen = len(house.shelf.kept)
            run = house.port.manager.status(house.camera).run
            await until(lambda: len(house.shelf.kept) > seen + 60, PATIENCE_S)
            assert house.port.manager.status(house.camera).run == run
            client.say(b"\x03nonsense")
            assert memories.status(house.camera).refused == 1

    in_a_house(tmp_path, use)


@pytest.mark.slow
def test_a_camera_without_a_memory_is_what_it_was(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        camera, token = await house.port.camera()
        taken = house.port.bus.record(stream_of(camera))
        async with dialling(house.port.server, camera, token):
            units = await units_of(taken, 60, PATIENCE_S)
        assert [unit.ref.seq for unit in units] == list(range(60))
        assert house.port.manager.openers.memories.status(camera) == MemoryStatus()
        assert not house.shelf._notes

    async def plain(house: House) -> None:
        house.shelf._take = lambda _: None  # type: ignore[method-assign, assignment]
        await use(house)

    in_a_house(tmp_path, plain)


def test_a_server_that_keeps_nothing_asks_for_nothing(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        house.port.manager.openers.memories.store = None
        camera, token = await house.port.camera()
        house.shelf._take = lambda _: None  # type: ignore[method-assign, assignment]
        async with remembering(house.device, house.port.server, camera, token, house.clock):
            await until(lambda: house.port.state(camera) == "live", PATIENCE_S)
            await until(lambda: len(house.device.taken[0]) > 60, PATIENCE_S)
            assert house.device.keeper._loan is None
        assert house.port.manager.openers.memories.status(camera) == MemoryStatus()

    in_a_house(tmp_path, use)


RUN = EdgeRun(4711)
STREAM = StreamId("cam_a/main")


class Notes(Shelf):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__(FrameBus())
        self.told: list[tuple[int, int, int]] = []

    def note_live(self, stream: StreamId, run: int, unit_seq: int, edge: EdgeId) -> None:
        self.told.append((run, unit_seq, edge.seq))


def came(memory: CameraMemory, run: int, seq: int, edge: int, edge_run: EdgeRun = RUN) -> None:
    memory.live(UnitRef(STREAM, run, seq), 1000 + seq, EdgeMark(EdgeId(edge_run, edge), 400 + seq))


def memory_with(notes: Notes) -> CameraMemory:
    return CameraMemory(CameraId("cam_a"), lambda: notes, SimulatedClock())


def test_the_recorder_is_told_when_a_run_begins_and_where_the_countings_shift() -> None:
    notes = Notes()
    memory = memory_with(notes)
    for seq, edge in enumerate([7, 8, 9, 12, 13]):
        came(memory, 1, seq, edge)
    came(memory, 2, 0, 20)
    assert notes.told == [(1, 0, 7), (1, 3, 12), (2, 0, 20)]
    assert memory.offset_ns == 600
    assert memory.under_way("main", RUN) == ((20, MOST_SEQ + 1),)
    assert memory.unsettled("main", RUN) == ((7, 10), (12, 14))


def test_what_came_over_an_ended_connection_is_the_recorders_for_some_seconds() -> None:
    clock, notes = SimulatedClock(), Notes()
    memory = CameraMemory(CameraId("cam_a"), lambda: notes, clock)
    came(memory, 1, 0, 7)
    memory.ended()
    assert memory.unsettled("main", RUN) == ((7, 8),)
    clock.advance(SETTLE_NS + 1)
    assert memory.unsettled("main", RUN) == ()
    assert memory.under_way("main", RUN) == ()


@pytest.mark.parametrize("edges", [[5, 5], [5, 4], [5, 6, 2]])
def test_a_camera_that_counts_backwards_is_not_believed(edges: list[int]) -> None:
    memory = memory_with(Notes())
    for seq, edge in enumerate(edges):
        assert memory.is_trusted
        came(memory, 1, seq, edge)
    assert not memory.is_trusted
    came(memory, 2, 0, 100)
    assert memory.is_trusted, "the next connection is another matter"


def test_a_camera_whose_numbers_shift_without_end_fills_no_table() -> None:
    notes = Notes()
    memory = memory_with(notes)
    for seq in range(10 * MOST_SHIFTS):
        came(memory, 1, seq, 2 * seq)
    assert len(notes.told) <= MOST_SHIFTS
    assert not memory.is_trusted
