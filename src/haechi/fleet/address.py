"""A camera's address: what a person types, what we connect to, and what may be shown."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit, urlunsplit

from msgspec import Struct

from haechi.base.errors import Invalid

SCHEMES = {"rtsp": 554, "rtsps": 322}
LONGEST_URL = 2048
LONGEST_CREDENTIAL = 256


class CameraAddress(Struct, frozen=True):
    """Where a camera is and who we are to it. ``url`` never holds the credentials."""

    url: str
    host: str
    port: int
    is_tls: bool
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"CameraAddress({self.url!r}, with_credentials={bool(self.username)})"

    def with_credentials(self, username: str, password: str) -> CameraAddress:
        """The same place, with other credentials."""
        if len(username) > LONGEST_CREDENTIAL or len(password) > LONGEST_CREDENTIAL:
            raise Invalid("user name or password is too long", code="bad-credentials", limit=LONGEST_CREDENTIAL)
        return CameraAddress(self.url, self.host, self.port, self.is_tls, username, password)

    def secret_url(self) -> str:
        """The address with its credentials, for the database only."""
        if not self.username:
            return self.url
        scheme, rest = self.url.split("://", 1)
        return f"{scheme}://{quote(self.username, safe='')}:{quote(self.password, safe='')}@{rest}"


def parse_address(text: str) -> CameraAddress:
    """Read a camera URL, with or without user info.

    Raises:
        Invalid: It is not an RTSP URL; the message says what is wrong, never what the credentials were.
    """
    text = text.strip()
    if len(text) > LONGEST_URL or any(ord(c) < 0x21 or ord(c) == 0x7F for c in text):
        raise Invalid("the address is too long or has spaces or control characters in it", code="bad-camera-url")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise Invalid("the address is not a URL; want rtsp://host/path", code="bad-camera-url") from error
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        raise Invalid("the address must begin with rtsp:// or rtsps://", code="bad-camera-url")
    if not parts.hostname:
        raise Invalid("the address names no host; want rtsp://host/path", code="bad-camera-url")
    if port == 0:
        raise Invalid("port 0 cannot be connected to", code="bad-camera-url")
    host = parts.hostname
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc = f"{netloc}:{port}"
    url = urlunsplit((scheme, netloc, parts.path or "/", parts.query, ""))
    address = CameraAddress(url, host, port or SCHEMES[scheme], scheme == "rtsps")
    if parts.username is None:
        return address
    return address.with_credentials(unquote(parts.username), unquote(parts.password or ""))
