"""A pushed stream that is a camera like any other: one identity on the bus and in results, gaps with their cause."""

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec import structs

from haechi.base.clock import SystemClock
from haechi.base.errors import Conflict, HaechiError, NotFound
from haechi.base.ids import CameraId, stream_of
from haechi.bus.frames import FrameBus, GapCause, RunEnded
from haechi.client.playing import Wish
from haechi.client.sources import Timed
from haechi.fleet.address import PUSHED
from haechi.fleet.cameras import Camera, CameraChange, CameraRegistry
from haechi.ingest.manager import IngestManager
from haechi.ingest.openers import Openers
from haechi.ingest.rtp_push import harbour
from haechi.ingest.rtp_push.berths import Berths
from haechi.ingest.rtp_push.server import PushLimits
from haechi.media.access_unit import AccessUnit
from haechi.media.push.wire import Frame, Kind
from haechi.media.push.words import Accepted, Announce, Fault, Goodbye, Request, read, say
from tests.cameras import units_of, until
from tests.ingest.rtp_push.stage import DEFAULT_LIMITS, FAST_ECHO, Coded, Raw, Stage, all_of, clip, push_server, refusal
from tests.reach import HERE
from tests.streams import h264_stream, h265_stream

SLOW_ECHO = Wish("echo")


@dataclass
class Site:
    """A server that takes pushed streams, and its cameras; the stage's client is registered as ``camera``."""

    stage: Stage
    manager: IngestManager
    registry: CameraRegistry
    bus: FrameBus
    camera: Camera

    @property
    def state(self) -> str:
        return self.manager.status(self.camera.id).state


@asynccontextmanager
async def site(folder: Path, limits: PushLimits = DEFAULT_LIMITS) -> AsyncIterator[Site]:
    bus = FrameBus()
    openers = Openers(SystemClock(), reach=HERE)
    async with push_server(folder, berths=openers.berths, limits=limits) as stage:
        registry = CameraRegistry(stage.database, stage.clock)
        manager = IngestManager(registry, bus, stage.clock, stage.database, openers=openers)
        camera = await registry.add("Notebook", PUSHED)
        await stage.clients.set_camera(stage.client.id, camera.id)
        task = asyncio.create_task(manager.run())
        try:
            await until(lambda: manager.status(camera.id).state == "waiting")
            yield Site(stage, manager, registry, bus, camera)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_bus_has_the_very_bytes_under_the_id_that_the_results_name(tmp_path: Path, transport: str) -> None:
    async def scenario() -> None:
        params, coded = h264_stream(40)
        async with site(tmp_path) as here:
            recorded = here.bus.record(stream_of(here.camera.id))
            seen = await all_of(here.stage, clip(40), structs.replace(FAST_ECHO, transport=transport))
            units = await units_of(recorded, 40)
            assert [unit.data for unit in units] == [unit.data for unit in coded]
            assert [one.ref for one in seen] == [unit.ref for unit in units]
            assert [one.captured_ns for one in seen] == [unit.captured_ns for unit in units]
            assert units[0].ref.stream == stream_of(here.camera.id)
            assert recorded.params_of(units[0]) == params
            await until(lambda: here.state == "waiting")

    asyncio.run(scenario())


def test_a_camera_that_comes_again_begins_its_next_run_in_another_coding_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            recorded = here.bus.record(stream_of(here.camera.id))
            await all_of(here.stage, clip(5))
            await all_of(here.stage, Coded(*h265_stream(5)))
            items = [item async for item in _first(recorded, 12)]
            ended = [item for item in items if isinstance(item, RunEnded)]
            assert [(one.run, one.cause) for one in ended] == [(1, GapCause.CAMERA_CLOSED), (2, GapCause.CAMERA_CLOSED)]
            assert [item.ref.run for item in items if isinstance(item, AccessUnit)] == [1] * 5 + [2] * 5

    asyncio.run(scenario())


