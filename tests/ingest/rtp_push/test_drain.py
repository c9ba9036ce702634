"""The thread that reads datagrams: all of them, in order, whoever is busy; and what does not fit is counted."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from haechi.base.clock import SystemClock
from haechi.client.datagrams import DatagramSender
from haechi.ingest.rtp_push import drain
from haechi.ingest.rtp_push.drain import Address, Drain, bind, kernel_drops, receive_buffer_bytes
from tests.cameras import until


@asynccontextmanager
async def drained(take: Callable[[bytes, Address, int], None]) -> AsyncIterator[tuple[Drain, socket.socket]]:
    """A drain, and a socket that sends to it."""
    bound = bind("127.0.0.1", 0, socket.AF_INET)
    one = Drain(bound, SystemClock(), take)
    one.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(bound.getsockname())
        try:
            yield one, sender
        finally:
            one.close()


def test_what_comes_while_the_loop_is_busy_is_all_there_afterwards_in_order() -> None:
    async def scenario() -> None:
        heard: list[int] = []
        async with drained(lambda data, _sender, _ns: heard.append(int.from_bytes(data[:4], "big"))) as (_, sender):
            for number in range(2000):
                sender.send(number.to_bytes(4, "big") + bytes(1000))
            time.sleep(0.3)
            await until(lambda: len(heard) >= 2000)
            assert heard == list(range(2000))

    asyncio.run(scenario())


def test_datagrams_that_the_sender_had_cut_by_its_kernel_come_apart_again() -> None:
    async def scenario() -> None:
        heard: list[bytes] = []
        async with drained(lambda data, _sender, _ns: heard.append(data)) as (_, sender):
            sender.setblocking(False)
            out = DatagramSender(sender, SystemClock(), 1e9)
            packets = [bytes((number,)) * 1212 for number in range(150)] + [b"\x01" * 700, b"\x02" * 1212]
            left: list[int] = []
            out.put(packets, lambda: left.append(1))
            await out.drain(0)
            assert left == [1]
            await until(lambda: len(heard) >= len(packets))
            assert heard == packets

    asyncio.run(scenario())


def test_what_the_loop_has_no_time_for_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        heard: list[bytes] = []
        monkeypatch.setattr(drain, "HELD_BYTES", 50_000)
        async with drained(lambda data, _sender, _ns: heard.append(data)) as (one, sender):
            for _ in range(200):
                sender.send(bytes(1000))
            deadline = time.monotonic() + 10
            while one.overrun + kernel_drops(one._socket) + 51 < 200 and time.monotonic() < deadline:
                time.sleep(0.01)
            await until(lambda: len(heard) + one.dropped == 200)
            assert 50 <= len(heard) <= 52
            assert one.overrun >= 140

    asyncio.run(scenario())


def test_the_buffer_that_the_kernel_gives_can_be_asked_for() -> None:
    assert receive_buffer_bytes() > 0
