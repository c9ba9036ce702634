"""Connections that end at the worst moment, on both kinds of event loop."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from haechi.base.clock import SystemClock
from haechi.base.errors import Unavailable
from haechi.ingest.network import UdpPairs
from haechi.ingest.session import RtspSession
from haechi.ingest.source import Track
from haechi.ingest.wire import TcpWire
from haechi.media.access_unit import RawUnit
from haechi.media.rtsp.client import RtspClient

Runner = Callable[[Coroutine[Any, Any, None]], None]
LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


class Nowhere:
    """A sink that nothing reaches."""

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        raise AssertionError("there is no track")

    def unit(self, track: int, raw: RawUnit, arrived_ns: int) -> None:
        raise AssertionError("there is no unit")

    def report(self, track: int, camera_wall_ns: int, rtp_ticks: int) -> None:
        raise AssertionError("there is no report")


class Ended(asyncio.Protocol):
    def __init__(self) -> None:
        self.over = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()


@asynccontextmanager
async def a_server_that_resets() -> AsyncIterator[int]:
    """A camera that cuts each connection as soon as it stands, as one does that is just starting; gives its port."""

    def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kernel = writer.get_extra_info("socket")
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with await asyncio.start_server(reset, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@LOOPS
def test_writing_to_a_connection_that_was_reset_does_nothing(run: Runner) -> None:
    async def scenario() -> None:
        async with a_server_that_resets() as port:
            transport, ended = await asyncio.get_running_loop().create_connection(Ended, "127.0.0.1", port)
            await asyncio.wait_for(ended.over.wait(), 10)
            wire = TcpWire(transport)
            wire.write(b"OPTIONS")
            assert wire.is_closing()
            wire.close()

    run(scenario())


@LOOPS
@pytest.mark.parametrize("is_tls", [False, True])
def test_a_camera_that_resets_the_connection_before_a_word_was_said_is_unavailable_and_nothing_worse(
    run: Runner, is_tls: bool
) -> None:
    async def scenario() -> None:
        async with a_server_that_resets() as port:
            session = RtspSession(RtspClient("rtsp://camera/live"), Nowhere(), SystemClock(), None)
            await asyncio.get_running_loop().create_connection(lambda: session, "127.0.0.1", port)
            await asyncio.wait_for(session._over.wait(), 10)
            with pytest.raises(Unavailable) as caught:
                await (session.start_tls("127.0.0.1") if is_tls else session.negotiate(lambda _: None))
            assert caught.value.code == "connection-lost"
            session.close()

    run(scenario())


def test_a_report_that_cannot_be_sent_is_lost_and_no_more() -> None:
    async def scenario() -> None:
        pairs = await UdpPairs.bind((socket.AF_INET, "255.255.255.255", 554))  # a broadcast, which no socket may send
        pairs.begin([(5_000, 5_001)], lambda *_: None)
        pairs.send_rtcp(0, b"report")
        pairs.close()

    asyncio.run(scenario())


@LOOPS
def test_tls_is_not_begun_on_a_connection_that_is_ending(run: Runner) -> None:
    async def scenario() -> None:
        async with a_server_that_resets() as port:
            session = RtspSession(RtspClient("rtsps://camera/live"), Nowhere(), SystemClock(), None)
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: session, "127.0.0.1", port)
            transport.abort()
            with pytest.raises(Unavailable) as caught:
                await session.start_tls("127.0.0.1")
            assert caught.value.code == "connection-lost"

    run(scenario())
