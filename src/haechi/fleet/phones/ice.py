"""The servers that find two browsers a way to each other: STUN, and TURN with credentials that run out.

Credentials are those of the "REST API for access to TURN services" (draft-uberti-behave-turn-rest-00), which coturn
checks with ``use-auth-secret``: the user name is the time at which they run out and a name, the password a MAC of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.fleet.phones.messages import IceServer

STUN_PORT, STUN_TLS_PORT = 3478, 5349
LONGEST_URL = 300
_URL = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?(?:\?transport=(?P<transport>udp|tcp))?"
)


class IceUrl(Struct, frozen=True):
    """A ``stun:`` or ``turn:`` address, taken apart (RFC 7064, RFC 7065)."""

    text: str
    scheme: str
    host: str
    port: int
    transport: str

    @property
    def is_relay(self) -> bool:
        """Whether it is a TURN server, which wants credentials."""
        return self.scheme.startswith("turn")

    @property
    def is_tls(self) -> bool:
        return self.scheme.endswith("s")


def parse_ice_url(text: str) -> IceUrl:
    """Take one apart.

    Raises:
        Invalid: ``bad-ice-url``.
    """
    found = _URL.fullmatch(text.strip()) if len(text) <= LONGEST_URL else None
    port = int(found["port"] or 0) if found else 0
    if found is None or port > 65_535 or (found["port"] and not port) or _is_wrong(found):
        message = "this must look like stun:turn.example.org:3478 or turn:turn.example.org:3478?transport=udp"
        raise Invalid(message, code="bad-ice-url")
    is_tls = found["scheme"].endswith("s")
    transport = found["transport"] or ("tcp" if is_tls else "udp")
    port = port or (STUN_TLS_PORT if is_tls else STUN_PORT)
    return IceUrl(found[0], found["scheme"], found["host"].strip("[]"), port, transport)


def _is_wrong(found: re.Match[str]) -> bool:
    """STUN addresses have no transport (RFC 7064 section 3.1)."""
    return found["scheme"].startswith("stun") and found["transport"] is not None


def credentials(secret: str, peer: str, expires_s: int) -> tuple[str, str]:
    """User name and password for a TURN server.

    Args:
        peer: A name for its log; it identifies nobody.
        expires_s: Seconds since 1970 from which on they open nothing more.
    """
    username = f"{expires_s}:{peer}"
    mac = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(mac).decode("ascii")


class IceServers(Struct, frozen=True):
    """Which servers there are.

    Attributes:
        urls: As browsers take them.
        secret: What this server and the TURN server know.
        ttl_s: How long credentials can be used to begin with.
    """

    urls: tuple[str, ...] = ()
    secret: str = ""
    ttl_s: int = 12 * 3600

    def __repr__(self) -> str:
        return f"IceServers({self.urls!r}, ttl_s={self.ttl_s})"

    def for_peer(self, peer: str, wall_ns: int) -> tuple[IceServer, ...]:
        """What one browser is given; each has credentials of its own."""
        parsed: Sequence[IceUrl] = [parse_ice_url(url) for url in self.urls]
        plain = tuple(url.text for url in parsed if not url.is_relay)
        relays = tuple(url.text for url in parsed if url.is_relay)
        found = [IceServer(plain)] if plain else []
        if relays:
            username, credential = credentials(self.secret, peer, wall_ns // NS_PER_S + self.ttl_s)
            found.append(IceServer(relays, username, credential))
        return tuple(found)
