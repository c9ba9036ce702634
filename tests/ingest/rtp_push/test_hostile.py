"""What clients that are broken, hostile or too many do to the result socket."""

import asyncio
import socket
from pathlib import Path

import pytest

from haechi.base.errors import Denied, Unavailable
from haechi.client.line import Place
from haechi.ingest.rtp_push.link import PushLink
from haechi.ingest.rtp_push.server import PushLimits
from haechi.media.push.wire import CLIENT_LIMITS, Deframer, Frame, Kind
from haechi.media.push.words import KNOCK, Accepted, Announce, Fault, Goodbye, Hello, Request, read, say
from tests.cameras import until
from tests.ingest.rtp_push.stage import FAST_ECHO, Raw, all_of, clip, push_server

GIANT = bytes((1, 5, 0, 0)) + b"\xff\xff\xff\xff" + bytes(16)


def test_datagrams_count_only_from_the_address_that_knows_the_secret(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            raw = await Raw.connect(stage.port, stage.token)
            raw.say(say(Announce("h264", transport="udp"), 1))
            accepted = read(await raw.until(Kind.ACCEPTED), Accepted)
            assert len(accepted.secret) == 16
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(KNOCK + bytes(16), ("127.0.0.1", accepted.udp_port))
                stranger.sendto(KNOCK + accepted.secret + b"x", ("127.0.0.1", accepted.udp_port))
            raw.say(Frame(Kind.PING, b"after").serialise())
            assert (await raw.next()).kind is Kind.PONG
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as known:
                known.sendto(KNOCK + accepted.secret, ("127.0.0.1", accepted.udp_port))
                await raw.until(Kind.BOUND)
            raw.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("token", ["", "hpt_wrong", "x" * 200, "hpt_" + "A" * 43])
def test_a_wrong_token_is_denied_in_the_same_words_whatever_is_wrong_with_it(tmp_path: Path, token: str) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            raw = await Raw.connect(stage.port)
            raw.say(say(Hello(token)))
            fault = await raw.fault()
            assert (fault.code, fault.message[:24]) == ("push-denied", "this token is not known ")
            assert await raw.is_closed()
            with pytest.raises(Denied):
                async with stage.playing(clip(), FAST_ECHO, Place("127.0.0.1", stage.port, token)):
                    pass

    asyncio.run(scenario())


def test_guessing_is_slowed_down_and_the_owner_is_not_locked_out_of_a_connection_that_stands(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            mine = await Raw.connect(stage.port, stage.token)
            codes = []
            for _ in range(12):
                raw = await Raw.connect(stage.port)
                raw.say(say(Hello("hpt_guess")))
                codes.append((await raw.fault()).code)
                raw.close()
            assert codes[:10] == ["push-denied"] * 10
            assert codes[-1] == "too-many-tries"
            mine.say(Frame(Kind.PING, b"!").serialise())
            assert (await mine.next()).body == b"!"
            mine.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", GIANT, bytes(range(256)), say(Request("echo"), 1), b"\x16\x03\x01\x00\x05hello"],
    ids=["another protocol", "giant length", "garbage", "out of turn", "broken TLS"],
)
def test_nonsense_ends_its_own_connection_and_no_other(tmp_path: Path, data: bytes) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            raw = await Raw.connect(stage.port)
            raw.say(data)
            assert await raw.is_closed()
            assert len(await all_of(stage, clip(5))) == 5
            known = await Raw.connect(stage.port, stage.token)
            known.say(GIANT)
            assert (await known.fault()).code == "push-too-long"
            assert await known.is_closed()
            await until(lambda: stage.server.clients == 0)

    asyncio.run(scenario())


def test_who_takes_too_long_to_say_who_it_is_is_cut(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path, limits=PushLimits(hello_s=0.3)) as stage:
            raw = await Raw.connect(stage.port)
            for byte in say(Hello(stage.token))[:20]:
                raw.say(bytes((byte,)))
            assert await raw.is_closed()
            assert stage.server.counts.cut == 1

    asyncio.run(scenario())


def test_of_many_strangers_the_one_that_has_taken_longest_makes_room(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path, limits=PushLimits(strangers=2)) as stage:
            first, second, third = [await Raw.connect(stage.port) for _ in range(3)]
            assert await first.is_closed()
            third.say(say(Hello(stage.token)))
            await third.until(Kind.WELCOME)
            second.close()
            third.close()

    asyncio.run(scenario())


def test_a_client_that_says_nothing_is_let_go(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path, limits=PushLimits(idle_s=0.5)) as stage:
            raw = await Raw.connect(stage.port, stage.token)
            assert "too long" in read(await raw.until(Kind.BYE), Goodbye).reason
            assert await raw.is_closed()

    asyncio.run(scenario())


def test_a_token_that_is_withdrawn_ends_its_connections(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            raw = await Raw.connect(stage.port, stage.token)
            await stage.clients.remove(stage.client.id)
            assert (await raw.fault()).code == "push-revoked"
            assert await raw.is_closed()

    asyncio.run(scenario())


def test_streams_and_clients_are_limited(tmp_path: Path) -> None:
    async def scenario() -> None:
        limits = PushLimits(clients=1, client_streams=2)
        async with push_server(tmp_path, limits=limits) as stage:
            raw = await Raw.connect(stage.port, stage.token)
            for number in (1, 2, 3):
                raw.say(say(Announce("h264"), number))
            frames = [await raw.next() for _ in range(3)]
            assert sorted(frame.kind for frame in frames) == [Kind.ACCEPTED, Kind.ACCEPTED, Kind.ERROR]
            with pytest.raises(Unavailable) as caught:
                async with stage.playing(clip()):
                    pass
            assert caught.value.code == "push-full"
            raw.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("codec", ["vp9", "", "aac", "x" * 80])
def test_a_codec_that_is_not_taken_is_refused_and_the_connection_goes_on(tmp_path: Path, codec: str) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            raw = await Raw.connect(stage.port, stage.token)
            raw.say(say(Announce(codec), 1))
            assert (await raw.fault()).code == "unsupported-codec"
            raw.say(say(Announce("h264"), 1))
            assert (await raw.next()).kind is Kind.ACCEPTED
            raw.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("data", [b"x", b"$\0\xff\xff", b"$\0\0\x02hi" * 200], ids=["no frame", "cut off", "no RTP"])
def test_packets_that_are_none_end_their_stream_only(tmp_path: Path, data: bytes) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            raw = await Raw.connect(stage.port, stage.token)
            raw.say(say(Announce("h264"), 1))
            await raw.until(Kind.ACCEPTED)
            raw.say(Frame(Kind.PACKETS, data, 1).serialise())
            assert (await raw.fault()).code in ("push-malformed", "rtp-bad-packet")
            await until(lambda: stage.server.streams == 0)
            raw.say(say(Announce("h264"), 1))
            assert (await raw.next()).kind is Kind.ACCEPTED
            raw.close()

    asyncio.run(scenario())


def test_many_good_clients_of_one_address_that_come_at_once_are_all_let_in(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            clients = await asyncio.gather(*(Raw.connect(stage.port, stage.token) for _ in range(25)))
            assert stage.server.clients == 25
            for raw in clients:
                raw.close()

    asyncio.run(scenario())


class Pipe(asyncio.Transport):
    """The server's end of a connection that comes from ``peer``; keeps what is written."""

    def __init__(self, peer: str, kernel: socket.socket) -> None:
        super().__init__({"peername": (peer, 4711), "socket": kernel})
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("peer", "is_taken"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.0.2.7", False), ("2001:db8::1", False)],
)
def test_in_the_clear_a_token_is_heard_from_this_very_machine_only(tmp_path: Path, peer: str, is_taken: bool) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            (await Raw.connect(stage.port, stage.token)).close()  # it serves
            link = PushLink(stage.server, stage.clock, lambda: pytest.fail("no TLS was begun"), 1_000_000)
            with socket.socket() as kernel:
                pipe = Pipe(peer, kernel)
                link.connection_made(pipe)
                link.data_received(say(Hello(stage.token)))
                await until(lambda: pipe.written != b"")
            (frame,) = Deframer(CLIENT_LIMITS).feed(pipe.written)
            assert frame.kind is (Kind.WELCOME if is_taken else Kind.ERROR)
            if not is_taken:
                assert read(frame, Fault).code == "push-needs-tls"
                assert pipe.is_closed
            link.connection_lost(None)

    asyncio.run(scenario())
