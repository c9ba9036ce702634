"""Servers that find a way: addresses, and credentials that a TURN server of somebody else's checks the same way."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.fleet.phones.ice import IceServers, IceUrl, credentials, parse_ice_url


@pytest.mark.parametrize(
    ("secret", "peer", "expires_s", "username", "credential"),
    [
        # Made by: printf %s "<username>" | openssl dgst -sha1 -hmac "<secret>" -binary | base64
        ("north", "p1", 1_700_000_000, "1700000000:p1", "qmV1Ez2SwzrylXCPMqxg9P1hY0Y="),
        (
            "north",
            "cam_k3v9p2mw8tq4hx7n",
            1_700_000_600,
            "1700000600:cam_k3v9p2mw8tq4hx7n",
            "jK7IBxB47yLKgnK3dTdwK7darAU=",
        ),
    ],
)
def test_credentials_are_what_openssl_makes_of_the_same_secret(
    secret: str, peer: str, expires_s: int, username: str, credential: str
) -> None:
    assert credentials(secret, peer, expires_s) == (username, credential)


def test_who_asks_gets_stun_without_and_turn_with_credentials_that_run_out() -> None:
    servers = IceServers(("stun:a.example:3478", "turn:a.example:3478", "turns:a.example?transport=tcp"), "north", 600)
    stun, turn = servers.for_peer("p1", 1_699_999_400 * NS_PER_S + 999)
    assert (stun.urls, stun.username, stun.credential) == (("stun:a.example:3478",), "", "")
    assert turn.urls == ("turn:a.example:3478", "turns:a.example?transport=tcp")
    assert (turn.username, turn.credential) == credentials("north", "p1", 1_700_000_000)
    assert IceServers().for_peer("p1", 0) == ()
    assert "north" not in repr(servers)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("stun:turn.example.org", ("stun", "turn.example.org", 3478, "udp")),
        ("stuns:turn.example.org", ("stuns", "turn.example.org", 5349, "tcp")),
        ("turn:192.0.2.1:3479?transport=tcp", ("turn", "192.0.2.1", 3479, "tcp")),
        ("turns:[2001:db8::1]:443?transport=tcp", ("turns", "2001:db8::1", 443, "tcp")),
    ],
)
def test_addresses_are_taken_apart(text: str, url: tuple[str, str, int, str]) -> None:
    assert parse_ice_url(text) == IceUrl(text, *url)
    assert parse_ice_url(text).is_relay == text.startswith("turn")


WRONG = (
    *("", "turn", "turn:", "http://a.example", "turn:a.example:0", "turn:a.example:65536", "turn:" + "a" * 300),
    *("stun:a.example?transport=udp", "turn:user@a.example", "turn:a.example:1?transport=sctp", "turn:a b", "turn:-a"),
)


@pytest.mark.parametrize("text", WRONG)
def test_what_no_browser_takes_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Invalid, match=r"turn:turn\.example\.org") as refused:
        parse_ice_url(text)
    assert refused.value.code == "bad-ice-url"


@given(st.text(max_size=400))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    with suppress(Invalid):
        assert 0 < parse_ice_url(text).port < 65_536
