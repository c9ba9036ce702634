"""Who is on the network: answers as values, and a real device on loopback."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.camera.virtual.onvif.model import Identity, Quirks, VirtualProfile
from haechi.camera.virtual.onvif.server import Listening, VirtualOnvif
from haechi.fleet.onvif.discovery import Found, discover, parse_matches, probe_message
from haechi.fleet.onvif.place import Place

STREAM = VirtualProfile("main", "rtsp://127.0.0.1:8554/yard")


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def match(addresses: str, scopes: str = "", relates: str = "uuid:1", endpoint: str = "urn:uuid:9") -> bytes:
    return (
        f"<E><Header><RelatesTo>{relates}</RelatesTo></Header><Body><ProbeMatches><ProbeMatch>"
        f"<EndpointReference><Address>{endpoint}</Address></EndpointReference><Scopes>{scopes}</Scopes>"
        f"<XAddrs>{addresses}</XAddrs></ProbeMatch></ProbeMatches></Body></E>"
    ).encode()


def test_a_device_is_where_its_answer_came_from() -> None:
    (found,) = parse_matches(match("http://10.0.0.9:8080/onvif/x"), "192.0.2.20", ["uuid:1"])
    assert found.place == Place("192.0.2.20", 8080, "/onvif/x")


def test_of_several_addresses_the_senders_own_counts() -> None:
    told = "http://[fe80::1]/a http://169.254.1.2/b http://192.0.2.20:81/c"
    (found,) = parse_matches(match(told), "192.0.2.20", ["uuid:1"])
    assert found.place == Place("192.0.2.20", 81, "/c")


def test_what_nobody_asked_for_is_no_answer() -> None:
    assert parse_matches(match("http://192.0.2.20/", relates="uuid:2"), "192.0.2.20", ["uuid:1"]) == []


@pytest.mark.parametrize("told", ["", "nonsense", "ftp://192.0.2.20/", "http://x:0:0/"])
def test_a_device_without_an_address_is_passed_over(told: str) -> None:
    assert parse_matches(match(told), "192.0.2.20", ["uuid:1"]) == []


def test_names_come_out_of_scopes_and_are_inert() -> None:
    scopes = (
        "onvif://www.onvif.org/name/Front%20door%E2%80%AE%00 onvif://www.onvif.org/hardware/XC-1 "
        "onvif://www.onvif.org/location/country/kr onvif://www.onvif.org/name/second other://x"
    )
    (found,) = parse_matches(match("http://192.0.2.20/x", scopes), "192.0.2.20", ["uuid:1"])
    assert (found.name, found.model, found.location) == ("Front door", "XC-1", "country, kr")


@given(
    st.binary(max_size=300) | st.text(max_size=80).map(lambda text: match(text.replace("<", ""), text.replace("<", "")))
)
def test_any_answer_is_read_or_refused(data: bytes) -> None:
    try:
        found = parse_matches(data, "192.0.2.20", ["uuid:1"])
    except PeerError:
        return
    assert all(one.place.host == "192.0.2.20" and one.name.isprintable() for one in found)


async def _first(count: int, *targets: tuple[str, int]) -> list[Found]:
    """The first ``count`` that are found, however long that takes."""
    found: list[Found] = []
    search = discover(60, targets)
    async for one in search:
        found.append(one)
        if len(found) == count:
            break
    await search.aclose()
    return found


def test_each_device_is_found_once_however_often_it_answers() -> None:
    first, second = free_udp_port(), free_udp_port()

    async def play() -> None:
        yard, door = Identity(name="Yard", model="V-1"), Identity(name="Door", endpoint="urn:uuid:2")
        async with VirtualOnvif([STREAM], identity=yard, listening=Listening(discovery_port=first)) as one:
            async with VirtualOnvif([STREAM], identity=door, listening=Listening(discovery_port=second)) as other:
                twice = ("127.0.0.1", first)
                found = await _first(2, twice, twice, twice, ("127.0.0.1", second))
                assert {each.place.url for each in found} == {one.url, other.url}
                assert {(each.name, each.model) for each in found} == {("Yard", "V-1"), ("Door", "Virtual camera")}

    asyncio.run(play())


def test_a_search_ends_when_its_time_is_over() -> None:
    async def play() -> None:
        assert [one async for one in discover(0.1, [("127.0.0.1", free_udp_port())])] == []

    asyncio.run(play())


def test_a_device_behind_nat_is_found_where_it_answers() -> None:
    port = free_udp_port()

    async def play() -> None:
        quirks = Quirks(inner_host="10.9.9.9")
        async with VirtualOnvif([STREAM], quirks=quirks, listening=Listening(discovery_port=port)) as device:
            (found,) = await _first(1, ("127.0.0.1", port))
            assert found.place.url == device.url

    asyncio.run(play())


def test_everybody_on_the_network_is_asked() -> None:
    """Multicast on the loopback interface, to a port of the test's own."""
    port = free_udp_port()

    async def play() -> None:
        async with VirtualOnvif([STREAM], listening=Listening(discovery_port=port)) as device:
            assert [one.place.url for one in await _first(1, ("239.255.255.250", port))] == [device.url]

    asyncio.run(play())


def test_nonsense_from_the_network_does_not_end_the_search() -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()

        class Nonsense(asyncio.DatagramProtocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = transport

            def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
                asked = data.split(b"MessageID>")[1].split(b"<")[0].decode()
                transport = cast("asyncio.DatagramTransport", self.transport)
                for answer in (b"", b"\x00" * 60_000, asked.encode(), match("http://1.2.3.4:5/x", relates=asked)):
                    transport.sendto(answer, addr)

        transport, _ = await loop.create_datagram_endpoint(Nonsense, local_addr=("127.0.0.1", 0))
        try:
            found = await _first(1, ("127.0.0.1", transport.get_extra_info("sockname")[1]))
        finally:
            transport.close()
        assert [one.place.url for one in found] == ["http://127.0.0.1:5/x"]

    asyncio.run(play())


def test_the_question_is_xml_with_the_type_that_is_meant() -> None:
    assert b"<d:Types>dn:NetworkVideoTransmitter</d:Types>" in probe_message("uuid:1", "dn:NetworkVideoTransmitter")
