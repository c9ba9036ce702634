"""Fetches one pinned wheel from a package index (PEP 503 page, PEP 691 JSON, folder) with the standard library only."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import netrc
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from pip_settings import PipSettings, local_path, shown

MAX_PAGE_BYTES = 64 << 20
MAX_WHEEL_BYTES = 256 << 20
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


class FetchError(Exception):
    """A place could not be asked, or gave something else than the pinned file. The text is for people."""


@dataclass(frozen=True)
class Pin:
    """One file of one project, known by its SHA-256."""

    project: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Fetched:
    """The wheel's bytes, where they came from, and which places did not answer."""

    data: bytes
    place: str
    silent: tuple[str, ...]


class _Links(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = next((value for name, value in attrs if name == "href" and value), None)
        if href is None:
            return
        if tag == "base":
            self._base = urljoin(self._base, href)
        elif tag == "a":
            self.urls.append(urljoin(self._base, href))


class _SameOriginRedirect(urllib.request.HTTPRedirectHandler):
    """Follows redirects; credentials go along only to the host and port that they were meant for."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        new = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        old, to = urlsplit(req.full_url), urlsplit(newurl)
        authorization = req.unredirected_hdrs.get("Authorization")
        if new is not None and authorization and (old.scheme, old.netloc) == (to.scheme, to.netloc):
            new.add_unredirected_header("Authorization", authorization)
        return new


class Web:
    """Reads URLs with the machine's certificates, proxies and credentials; tries again when the network stutters."""

    def __init__(self, settings: PipSettings, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._wait = wait
        self._credentials: dict[str, tuple[str, str]] = {}
        handlers: list[urllib.request.BaseHandler] = [_SameOriginRedirect()]
        if settings.proxy:
            handlers.append(urllib.request.ProxyHandler({"http": settings.proxy, "https": settings.proxy}))
        self._plain = handlers

    def get(self, url: str, limit: int) -> tuple[bytes, str, str]:
        """The body, its content type and the final URL.

        Raises:
            FetchError: It could not be had. ``__cause__`` is an `HTTPError` when the server answered.
        """
        for attempt in range(self._settings.retries + 1):
            try:
                return self._once(url, limit)
            except urllib.error.HTTPError as error:
                if error.code < 500 or attempt == self._settings.retries:
                    raise FetchError(f"{shown(url)} answers {error.code} {error.reason}") from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = error.reason if isinstance(error, urllib.error.URLError) else error
                if isinstance(reason, ssl.SSLCertVerificationError):
                    raise FetchError(
                        f"the certificate of {shown(url)} is not trusted ({reason.verify_message}): install "
                        "ca-certificates, or name your own with PIP_CERT"
                    ) from error
                if attempt == self._settings.retries or isinstance(error, ValueError):
                    raise FetchError(f"{shown(url)} does not answer ({reason})") from error
            self._wait(min(0.5 * 2**attempt, 8.0))
        raise FetchError(f"{shown(url)} does not answer")

    def _once(self, url: str, limit: int) -> tuple[bytes, str, str]:
        bare, credentials = self._split(url)
        request = urllib.request.Request(bare, headers={"Accept": _ACCEPT, "User-Agent": "haechi-bootstrap"})
        if credentials is not None:
            token = base64.b64encode(":".join(credentials).encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {token}")
        https = urllib.request.HTTPSHandler(context=self._context(urlsplit(bare).hostname or ""))
        with urllib.request.build_opener(*self._plain, https).open(request, timeout=self._settings.timeout_s) as answer:
            data: bytes = answer.read(limit + 1)
            if len(data) > limit:
                raise FetchError(f"{shown(url)} is larger than {limit >> 20} MB")
            return data, answer.headers.get_content_type(), answer.url

    def _context(self, host: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._settings.cert or None)
        if host in (trusted.partition(":")[0] for trusted in self._settings.trusted_hosts):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _split(self, url: str) -> tuple[str, tuple[str, str] | None]:
        """The URL without credentials, and those that belong to its host: from it, from an earlier URL, from netrc."""
        parts = urlsplit(url)
        user_info, at, host = parts.netloc.rpartition("@")
        if at:
            user, _, password = user_info.partition(":")
            self._credentials[host] = (unquote(user), unquote(password))
        elif host not in self._credentials and (found := _from_netrc(parts.hostname or "")):
            self._credentials[host] = found
        return urlunsplit((parts.scheme, host, parts.path, parts.query, "")), self._credentials.get(host)


def fetch(pin: Pin, settings: PipSettings, web: Web) -> Fetched:
    """Get the pinned file from the first place that has exactly it.

    Raises:
        FetchError: None has it.
    """
    silent: list[str] = []
    problems: list[str] = []
    found: tuple[bytes, str] | None = None
    for place, is_index in (*((p, False) for p in settings.find_links), *((p, True) for p in settings.indexes)):
        try:
            for url in _candidates(place, pin, web, is_index=is_index):
                if found is None:
                    found = (_read_pinned(url, pin, web), place)
        except FetchError as error:
            problems.append(str(error))
            if not isinstance(error.__cause__, urllib.error.HTTPError) or error.__cause__.code >= 500:
                silent.append(place)
    if found is not None:
        return Fetched(found[0], found[1], tuple(silent))
    why = "; ".join(problems) or f"no index has {pin.file} (asked {', '.join(map(shown, settings.indexes)) or 'none'})"
    raise FetchError(why)


def _candidates(place: str, pin: Pin, web: Web, *, is_index: bool) -> Iterator[str]:
    """Addresses of files with the pinned name at ``place``."""
    folder = local_path(place)
    if folder is not None:
        yield from _local_candidates(folder / pin.project if is_index else folder, pin, exists=folder.exists())
        return
    page, kind, url = web.get(f"{place.rstrip('/')}/{pin.project}/" if is_index else place, MAX_PAGE_BYTES)
    for link in _links(page, kind, url):
        if _name(link) == pin.file:
            yield _without_fragment(link)


def _local_candidates(folder: Path, pin: Pin, *, exists: bool) -> Iterator[str]:
    if not exists:
        raise FetchError(f"{folder} does not exist")
    if (folder / pin.file).is_file():
        yield (folder / pin.file).absolute().as_uri()
    page = folder / "index.html"
    if page.is_file():
        links = _links(page.read_bytes(), "text/html", page.absolute().as_uri())
        yield from (_without_fragment(link) for link in links if _name(link) == pin.file)


def _links(page: bytes, kind: str, url: str) -> list[str]:
    text = page.decode("utf-8", errors="replace")
    if kind.endswith("json"):
        try:
            return [urljoin(url, str(entry["url"])) for entry in json.loads(text)["files"]]
        except (ValueError, KeyError, TypeError) as error:
            raise FetchError(f"{shown(url)} is not a package index") from error
    parser = _Links(url)
    parser.feed(text)
    return parser.urls


def _read_pinned(url: str, pin: Pin, web: Web) -> bytes:
    path = local_path(url)
    data = path.read_bytes() if path is not None and path.is_file() else web.get(url, MAX_WHEEL_BYTES)[0]
    digest = hashlib.sha256(data).hexdigest()
    if digest != pin.sha256:
        raise FetchError(
            f"{pin.file} from {shown(url)} is refused: its SHA-256 is {digest[:12]}..., pinned is {pin.sha256[:12]}..."
        )
    return data


def _name(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _without_fragment(link: str) -> str:
    return urlunsplit(urlsplit(link)._replace(fragment=""))


def _from_netrc(host: str) -> tuple[str, str] | None:
    try:
        entry = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return (entry[0], entry[2]) if entry is not None and entry[2] else None
