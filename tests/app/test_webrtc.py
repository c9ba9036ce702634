"""Where publishers are told to come."""

import pytest

from haechi.app.webrtc import reachable


@pytest.mark.parametrize(
    ("bound", "named", "reached_at", "first"),
    [
        ("127.0.0.1", (), "127.0.0.1", "127.0.0.1"),
        ("192.0.2.5", (), "198.51.100.1", "192.0.2.5"),
        ("0.0.0.0", (), "198.51.100.1", "198.51.100.1"),
        ("::", (), "::ffff:198.51.100.1", "198.51.100.1"),
        ("0.0.0.0", ("203.0.113.9",), "198.51.100.1", "203.0.113.9"),
    ],
)
def test_publishers_are_told_the_address_that_they_most_likely_reach(
    bound: str, named: tuple[str, ...], reached_at: str, first: str
) -> None:
    assert reachable(bound, named, reached_at)[0] == first


def test_an_ipv4_socket_names_no_ipv6_address() -> None:
    assert not any(":" in address for address in reachable("0.0.0.0", (), "2001:db8::5"))
    assert reachable("0.0.0.0", (), "testserver") != []
