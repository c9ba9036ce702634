"""A configuration for coturn that relays between phones and who watches them, and nothing else.

A TURN server sends packets for strangers from inside a network. So it takes only users with a MAC of our secret, and no
peer in an address range that is not a public one: without that it is a way past the firewall.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from msgspec import Struct

from haechi.base.errors import Invalid

DENIED = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
    *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "100::/64", "2001::/32", "2002::/16", "fc00::/7", "fe80::/10"),
    "ff00::/8",
)
"""What no peer may be: this network, private, shared, loopback, link-local, benchmark, multicast and reserved
addresses, and those that carry an IPv4 address in an IPv6 one (RFC 6890)."""
LEAST_PORT, MOST_PORT = 49_152, 49_999
_REALM = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,200}[A-Za-z0-9])?")


class Turn(Struct, frozen=True):
    """What differs from one TURN server to another.

    Attributes:
        secret: What it and Haechi know.
        realm: A name for it, for example its host name.
        public: Its address as the world knows it.
        private: The address that it has itself, where a router stands before it; empty: the same.
        certificate, key: Files for ``turns:``; empty: without.
    """

    secret: str
    realm: str
    public: str
    private: str = ""
    port: int = 3478
    tls_port: int = 5349
    certificate: str = ""
    key: str = ""

    def __repr__(self) -> str:
        return f"Turn({self.realm!r}, {self.public!r})"


def configuration(turn: Turn) -> str:
    """A ``turnserver.conf``. Start coturn with ``-c`` and this file; never with ``-n``, which ignores it.

    Raises:
        Invalid: ``bad-turn-settings``: something would not stand in the file as it is meant.
    """
    own = _address(turn.private or turn.public)
    external = _address(turn.public) if not turn.private else f"{_address(turn.public)}/{own}"
    if not _REALM.fullmatch(turn.realm):
        raise Invalid("the realm is a host name, for example turn.example.org", code="bad-turn-settings")
    if not turn.secret or not turn.secret.isascii() or not turn.secret.isprintable() or set(turn.secret) & set(" #\"'"):
        message = "the secret is text without spaces, quotes or #; make one with: openssl rand -hex 32"
        raise Invalid(message, code="bad-turn-settings")
    lines = [
        "# coturn for Haechi. Start it as: turnserver -c /etc/turnserver.conf (never with -n: that ignores this file).",
        "use-auth-secret",
        f"static-auth-secret={turn.secret}",
        f"realm={turn.realm}",
        f"listening-ip={own}",
        f"relay-ip={own}",
        f"external-ip={external}",
        f"listening-port={turn.port}",
        f"min-port={LEAST_PORT}",
        f"max-port={MOST_PORT}",
        "fingerprint",
        "stale-nonce=600",
        "# What it must not do: log in to itself, relay into networks that are not public, relay TCP, be a group's.",
        "no-cli",
        "no-multicast-peers",
        "no-tcp-relay",
        "no-rfc5780",
        "no-software-attribute",
        *(f"denied-peer-ip={_range(text)}" for text in DENIED),
        "# Haechi gives each connection a name of its own. 750 kB/s each way carry a picture of 1080 lines.",
        "user-quota=8",
        "total-quota=200",
        "max-bps=750000",
        "simple-log",
        "log-file=stdout",
        *_tls(turn),
    ]
    return "\n".join(lines) + "\n"


def _tls(turn: Turn) -> Sequence[str]:
    if not turn.certificate:
        return ("no-tls", "no-dtls")
    if any(not text.isprintable() or "#" in text for text in (turn.certificate, turn.key)):
        raise Invalid("the certificate's path cannot stand in the file", code="bad-turn-settings")
    return (
        f"tls-listening-port={turn.tls_port}",
        f"cert={turn.certificate}",
        f"pkey={turn.key or turn.certificate}",
        "no-tlsv1",
        "no-tlsv1_1",
    )


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        message = "give the TURN server's address as a number, for example 198.51.100.7"
        raise Invalid(message, code="bad-turn-settings") from error


def _range(text: str) -> str:
    """First and last address. A range that began with ``::`` would be all of IPv4, too, to coturn 4.6; it takes no
    unspecified address as a peer anyway.
    """
    network = ipaddress.ip_network(text)
    first = network[1] if network[0] == ipaddress.IPv6Address("::") else network[0]
    return f"{first}-{network[-1]}"
