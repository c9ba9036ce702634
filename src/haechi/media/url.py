"""Addresses on the network: where to connect, what to ask for, and who asks. User info never stays in the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

from msgspec import Struct

from haechi.base.errors import Invalid

RTSP_PORTS: Mapping[str, int] = {"rtsp": 554, "rtsps": 322}
RTMP_PORTS: Mapping[str, int] = {"rtmp": 1935, "rtmps": 443}
SRT_PORTS: Mapping[str, int] = {"srt": 9710}
HTTP_PORTS: Mapping[str, int] = {"http": 80, "https": 443}
_TLS = frozenset({"rtsps", "https", "rtmps"})
_MAX_CHARS = 4096


class Url(Struct, frozen=True):
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
    def parse(cls, text: str, ports: Mapping[str, int] = RTSP_PORTS) -> Self:
        """Take an address apart.

        Args:
            ports: The schemes that may be, each with the port that it has when the address names none.

        Raises:
            Invalid: Not such an address (``bad-url``). The message never repeats it, as it may hold a password.
        """
        text = text.strip()
        if len(text) > _MAX_CHARS or any(char <= " " or char == "\x7f" for char in text):
            raise Invalid("the address is too long or has spaces or control characters in it", code="bad-url")
        scheme, separator, rest = text.partition("://")
        scheme = scheme.lower()
        if scheme not in ports or not separator:
            choice = " or ".join(f"{known}://" for known in ports)
            raise Invalid(f"the address must begin with {choice}", code="bad-url")
        # A password may hold an @ that nobody encoded: the last one before the path decides.
        authority = rest.split("/", 1)[0].split("?", 1)[0]
        userinfo, at, host_port = authority.rpartition("@")
        tail = rest[len(authority) :]
        host, port_text = _split_host(host_port)
        port = int(port_text) if port_text.isdecimal() and len(port_text) < 6 else -1
        if not host or (port_text and not 0 < port < 65536):
            raise Invalid("the address has no valid host and port", code="bad-url")
        user, _, password = userinfo.partition(":") if at else ("", "", "")
        uri = f"{scheme}://{host_port}{tail or '/'}"
        port = port if port_text else ports[scheme]
        return cls(uri, host, port, scheme in _TLS, unquote(user), unquote(password))


def target_of(url: Url) -> str:
    """What an HTTP request asks for: path and query, without the fragment."""
    path = url.uri.partition("://")[2].partition("#")[0]
    cut = min((at for at in (path.find("/"), path.find("?")) if at >= 0), default=len(path))
    target = path[cut:]
    return target if target.startswith("/") else f"/{target}"


def joined(base: str, reference: str) -> str:
    """``reference`` as it is meant in what came from ``base``, an address with a scheme (RFC 3986 section 5.2)."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", reference):
        return reference
    scheme, _, rest = base.partition("://")
    if reference.startswith("//"):
        return f"{scheme}:{reference}"
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path, mark, query = rest[len(authority) :].partition("#")[0].partition("?")
    cut = min((at for at in map(reference.find, "?#") if at >= 0), default=len(reference))
    own, tail = reference[:cut], reference[cut:]
    if not own:
        kept = "" if tail.startswith("?") else mark + query
        return f"{scheme}://{authority}{path or '/'}{kept}{tail}"
    whole = own if own.startswith("/") else f"{path.rpartition('/')[0]}/{own}"
    return f"{scheme}://{authority}{_without_dots(whole)}{tail}"


def _without_dots(path: str) -> str:
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            kept = kept[:-1]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def without_user_info(uri: str) -> str:
    """``uri`` with anything before an @ in its authority taken out."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def _split_host(text: str) -> tuple[str, str]:
    """Host and port; an IPv6 address stands in brackets. The host is empty when it is none."""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\](?::(.*))?", text)
    if bracketed:
        return bracketed[1].lower(), bracketed[2] or ""
    host, _, port = text.partition(":")
    return ("" if re.search(r"[\[\]@\\%#?]", host) else host.lower()), port


def unquote(text: str) -> str:
    """``text`` with its percent codes resolved (RFC 3986 section 2.1); what is no code stays as it is."""
    data = text.encode("utf-8", "replace")
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes((int(match[1], 16),)), data).decode("utf-8", "replace")
