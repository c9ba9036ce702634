"""Where a device's ONVIF service is, and what becomes of the addresses that it tells us."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from haechi.base.errors import Invalid
from haechi.media.url import Url, without_user_info

DEVICE_PATH = "/onvif/device_service"
LONGEST = 1024
_PATH = re.compile(r"/[!-~]{0,500}")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}(?:%[\w.-]{1,20})?")


class Place(Struct, frozen=True):
    """An HTTP address. ``host`` has no brackets; ``path`` begins with a slash and may have a query."""

    host: str
    port: int = 80
    path: str = DEVICE_PATH
    is_tls: bool = False

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host) or not 0 < self.port < 65_536 or not _PATH.fullmatch(self.path):
            raise Invalid("this is no ONVIF address; want a host name or http://host/onvif/...", code="bad-onvif-url")

    @property
    def authority(self) -> str:
        """Host and port as they stand in an address."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """As a person may see it."""
        return f"{'https' if self.is_tls else 'http'}://{self.authority}{self.path}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read what a person typed: a host, host and port, or the whole address. User info is refused.

        Raises:
            Invalid: ``bad-onvif-url``.
        """
        text = text.strip()
        if text.count(":") > 1 and "://" not in text and "[" not in text:
            text = f"[{text}]"
        split = _split(text if "://" in text else f"http://{text}")
        if split is None or split.scheme not in ("http", "https") or "@" in split.netloc or not split.hostname:
            raise Invalid("this is no ONVIF address; want a host name or http://host/onvif/...", code="bad-onvif-url")
        is_tls = split.scheme == "https"
        return cls(split.hostname, split.port or (443 if is_tls else 80), _target(split) or DEVICE_PATH, is_tls)

    def told(self, uri: str) -> Place:
        """Where a service is that the device told us of, as seen from here.

        The host is always the one that we reached: behind NAT a device tells its inner address, and a hostile one
        could name anybody, who would then get our token. Its port counts only when it speaks of the same host.
        """
        split = _split(uri.strip())
        if split is None or split.scheme not in ("http", "https"):
            raise Invalid("the device told an address that is none", code="bad-onvif-url")
        path = _target(split) or "/"
        if (split.hostname or "").lower() != self.host.lower():
            return replace(self, path=path)
        is_tls = split.scheme == "https"
        return Place(self.host, split.port or (443 if is_tls else 80), path, is_tls)


def stream_uri(told: str, host: str) -> str:
    """The RTSP address of a stream at the host that we reached; user info that a device put in is taken out.

    Raises:
        Invalid: ``bad-url``: it is no RTSP address, even then.
    """
    text = told.strip()[:LONGEST]
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "rtsp", text.lstrip(":") if text.startswith(("/", ":")) else f"/{text}"
    rest = without_user_info(f"x://{rest}").removeprefix("x://")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    port = re.search(r":(\d{1,5})$", authority)
    uri = f"{scheme.lower()}://{bracketed(host)}{port[0] if port else ''}{tail or '/'}"
    return Url.parse(uri).uri


def bracketed(host: str) -> str:
    """``host`` as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def _split(text: str) -> SplitResult | None:
    """The parts of an address; None when it is none."""
    if len(text) > LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        split = urlsplit(text)
        _ = split.port
    except ValueError:
        return None
    return split


def _target(split: SplitResult) -> str:
    path = split.path if split.path != "/" or split.query else ""
    return f"{path}?{split.query}" if split.query else path