async def _first(items: AsyncIterable[object], count: int) -> AsyncIterator[AccessUnit | RunEnded]:
    async with asyncio.timeout(10):
        async for item in items:
            assert isinstance(item, AccessUnit | RunEnded)
            yield item
            count -= 1
            if not count:
                return


def test_a_client_that_vanishes_leaves_a_gap_with_its_cause(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            recorded = here.bus.record(stream_of(here.camera.id))
            async with here.stage.playing(clip(), SLOW_ECHO) as link:
                async for _ in link.results():
                    break
            await until(lambda: here.state == "waiting")
            items = [item async for item in _first(recorded, recorded.pending())]
            assert [item.cause for item in items if isinstance(item, RunEnded)] == [GapCause.UNREACHABLE]

    asyncio.run(scenario())


def test_a_camera_from_which_nothing_comes_any_more_is_away_long_before_other_clients_are_let_go(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, PushLimits(camera_idle_s=0.5)) as here:
            other = await Raw.connect(here.stage.port, here.stage.token)
            silent, _ = await announced(here)
            assert "too long" in read(await silent.until(Kind.BYE), Goodbye).reason
            await until(lambda: here.state == "waiting")
            other.say(Frame(Kind.PING, b"!").serialise())
            assert (await other.next()).kind is Kind.PONG
            other.close()

    asyncio.run(scenario())


class Stalling(Coded):
    """A source that falls silent after its first pictures, as a webcam does whose driver hangs."""

    def __init__(self) -> None:
        super().__init__(*h264_stream(32, fps=60))
        self.is_over = threading.Event()

    def units(self) -> Iterator[Timed]:
        yield from super().units()
        self.is_over.wait(60)


def test_a_client_that_only_says_that_it_is_there_is_no_camera_that_is_live(tmp_path: Path) -> None:
    async def scenario(source: Stalling) -> None:
        async with site(tmp_path, PushLimits(camera_stall_s=1.0)) as here:
            recorded = here.bus.record(stream_of(here.camera.id))
            async with here.stage.playing(source, SLOW_ECHO) as link:
                assert (await refusal(link)).code == "camera-stalled"
                source.is_over.set()
            await until(lambda: here.state == "waiting")
            assert here.manager.status(here.camera.id).error_code == "camera-stalled"
            items = [item async for item in _first(recorded, recorded.pending())]
            assert [item.cause for item in items if isinstance(item, RunEnded)] == [GapCause.STALLED]

    source = Stalling()
    try:
        asyncio.run(scenario(source))
    finally:
        source.is_over.set()


def test_a_stream_that_is_no_camera_may_pause_as_long_as_its_client_is_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, PushLimits(camera_stall_s=0.0)) as here:
            camera, _ = await announced(here)
            assert (await camera.fault()).code == "camera-stalled"
            _, answer = await announced(here, 2, camera, "judge")
            assert answer.kind is Kind.ACCEPTED
            ticks = here.stage.clock.monotonic_ns
            began_ns = ticks()
            await until(lambda: ticks() - began_ns > 2_500_000_000)
            assert here.stage.server.streams == 1
            camera.close()

    asyncio.run(scenario())


