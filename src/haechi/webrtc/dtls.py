"""DTLS over memory, and the SRTP keys that come of it (RFC 5764). No socket: bytes in, bytes out."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Callable, Iterator, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

from haechi.base.errors import PeerError

MTU = 1200
DTLS_1_2 = 0xFEFD
_RECORD_BYTES = 13
_FLIGHT_BYTES = 64 * 1024
_LABEL = b"EXTRACTOR-dtls_srtp"
_PROFILES = {
    b"SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    b"SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
}
"""Profile, bytes of its key, bytes of its salt; the best first (RFC 7714, RFC 3711)."""
_REPLAY_WINDOW = 1024
_SENT_WINDOW = 4096
"""A packet that is asked for again is sealed again, which gives the very same bytes; so far back it may lie."""
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_LASTS = dt.timedelta(days=3650)


class Identity:
    """Our certificate, which signs itself: the other side knows it by its fingerprint. Made anew at each start.

    Attributes:
        fingerprint: SHA-256 of the certificate.
    """

    def __init__(self, now: dt.datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "haechi")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + _LASTS)
            .sign(key, hashes.SHA256())
        )
        self.fingerprint = certificate.fingerprint(hashes.SHA256())
        self.context = SSL.Context(SSL.DTLS_METHOD)
        self.context.set_min_proto_version(DTLS_1_2)
        self.context.set_max_proto_version(DTLS_1_2)
        self.context.use_certificate(certificate)
        self.context.use_privatekey(key)
        self.context.set_cipher_list(_CIPHERS)
        self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _any_certificate)
        self.context.set_tlsext_use_srtp(b":".join(_PROFILES))


def _any_certificate(*_: object) -> bool:
    """No authority vouches for a browser's certificate; `DtlsPipe` compares its fingerprint when it has proved it."""
    return True


class Srtp:
    """Seals and opens packets of one connection."""

    def __init__(self, profile: int, ours: bytes, theirs: bytes) -> None:
        outgoing = Policy(ours, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
        incoming = Policy(theirs, Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
        incoming.window_size = _REPLAY_WINDOW
        outgoing.window_size = _SENT_WINDOW
        outgoing.allow_repeat_tx = True
        self._outgoing = Session(outgoing)
        self._incoming = Session(incoming)

    def open(self, data: bytes) -> bytes:
        """An RTP packet.

        Raises:
            PeerError: ``srtp-rejected``: it is not of this connection, or came before.
        """
        try:
            return self._incoming.unprotect(data)
        except (SrtpError, ValueError) as error:
            raise _rejected(error) from error

    def open_control(self, data: bytes) -> bytes:
        """An RTCP packet; as `open`."""
        try:
            return self._incoming.unprotect_rtcp(data)
        except (SrtpError, ValueError) as error:
            raise _rejected(error) from error

    def seal(self, data: bytes) -> bytes:
        """An RTP packet to send, or to send again.

        Raises:
            PeerError: ``srtp-rejected``: it lies too far back.
        """
        try:
            return self._outgoing.protect(data)
        except (SrtpError, ValueError) as error:
            raise _rejected(error) from error

    def seal_control(self, data: bytes) -> bytes:
        """An RTCP packet to send."""
        return self._outgoing.protect_rtcp(data)


def _rejected(error: Exception) -> PeerError:
    return PeerError(f"a packet cannot be sealed or opened: {error}", offset=0, code="srtp-rejected")


class DtlsPipe:
    """The server's side of one DTLS connection.

    Attributes:
        srtp: When the other side has proved that it is who the offer says; None before.
        is_closed: The other side said good-bye.
    """

    def __init__(self, identity: Identity, fingerprints: Sequence[tuple[str, bytes]]) -> None:
        self._connection = SSL.Connection(identity.context, None)
        self._connection.set_accept_state()
        self._connection.set_ciphertext_mtu(MTU)
        self._fingerprints = fingerprints
        self.srtp: Srtp | None = None
        self.is_closed = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take a datagram; give those to send.

        Raises:
            PeerError: ``dtls-failed``: the handshake cannot go on, or it is somebody else.
        """
        self._connection.bio_write(data)
        try:
            if self.srtp is None:
                self._connection.do_handshake()
                self.srtp = self._agreed()
            else:
                self._connection.recv(16_384)  # data channels are not answered: what comes in one is left unread
        except SSL.WantReadError:
            pass  # the rest comes with the next datagram
        except SSL.ZeroReturnError:
            self.is_closed = True
        except SSL.Error as error:
            if self.srtp is None:
                raise PeerError("the DTLS handshake failed", offset=0, code="dtls-failed") from error
        return list(self._flight())

    def due_s(self) -> float | None:
        """Until `again`; None: nothing waits for an answer."""
        timeout: float | None = self._connection.DTLSv1_get_timeout()
        return timeout

    def again(self) -> list[bytes]:
        """What was not answered in time, to send again."""
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            raise PeerError("the DTLS handshake is not answered", offset=0, code="dtls-failed") from error
        return list(self._flight())

    def farewell(self) -> list[bytes]:
        """Say good-bye."""
        try:
            self._connection.shutdown()
        except SSL.Error:
            return []
        return list(self._flight())

    def _agreed(self) -> Srtp:
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        is_theirs = certificate is not None and all(
            hmac.compare_digest(certificate.fingerprint(_HASHES[name]()), digest) for name, digest in self._fingerprints
        )
        if not is_theirs:
            raise PeerError("the certificate is not that of the offer", offset=0, code="dtls-failed")
        found = _PROFILES.get(self._connection.get_selected_srtp_profile())
        if found is None:
            raise PeerError("no way to seal packets is shared", offset=0, code="dtls-failed")
        profile, key, salt = found
        secret = self._connection.export_keying_material(_LABEL, 2 * (key + salt))
        keys, salts = secret[: 2 * key], secret[2 * key :]
        theirs, ours = keys[:key] + salts[:salt], keys[key:] + salts[salt:]
        return Srtp(profile, ours, theirs)

    def _flight(self) -> Iterator[bytes]:
        """What OpenSSL wants to say, whole records to a datagram."""
        try:
            data = self._connection.bio_read(_FLIGHT_BYTES)
        except SSL.Error:
            return
        datagram = b""
        at = 0
        while at + _RECORD_BYTES <= len(data):
            end = at + _RECORD_BYTES + int.from_bytes(data[at + 11 : at + 13], "big")
            if datagram and len(datagram) + end - at > MTU:
                yield datagram
                datagram = b""
            datagram += data[at:end]
            at = end
        if datagram:
            yield datagram
