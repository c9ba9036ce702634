"""Reading many sockets in rounds: nothing is lost or late, and few wake-ups do for many packets."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from haechi.ingest.rounds import (
    FEW,
    LONG_REST_S,
    LONGEST_REST_S,
    MANY,
    MOST_READS,
    READ_BYTES,
    REST_S,
    RoundReader,
    round_reader,
)


class StepLoop:
    """An event loop that a test moves on by hand."""

    def __init__(self) -> None:
        self.on_packet: Callable[[], None] | None = None
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def add_reader(self, _fileno: int, callback: Callable[[], None]) -> None:
        self.on_packet = callback

    def remove_reader(self, _fileno: int) -> None:
        self.on_packet = None

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.timers.append((delay_s, callback))

    def packet_comes(self) -> None:
        """Wake up who waits for a packet."""
        assert self.on_packet is not None, "nobody waits"
        self.on_packet()

    @property
    def is_waiting(self) -> bool:
        """Whether the next packet would be read at once."""
        return self.on_packet is not None

    def rest(self) -> float:
        """Let the pause pass; how long it was."""
        ((delay_s, callback),) = self.timers
        self.timers.clear()
        callback()
        return delay_s


class Peer:
    """The far end of a socket that is read in rounds, and what was read from it."""

    def __init__(self, reader: RoundReader) -> None:
        self.far, self.near = socket.socketpair()
        self.got: list[bytes] = []
        self.ends: list[OSError | None] = []
        self.key = reader.add(self.near.fileno(), self.got.append, self.ends.append)

    def close(self) -> None:
        self.far.close()
        self.near.close()


@pytest.fixture
def loop() -> StepLoop:
    return StepLoop()


@pytest.fixture
def reader(loop: StepLoop) -> RoundReader:
    return RoundReader(cast(asyncio.AbstractEventLoop, loop))


@pytest.fixture
def peers(reader: RoundReader) -> Iterator[list[Peer]]:
    made = [Peer(reader) for _ in range(5)]
    yield made
    for peer in made:
        reader.remove(peer.key)
        peer.close()


def test_the_first_packet_is_read_at_once_and_those_during_the_rest_in_one_go(
    loop: StepLoop, peers: list[Peer]
) -> None:
    peers[0].far.send(b"first")
    loop.packet_comes()
    assert peers[0].got == [b"first"]
    assert not loop.is_waiting
    for part in (b"a", b"b", b"c"):
        for peer in peers:
            peer.far.send(part)
    assert loop.rest() == REST_S
    assert [peer.got[-1] for peer in peers] == [b"abc"] * 5


def test_many_sockets_rest_longer_but_never_long(loop: StepLoop, reader: RoundReader) -> None:
    peers = [Peer(reader) for _ in range(MANY + 1)]
    peers[0].far.send(b"x")
    loop.packet_comes()
    assert loop.rest() == LONGEST_REST_S
    reader.remove(peers[0].key)
    peers[1].far.send(b"x")
    loop.packet_comes()
    assert loop.rest() == LONG_REST_S
    for peer in peers[1 : MANY + 1 - FEW]:
        reader.remove(peer.key)
    peers[-1].far.send(b"x")
    loop.packet_comes()
    assert loop.rest() == REST_S
    for peer in peers:
        reader.remove(peer.key)
        peer.close()
    assert REST_S < LONG_REST_S < LONGEST_REST_S <= 0.04


def test_after_a_round_without_packets_the_next_one_is_read_at_once_again(loop: StepLoop, peers: list[Peer]) -> None:
    peers[0].far.send(b"first")
    loop.packet_comes()
    loop.rest()
    assert not loop.timers
    peers[1].far.send(b"second")
    loop.packet_comes()
    assert peers[1].got == [b"second"]


def test_a_socket_that_floods_leaves_the_others_their_turn_and_loses_nothing(
    loop: StepLoop, reader: RoundReader
) -> None:
    peer, quiet = Peer(reader), Peer(reader)
    peer.far.setblocking(False)
    peer.far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)
    sent = 0
    for piece in range(1, 200):
        try:
            sent += peer.far.send(bytes((piece,)) * 10_007)
        except BlockingIOError:
            break
    quiet.far.send(b"me too")
    loop.packet_comes()
    assert quiet.got == [b"me too"]
    assert len(peer.got) <= MOST_READS
    assert max(map(len, peer.got)) <= READ_BYTES
    while loop.timers:
        loop.rest()
    data = b"".join(peer.got)
    assert len(data) == sent
    assert list(dict.fromkeys(data)) == list(range(1, max(data) + 1))
    reader.remove(peer.key)
    reader.remove(quiet.key)
    peer.close()
    quiet.close()


def test_the_end_is_told_once_after_the_last_bytes(loop: StepLoop, peers: list[Peer]) -> None:
    peers[0].far.send(b"last")
    peers[0].far.close()
    loop.packet_comes()
    while loop.timers:
        loop.rest()
    assert peers[0].got == [b"last"]
    assert peers[0].ends == [None]
    assert loop.is_waiting


def test_a_reset_connection_is_told_with_its_reason(loop: StepLoop, reader: RoundReader) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    far = socket.create_connection(server.getsockname())
    near, _ = server.accept()
    ends: list[OSError | None] = []
    reader.add(near.fileno(), lambda _data: None, ends.append)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    far.close()
    loop.packet_comes()
    assert [type(end) for end in ends] == [ConnectionResetError]
    near.close()
    server.close()


def test_an_owner_may_stop_itself_and_others_while_it_is_given_bytes(loop: StepLoop, reader: RoundReader) -> None:
    ends = [socket.socketpair() for _ in range(2)]
    got: list[bytes] = []
    keys: list[int] = []

    def receive(data: bytes) -> None:
        got.append(data)
        for key in keys:
            reader.remove(key)

    keys += [reader.add(near.fileno(), receive, lambda _error: None) for _, near in ends]
    for far, _ in ends:
        far.send(b"x")
    loop.packet_comes()
    assert got == [b"x"]
    assert not loop.is_waiting
    assert not loop.timers
    for key in keys:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(key)
    for far, near in ends:
        far.close()
        near.close()


def test_on_a_real_loop_every_byte_arrives_in_order_and_is_not_late() -> None:
    async def run() -> list[float]:
        loop, reader = asyncio.get_running_loop(), round_reader()
        assert round_reader() is reader
        far, near = socket.socketpair()
        delays: list[float] = []
        sent: list[float] = []
        came = asyncio.Event()

        def receive(data: bytes) -> None:
            now_s = loop.time()
            delays.extend(now_s - sent[number] for number in data)
            came.set()

        key = reader.add(near.fileno(), receive, lambda _error: None)
        for number in range(40):
            sent.append(loop.time())
            far.send(bytes((number,)))
            if number % 4 == 0:
                came.clear()
                await asyncio.wait_for(came.wait(), 5)
            else:
                await asyncio.sleep(0)
        while len(delays) < 40:
            came.clear()
            await asyncio.wait_for(came.wait(), 5)
        reader.remove(key)
        far.close()
        near.close()
        return delays

    delays = sorted(asyncio.run(run()))
    assert len(delays) == 40
    assert delays[20] < 1
