"""ONVIF over TLS, on both event loops; and what answers when it is not TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from haechi.base.clock import SystemClock
from haechi.camera.virtual.onvif.model import VirtualProfile
from haechi.camera.virtual.onvif.server import Listening, VirtualOnvif
from haechi.camera.virtual.onvif.users import Users
from haechi.fleet.onvif.device import Description, describe
from haechi.fleet.onvif.place import Place
from haechi.media.rtsp.auth import Credentials
from tests.ingest.test_rtsps import certificate, pump
from tests.reach import resolve

MANY = [VirtualProfile(f"p{number}", "rtsp://127.0.0.1:8554/" + "x" * 200) for number in range(60)]


async def ask(place: Place) -> Description:
    return await describe(place, Credentials("me", "secret"), resolve, SystemClock())


async def described_behind(context: ssl.SSLContext) -> Description:
    """A device with long answers behind TLS; it tells http addresses, as some do."""
    async with VirtualOnvif(MANY, users=Users("me", "secret")) as device:

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", device.port)
            await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

        device.model.quirks = type(device.model.quirks)(inner_host="10.0.0.9")
        server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await ask(Place("127.0.0.1", port, is_tls=True))


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_device_behind_tls_is_described(loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        description = runner.run(described_behind(certificate(tmp_path)))
    assert description.error is None
    assert [step.hop for step in description.steps][:4] == ["dns", "tcp", "tls", "onvif"]
    assert description.device is not None
    assert description.device.place.url.startswith("https://127.0.0.1:")
    assert len(description.device.profiles) == 16


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_where_there_is_no_tls_the_hop_says_so(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def play() -> Description:
        async with VirtualOnvif(MANY[:1]) as device:
            return await ask(Place("127.0.0.1", device.port, is_tls=True))

    with asyncio.Runner(loop_factory=loop) as runner:
        description = runner.run(play())
    assert [(step.hop, step.ok) for step in description.steps][-1] == ("tls", False)
    assert description.error is not None
    assert description.error.code == "tls-failed"


def test_a_device_that_speaks_https_only_is_described_and_told_apart_when_it_is_asked_without(tmp_path: Path) -> None:
    async def play() -> tuple[Description, Description]:
        listening = Listening(tls=certificate(tmp_path))
        async with VirtualOnvif(MANY[:2], users=Users("me", "secret"), listening=listening) as device:
            return await ask(Place.parse(device.url)), await ask(Place("127.0.0.1", device.port))

    https, http = asyncio.run(play())
    assert https.error is None
    assert https.device is not None
    assert https.device.place.is_tls
    assert [(step.hop, step.ok) for step in http.steps][-1] == ("onvif", False)
    assert http.error is not None
    assert http.error.code in ("connection-lost", "onvif-not-http")
    assert "https" in http.error.message
