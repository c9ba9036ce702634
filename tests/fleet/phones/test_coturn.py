"""The configuration of coturn: what it says, and what cannot be smuggled into it. tests/phones asks a real one."""

from pathlib import Path

import pytest
import yaml

from haechi.base.errors import Invalid
from haechi.fleet.phones.coturn import DENIED, Turn, configuration

TURN = Turn("6f1c0b5e", "turn.example.org", "198.51.100.7")


def test_it_takes_our_credentials_only_and_has_no_back_doors() -> None:
    lines = configuration(TURN).splitlines()
    for wanted in ("use-auth-secret", "static-auth-secret=6f1c0b5e", "no-cli", "no-multicast-peers", "fingerprint"):
        assert wanted in lines
    assert "no-tcp-relay" in lines
    assert "external-ip=198.51.100.7" in lines
    assert not [line for line in lines if line.startswith(("user=", "lt-cred-mech", "allowed-peer-ip", "no-auth"))]
    assert "6f1c0b5e" not in repr(TURN)


def test_every_range_that_is_not_public_is_denied_and_none_begins_with_the_unspecified_address() -> None:
    lines = configuration(TURN).splitlines()
    assert len([line for line in lines if line.startswith("denied-peer-ip=")]) == len(DENIED)
    assert "denied-peer-ip=192.168.0.0-192.168.255.255" in lines
    assert not [line for line in lines if line.startswith("denied-peer-ip=::-")]


def test_behind_a_router_it_knows_both_its_addresses_and_over_tls_its_certificate() -> None:
    turn = Turn("6f1c", "turn.example.org", "198.51.100.7", "10.0.0.7", certificate="/etc/ssl/turn.pem")
    lines = configuration(turn).splitlines()
    assert "external-ip=198.51.100.7/10.0.0.7" in lines
    assert "listening-ip=10.0.0.7" in lines
    assert "cert=/etc/ssl/turn.pem" in lines
    assert "no-tls" not in lines


def test_the_compose_file_starts_it_with_this_configuration_and_nothing_else() -> None:
    file = Path(__file__).parents[3] / "deploy" / "turn" / "compose.yaml"
    service = yaml.safe_load(file.read_text())["services"]["coturn"]
    place = service["command"][1]
    assert service["command"][0] == "-c"
    assert service["volumes"] == [f"./turnserver.conf:{place}:ro"]
    assert [word.partition("=")[0] for word in service["command"][2:]] == ["--pidfile", "--db"]
    assert service["network_mode"] == "host", "the ports of relays are the host's"
    assert service["cap_drop"] == ["ALL"]
    assert "environment" not in service


@pytest.mark.parametrize(
    "turn",
    [
        Turn("", "turn.example.org", "198.51.100.7"),
        Turn("a b", "turn.example.org", "198.51.100.7"),
        Turn("a\nno-auth", "turn.example.org", "198.51.100.7"),
        Turn("6f1c", "turn\nno-auth", "198.51.100.7"),
        Turn("6f1c", "turn.example.org", "turn.example.org"),
        Turn("6f1c", "turn.example.org", "198.51.100.7", certificate="/etc/a\nno-auth"),
    ],
)
def test_what_would_be_another_line_is_refused(turn: Turn) -> None:
    with pytest.raises(Invalid) as refused:
        configuration(turn)
    assert refused.value.code == "bad-turn-settings"
