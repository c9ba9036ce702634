"""RTSP over TLS: the transport decrypts, so its socket must not be read in rounds."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

import pytest
import uvloop

from haechi.camera.virtual.server import VirtualCamera
from haechi.store.database import Database
from tests.cameras import Intake, StreamFeed, units_of
from tests.streams import h264_stream


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate that it signed itself, as cameras do."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is needed to make a certificate")
    pem = folder / "camera.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([*command, "-subj", "/CN=camera", "-keyout", pem, "-out", pem.with_suffix(".crt")], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.with_suffix(".crt"), pem)
    return context


async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    except OSError:
        return
    finally:
        target.close()


async def serve(context: ssl.SSLContext, ready: Future[int], done: asyncio.Event) -> None:
    """A camera behind TLS; ``ready`` gets its port."""
    feed = StreamFeed(h264_stream(frames=30, fps=15, gop=10), 60)
    async with VirtualCamera({"/live": feed}) as camera:
        port = int(camera.url().rpartition(":")[2].partition("/")[0])

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

        server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
        ready.set_result(server.sockets[0].getsockname()[1])
        await done.wait()
        server.close()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_every_unit_arrives_over_tls(new_loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path) -> None:
    context = certificate(tmp_path)
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    ready: Future[int] = Future()
    done = asyncio.Event()
    cameras = asyncio.new_event_loop()
    thread = Thread(target=cameras.run_until_complete, args=(serve(context, ready, done),))
    thread.start()

    async def take(url: str) -> list[int]:
        async with Intake(url, database, transport="tcp").running() as intake:
            return [unit.ref.seq for unit in await units_of(intake.watch(), 60)]

    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            taken = runner.run(take(f"rtsps://127.0.0.1:{ready.result(10)}/live"))
    finally:
        cameras.call_soon_threadsafe(done.set)
        thread.join()
        cameras.close()
        database.close()
    assert taken == list(range(60))
