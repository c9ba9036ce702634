"""Where cameras may be: every spelling of an address is judged by the number that it comes to (CONTRACT S6)."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import HaechiError, Invalid, Unavailable
from haechi.ingest.reach import ANYWHERE, LOOPBACK, Address, Reach, is_own_address

FORBIDDEN = (
    *("169.254.169.254", "0xa9fea9fe", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"),
    *("0.0.0.0", "0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"),
)
NOT_OURS = Reach(is_own=lambda _: False)


class Resolver:
    """Answers each question with the next of its answers, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def resolved(reach: Reach, host: str) -> Address:
    return asyncio.run(reach.resolve(host, 80))


def refusal(reach: Reach, host: str) -> str:
    with pytest.raises(HaechiError) as caught:
        resolved(reach, host)
    return caught.value.code


@pytest.mark.parametrize("host", ["10.1.2.3", "172.16.9.9", "192.168.1.20", "100.64.7.7", "8.8.8.8", "fd00:7::20"])
def test_private_and_public_addresses_may_be_cameras(host: str) -> None:
    assert resolved(NOT_OURS, host)[1] == host


@pytest.mark.parametrize(
    "host",
    # One address in the spellings that resolvers read: octal, hexadecimal, one number, left-out parts.
    ["127.0.0.1", "127.9.9.9", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "127.1", "localhost"],
)
def test_loopback_is_closed_however_it_is_written(host: str) -> None:
    assert refusal(NOT_OURS, host) == "address-not-allowed"


@pytest.mark.parametrize("host", ["::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"])
def test_an_ipv4_address_inside_an_ipv6_one_is_what_counts(host: str) -> None:
    assert refusal(Reach(lookup=Resolver([host]), is_own=lambda _: False), "name") == "address-not-allowed"


@pytest.mark.parametrize("host", FORBIDDEN)
def test_no_setting_opens_what_no_camera_can_have(host: str) -> None:
    everything = Reach(("0.0.0.0/0", "::/0"))
    assert refusal(everything, host) == "address-forbidden"
    assert refusal(ANYWHERE, host) == "address-forbidden"


@pytest.mark.parametrize("host", ["169.254.7.7", "fe80::1", "fe80::1%lo", "fec0::1"])
def test_link_local_is_closed_until_it_is_allowed(host: str) -> None:
    assert refusal(Reach(lookup=Resolver([host]), is_own=lambda _: False), "x") == "address-not-allowed"
    opened = Reach(("169.254.0.0/16", "fe80::/10", "fec0::/10"), lookup=Resolver([host]), is_own=lambda _: False)
    assert resolved(opened, "x")[1] == host


def test_a_range_that_is_shut_out_stays_shut_even_where_it_is_allowed() -> None:
    reach = Reach(("10.1.0.0/16",), ("10.0.0.0/8", "::ffff:1.2.3.4"), is_own=lambda _: False)
    assert refusal(reach, "10.1.2.3") == "address-not-allowed"
    assert resolved(reach, "192.168.1.1")[1] == "192.168.1.1"


def test_the_machines_own_addresses_are_closed_like_loopback() -> None:
    assert is_own_address("127.0.0.1")
    assert not is_own_address("198.51.100.7")
    ours = Reach(is_own=lambda number: number == "192.168.1.5")
    assert refusal(ours, "192.168.1.5") == "address-not-allowed"
    assert refusal(Reach(lookup=Resolver(["::ffff:192.168.1.5"]), is_own=ours._is_own), "x") == "address-not-allowed"
    assert resolved(Reach(("192.168.1.5",), is_own=lambda _: True), "192.168.1.5")[1] == "192.168.1.5"


def test_of_several_numbers_the_first_that_is_allowed_is_taken() -> None:
    resolver = Resolver(["127.0.0.1", "fe80::7%eth0", "192.168.1.20", "192.168.1.21"])
    assert resolved(Reach(lookup=resolver, is_own=lambda _: False), "camera.local")[1] == "192.168.1.20"
    assert resolver.asked == 1


def test_a_name_with_no_number_at_all_is_unknown() -> None:
    assert refusal(Reach(lookup=Resolver([])), "camera.local") == "dns-failed"
    with pytest.raises(Unavailable):
        resolved(NOT_OURS, "no-such-host.invalid")


def test_a_mapped_address_is_connected_to_as_the_ipv4_address_that_it_is() -> None:
    reach = Reach(LOOPBACK, lookup=Resolver(["::ffff:127.0.0.1"]))
    assert resolved(reach, "x") == (socket.AF_INET, "127.0.0.1", 80)


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "all", "10.0.0.0-10.0.0.9", "fd00::/129"])
def test_what_is_no_range_is_said(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Reach((text,))
    assert caught.value.code == "bad-range-of-addresses"


@given(number=st.ip_addresses(), wrap=st.sampled_from(["", "::ffff:", "64:ff9b::"]))
def test_whatever_is_let_through_is_open_by_number_in_every_wrapping(
    number: ipaddress.IPv4Address | ipaddress.IPv6Address, wrap: str
) -> None:
    text = f"{wrap}{number}" if wrap and number.version == 4 else str(number)
    try:
        NOT_OURS.check(text)
    except Invalid:
        return
    assert not number.is_loopback
    assert not number.is_link_local
    assert not number.is_multicast
    assert not number.is_unspecified
