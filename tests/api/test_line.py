"""A WebSocket's sends: one at a time, in order, and not for ever."""

import asyncio

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket

from haechi.api.sockets import SEND_TIMEOUT_S, Line
from haechi.live.session import LiveClosed
from tests.api.world import World


class Peer:
    """The other end: takes messages while it may."""

    def __init__(self) -> None:
        self.takes = asyncio.Event()
        self.takes.set()
        self.got: list[str] = []

    async def receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def send(self, message: Message) -> None:
        await self.takes.wait()
        if message["type"] == "websocket.send":
            self.got.append(message["text"])

    async def line(self, world: World) -> Line:
        socket = WebSocket({"type": "websocket"}, self.receive, self.send)
        await socket.accept()
        return Line(socket, world.clock)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_sends_of_many_tasks_go_out_one_after_the_other(world: World) -> None:
    async def check() -> None:
        peer = Peer()
        line = await peer.line(world)
        peer.takes.clear()
        sends = [asyncio.ensure_future(line.send_text(str(number))) for number in range(5)]
        await turns()
        peer.takes.set()
        await asyncio.gather(*sends)
        assert peer.got == ["0", "1", "2", "3", "4"]

    asyncio.run(check())


def test_a_send_that_hangs_ends_the_line_and_one_that_is_slow_does_not(world: World) -> None:
    async def check() -> None:
        peer = Peer()
        line = await peer.line(world)
        watch = asyncio.ensure_future(line.watch())
        for _ in range(4):
            peer.takes.clear()
            slow = asyncio.ensure_future(line.send_text("slow"))
            await turns()
            world.clock.advance(int((SEND_TIMEOUT_S - 1) * 1e9))
            await turns()
            peer.takes.set()
            await slow
        assert not watch.done()
        peer.takes.clear()
        hangs = asyncio.ensure_future(line.send_text("never"))
        for _ in range(3):
            await turns()
            world.clock.advance(int(SEND_TIMEOUT_S * 1e9))
        with pytest.raises(LiveClosed):
            await watch
        hangs.cancel()

    asyncio.run(check())
