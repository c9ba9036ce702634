"""SOAP 1.2 as ONVIF uses it: envelopes, faults, and the WS-Security UsernameToken with a password digest."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Denied, HaechiError, PeerError
from haechi.fleet.onvif.xml import Node, escape, inert, parse_xml
from haechi.media.rtsp.auth import Credentials

CONTENT_TYPE = "application/soap+xml; charset=utf-8"
NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
}
"""The prefixes that the bodies may use."""
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
_DIGEST_TYPE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_NONCE_TYPE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
_REFUSED = {"notauthorized", "failedauthentication", "sendernotauthorized", "invalidsecurity", "invalidsecuritytoken"}
_UNSUPPORTED = {"actionnotsupported", "optionalactionnotimplemented", "unknownaction", "nosuchservice"}


class Answer(Struct, frozen=True):
    """What a device answered. ``body`` is the first element of the SOAP body."""

    body: Node
    header: Node | None


def envelope(body: str, header: str = "") -> bytes:
    """A message. ``body`` and ``header`` are XML that uses the prefixes of `NAMESPACES`."""
    head = f"<s:Header>{header}</s:Header>" if header else ""
    text = f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope {_DECLARED}>{head}<s:Body>{body}</s:Body></s:Envelope>'
    return text.encode()


def password_digest(nonce: bytes, created: str, password: str) -> str:
    """Base64(SHA-1(nonce + created + password)): Web Services Security UsernameToken Profile 1.0, section 3.1."""
    digest = hashlib.sha1(nonce + created.encode() + password.encode("utf-8", "replace"), usedforsecurity=True)  # noqa: S324
    return base64.b64encode(digest.digest()).decode()


def security_header(who: Credentials, nonce: bytes, at_ns: int) -> str:
    """A UsernameToken. ``at_ns`` is the *device's* time: one whose clock is off refuses a token of ours (ONVIF Core,
    section 5.9.4; application programmer's guide, section 6.1.2.2).
    """
    created = xml_time(at_ns)
    return (
        f'<wsse:Security s:mustUnderstand="1"><wsse:UsernameToken>'
        f"<wsse:Username>{escape(who.username)}</wsse:Username>"
        f'<wsse:Password Type="{_DIGEST_TYPE}">{password_digest(nonce, created, who.password)}</wsse:Password>'
        f'<wsse:Nonce EncodingType="{_NONCE_TYPE}">{base64.b64encode(nonce).decode()}</wsse:Nonce>'
        f"<wsu:Created>{created}</wsu:Created></wsse:UsernameToken></wsse:Security>"
    )


def xml_time(at_ns: int) -> str:
    """An xs:dateTime in UTC with milliseconds; times beyond a calendar become its nearest end."""
    seconds = min(max(at_ns / NS_PER_S, 0.0), 253_402_300_799.0)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def parse_answer(data: bytes) -> Answer:
    """Read an answer.

    Raises:
        PeerError: ``bad-xml``, ``bad-soap``; ``onvif-fault`` and ``onvif-unsupported`` when it is a SOAP fault.
        Denied: ``onvif-unauthorized``: a fault that speaks of the user.
    """
    root = parse_xml(data)
    body = root.find("Body")
    if root.name != "Envelope" or body is None or not body.children:
        raise PeerError("the device sent XML, but no SOAP message", offset=0, code="bad-soap")
    first = body.children[0]
    if first.name == "Fault":
        raise fault_of(first)
    return Answer(first, root.find("Header"))


def fault_of(fault: Node) -> HaechiError:
    """The error that a SOAP fault (1.2, or 1.1 as some send it) stands for."""
    codes = {node.text.rpartition(":")[2].lower() for node in fault.anywhere("Value")}
    codes.add(fault.text_at("faultcode").rpartition(":")[2].lower())
    said = inert(fault.text_at("Reason", "Text") or fault.text_at("faultstring"))
    if codes & _REFUSED or "not authorized" in said.lower():
        return refused()
    if codes & _UNSUPPORTED:
        return unsupported(said)
    return PeerError("the camera refused this over ONVIF", offset=0, code="onvif-fault", said=said)


def refused() -> Denied:
    """The answer to a user whom the camera does not let in."""
    message = "the camera refuses this user name and password for ONVIF; some have users of their own for it"
    return Denied(message, code="onvif-unauthorized")


def unsupported(said: str = "") -> PeerError:
    """The answer about something that this camera cannot do."""
    return PeerError("the camera cannot do this over ONVIF", offset=0, code="onvif-unsupported", said=said)
