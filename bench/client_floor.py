"""What it takes to wake two processes and carry the bytes, with nothing in between: the floor of `bench.client`."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import statistics
import time
from multiprocessing.connection import Connection
from typing import cast

import uvloop

SMALL_BYTES = 10_000
ANSWER_BYTES = 130


def told(trips: list[int], server_us: list[int], firsts: list[int], seconds: float) -> dict[str, float]:
    """Round trips in a line of the table."""
    trips = sorted(trips)
    return {
        "mean_us": statistics.fmean(trips) / 1000,
        "p50_us": trips[len(trips) // 2] / 1000,
        "p99_us": trips[int(len(trips) * 0.99)] / 1000,
        "first_us": statistics.median(firsts) / 1000,
        "server_us": statistics.fmean(server_us) if server_us else float("nan"),
        "lost_units": 0,
        "results_s": len(trips) / seconds,
    }


def bare_server(listener: socket.socket) -> None:
    """Answers `ANSWER_BYTES` for each `SMALL_BYTES`."""
    other, _ = listener.accept()
    other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    room = bytearray(1 << 16)
    while True:
        got = 0
        while got < SMALL_BYTES:
            count = other.recv_into(room)
            if not count:
                return
            got += count
        other.sendall(bytes(ANSWER_BYTES))


def floor(pace_s: float, seconds: float) -> dict[str, float]:
    """Blocking sockets."""
    listener = socket.create_server(("127.0.0.1", 0))
    process = multiprocessing.get_context("fork").Process(target=bare_server, args=(listener,), daemon=True)
    process.start()
    trips: list[int] = []
    with socket.create_connection(listener.getsockname()) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        payload, began_s = bytes(SMALL_BYTES), time.perf_counter()
        while time.perf_counter() - began_s < seconds:
            time.sleep(max(0.0, began_s + len(trips) * pace_s - time.perf_counter()))
            began_ns, got = time.perf_counter_ns(), 0
            one.sendall(payload)
            while got < ANSWER_BYTES:
                got += len(one.recv(4096))
            trips.append(time.perf_counter_ns() - began_ns)
    process.join(5)
    listener.close()
    return {**told(trips[10:], [], [trips[0]], seconds), "cpu": float("nan")}


class _Answering(asyncio.Protocol):
    """Answers as `bare_server`."""

    _got = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._got += len(data)
        if self._got >= SMALL_BYTES:
            self._got -= SMALL_BYTES
            self._transport.write(bytes(ANSWER_BYTES))


class _Asking(asyncio.Protocol):
    """Tells whoever waits that an answer is there."""

    _got = 0
    answered: asyncio.Future[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._got += len(data)
        if self._got >= ANSWER_BYTES:
            self._got -= ANSWER_BYTES
            self.answered.set_result(None)


def loop_server(pipe: Connection) -> None:
    """Answers until it is ended."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


def between_loops(seconds: float) -> dict[str, float]:
    """The same between two event loops, which is as little as a server can take that has other things to do as well."""
    pipe, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=loop_server, args=(theirs,), daemon=True)
    process.start()
    trips: list[int] = []

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        transport, asking = await loop.create_connection(_Asking, "127.0.0.1", pipe.recv())
        payload, began_s = bytes(SMALL_BYTES), time.perf_counter()
        while time.perf_counter() - began_s < seconds:
            asking.answered = loop.create_future()
            began_ns = time.perf_counter_ns()
            transport.write(payload)
            await asking.answered
            trips.append(time.perf_counter_ns() - began_ns)
        transport.close()

    uvloop.run(ask())
    process.terminate()
    process.join(5)
    return {**told(trips[10:], [], [trips[0]], seconds), "cpu": float("nan")}
