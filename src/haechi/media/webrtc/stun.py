"""STUN binding requests and their answers (RFC 8489), as far as ICE needs them (RFC 8445 section 7)."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
import zlib

from msgspec import Struct

from haechi.base.errors import PeerError

HEADER_BYTES = 20
LARGEST_BYTES = 1500
COOKIE = 0x2112A442
BINDING_REQUEST, BINDING_INDICATION, BINDING_SUCCESS, BINDING_ERROR = 0x0001, 0x0011, 0x0101, 0x0111
USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, XOR_MAPPED_ADDRESS = 0x0006, 0x0008, 0x0009, 0x0020
PRIORITY, USE_CANDIDATE, FINGERPRINT, ICE_CONTROLLED, ICE_CONTROLLING = 0x0024, 0x0025, 0x8028, 0x8029, 0x802A
ROLE_CONFLICT = 487
_FINGERPRINT_XOR = 0x5354554E
_INTEGRITY_BYTES = 20
_MOST_ATTRIBUTES = 32


class StunMessage(Struct, frozen=True):
    """One message.

    Attributes:
        kind: Method and class, for example `BINDING_REQUEST`.
        attributes: By type, the first of each; what follows MESSAGE-INTEGRITY is left out, but for the FINGERPRINT.
        signed: The bytes that MESSAGE-INTEGRITY is made over, the length in them set accordingly; empty: it has none.
    """

    kind: int
    transaction: bytes
    attributes: dict[int, bytes]
    signed: bytes = b""

    @property
    def username(self) -> str:
        """USERNAME, or nothing."""
        return self.attributes.get(USERNAME, b"").decode("utf-8", "replace")

    def is_signed_by(self, password: str) -> bool:
        """Whether whoever sent it knows ``password``."""
        code = self.attributes.get(MESSAGE_INTEGRITY, b"")
        return bool(self.signed) and hmac.compare_digest(code, _integrity(self.signed, password))


def parse(data: bytes) -> StunMessage:
    """Read a message.

    Raises:
        PeerError: It is none (``stun-malformed``), or its FINGERPRINT is wrong.
    """
    if not HEADER_BYTES <= len(data) <= LARGEST_BYTES or data[0] >= 0x40:
        raise _malformed("not a STUN message", 0)
    kind, size, cookie = struct.unpack_from("!HHI", data)
    if cookie != COOKIE or size % 4 or size + HEADER_BYTES != len(data):
        raise _malformed("a STUN header with a wrong length or cookie", 2)
    attributes: dict[int, bytes] = {}
    signed = b""
    at = HEADER_BYTES
    for _ in range(_MOST_ATTRIBUTES):
        if at == len(data):
            return StunMessage(kind, data[8:HEADER_BYTES], attributes, signed)
        attribute, length = struct.unpack_from("!HH", data, at)
        end = at + 4 + length
        if end > len(data):
            raise _malformed("a STUN attribute is cut off", at)
        if attribute == FINGERPRINT:
            _check_fingerprint(data, at, end)
        elif not signed:
            attributes.setdefault(attribute, data[at + 4 : end])
            if attribute == MESSAGE_INTEGRITY:
                signed = _with_length(data[:at], at + 4 + _INTEGRITY_BYTES - HEADER_BYTES)
        at = end + -length % 4
    raise _malformed("a STUN message has too many attributes", at)


def _check_fingerprint(data: bytes, at: int, end: int) -> None:
    if end - at != 8 or end != len(data) or data[at + 4 : end] != _fingerprint(data[:at]):
        raise _malformed("the fingerprint of a STUN message is wrong", at)


def build(kind: int, transaction: bytes, attributes: dict[int, bytes], password: str = "") -> bytes:
    """A message; signed when a ``password`` is given, and with a FINGERPRINT always."""
    body = b"".join(map(_attribute, attributes.keys(), attributes.values()))
    data = struct.pack("!HHI", kind, len(body), COOKIE) + transaction + body
    if password:
        data = _with_length(data, len(data) + 4 + _INTEGRITY_BYTES - HEADER_BYTES)
        data += _attribute(MESSAGE_INTEGRITY, _integrity(data, password))
    data = _with_length(data, len(data) + 8 - HEADER_BYTES)
    return data + _attribute(FINGERPRINT, _fingerprint(data))


def xor_address(host: str, port: int, transaction: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS (section 14.2)."""
    number = ipaddress.ip_address(host.partition("%")[0])
    plain = getattr(number, "ipv4_mapped", None) or number
    mask = COOKIE.to_bytes(4, "big") + transaction
    family = 1 if plain.version == 4 else 2
    hidden = bytes(a ^ b for a, b in zip(plain.packed, mask, strict=False))
    return struct.pack("!BBH", 0, family, port ^ COOKIE >> 16) + hidden


def address_of(value: bytes, transaction: bytes) -> tuple[str, int]:
    """What `xor_address` says.

    Raises:
        PeerError: It says nothing.
    """
    if len(value) not in {8, 20} or value[1] != (1 if len(value) == 8 else 2):
        raise _malformed("not an address", 0)
    mask = COOKIE.to_bytes(4, "big") + transaction
    host = ipaddress.ip_address(bytes(a ^ b for a, b in zip(value[4:], mask, strict=False)))
    return str(host), int.from_bytes(value[2:4], "big") ^ COOKIE >> 16


def error_code(code: int, reason: str) -> bytes:
    """The value of ERROR-CODE (section 14.8)."""
    return struct.pack("!HBB", 0, code // 100, code % 100) + reason.encode()


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _with_length(data: bytes, length: int) -> bytes:
    return data[:2] + length.to_bytes(2, "big") + data[4:]


def _integrity(data: bytes, password: str) -> bytes:
    return hmac.digest(password.encode(), data, hashlib.sha1)


def _fingerprint(data: bytes) -> bytes:
    return (zlib.crc32(data) ^ _FINGERPRINT_XOR).to_bytes(4, "big")


def _malformed(message: str, offset: int) -> PeerError:
    return PeerError(message, offset=offset, code="stun-malformed")