def test_what_is_to_be_judged_only_is_on_no_bus(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            seen = await all_of(here.stage, clip(5), structs.replace(FAST_ECHO, use="judge"))
            assert {one.ref.stream for one in seen} == {f"{here.stage.client.id}/1"}
            assert here.bus.channel(stream_of(here.camera.id)).units == 0
            assert here.state == "waiting"

    asyncio.run(scenario())


def test_a_client_that_is_no_camera_cannot_make_itself_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage, stage.playing(clip(), Wish("echo", use="camera")) as link:
            assert (await refusal(link)).code == "push-no-camera"

    asyncio.run(scenario())


async def announced(here: Site, number: int = 1, raw: Raw | None = None, use: str = "") -> tuple[Raw, Frame]:
    """A connection that has announced a stream, and what it was answered."""
    line = raw or await Raw.connect(here.stage.port, here.stage.token)
    line.say(say(Announce("h264", use=use), number))
    while (answer := await line.next()).stream != number:
        pass
    return line, answer


def test_a_second_stream_of_the_connection_is_judged_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            raw, first = await announced(here)
            assert read(first, Accepted).camera == here.camera.id
            _, second = await announced(here, 2, raw)
            assert (read(second, Accepted).camera, read(second, Accepted).stream) == ("", f"{here.stage.client.id}/1")
            _, third = await announced(here, 3, raw, "camera")
            assert third.kind is Kind.ERROR
            raw.close()

    asyncio.run(scenario())


def test_a_connection_of_which_nothing_is_heard_gives_its_camera_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be dead without our knowing; if it is not, it is told."""
    monkeypatch.setattr(harbour, "RIVAL_S", 0.3)

    async def scenario() -> None:
        async with site(tmp_path) as here:
            old, _ = await announced(here)
            new, answer = await announced(here)
            assert read(answer, Accepted).camera == here.camera.id
            assert (await old.fault()).code == "push-replaced"
            new.say(say(Request("echo"), 1))
            await new.until(Kind.GRANTED)
            old.close()
            new.close()

    asyncio.run(scenario())


def test_a_copied_token_takes_no_live_camera_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            async with here.stage.playing(Coded(*h264_stream(900)), SLOW_ECHO) as link:
                results = link.results()
                await anext(results)
                thief, answer = await announced(here)
                assert answer.kind is Kind.ERROR
                assert read(answer, Fault).code == "push-camera-busy"
                ref = (await anext(results)).ref
                assert ref.stream == stream_of(here.camera.id)
                thief.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_camera_that_is_switched_off_or_removed_ends_its_stream(tmp_path: Path, is_removed: bool) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            async with here.stage.playing(clip(), SLOW_ECHO) as link:
                ended = asyncio.create_task(refusal(link))
                await until(lambda: here.state == "live")
                if is_removed:
                    await here.registry.delete(here.camera.id)
                else:
                    await here.registry.update(here.camera.id, CameraChange(enabled=False))
                error = await asyncio.wait_for(ended, 10)
            assert error.code in ("push-camera-off", "push-changed")
            await until(lambda: here.stage.server.streams == 0)
            client = await here.stage.clients.get(here.stage.client.id)
            assert client.camera == ("" if is_removed else here.camera.id)

    asyncio.run(scenario())


def test_a_client_whose_registration_changes_is_told_to_come_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            raw, _ = await announced(here)
            await here.stage.clients.set_camera(here.stage.client.id, "")
            assert (await raw.fault()).code == "push-changed"
            assert await raw.is_closed()

    asyncio.run(scenario())


def test_a_camera_has_one_client(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            with pytest.raises(Conflict):
                await here.stage.clients.add("another", here.camera.id)
            other, _ = await here.stage.clients.add("another")
            with pytest.raises(Conflict):
                await here.stage.clients.set_camera(other.id, here.camera.id)
            with pytest.raises(NotFound):
                await here.stage.clients.set_camera("psh_nobody", "")

    asyncio.run(scenario())


def test_who_is_connected_and_with_what_can_be_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            async with here.stage.playing(clip(), SLOW_ECHO) as link:
                results = link.results()
                await anext(results)
                (client,) = here.stage.server.report()
                (stream,) = client.streams
                assert (client.client, client.software[:13]) == (here.stage.client.id, "haechi-client")
                assert (stream.camera, stream.codec, stream.modules) == (here.camera.id, "h264", ("echo",))
                assert stream.units >= 1

    asyncio.run(scenario())


def test_a_camera_that_nobody_opens_is_told_within_seconds(tmp_path: Path) -> None:
    async def scenario() -> HaechiError:
        async with push_server(tmp_path, berths=Berths(0.2)) as stage:
            await stage.clients.set_camera(stage.client.id, CameraId("cam_away"))
            async with stage.playing(clip(), FAST_ECHO) as link:
                return await refusal(link)

    assert asyncio.run(scenario()).code == "push-camera-off"
