"""coturn with our configuration takes our credentials, relays to the world, and to no network that is not public."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest
from aioice import stun, turn

from haechi.app.reflection import reflected
from haechi.base.errors import Unavailable
from haechi.fleet.phones.coturn import DENIED
from haechi.fleet.phones.ice import IceUrl, credentials, parse_ice_url
from tests.phones.relay import SECRET, coturn, here

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IceUrl]:
    folder = tmp_path_factory.mktemp("relay")
    with coturn(folder, "127.0.0.1", free_port(), lambda *words: words, here) as url:
        yield url


class Client:
    """A TURN client of somebody else's (aioice), with an allocation."""

    def __init__(self, username: str, password: str) -> None:
        self._name = (username, password)
        self.protocol: turn.TurnClientUdpProtocol

    async def allocate(self, url: IceUrl) -> None:
        loop = asyncio.get_running_loop()
        username, password = self._name
        _, protocol = await loop.create_datagram_endpoint(
            lambda: turn.TurnClientUdpProtocol(
                (url.host, url.port), username=username, password=password, lifetime=60, channel_refresh_time=500
            ),
            remote_addr=(url.host, url.port),
        )
        self.protocol = protocol
        await self.protocol.connect()

    async def permit(self, peer: str) -> None:
        """Ask to be let hear ``peer`` (CreatePermission, RFC 8656 section 10)."""
        request = stun.Message(message_method=stun.Method.CREATE_PERMISSION, message_class=stun.Class.REQUEST)
        request.attributes["XOR-PEER-ADDRESS"] = (peer, 9)
        await self.protocol.request_with_retry(request)


def refusal(url: IceUrl, username: str, password: str, *peers: str) -> list[int]:
    """The error of each request, 0 where there is none: the allocation, then leave for each peer."""

    async def ask() -> list[int]:
        client, codes = Client(username, password), []
        for work in (client.allocate(url), *(client.permit(peer) for peer in peers)):
            try:
                await work
                codes.append(0)
            except stun.TransactionFailed as error:
                codes.append(error.response.attributes["ERROR-CODE"][0])
        return codes

    return asyncio.run(ask())


def test_the_server_is_found_and_says_who_we_are(relay: IceUrl) -> None:
    assert reflected(relay)[0] == "127.0.0.1"
    assert reflected(parse_ice_url(f"{relay.text}?transport=tcp"))[0] == "127.0.0.1"


def test_where_nobody_answers_that_is_said() -> None:
    for transport in ("udp", "tcp"):
        with pytest.raises(Unavailable) as silent:
            reflected(parse_ice_url(f"turn:127.0.0.1:{free_port()}?transport={transport}"))
        assert silent.value.code == "turn-silent"


def test_our_credentials_open_it_and_others_do_not(relay: IceUrl) -> None:
    in_time, over = int(time.time()) + 600, int(time.time()) - 5
    assert refusal(relay, *credentials(SECRET, "p1", in_time), "198.51.100.7") == [0, 0]
    assert refusal(relay, *credentials(SECRET, "p1", over)) == [401]
    assert refusal(relay, *credentials("another secret", "p1", in_time)) == [401]
    name, _ = credentials(SECRET, "p1", in_time)
    assert refusal(relay, name, credentials(SECRET, "p2", in_time)[1]) == [401]


def test_it_relays_into_no_network_that_is_not_public(relay: IceUrl) -> None:
    ranges = [text for text in DENIED if ":" not in text]
    inside = [text.partition("/")[0].rsplit(".", 1)[0] + ".9" for text in ranges]
    assert "10.0.0.9" in inside
    assert "192.168.0.9" in inside
    name = credentials(SECRET, "p1", int(time.time()) + 600)
    assert refusal(relay, *name, *inside, "198.51.100.7") == [0, *[403] * len(inside), 0]
