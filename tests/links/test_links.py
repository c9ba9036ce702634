"""Cameras over bad networks: what is lost is counted, what is damaged is not shown, what is dead is noticed."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import GapCause, Subscription
from haechi.camera.dial.dialler import Dialler
from haechi.camera.dial.line import Identity, Server
from haechi.camera.virtual.server import VirtualCamera
from haechi.fleet.dialling import signer
from haechi.media.access_unit import AccessUnit
from haechi.media.rtsp.server import ServerPolicy
from haechi.store.database import Database
from tests.cameras import FastClock, Intake, StreamFeed, units_of, until
from tests.dialling import Port, end
from tests.links.network import CAMERA, SERVER, Host, Wire, a_bad_network
from tests.streams import h264_stream

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0
FPS = 60
STREAM = h264_stream(frames=30, fps=15, gop=10, size=(640, 480))
_PICTURES = [unit.data for unit in STREAM[1]]


@pytest.fixture
def network() -> Iterator[tuple[Host, Host, Wire]]:
    with a_bad_network() as made:
        yield made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.at(tmp_path / "haechi.db")
    opened.migrate()
    yield opened
    opened.close()


class Site:
    """A camera on one host, its intake on the other."""

    def __init__(self, network: tuple[Host, Host, Wire], database: Database, transport: str) -> None:
        self.server, self.host, self.wire = network
        self._database = database
        self._transport = transport
        self.camera = VirtualCamera({"/live": StreamFeed(STREAM, FPS)}, ServerPolicy(udp=True), host=CAMERA, port=8554)

    def run(self, play: Callable[[Intake], object], clock: SystemClock | None = None) -> None:
        """Have the camera serve, and its intake run, while ``play(intake)`` lasts (on the server's host)."""
        self.host.submit(self.camera.__aenter__()).result(PATIENCE_S)
        try:
            self.server.submit(self._play(play, clock)).result(2 * PATIENCE_S)
        finally:
            self.host.submit(self.camera.__aexit__(None, None, None)).result(PATIENCE_S)

    async def _play(self, play: Callable[[Intake], object], clock: SystemClock | None) -> None:
        url = f"rtsp://{CAMERA}:8554/live"
        async with Intake(url, self._database, transport=self._transport, clock=clock).running() as intake:
            await play(intake)  # type: ignore[misc]


def are_good(units: list[AccessUnit]) -> bool:
    """Numbered without a hole, and each the very bytes that the camera has."""
    numbers = [(unit.ref.run, unit.ref.seq) for unit in units]
    steps = all(b == (a[0], a[1] + 1) or b == (a[0] + 1, 0) for a, b in itertools.pairwise(numbers))
    return steps and all(unit.data in _PICTURES for unit in units)


def lost(wire: Wire) -> int:
    """RTP packets that the wire lost: RTP has the even port, RTCP the odd one."""
    return sum(count for (protocol, port), count in wire.out.dropped.items() if protocol == 17 and not port % 2)


async def live(intake: Intake) -> None:
    await until(lambda: intake.ingest.status().state == "live", PATIENCE_S)


@pytest.mark.parametrize("loss", [0.01, 0.05])
def test_packets_that_get_lost_by_udp_are_counted_to_the_last_and_no_damaged_picture_is_shown(
    network: tuple[Host, Host, Wire], database: Database, loss: float
) -> None:
    site = Site(network, database, "udp")

    async def play(intake: Intake) -> None:
        subscription = intake.watch()
        units = await units_of(subscription, 5, PATIENCE_S)
        site.wire.out.loss = loss
        units += await units_of(subscription, 180, PATIENCE_S)
        site.wire.out.loss = 0.0
        units += await units_of(subscription, 20, PATIENCE_S)
        await until(lambda: intake.ingest.status().lost_packets == lost(site.wire) > 0, PATIENCE_S)
        assert are_good(units)
        assert {unit.ref.run for unit in units} == {1}
        total = intake.bus.ledger.totals(intake.stream)
        assert set(total.missing) == {GapCause.PACKET_LOSS}
        last = units[-1]
        assert total.missing[GapCause.PACKET_LOSS] >= last.pts * FPS // 90_000 - last.ref.seq

    site.run(play)


def test_packets_that_pass_each_other_or_come_twice_make_no_picture_wrong(
    network: tuple[Host, Host, Wire], database: Database
) -> None:
    site = Site(network, database, "udp")
    site.wire.out.duplicate, site.wire.out.jitter_s = 0.1, 0.02

    async def play(intake: Intake) -> None:
        units = await units_of(intake.watch(), 150, PATIENCE_S)
        assert are_good(units)
        assert intake.ingest.status().state == "live"

    site.run(play)


@pytest.mark.parametrize("trouble", ["loss", "narrow"])
def test_by_tcp_every_picture_arrives_however_bad_the_network(
    network: tuple[Host, Host, Wire], database: Database, trouble: str
) -> None:
    site = Site(network, database, "tcp")

    async def play(intake: Intake) -> None:
        subscription = intake.watch()
        units = await units_of(subscription, 5, PATIENCE_S)
        if trouble == "loss":
            for way in (site.wire.out, site.wire.back):
                way.loss, way.delay_s, way.jitter_s = 0.05, 0.01, 0.01
        else:
            site.wire.out.rate_bps = 400_000
        units += await units_of(subscription, 60, PATIENCE_S)
        for way in (site.wire.out, site.wire.back):
            way.loss = way.delay_s = way.jitter_s = 0.0
            way.rate_bps = None
        units += await units_of(subscription, 60, PATIENCE_S)
        assert site.wire.out.dropped.total() > 0
        assert are_good(units)
        assert {unit.ref.run for unit in units} == {1}
        assert intake.ingest.status().lost_packets == 0

    site.run(play)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_whose_power_is_pulled_is_noticed_within_fifteen_seconds_and_taken_back(
    network: tuple[Host, Host, Wire], database: Database, transport: str
) -> None:
    site, clock = Site(network, database, transport), FastClock(5)

    async def play(intake: Intake) -> None:
        await units_of(intake.watch(), 5, PATIENCE_S)
        site.wire.cut()
        began_ns = clock.monotonic_ns()
        await until(lambda: intake.ingest.status().state == "offline", PATIENCE_S)
        assert (clock.monotonic_ns() - began_ns) / NS_PER_S < 15
        assert intake.ingest.status().error_code == "camera-stalled"
        site.wire.cut(is_open=True)
        await live(intake)
        assert are_good(await units_of(intake.watch(), 5, PATIENCE_S))

    site.run(play, clock)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_link_that_comes_and_goes_leaves_nothing_behind(
    network: tuple[Host, Host, Wire], database: Database, transport: str
) -> None:
    site = Site(network, database, transport)

    def held() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted only

    async def play(intake: Intake) -> None:
        subscription = intake.watch()
        await units_of(subscription, 5, PATIENCE_S)
        tasks, files = len(asyncio.all_tasks()), held()
        for _ in range(6):
            site.wire.cut()
            await asyncio.sleep(0.15)
            site.wire.cut(is_open=True)
            site.host.submit(_dropped(site.camera)).result(PATIENCE_S)
            await asyncio.sleep(0.3)
        await until(lambda: intake.ingest.status().state == "live" and site.camera.connections == 1, PATIENCE_S)
        assert are_good(await units_of(intake.watch(), 30, PATIENCE_S))
        await until(lambda: len(asyncio.all_tasks()) <= tasks and held() <= files, PATIENCE_S)
        assert _waiting(subscription) < 2_000

    site.run(play)


async def _dropped(camera: VirtualCamera) -> None:
    camera.drop_connections()


def _waiting(subscription: Subscription) -> int:
    return subscription.pending()


@asynccontextmanager
async def _dialling(identity: Identity, server: Server, clock: SystemClock) -> AsyncIterator[Dialler]:
    device = VirtualCamera({"/main": StreamFeed(STREAM, FPS)}, port=None, host=CAMERA)
    dialler = Dialler(server, identity, device, clock)
    tasks = [asyncio.create_task(device.run()), asyncio.create_task(dialler.run())]
    try:
        yield dialler
    finally:
        await end(*tasks)


def test_a_camera_that_dials_and_that_a_router_forgets_is_back_over_a_new_connection(
    network: tuple[Host, Host, Wire], tmp_path: Path
) -> None:
    server, host, wire = network
    clock = FastClock(5)
    port = Port(tmp_path / "server", clock)

    async def dials(identity: Identity, where: Server, over: asyncio.Event) -> None:
        async with _dialling(identity, where, clock):
            await over.wait()

    async def play() -> None:
        async with port.open(SERVER):
            camera, token = await port.camera()
            over = asyncio.Event()
            where = Server(SERVER, port.number, port.identity.fingerprint)
            dialled = host.submit(dials(Identity(CameraId(camera), signer(token)), where, over))
            await until(lambda: port.state(camera) == "live", PATIENCE_S)
            run = port.manager.status(camera).run
            wire.forget()
            await until(lambda: port.manager.status(camera).run > run and port.state(camera) == "live", PATIENCE_S)
            units = await units_of(port.bus.record(StreamId(f"{camera}/main")), 10, PATIENCE_S)
            assert are_good(units)
            host.submit(_set(over)).result(PATIENCE_S)
            await asyncio.to_thread(dialled.result, PATIENCE_S)

    server.submit(play()).result(2 * PATIENCE_S)
    port.close()


async def _set(event: asyncio.Event) -> None:
    event.set()
