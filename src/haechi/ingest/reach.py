"""Which addresses a camera may have: the one place that decides it (CONTRACT S6, docs/adr/0016).

A name is resolved once, every number that it gives is checked, and what is connected to is a number that was checked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing

from haechi.base.errors import HaechiError, Invalid, Unavailable

DNS_S = 5.0
MOST_NUMBERS = 16
"""Of what a name resolves to, so many are looked at."""
LOOPBACK = ("127.0.0.0/8", "::1/128")

Address = tuple[socket.AddressFamily, str, int]
Number = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to numeric addresses, the best first; an IPv6 one may carry a zone (``fe80::1%eth0``)."""


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_NEVER = _networks(
    # The metadata services of clouds, which hand out keys: AWS and its likes, ECS, Azure, Alibaba, Oracle.
    *("169.254.169.254/32", "169.254.170.2/32", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"),
    *("fd00:ec2::254/128", "fe80::a9fe:a9fe/128"),
    # "This host", multicast, reserved, broadcast.
    *("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"),
)
"""No camera lives there, whatever the settings say."""
_CLOSED = _networks("127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10", "fec0::/10")
"""Loopback and link-local: only where the settings allow it. So are the addresses of this machine."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Reach:
    """What may be connected to on behalf of whoever adds a camera.

    Private and public addresses may, unless ``deny`` says otherwise; loopback, link-local and this machine's own
    addresses may not, unless ``allow`` does. Metadata services, multicast and the like never may.

    Args:
        allow, deny: Ranges, such as ``192.168.7.0/24``; ``deny`` wins.
        lookup: Resolves names; the machine's resolver when left out.
        is_own: Whether a number is one of this machine's.

    Raises:
        Invalid: ``bad-range-of-addresses``: something is no range.
    """

    def __init__(
        self,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
        *,
        lookup: Lookup | None = None,
        is_own: Callable[[str], bool] | None = None,
    ) -> None:
        self._allow = parse_ranges(allow)
        self._deny = parse_ranges(deny)
        self._lookup = lookup or system_lookup
        self._is_own = is_own or is_own_address

    async def resolve(self, host: str, port: int) -> Address:
        """The address to connect to: found once, checked, and then used as it is.

        Of several numbers the first that is allowed is taken.

        Raises:
            Unavailable: ``dns-failed``.
            Invalid: ``address-forbidden``, ``address-not-allowed``.
        """
        try:
            found = await asyncio.wait_for(self._lookup(host, port), DNS_S)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise Unavailable("the camera's host name is unknown", code="dns-failed", host=host) from error
        refusal: HaechiError = Unavailable("the camera's host name is unknown", code="dns-failed", host=host)
        for text in found[:MOST_NUMBERS]:
            try:
                number = self.check(text, host)
            except Invalid as error:
                refusal = error
                continue
            family = socket.AF_INET if number.version == 4 else socket.AF_INET6
            _, percent, zone = text.partition("%")
            return family, f"{number}{percent}{zone}" if number.version == 6 else str(number), port
        raise refusal

    def check(self, text: str, host: str = "") -> Number:
        """The number that ``text`` stands for, when a camera may be there.

        Args:
            text: A numeric address, perhaps with a zone.
            host: What the person wrote, for the message.

        Raises:
            Invalid: ``address-forbidden``, ``address-not-allowed``.
        """
        number = ipaddress.ip_address(text.partition("%")[0])
        plain = _plain(number)
        said = host or text
        if _within(plain, _NEVER) or _within(number, _NEVER):
            raise Invalid("this address cannot be a camera's", code="address-forbidden", host=said)
        if _within(plain, self._deny) or _within(number, self._deny):
            message = "the settings shut this address out (sources.deny)"
            raise Invalid(message, code="address-not-allowed", host=said, address=str(plain))
        if not _within(plain, self._allow) and (_within(plain, _CLOSED) or self._is_own(str(plain))):
            message = (
                "this address is the server itself, or link-local; "
                "if a camera is there, add the address to sources.allow in the settings"
            )
            raise Invalid(message, code="address-not-allowed", host=said, address=str(plain))
        return plain if getattr(number, "ipv4_mapped", None) else number


def parse_ranges(texts: Iterable[str]) -> tuple[Network, ...]:
    """Ranges of addresses as people write them; a single address is a range of one.

    Raises:
        Invalid: ``bad-range-of-addresses``.
    """
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError as error:
            message = "a range of addresses looks like 192.168.7.0/24 or fd00:7::/64"
            raise Invalid(message, code="bad-range-of-addresses", range=text[:60]) from error
    return tuple(found)


async def system_lookup(host: str, port: int) -> Sequence[str]:
    """What this machine's resolver says."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _, _, _, _, address in found]


def is_own_address(text: str) -> bool:
    """Whether this machine has that address: only then can a socket be bound to it. Nothing is sent."""
    bare = text.partition("%")[0]
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
            probe.bind((bare, 0))
    except OSError:
        return False
    return True


def is_public(number: str) -> bool:
    """Whether a numeric address is on the public internet."""
    return _plain(ipaddress.ip_address(number.partition("%")[0])).is_global


def _within(number: Number, networks: Sequence[Network]) -> bool:
    return any(number.version == network.version and number in network for network in networks)


def _plain(number: Number) -> Number:
    """The IPv4 address inside an IPv6 one that only carries it (mapped, compatible, 6to4, NAT64); else itself."""
    if isinstance(number, ipaddress.IPv4Address):
        return number
    if number.ipv4_mapped is not None:
        return number.ipv4_mapped
    if number.sixtofour is not None:
        return number.sixtofour
    if number in _NAT64 or (int(number) >> 32 == 0 and int(number) > 1):
        return ipaddress.IPv4Address(int(number) & 0xFFFF_FFFF)
    return number


ANYWHERE = Reach((*LOOPBACK, "169.254.0.0/16", "fe80::/10", "fec0::/10"), is_own=lambda _: False)
"""For what a person runs on their own machine: all but what no camera can have."""
