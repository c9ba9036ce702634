"""RTSP addresses: where to connect, what to ask for, and who asks. User info never stays in the text."""

from __future__ import annotations

from typing import Self
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from haechi.base.errors import Invalid

_PORTS = {"rtsp": 554, "rtsps": 322}
_MAX_CHARS = 4096


class RtspUrl(Struct, frozen=True):
    """An address, taken apart.

    Attributes:
        uri: What goes into requests and may be shown: the address without user info.
        username, password: Percent-decoded; empty when the address has none.
    """

    uri: str
    host: str
    port: int
    is_tls: bool
    username: str
    password: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take an address apart.

        Raises:
            Invalid: Not an RTSP address (``bad-url``). The message never repeats it, as it may hold a password.
        """
        text = text.strip()
        if len(text) > _MAX_CHARS or any(char <= " " or char == "\x7f" for char in text):
            raise Invalid("the address is too long or has spaces or control characters in it", code="bad-url")
        scheme, separator, rest = text.partition("://")
        scheme = scheme.lower()
        if scheme not in _PORTS or not separator:
            raise Invalid("the address must begin with rtsp:// or rtsps://", code="bad-url")
        # A password may hold an @ that nobody encoded: the last one before the path decides.
        authority = rest.split("/", 1)[0].split("?", 1)[0]
        userinfo, at, host_port = authority.rpartition("@")
        tail = rest[len(authority) :]
        try:
            parts = urlsplit(f"//{host_port}")
            host, port = parts.hostname, parts.port
        except ValueError:
            raise Invalid("the address has no valid host and port", code="bad-url") from None
        if not host or port == 0:
            raise Invalid("the address names no host", code="bad-url")
        user, _, password = userinfo.partition(":") if at else ("", "", "")
        uri = f"{scheme}://{host_port}{tail or '/'}"
        return cls(uri, host, port or _PORTS[scheme], scheme == "rtsps", unquote(user), unquote(password))


def without_user_info(uri: str) -> str:
    """``uri`` with anything before an @ in its authority taken out."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
