"""The certificate with which the server shows itself to its cameras: the operator's, or one that signs itself."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Struct

from haechi.base.errors import Invalid

YEARS = 20
"""Cameras pin the certificate itself, so that it ages does no harm; that it changes would lock all of them out."""
LONGEST_PEM_BYTES = 256 * 1024


class ServerIdentity(Struct, frozen=True):
    """A certificate in use.

    Attributes:
        fingerprint: SHA-256 of the certificate (DER), 32 bytes: what cameras pin.
    """

    context: ssl.SSLContext
    fingerprint: bytes

    @property
    def pin(self) -> str:
        """The fingerprint for people and command lines: 64 hexadecimal digits."""
        return self.fingerprint.hex()


def own_certificate(path: Path, now: dt.datetime) -> None:
    """Make a key and a certificate that it signed itself, in one file for our eyes only; once."""
    if path.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Haechi")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secret + certificate.public_bytes(serialization.Encoding.PEM))
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def load_identity(certificate: Path, key: Path | None = None) -> ServerIdentity:
    """Read a certificate (with its chain) and its key; ``key`` None: both are in one file.

    Raises:
        Invalid: ``bad-certificate``: a file is missing, no PEM, or the two do not belong together.
    """
    try:
        pem = certificate.read_bytes()[:LONGEST_PEM_BYTES]
        first = x509.load_pem_x509_certificates(pem)[0]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        message = "the certificate for cameras that dial out cannot be used"
        raise Invalid(message, code="bad-certificate", file=str(certificate), reason=type(error).__name__) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    der = first.public_bytes(serialization.Encoding.DER)
    return ServerIdentity(context, hashlib.sha256(der).digest())
