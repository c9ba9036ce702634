"""Asks a STUN or TURN server for our address as it sees it: whether it is there, and speaks STUN (RFC 8489)."""

from __future__ import annotations

import secrets
import socket
import ssl
from collections.abc import Callable

from haechi.base.errors import PeerError, Unavailable
from haechi.fleet.phones.ice import IceUrl
from haechi.media.webrtc import stun

TRIES_S = (0.5, 1.0, 2.0)
"""A datagram may be lost: how long each of three is waited for."""


def reflected(url: IceUrl) -> tuple[str, int]:
    """Our address as the server sees it.

    Raises:
        Unavailable: ``turn-silent``: nobody answers there, or not in this protocol.
    """
    transaction = secrets.token_bytes(12)
    request = stun.build(stun.BINDING_REQUEST, transaction, {})
    ask = _by_tcp if url.transport == "tcp" else _by_udp
    try:
        return _read(ask(url, request), transaction)
    except ssl.SSLError as error:
        raise _silent(f"TLS failed: {error.reason or 'no handshake'}") from error
    except PeerError as error:
        raise _silent("what answers there does not speak STUN") from error
    except OSError as error:
        raise _silent(error.strerror or "nobody answers") from error


def _by_udp(url: IceUrl, request: bytes) -> bytes:
    family, _, _, _, address = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.connect(address)
        for wait_s in TRIES_S:
            line.settimeout(wait_s)
            line.send(request)
            try:
                return line.recv(stun.LARGEST_BYTES)
            except TimeoutError:
                continue
    raise TimeoutError(0, "nobody answers")


def _by_tcp(url: IceUrl, request: bytes) -> bytes:
    with socket.create_connection((url.host, url.port), TRIES_S[-1]) as plain:
        if not url.is_tls:
            return _exchange(plain.sendall, plain.recv, request)
        with ssl.create_default_context().wrap_socket(plain, server_hostname=url.host) as sealed:
            return _exchange(sealed.sendall, sealed.recv, request)


def _exchange(send: Callable[[bytes], None], receive: Callable[[int], bytes], request: bytes) -> bytes:
    send(request)
    data = b""
    while len(data) < stun.HEADER_BYTES or len(data) < stun.HEADER_BYTES + int.from_bytes(data[2:4], "big"):
        piece = receive(stun.LARGEST_BYTES)
        data += piece
        if not piece or len(data) > stun.LARGEST_BYTES:
            break
    return data


def _read(data: bytes, transaction: bytes) -> tuple[str, int]:
    message = stun.parse(data)
    mapped = message.attributes.get(stun.XOR_MAPPED_ADDRESS)
    if message.kind != stun.BINDING_SUCCESS or message.transaction != transaction or mapped is None:
        raise PeerError("not an answer to what was asked", offset=0, code="stun-malformed")
    return stun.address_of(mapped, transaction)


def _silent(reason: str) -> Unavailable:
    return Unavailable(f"the server does not answer: {reason}", code="turn-silent")
