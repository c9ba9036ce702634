"""Cameras that dial us over TLS: who is let in, who is sent away, and what comes back after a loss."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from haechi.app.ports import listen
from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId, stream_of
from haechi.bus.frames import RunEnded, Subscription
from haechi.camera.dial.dialler import Dialler
from haechi.camera.dial.line import Identity, Server, dial
from haechi.camera.virtual.server import VirtualCamera
from haechi.fleet.cameras import CameraChange
from haechi.fleet.dialling import new_token, signer
from haechi.ingest import reverse_rtsp
from haechi.media.reverse.wire import Elsewhere, Framer, Knock, Later, Proof, Refused, Word, pack
from tests.cameras import FastClock, StreamFeed, units_of, until
from tests.dialling import Port, a_way_to, dialling, end
from tests.streams import h264_stream

PATIENCE_S = 60.0
"""Nothing here is measured: a loaded machine may take its time."""


class StillClock(SystemClock):
    """What is counted against time is not forgiven, however slow the machine."""

    def monotonic_ns(self) -> int:
        return 1


def on_a_port(
    folder: Path, use: Callable[[Port], Awaitable[None]], *, clock: SystemClock | None = None, loops: bool = False
) -> None:
    """Run ``use`` on an open port."""

    async def run() -> None:
        port = Port(folder, clock)
        try:
            async with port.open():
                await use(port)
        finally:
            port.close()

    if loops:
        uvloop.run(run())
    else:
        asyncio.run(run())


async def is_live(port: Port, camera: CameraId) -> None:
    await until(lambda: port.state(camera) == "live", PATIENCE_S)


@asynccontextmanager
async def stranger(server: Server) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Somebody with TLS and words of their own."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def word_from(reader: asyncio.StreamReader, framer: Framer) -> Word:
    while (word := framer.next()) is None:
        data = await asyncio.wait_for(reader.read(4096), PATIENCE_S)
        assert data, "hung up without a word"
        framer.feed(data)
    return word


async def answer_to(server: Server, camera: str, signature: bytes) -> Word:
    """The last word that somebody gets who signs with ``signature``."""
    async with stranger(server) as (reader, writer):
        framer = Framer()
        writer.write(pack(Knock(camera, b"n" * 32)))
        await word_from(reader, framer)
        writer.write(pack(Proof(signature)))
        return await word_from(reader, framer)


@pytest.mark.parametrize("loops", [False, True], ids=["asyncio", "uvloop"])
def test_a_camera_that_dials_is_taken_in_whole(tmp_path: Path, *, loops: bool) -> None:
    async def use(port: Port) -> None:
        camera, token = await port.camera()
        await until(lambda: port.state(camera) == "waiting", PATIENCE_S)
        taken = port.bus.record(stream_of(camera))
        async with dialling(port.server, camera, token):
            units = await units_of(taken, 60, PATIENCE_S)
            assert [unit.ref.seq for unit in units] == list(range(60))
            assert port.state(camera) == "live"
            assert port.lines.status(camera).peer == "127.0.0.1"
            assert port.lines.status(camera).connected_ns > 0
        await until(lambda: port.state(camera) == "waiting", PATIENCE_S)
        assert port.lines.status(camera).connected_ns == 0

    on_a_port(tmp_path, use, loops=loops)


def test_a_wrong_token_and_an_unknown_camera_get_the_same_answer_and_then_have_to_wait(tmp_path: Path) -> None:
    async def use(port: Port) -> None:
        camera, _ = await port.camera()
        for name in (camera, "cam_unknown"):
            answers = [await answer_to(port.server, name, signer(new_token())(b"anything")) for _ in range(6)]
            assert answers[:5] == [Refused("unknown")] * 5
            assert isinstance(answers[5], Later)
            assert answers[5].reason == "too-many-tries"
        assert port.listener.counts.refused == 10
        assert port.listener.counts.throttled == 2

    on_a_port(tmp_path, use, clock=StillClock())


def test_a_site_whose_one_camera_has_a_wrong_token_keeps_its_others(tmp_path: Path) -> None:
    async def use(port: Port) -> None:
        wrong, _ = await port.camera("Wrong")
        right, token = await port.camera("Right")
        for _ in range(8):
            await answer_to(port.server, wrong, b"x" * 64)
        async with dialling(port.server, right, token):
            await is_live(port, right)

    on_a_port(tmp_path, use)


def test_a_server_with_another_certificate_learns_nothing(tmp_path: Path) -> None:
    async def use(port: Port) -> None:
        camera, token = await port.camera()
        wrong = Server(port.server.host, port.server.port, b"\1" * 32)
        device = VirtualCamera({"/main": StreamFeed(h264_stream(frames=10), 30)}, port=None)
        line = await dial(wrong, Identity(camera, signer(token)), device, port.clock)
        with pytest.raises(Exception, match="another certificate"):
            await line.serve()
        assert port.listener.counts.welcomed == 0
        assert port.listener.counts.refused == 0

    on_a_port(tmp_path, use)


def test_a_copied_token_does_not_take_over_a_camera_that_is_live_and_it_shows(tmp_path: Path) -> None:
    async def use(port: Port) -> None:
        camera, token = await port.camera()
        async with dialling(port.server, camera, token):
            await is_live(port, camera)
            run = port.manager.status(camera).run
            device = VirtualCamera({"/main": StreamFeed(h264_stream(frames=10), 30)}, port=None)
            line = await dial(port.server, Identity(camera, signer(token)), device, port.clock)
            answer = await asyncio.wait_for(line.serve(), PATIENCE_S)
            assert isinstance(answer, Later)
            assert answer.reason == "camera-connected"
            assert port.lines.status(camera).rivals == 1
            assert port.state(camera) == "live"
            assert port.manager.status(camera).run == run

    on_a_port(tmp_path, use)


def test_a_camera_that_lost_its_way_is_not_locked_out_by_its_own_silent_connection(tmp_path: Path) -> None:
    async def use(port: Port) -> None:
        camera, token = await port.camera()
        async with dialling(port.server, camera, token) as (silent, _):
            await is_live(port, camera)
            ended = port.bus.record(stream_of(camera))
            for client in list(silent._clients):
                client.transports = {}
                client._machine = None  # type: ignore[assignment]  # it answers nothing any more
            async with dialling(port.server, camera, token):
                await until(lambda: port.manager.status(camera).run >= 2, PATIENCE_S)
                await is_live(port, camera)
                ends = [item async for item in _until_run_two(ended)]
        assert ends

    on_a_port(tmp_path, use)


async def _until_run_two(items: Subscription) -> AsyncIterator[RunEnded]:
    async for item in items:
        if isinstance(item, RunEnded):
            yield item
        elif item.ref.run >= 2:
            return


def test_a_new_token_ends_the_connection_of_the_old_one(tmp_path: Path) -> None:
    async def use(port: Port) -> None:
        camera, token = await port.camera()
        async with dialling(port.server, camera, token):
            await is_live(port, camera)
            fresh = await port.keys.issue(camera)
            port.lines.revoke(await port.keys.all())
            await until(lambda: port.state(camera) == "waiting", PATIENCE_S)
            await until(lambda: port.listener.counts.refused > 0, PATIENCE_S)
        async with dialling(port.server, camera, fresh):
            await is_live(port, camera)

    on_a_port(tmp_path, use)


def test_a_camera_that_is_disabled_or_deleted_is_hung_up_on(tmp_path: Path) -> None:
    async def use(port: Port) -> None:
        camera, token = await port.camera()
        async with dialling(port.server, camera, token) as (device, _):
            await is_live(port, camera)
            await port.registry.update(camera, CameraChange(enabled=False))
            await until(lambda: device.connections == 0, PATIENCE_S)
            await port.registry.update(camera, CameraChange(enabled=True))
            await is_live(port, camera)
            await port.registry.delete(camera)
            await until(lambda: device.connections == 0, PATIENCE_S)
            assert await port.keys.all() == {}

    on_a_port(tmp_path, use)


def test_cameras_come_back_to_a_server_that_was_away(tmp_path: Path) -> None:
    async def run() -> None:
        async with AsyncExitStack() as device:
            number, camera, token = 0, CameraId(""), ""
            for start in (1, 2):
                port = Port(tmp_path)
                port.number = number
                if start == 1:
                    camera, token = await port.camera()
                async with port.open():
                    number = port.number
                    if start == 1:
                        await device.enter_async_context(dialling(port.server, camera, token))
                    await is_live(port, camera)
                    assert port.manager.status(camera).run == start
                port.close()

    asyncio.run(run())


@pytest.mark.slow
def test_a_hundred_cameras_that_dial_at_once_all_come_in(tmp_path: Path) -> None:
    async def use(port: Port) -> None:
        known = [await port.camera(f"Camera {number}") for number in range(100)]
        device = VirtualCamera({"/main": StreamFeed(h264_stream(frames=10, gop=5), 2)}, port=None)
        dials = [Dialler(port.server, Identity(camera, signer(token)), device, port.clock) for camera, token in known]
        tasks = [asyncio.create_task(device.run()), *(asyncio.create_task(one.run()) for one in dials)]
        await until(lambda: all(port.state(camera) == "live" for camera, _ in known), 3 * PATIENCE_S)
        assert port.listener.counts.welcomed >= 100
        await end(*tasks)

    on_a_port(tmp_path, use)


class _Elsewhere:
    def __init__(self, place: Elsewhere) -> None:
        self._place = place

    def place(self, camera: CameraId, now_ns: int) -> Elsewhere:
        return self._place


def test_a_camera_is_sent_to_a_media_server_by_one_that_takes_no_video(tmp_path: Path) -> None:
    async def run() -> None:
        media = Port(tmp_path)
        camera, token = await media.camera()
        async with media.open():
            place = Elsewhere("127.0.0.1", media.number, media.identity.fingerprint)
            first = Port(tmp_path, placement=_Elsewhere(place))
            async with AsyncExitStack() as stack:
                own = tmp_path / "first"
                own.mkdir()
                await stack.enter_async_context(_only_listening(first))
                async with dialling(first.server, camera, token):
                    await is_live(media, camera)
                assert first.listener.counts.redirected >= 1
                assert first.listener.counts.welcomed == 0
            first.close()
        media.close()

    asyncio.run(run())


@asynccontextmanager
async def _only_listening(port: Port) -> AsyncIterator[None]:
    bound = listen("127.0.0.1", 0)
    bound.listen()
    port.number = bound.getsockname()[1]
    task = asyncio.create_task(port.listener.serve(bound, port.identity.context, port.identity.fingerprint))
    try:
        yield
    finally:
        await end(task)


def test_strangers_who_say_nothing_are_cut_and_hold_nobody_up(tmp_path: Path) -> None:
    async def use(port: Port) -> None:
        camera, token = await port.camera()
        silent = []
        for _ in range(300):
            one = socket.socket()
            one.setblocking(False)
            await asyncio.get_running_loop().sock_connect(one, (port.server.host, port.server.port))
            silent.append(one)
        async with dialling(port.server, camera, token):
            await is_live(port, camera)
        assert port.listener.counts.cut >= 300 - 256
        for one in silent:
            one.close()

    on_a_port(tmp_path, use)


def test_who_does_not_say_who_it_is_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reverse_rtsp, "GREETING_S", 0.2)

    async def use(port: Port) -> None:
        reader, writer = await asyncio.open_connection(port.server.host, port.server.port)
        await asyncio.wait_for(_hung_up(reader), PATIENCE_S)
        writer.close()
        assert port.listener.counts.cut == 1

    on_a_port(tmp_path, use)


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\0" * 200_000, b"$\0\xff\xff" * 100])
def test_garbage_before_and_inside_tls_is_hung_up_on(tmp_path: Path, said: bytes) -> None:
    async def use(port: Port) -> None:
        reader, writer = await asyncio.open_connection(port.server.host, port.server.port)
        writer.write(said)
        await asyncio.wait_for(_hung_up(reader), PATIENCE_S)
        writer.close()
        async with stranger(port.server) as (inner, inside):
            inside.write(said)
            await asyncio.wait_for(_hung_up(inner), PATIENCE_S)
        await until(lambda: port.listener.counts.malformed == 2, PATIENCE_S)

    on_a_port(tmp_path, use)


async def _hung_up(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(65_536):
            pass
    except (ConnectionError, ssl.SSLError):
        return


def test_a_socket_that_died_without_a_word_is_noticed_on_both_sides(tmp_path: Path) -> None:
    """The way between them swallows everything, as a NAT does that has forgotten the connection."""

    async def use(port: Port) -> None:
        camera, token = await port.camera()
        async with a_way_to(port.number) as way:
            near = Server("127.0.0.1", way.port, port.identity.fingerprint)
            async with dialling(near, camera, token, clock=port.clock) as (device, dialler):
                await is_live(port, camera)
                way.is_open = False
                await until(lambda: port.state(camera) == "waiting", PATIENCE_S)
                await until(lambda: dialler.welcomes >= 1, PATIENCE_S)
                way.is_open = True
                await is_live(port, camera)
                assert device.connections >= 1

    on_a_port(tmp_path, use, clock=FastClock(3))
