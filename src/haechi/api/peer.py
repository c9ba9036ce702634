"""Where a request comes from: what the socket says, and a header only if a trusted proxy wrote it."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from msgspec import Struct
from starlette.datastructures import Headers
from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Peer(Struct, frozen=True):
    """The other side.

    Attributes:
        address: Of the client, or ``unknown``.
        scheme: ``http`` or ``https``, as the browser sees it.
        host: ``host[:port]`` as the browser sees it, lower case.
    """

    address: str
    scheme: str
    host: str

    @property
    def origin(self) -> str:
        """What a page of ours sends as ``Origin``."""
        return f"{self.scheme}://{self.host}"


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Parse addresses and networks such as ``10.0.0.0/8``.

    Raises:
        ValueError: One is neither.
    """
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts)


def peer_of(scope: Scope, trusted: Sequence[Network]) -> Peer:
    """The peer of a request or WebSocket. ``X-Forwarded-*`` counts only behind a trusted proxy (FAULTS A12)."""
    headers = Headers(scope=scope)
    client = scope.get("client")
    address = client[0] if client else "unknown"
    scheme = "https" if scope.get("scheme") in {"https", "wss"} else "http"
    host = headers.get("host", "").lower()
    if _is_trusted(address, trusted):
        address = _forwarded_for(headers, address, trusted)
        scheme = (headers.get("x-forwarded-proto") or scheme).split(",")[0].strip().lower()
        host = (headers.get("x-forwarded-host") or host).split(",")[0].strip().lower()
    return Peer(address, scheme, host)


def is_same_origin(origin: str, peer: Peer, allowed: Sequence[str]) -> bool:
    """Whether a page from ``origin`` is one of ours. Default ports are the same as none."""
    asked = _normal(origin)
    return asked is not None and asked in {_normal(peer.origin), *(_normal(other) for other in allowed)}


def _normal(origin: str) -> str | None:
    try:
        parts = urlsplit(origin.strip().lower())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    return f"{parts.scheme}://{parts.hostname}:{port or (443 if parts.scheme == 'https' else 80)}"


def _forwarded_for(headers: Headers, address: str, trusted: Sequence[Network]) -> str:
    """The last address in the chain that is not a proxy of ours; everything before it may be made up."""
    for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
        if not hop.strip():
            continue
        address = hop.strip()
        if not _is_trusted(address, trusted):
            return address
    return address


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted if network.version == parsed.version)
