"""The server's end: which sites may be asked, and the process that asks them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from haechi.base.errors import Invalid, PeerError, Unavailable
from haechi.base.process import start_module
from haechi.ingest.sites.messages import (
    LONGEST_BYTES,
    Ask,
    Fetched,
    Found,
    Progress,
    Refused,
    Reply,
    pack,
    read_reply,
)

WORKER_MODULE = "haechi.ingest.sites.worker"
LOOK_S = 45.0
SILENCE_S = 120.0
"""How long a download may stand still."""
MOST_LOOKS = 4
PREFIX = "site:"
_ENVIRONMENT = {"YTDLP_NO_PLUGINS": "1"}


class SiteWish(Struct, frozen=True):
    """What to fetch, and where to. ``max_bytes``: not more."""

    url: str
    path: Path
    max_bytes: int
    sound: bool


class Sites:
    """Asks sites, each time in a process of its own.

    Args:
        hosts: Which may be asked; a name stands for the names below it, too.
        allow, deny: Ranges of addresses beside the public ones, and ranges that may not be.
    """

    def __init__(self, hosts: tuple[str, ...], allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> None:
        self._hosts = hosts
        self._allow = allow
        self._deny = deny
        self._looks = asyncio.Semaphore(MOST_LOOKS)

    def require(self, url: str) -> str:
        """The address of a page, when its site may be asked.

        Raises:
            Invalid: ``bad-url``, ``site-not-allowed``.
        """
        try:
            parts = urlsplit(url.strip())
            host = (parts.hostname or "").lower()
        except ValueError as error:
            raise Invalid("this is no address of a page", code="bad-url") from error
        if parts.scheme not in ("http", "https") or not host:
            raise Invalid("the address of a page begins with https://", code="bad-url")
        if parts.username or parts.password:
            raise Invalid("log in to a site is not possible; leave user name and password out", code="bad-url")
        if not any(host == one or host.endswith(f".{one}") for one in self._hosts):
            message = f"{host} is not among the sites that may be asked (setting sites.hosts)"
            raise Invalid(message, code="site-not-allowed", host=host)
        return parts.geturl()

    async def look(self, url: str, *, sound: bool = False) -> Found:
        """What is at a page.

        Raises:
            Invalid: ``site-not-allowed``, ``site-no-video``, ``site-no-h264``, ``site-extra-missing`` and others.
            Unavailable: ``site-refused``, ``site-timeout``.
        """
        ask = Ask(self.require(url), sound=sound, allow=self._allow, deny=self._deny)
        async with self._looks, aclosing(_replies(ask, LOOK_S)) as replies:
            async for reply in replies:
                if isinstance(reply, Found):
                    return reply
        raise _silent()

    async def fetch(self, wish: SiteWish, note: Callable[[float], None]) -> Found:
        """Fetch the video of a page into a file; ``note`` is told how much is there. Raises as `look` does."""
        url = self.require(wish.url)
        ask = Ask(url, str(wish.path), wish.sound, wish.max_bytes, self._allow, self._deny)
        found: Found | None = None
        async with aclosing(_replies(ask, SILENCE_S)) as replies:
            async for reply in replies:
                match reply:
                    case Found():
                        found = reply
                    case Progress():
                        note(reply.share)
                    case Fetched() if found is not None:
                        return found
        raise _silent()


async def _replies(ask: Ask, limit_s: float) -> AsyncGenerator[Reply, None]:
    """What the process says, as long as it says something each ``limit_s``; it is gone with the generator."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        descriptor = theirs.fileno()
        process = await start_module(WORKER_MODULE, [str(descriptor)], pass_fds=(descriptor,), environment=_ENVIRONMENT)
        theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            writer.write(pack(ask))
            while (reply := await _next(reader, limit_s)) is not None:
                if isinstance(reply, Refused):
                    raise _refused(reply)
                yield reply
        finally:
            writer.transport.abort()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _next(reader: asyncio.StreamReader, limit_s: float) -> Reply | None:
    try:
        async with asyncio.timeout(limit_s):
            size = int.from_bytes(await reader.readexactly(4), "big")
            if size > LONGEST_BYTES:
                raise PeerError("a message is too long", offset=0, code="worker-message")
            return read_reply(await reader.readexactly(size))
    except TimeoutError as error:
        message = "the site does not answer in time; try again"
        raise Unavailable(message, code="site-timeout", seconds=limit_s) from error
    except asyncio.IncompleteReadError:
        return None
    except OSError as error:
        raise _silent() from error


def _refused(reply: Refused) -> Invalid | Unavailable:
    code = reply.code if reply.code in CODES else "site-refused"
    if reply.is_passing:
        return Unavailable(reply.message, code=code)
    return Invalid(reply.message, code=code)


CODES = frozenset(
    {
        "site-extra-missing",
        "site-is-live",
        "site-no-video",
        "site-not-yet",
        "site-no-h264",
        "site-address",
        "site-too-large",
        "site-refused",
    }
)


def _silent() -> Unavailable:
    return Unavailable("the process that asks the site ended early; see the log", code="site-refused")
