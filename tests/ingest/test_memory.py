"""Cameras that kept what they took while we could not be reached: what is asked of them, and in which order."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId, stream_of
from haechi.media.reverse.edge import EdgeRun
from tests.cameras import StreamFeed, until
from tests.dialling import Port, a_way_to, end
from tests.memories import Device, Shelf, remembering
from tests.streams import h264_stream

PATIENCE_S = 90.0
LARGE = 64 << 20


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

    def assert_exact(self) -> None:
        """What is on the shelf is what the camera took."""
        assert self.shelf.twice == 0
        for (_, edge), (data, _) in self.shelf.kept.items():
            assert data == self.device.taken[0][edge.seq]


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


def test_what_was_taken_while_the_link_was_cut_is_brought_in_whole_live_first_and_oldest_first(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        house.camera, token = await house.port.camera()
        async with a_way_to(house.port.number) as way:
            server = house.port.server
            dialled = type(server)("127.0.0.1", way.port, server.pin)
            async with remembering(house.device, dialled, house.camera, token, house.clock):
                await until(lambda: len(house.shelf.kept) > 30, PATIENCE_S)
                way.cut()
                seen = len(house.device.taken[0])
                await until(lambda: len(house.device.taken[0]) > seen + 120, PATIENCE_S)
                back = len(house.device.taken[0])
                way.mend()
                await until(lambda: house.count() > back + 60, PATIENCE_S)
        house.assert_exact()
        late = [edge.seq for _, edge in house.shelf.order]
        assert late == sorted(late)
        assert len(late) >= 100
        live = [edge.seq for (_, edge), (_, is_live) in house.shelf.kept.items() if is_live]
        arrived = list(house.shelf.kept)
        first_late = arrived.index((stream_of(house.camera), house.shelf.order[0][1]))
        assert any(edge.seq > late[-1] for _, edge in arrived[:first_late]), "live came first"
        assert not set(live) & set(late)

    in_a_house(tmp_path, use)
