"""The NAT of the tests: it does what RFC 4787 says of its kind, and leaves packets that a host takes."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.phones.nat import TCP, UDP, Endpoint, Kind, Packet, Router, World

SERVER, OTHER = ("203.0.113.10", 3478), ("203.0.113.11", 3478)
PHONE, VIEWER = ("10.1.0.2", 5000), ("10.2.0.2", 6000)


def endpoint(place: tuple[str, int]) -> Endpoint:
    return ipaddress.IPv4Address(place[0]).packed, place[1]


def packet(source: tuple[str, int], target: tuple[str, int], body: bytes = b"hello", protocol: int = UDP) -> bytes:
    """One with sums as a host makes them."""
    (here, port), (there, to) = endpoint(source), endpoint(target)
    if protocol == UDP:
        part = struct.pack("!HHHH", port, to, 8 + len(body), 0) + body
        at = 6
    else:
        part = struct.pack("!HHIIBBHHH", port, to, 1, 2, 5 << 4, 24, 9, 0, 0) + body
        at = 16
    pseudo = here + there + struct.pack("!BBH", 0, protocol, len(part))
    part = part[:at] + total(pseudo + part).to_bytes(2) + part[at + 2 :]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), 7, 0, 64, protocol, 0, here, there)
    return head[:10] + total(head).to_bytes(2) + head[12:] + part


def total(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    value = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return ~value & 0xFFFF


def is_whole(data: bytes) -> bool:
    """Whether a host would take it: both sums are right."""
    part = data[20:]
    return total(data[:20]) == 0 and total(data[12:20] + struct.pack("!BBH", 0, data[9], len(part)) + part) == 0


def world(kind: Kind) -> World:
    made = World()
    made.routers = {
        0: Router(Kind.NONE, SERVER[0]),
        1: Router(kind, "198.51.100.1"),
        2: Router(kind, "198.51.100.2"),
        3: Router(Kind.NONE, OTHER[0]),
    }
    return made


def sent(made: World, wire: int, source: tuple[str, int], target: tuple[str, int]) -> tuple[str, int] | None:
    """Who ``source`` is to whom it sends; None: it does not arrive."""
    came = made.carry(packet(source, target), wire)
    if came is None:
        return None
    arrived = Packet.parse(came[0])
    assert arrived is not None
    assert is_whole(came[0])
    return str(ipaddress.IPv4Address(arrived.source[0])), arrived.source[1]


def test_a_cone_is_the_same_to_everybody_and_lets_in_only_whom_it_sent_to() -> None:
    made = world(Kind.CONE)
    seen = sent(made, 1, PHONE, SERVER)
    assert seen == sent(made, 1, PHONE, OTHER)
    assert seen is not None
    assert sent(made, 0, SERVER, seen) == SERVER
    assert sent(made, 0, (SERVER[0], 9), seen) is None
    assert sent(made, 1, (PHONE[0], 5001), SERVER) != seen


def test_a_symmetric_one_is_another_to_each() -> None:
    made = world(Kind.SYMMETRIC)
    seen, other = sent(made, 1, PHONE, SERVER), sent(made, 1, PHONE, OTHER)
    assert seen != other
    assert seen is not None
    assert sent(made, 3, OTHER, seen) is None
    assert sent(made, 0, SERVER, seen) == SERVER


@pytest.mark.parametrize(("kind", "meets"), [(Kind.CONE, True), (Kind.SYMMETRIC, False)])
def test_two_who_send_to_what_the_server_saw_meet_through_cones_and_never_through_symmetric_ones(
    kind: Kind, meets: bool
) -> None:
    made = world(kind)
    phone, viewer = sent(made, 1, PHONE, SERVER), sent(made, 2, VIEWER, SERVER)
    assert phone is not None
    assert viewer is not None
    assert sent(made, 1, PHONE, viewer) is None
    assert (sent(made, 2, VIEWER, phone) == viewer) is meets
    assert (sent(made, 1, PHONE, viewer) == phone) is meets


def test_private_addresses_lead_nowhere() -> None:
    made = world(Kind.CONE)
    assert sent(made, 1, PHONE, VIEWER) is None
    assert sent(made, 0, SERVER, PHONE) is None
    assert made.dropped == 2


@given(st.binary(max_size=80), st.sampled_from([TCP, UDP]))
def test_packets_stay_whole_whatever_they_carry(body: bytes, protocol: int) -> None:
    made = world(Kind.CONE)
    out = made.carry(packet(PHONE, SERVER, body, protocol), 1)
    assert out is not None
    assert is_whole(out[0])
    assert out[0].endswith(body)
    arrived = Packet.parse(out[0])
    assert arrived is not None
    place = (str(ipaddress.IPv4Address(arrived.source[0])), arrived.source[1])
    back = made.carry(packet(SERVER, place, body, protocol), 0)
    assert back is not None
    assert is_whole(back[0])
    came = Packet.parse(back[0])
    assert came is not None
    assert came.target == endpoint(PHONE)


@given(st.binary(max_size=60))
def test_noise_goes_nowhere_or_to_a_host(data: bytes) -> None:
    came = world(Kind.CONE).carry(data, 1)
    assert came is None or came[1] in (0, 2, 3)
