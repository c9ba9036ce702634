"""What back-fill costs live on a narrow link: a camera with a memory behind it, cut off for a while, everything in one
process.

    python -m bench.backfill --link-kbit 3000 --outage-s 20

Prints how long units were under way (camera's clock to ours, the same machine) before, during and after back-fill, and
what part of the link back-fill took.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.cameras import StreamFeed, until
from tests.dialling import Port, Way
from tests.memories import Device, Shelf, remembering
from tests.streams import h264_stream

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.ids import CameraId
from haechi.camera.dial.line import Server
from haechi.media.access_unit import UnitRef
from haechi.media.reverse.edge import EdgeMark

FPS = 15
PATIENCE_S = 600.0


class Narrow(Way):
    """A way of so many bytes a second towards the server."""

    def __init__(self, target: int, bytes_per_s: float) -> None:
        super().__init__(target)
        self._bytes_per_s = bytes_per_s

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        free_s = loop.time()
        while data := await source.read(1500):
            if target.get_extra_info("peername")[1] == self.target:
                free_s = max(free_s, loop.time()) + len(data) / self._bytes_per_s
                await asyncio.sleep(max(0.0, free_s - loop.time()))
            target.write(data)


class Watch:
    """How long units were under way, by phase."""

    def __init__(self) -> None:
        self.phase = "before"
        self.took_s: dict[str, list[float]] = {}

    def note(self, _ref: UnitRef, _captured_ns: int, mark: EdgeMark) -> None:
        late_s = (SystemClock().wall_ns() - mark.wall_ns) / NS_PER_S
        self.took_s.setdefault(self.phase, []).append(late_s)


async def measured(folder: Path, link_kbit: int, outage_s: float) -> None:
    clock, watch = SystemClock(), Watch()
    port = Port(folder / "server", clock)
    shelf = Shelf(port.bus)
    memories = port.manager.openers.memories
    memories.store = shelf
    live = memories.live

    def noted(ref: UnitRef, captured_ns: int, mark: EdgeMark) -> None:
        watch.note(ref, captured_ns, mark)
        live(ref, captured_ns, mark)

    memories.live = noted  # type: ignore[method-assign]
    params, units = h264_stream(frames=150, fps=FPS, gop=30, size=(1280, 720))
    bytes_per_s = sum(len(unit.data) for unit in units) / len(units) * FPS
    device = Device(StreamFeed((params, units), FPS), folder / "spool", 64_000_000, clock)
    link = link_kbit * 125.0
    print(f"link {link_kbit} kbit/s, live {bytes_per_s * 8 / 1000:.0f} kbit/s, outage {outage_s} s")
    keeping = asyncio.create_task(shelf.run())
    async with port.open():
        camera, token = await port.camera()
        way = Narrow(port.number, link)
        server = await asyncio.start_server(way.carry, "127.0.0.1", 0, limit=16_384)
        dialled = Server("127.0.0.1", server.sockets[0].getsockname()[1], port.server.pin)
        async with remembering(device, dialled, camera, token, clock):
            await _story(port, camera, way, watch, outage_s, link)
        server.close()
    keeping.cancel()
    for phase, took in watch.took_s.items():
        ordered = sorted(took)
        middle, late, worst = (ordered[int(share * (len(ordered) - 1))] * 1000 for share in (0.5, 0.99, 1.0))
        print(f"{phase:<8} {len(took):>5} units: under way {middle:.0f} ms, p99 {late:.0f} ms, longest {worst:.0f} ms")
    port.close()


async def _story(port: Port, camera: CameraId, way: Way, watch: Watch, outage_s: float, link: float) -> None:
    memories = port.manager.openers.memories
    await until(lambda: len(watch.took_s.get("before", [])) > 10 * FPS, PATIENCE_S)
    way.cut()
    await asyncio.sleep(outage_s)
    watch.phase = "again"
    way.mend()
    await until(lambda: memories.status(camera).waiting_ns > 0, PATIENCE_S)
    watch.phase, began_ns = "during", SystemClock().monotonic_ns()
    await until(lambda: memories.status(camera).waiting_ns == 0, PATIENCE_S)
    took_s = (SystemClock().monotonic_ns() - began_ns) / NS_PER_S
    watch.phase = "after"
    brought = memories.status(camera).kept_bytes
    print(f"brought in {brought / 1e6:.2f} MB in {took_s:.1f} s: {brought / took_s / link:.0%} of the link")
    await until(lambda: len(watch.took_s.get("after", [])) > 10 * FPS, PATIENCE_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--link-kbit", type=int, default=3000)
    parser.add_argument("--outage-s", type=float, default=20.0)
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measured(Path(folder), wish.link_kbit, wish.outage_s))


if __name__ == "__main__":
    main()
