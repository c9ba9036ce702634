"""The device's half of WS-Discovery: hears who looks for cameras, and answers."""

from __future__ import annotations

import asyncio
import socket
import struct
import uuid
from collections.abc import Callable
from typing import cast

from haechi.base.errors import PeerError
from haechi.camera.virtual.onvif.answers import scopes
from haechi.camera.virtual.onvif.model import Model
from haechi.fleet.onvif.discovery import GROUP
from haechi.fleet.onvif.xml import escape, parse_xml

_WSD = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_WSA = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_IP_MULTICAST_ALL = 49
"""linux/in.h; 0: only from networks that this socket is a member on."""
_KINDS = {"NetworkVideoTransmitter", "Device"}


class Beacon(asyncio.DatagramProtocol):
    """Answers questions for a device.

    Args:
        base: The device's ``http://host:port``.
    """

    def __init__(self, model: Model, base: Callable[[], str]) -> None:
        self._model = model
        self._base = base
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        answer = self.answer(data)
        if answer and self._transport is not None:
            self._transport.sendto(answer, addr)

    def answer(self, data: bytes) -> bytes:
        """The answer to a question; empty when it asks for something else, or nothing."""
        try:
            root = parse_xml(data)
        except PeerError:
            return b""
        probe, message = root.find("Body", "Probe"), root.text_at("Header", "MessageID")
        wanted = {one.rpartition(":")[2] for one in probe.text_at("Types").split()} if probe is not None else set()
        if probe is None or not message or (wanted and not wanted & _KINDS):
            return b""
        one = self._model.identity
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="{_WSA}" xmlns:d="{_WSD}" '
            'xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
            f"<e:Header><w:MessageID>uuid:{uuid.uuid4()}</w:MessageID><w:RelatesTo>{escape(message)}</w:RelatesTo>"
            "<w:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</w:To>"
            f"<w:Action>{_WSD}/ProbeMatches</w:Action></e:Header><e:Body><d:ProbeMatches><d:ProbeMatch>"
            f"<w:EndpointReference><w:Address>{escape(one.endpoint)}</w:Address></w:EndpointReference>"
            f"<d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types><d:Scopes>{escape(' '.join(scopes(self._model)))}"
            f"</d:Scopes><d:XAddrs>{escape(self._base())}/onvif/device_service</d:XAddrs>"
            "<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"
        ).encode()


def discovery_sockets(host: str, port: int) -> list[socket.socket]:
    """One that hears questions to everybody on the network of ``host`` (an IPv4 address), one for ``host`` alone."""
    return [_socket(GROUP, port, member=host), _socket(host, port)]


def _socket(bound: str, port: int, *, member: str = "") -> socket.socket:
    """Bound to the group's address it hears nothing else, and only on the networks that it is a member on (ip(7))."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((bound, port))
        if member:
            wish = struct.pack("=4s4s", socket.inet_aton(GROUP), socket.inet_aton(member))
            one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, wish)
            one.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
    except OSError:
        one.close()
        raise
    return one
