"""A proxy between us and a server that does to the connection what real ones do on bad days.

It knows enough of HTTP/1.1 to cut, slow down and falsify bodies, and forwards all else as it is.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Any

CHUNK = 16 * 1024
HEAD_MOST = 64 * 1024


class Fault(StrEnum):
    """What goes wrong with every request while it lasts."""

    NONE = "none"
    REFUSE = "refuse"
    """The connection is refused: nothing listens."""
    RESET = "reset"
    """The connection is reset once the request begins."""
    BUSY = "503"
    """Every request is answered with 503 Service Unavailable."""
    HANG = "hang"
    """Requests are taken and never answered."""
    HALF = "half"
    """Half of the answer's body comes, then the connection ends; of an upload, half is passed on."""
    SLOW = "slow"
    """``slow_bps`` in both directions."""
    WRONG = "wrong"
    """Bodies of GET answers are as long as they should be, with one byte changed."""
    WRONG_PUT = "wrong put"
    """Bodies of uploads arrive with one byte changed."""


class FaultProxy:
    """Listens on a free loopback port, in a thread of its own.

    Attributes:
        spared: Requests whose first line holds this go through unharmed.
    """

    def __init__(self, target_port: int, slow_bps: int = 64 * 1024) -> None:
        self.fault = Fault.NONE
        self.spared = b""
        self.requests = 0
        self.hits = 0
        self._target = target_port
        self._slow_bps = slow_bps
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def set(self, fault: Fault) -> None:
        """From now on this goes wrong, also with connections that are open."""
        self.fault = fault
        self._run(self._apply(fault))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _apply(self, fault: Fault) -> None:
        await self._cut()
        if fault is Fault.REFUSE:
            await self._stop_listening()
        elif self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_address=True)

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _cut(self) -> None:
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _close(self) -> None:
        await self._stop_listening()
        await self._cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, asyncio.LimitOverrunError):
            _reset(writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while True:
                head = await _head(reader)
                is_spared = bool(self.spared) and self.spared in head.partition(b"\r\n")[0]
                fault = Fault.NONE if is_spared else self.fault
                self.requests += 1
                self.hits += fault is not Fault.NONE
                if fault is Fault.RESET:
                    raise ConnectionResetError
                if fault is Fault.HANG:
                    await asyncio.Event().wait()
                if fault is Fault.BUSY:
                    await self._busy(head, reader, writer)
                    continue
                if server is None:
                    server = await asyncio.open_connection("127.0.0.1", self._target)
                if not await self._pass(head, (reader, writer), server, fault):
                    return
        finally:
            if server is not None:
                server[1].close()

    async def _busy(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(_length(head))
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async def _pass(
        self,
        head: bytes,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        fault: Fault,
    ) -> bool:
        """One request and its answer; whether the connection goes on."""
        reader, writer = client
        method = head.partition(b" ")[0]
        size = _length(head)
        is_cut = fault is Fault.HALF and method == b"PUT" and size > CHUNK
        server[1].write(head)
        is_wrong = fault is Fault.WRONG_PUT and method == b"PUT" and size > CHUNK
        await self._body(reader, server[1], size // 2 if is_cut else size, is_wrong=is_wrong)
        if is_cut:
            return False
        while (answer := await _head(server[0])).startswith(b"HTTP/1.1 100"):
            writer.write(answer)
        writer.write(answer)
        has_body = method != b"HEAD" and b" 204 " not in answer[:20] and b" 304 " not in answer[:20]
        size = _length(answer) if has_body else 0
        is_cut = fault is Fault.HALF and method == b"GET" and size > 1
        is_wrong = fault is Fault.WRONG and method == b"GET" and size > CHUNK
        if has_body and b"transfer-encoding: chunked" in answer.lower():
            await self._chunked(server[0], writer)
        else:
            await self._body(server[0], writer, size // 2 if is_cut else size, is_wrong=is_wrong)
        return not is_cut

    async def _body(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int, *, is_wrong: bool
    ) -> None:
        left = size
        while left:
            data = await reader.read(min(CHUNK, left))
            if not data:
                raise ConnectionResetError
            if is_wrong and left == size:
                data = bytes([data[0] ^ 1]) + data[1:]
            left -= len(data)
            writer.write(data)
            await writer.drain()
            if self.fault is Fault.SLOW:
                await asyncio.sleep(len(data) / self._slow_bps)
        await writer.drain()

    async def _chunked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            writer.write(line + await reader.readexactly(size + 2))
            await writer.drain()
            if size == 0:
                return


async def _head(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if len(head) > HEAD_MOST:
        raise ConnectionResetError
    return head


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _reset(writer: asyncio.StreamWriter) -> None:
    """End with RST instead of FIN."""
    found = writer.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
