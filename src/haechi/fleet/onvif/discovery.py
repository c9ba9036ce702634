"""WS-Discovery (April 2005, as ONVIF Core section 7 uses it): a question to everybody, and who answers.

Only answers to a question of ours count (RelatesTo). A device is where its answer came *from*: the addresses that it
tells may be inner ones, or somebody else's.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from haechi.base.errors import HaechiError, Unavailable
from haechi.fleet.onvif.place import Place
from haechi.fleet.onvif.xml import Node, inert, parse_xml

GROUP, PORT = "239.255.255.250", 3702
MOST_FOUND = 512
MOST_DATAGRAMS = 4096
MOST_WAITING = 256
MOST_ANSWER_BYTES = 16 * 1024
ASK_AGAIN_S = 1.0
"""UDP gets lost, so everybody is asked twice."""
_WSD = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_WSA = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_SCOPE = "onvif://www.onvif.org/"


class Found(Struct, frozen=True):
    """A device that answered.

    Attributes:
        endpoint: Its own lasting name, usually a UUID.
        name, model, location: As it says in its scopes, made inert; may be empty.
    """

    endpoint: str
    place: Place
    name: str = ""
    model: str = ""
    location: str = ""


def probe_message(message_id: str, types: str) -> bytes:
    """The question; ``types`` is the kind of device meant, with the prefix ``dn`` or ``tds``."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="{_WSA}" xmlns:d="{_WSD}" '
        'xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
        f"<e:Header><w:MessageID>{message_id}</w:MessageID>"
        "<w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>"
        f"<w:Action>{_WSD}/Probe</w:Action></e:Header>"
        f"<e:Body><d:Probe><d:Types>{types}</d:Types></d:Probe></e:Body></e:Envelope>"
    ).encode()


def parse_matches(data: bytes, sender: str, asked: Sequence[str]) -> list[Found]:
    """The devices in an answer that came from ``sender``; none when it answers nothing of what we ``asked``.

    Raises:
        PeerError: ``bad-xml``.
    """
    root = parse_xml(data)
    if root.text_at("Header", "RelatesTo") not in asked:
        return []
    matches = root.find("Body", "ProbeMatches")
    found = [_found(node, sender) for node in (matches.all("ProbeMatch") if matches is not None else ())]
    return [one for one in found if one is not None]


def _found(node: Node, sender: str) -> Found | None:
    place = _place(node.text_at("XAddrs").split()[:16], sender)
    endpoint = inert(node.text_at("EndpointReference", "Address"), 200)
    if place is None or not endpoint:
        return None
    scopes = _scopes(node.text_at("Scopes").split()[:64])
    return Found(
        endpoint,
        place,
        name=scopes.get("name", ""),
        model=scopes.get("hardware", ""),
        location=scopes.get("location", ""),
    )


def _place(told: Sequence[str], sender: str) -> Place | None:
    """Where the device service is: of the addresses told the one with the sender's host, else the first usable."""
    usable = []
    for text in told:
        try:
            usable += [Place.parse(text)] if "://" in text else []
        except HaechiError:
            continue
    usable.sort(key=lambda place: place.host != sender)
    return replace(usable[0], host=sender) if usable else None


def _scopes(told: Sequence[str]) -> Mapping[str, str]:
    """The first value of each kind of ONVIF scope."""
    kinds: dict[str, str] = {}
    for text in told:
        if text.startswith(_SCOPE):
            kind, _, value = text.removeprefix(_SCOPE).partition("/")
            kinds.setdefault(kind.lower(), inert(unquote(value.replace("/", ", ")), 80))
    return kinds


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, heard: Callable[[bytes, str], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._heard(data, str(addr[0]))


async def discover(seconds: float, targets: Sequence[tuple[str, int]] = ((GROUP, PORT),)) -> AsyncGenerator[Found]:
    """Devices as they answer, each once, until ``seconds`` are over.

    Args:
        targets: Whom to ask, as numeric IPv4 addresses; the group means everybody on every network of this machine.

    Raises:
        Unavailable: ``discovery-failed``: nobody could be asked.
    """
    if not targets:
        return
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue(MOST_WAITING)

    def take(data: bytes, sender: str) -> None:
        if not heard.full():
            heard.put_nowait((data, sender))

    asked = [f"uuid:{uuid.uuid4()}" for _ in range(2)]
    questions = [
        probe_message(one, types)
        for one, types in zip(asked, ("dn:NetworkVideoTransmitter", "tds:Device"), strict=True)
    ]
    ears = [await loop.create_datagram_endpoint(lambda: _Ear(take), sock=one) for one in _sockets(targets)]
    try:
        ways = [ear[0] for ear in ears]
        ends = loop.time() + seconds
        _ask(ways, questions, targets)
        again = loop.call_later(min(ASK_AGAIN_S, seconds / 2), _ask, ways, questions, targets)
        try:
            async for one in _answers(heard, asked, ends):
                yield one
        finally:
            again.cancel()
    finally:
        for transport, _ in ears:
            transport.close()


async def _answers(heard: asyncio.Queue[tuple[bytes, str]], asked: Sequence[str], ends: float) -> AsyncGenerator[Found]:
    """What comes until the loop's time is ``ends``. What is no answer to us is passed over."""
    loop = asyncio.get_running_loop()
    seen: set[tuple[str, str]] = set()
    for _ in range(MOST_DATAGRAMS):
        try:
            async with asyncio.timeout_at(ends):
                data, sender = await heard.get()
        except TimeoutError:
            return
        for one in _matches(data, sender, asked):
            key = (one.endpoint, one.place.authority)
            if key not in seen and len(seen) < MOST_FOUND:
                seen.add(key)
                yield one
        await asyncio.sleep(0)
        if loop.time() >= ends:
            return


def _matches(data: bytes, sender: str, asked: Sequence[str]) -> list[Found]:
    """As `parse_matches`; what cannot be an answer to us is not even parsed."""
    if len(data) > MOST_ANSWER_BYTES or not any(one.encode() in data for one in asked):
        return []
    try:
        return parse_matches(data, sender, asked)
    except HaechiError:
        return []


def _ask(
    ways: Sequence[asyncio.DatagramTransport], questions: Sequence[bytes], targets: Sequence[tuple[str, int]]
) -> None:
    for way in ways:
        for target in targets:
            for question in questions:
                way.sendto(question, target)


def _sockets(targets: Sequence[tuple[str, int]]) -> Sequence[socket.socket]:
    """One for each network of this machine when everybody is asked, else one."""
    if not any(host == GROUP for host, _ in targets):
        return [_socket()]
    opened = [one for _, name in socket.if_nameindex() if (one := _try_interface(name)) is not None]
    if not opened:
        raise Unavailable("this machine has no network on which to look for cameras", code="discovery-failed")
    return opened


def _try_interface(name: str) -> socket.socket | None:
    try:
        return _socket(name)
    except OSError:
        return None


def _socket(interface: str = "") -> socket.socket:
    """A socket on a free port; with an interface's name its questions to the group leave there (ip(7): ip_mreqn)."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        one.setblocking(False)
        one.bind(("", 0))
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        if interface:
            here = "127.0.0.1" if interface.startswith("lo") else "0.0.0.0"  # noqa: S104 - "as the kernel thinks best"
            addresses = socket.inet_aton(GROUP) + socket.inet_aton(here)
            wish = struct.pack("=8si", addresses, socket.if_nametoindex(interface))
            one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, wish)
    except OSError:
        one.close()
        raise
    return one
