"""One GET request after the other on behalf of one source: to checked addresses, without redirects, within bounds.

h11 (sans-I/O) reads what comes. Every request has a connection of its own: cameras are poor at keeping them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

import h11

from haechi.base.errors import Denied, Invalid, NotFound, PeerError, Unavailable
from haechi.ingest.connection import READ_BYTES, connected
from haechi.ingest.reach import Address, Reach, is_public
from haechi.ingest.session import no_note
from haechi.media.rtsp.auth import Challenge, Credentials, authorization, client_nonce, parse_challenges
from haechi.media.url import Url, target_of, without_user_info

ANSWER_S = 8.0
"""From the request to the end of the answer's header."""
SILENCE_S = 10.0
"""Without a byte for this long, a connection is given up."""
MOST_HEADER_BYTES = 32 * 1024
AGENT = "Haechi"
_REDIRECTS = frozenset((301, 302, 303, 305, 307, 308))


class Body:
    """An answer of which the header has come.

    Attributes:
        headers: By lower-case name; of several with one name the last.
    """

    def __init__(self, reader: asyncio.StreamReader, machine: h11.Connection, head: h11.Response) -> None:
        self._reader = reader
        self._machine = machine
        self.status = head.status_code
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers
        }
        self.challenges = [value.decode("latin-1") for name, value in head.headers if name == b"www-authenticate"]

    @property
    def content_type(self) -> str:
        """Media type and parameters, as they came."""
        return self.headers.get("content-type", "")

    @property
    def media_type(self) -> str:
        """Lower-case media type without parameters."""
        return self.content_type.partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """What follows, as it comes, until its end.

        Raises:
            Unavailable: ``connection-lost``, ``camera-stalled``.
        """
        while True:
            event = await _next_event(self._reader, self._machine, SILENCE_S)
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return

    async def read(self, most_bytes: int) -> bytes:
        """All of it.

        Raises:
            PeerError: ``http-too-large``.
        """
        data = bytearray()
        async for chunk in self.chunks():
            data += chunk
            if len(data) > most_bytes:
                message = "the answer is larger than any real one"
                raise PeerError(message, offset=most_bytes, code="http-too-large")
        return bytes(data)


class Web:
    """Asks HTTP servers for one source.

    Only ``home`` is told who we are. What its answers lead to (segments of a stream) may be at ``home`` itself; at
    another server only when both are on the public internet, so that nobody there can send us into a private network.

    Args:
        home: The camera's address; its name is resolved once, when it is first asked.
        note: Told the name of each hop when it begins.
    """

    def __init__(self, home: Url, who: Credentials, reach: Reach, note: Callable[[str], None] = no_note) -> None:
        self._home = home
        self._who = who
        self._reach = reach
        self._note = note
        self._number: Address | None = None
        self._challenge: Challenge | None = None
        self._count = 0

    def hush(self) -> None:
        """The way is known: tell no hops from now on."""
        self._note = no_note

    @contextlib.asynccontextmanager
    async def get(self, url: Url, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Body]:
        """Ask for ``url``; the answer is one of success, its body still to be read.

        Raises:
            Invalid: ``address-forbidden``, ``address-not-allowed``, ``http-elsewhere``.
            Denied: ``http-unauthorized``, ``http-basic-refused``.
            NotFound: ``http-not-found``.
            Unavailable: ``dns-failed``, ``tcp-refused``, ``tcp-timeout``, ``tcp-failed``, ``tls-failed``,
                ``http-silent``, ``http-busy``, ``connection-lost``.
            PeerError: ``http-not-http``, ``http-redirect``, ``http-refused``.
        """
        address = await self._locate(url)
        note = self._note
        for is_last in (False, True):
            shown = self._authorization(url, address)
            async with _asked(url, address, {**(headers or {}), **shown}, note) as body:
                if body.status == 401 and not is_last and self._take_challenge(body, url):
                    note = no_note
                    continue
                _refuse(body, url)
                yield body
                return

    # -- where -------------------------------------------------------------------------------------------------------
    async def _locate(self, url: Url) -> Address:
        if self._number is None:
            self._note("dns")
            self._number = await self._reach.resolve(self._home.host, self._home.port)
        if self._is_home(url):
            return self._number
        family, number, _ = self._number
        if url.host == self._home.host and is_public(number):
            return family, number, url.port
        found = await self._reach.resolve(url.host, url.port)
        if not is_public(number) or not is_public(found[1]):
            message = "the camera's answer leads to another server, which only servers on the public internet may"
            raise Invalid(message, code="http-elsewhere", host=url.host, port=url.port)
        return found

    def _is_home(self, url: Url) -> bool:
        return (url.host, url.port, url.is_tls) == (self._home.host, self._home.port, self._home.is_tls)

    # -- who ---------------------------------------------------------------------------------------------------------
    def _take_challenge(self, body: Body, url: Url) -> bool:
        """Whether the next try can answer what the server asks for."""
        found = parse_challenges(body.challenges)
        if not found or not self._who.username or not self._is_home(url):
            return False
        is_new = self._challenge is None or found[0].nonce != self._challenge.nonce
        self._challenge, self._count = found[0], 0
        return is_new

    def _authorization(self, url: Url, address: Address) -> dict[str, str]:
        challenge = self._challenge
        if challenge is None or not self._is_home(url):
            return {}
        if challenge.scheme == "basic" and not url.is_tls and is_public(address[1]):
            message = (
                "the camera would show the password to everybody on the way; use https://, or Digest in the camera"
            )
            raise Denied(message, code="http-basic-refused", host=url.host)
        self._count += 1
        cnonce = client_nonce(challenge, self._who, self._count)
        target = target_of(url)
        return {"Authorization": authorization(challenge, self._who, "GET", target, cnonce=cnonce, count=self._count)}


@contextlib.asynccontextmanager
async def _asked(
    url: Url, address: Address, headers: Mapping[str, str], note: Callable[[str], None]
) -> AsyncIterator[Body]:
    async with connected(url, address, note) as (reader, writer):
        note("http")
        machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEADER_BYTES)
        fields = {"Host": _authority(url), "User-Agent": AGENT, "Accept": "*/*", "Connection": "close", **headers}
        request = machine.send(h11.Request(method="GET", target=target_of(url), headers=list(fields.items())))
        try:
            writer.write(request or b"")
            machine.send(h11.EndOfMessage())
            async with asyncio.timeout(ANSWER_S):
                head = await _head(reader, machine)
        except TimeoutError as error:
            message = "the camera took the question and did not answer in time"
            raise Unavailable(message, code="http-silent", host=url.host) from error
        yield Body(reader, machine, head)


async def _head(reader: asyncio.StreamReader, machine: h11.Connection) -> h11.Response:
    while True:
        event = await _next_event(reader, machine, ANSWER_S)
        if isinstance(event, h11.Response):
            return event
        if isinstance(event, h11.ConnectionClosed):
            raise Unavailable("the camera closed the connection", code="connection-lost", reason="closed")


async def _next_event(reader: asyncio.StreamReader, machine: h11.Connection, seconds: float) -> h11.Event:
    while True:
        is_answered = machine.their_state is not h11.IDLE and machine.their_state is not h11.SEND_RESPONSE
        try:
            event = machine.next_event()
            if event is h11.PAUSED:
                return h11.ConnectionClosed()
            if event is not h11.NEED_DATA:
                assert isinstance(event, h11.Event)
                return event
            async with asyncio.timeout(seconds):
                machine.receive_data(await reader.read(READ_BYTES))
        except h11.RemoteProtocolError as error:
            if is_answered:
                message = "the connection to the camera broke"
                raise Unavailable(message, code="connection-lost", reason="in the middle") from error
            message = "what answers there does not speak HTTP; is the port right, or must it be https://?"
            raise PeerError(message, offset=0, code="http-not-http") from error
        except TimeoutError as error:
            raise Unavailable("the camera sends nothing any more", code="camera-stalled", seconds=seconds) from error
        except OSError as error:
            message = "the connection to the camera broke"
            raise Unavailable(message, code="connection-lost", reason=type(error).__name__) from error


def _refuse(body: Body, url: Url) -> None:
    """Raise what the status means, unless it is success."""
    status, host = body.status, url.host
    if 200 <= status < 300:
        return
    if status in _REDIRECTS:
        raise PeerError(_redirected(body, url), offset=0, code="http-redirect", status=status)
    if status in (401, 403):
        raise Denied("the camera refuses this user or password", code="http-unauthorized", host=host, status=status)
    if status in (404, 410):
        message = "the camera has nothing at this path; look it up in its manual"
        raise NotFound(message, code="http-not-found", host=host, status=status)
    if status in (429, 503):
        message = "the camera is busy; close other viewers of it"
        raise Unavailable(message, code="http-busy", host=host, status=status)
    raise PeerError(f"the camera answers with the error {status}", offset=0, code="http-refused", host=host)


def _redirected(body: Body, url: Url) -> str:
    """Where a redirect points is said to a person, who may use it as the address; it is not followed."""
    place = without_user_info(body.headers.get("location", ""))[:200]
    place = "".join(char if char.isprintable() else "?" for char in place)
    if place.startswith("/"):
        place = f"{'https' if url.is_tls else 'http'}://{_authority(url)}{place}"
    where = f"to {place}" if place else "elsewhere"
    return f"the camera sends us {where}; if that is right, use it as the address"


def _authority(url: Url) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return host if url.port == (443 if url.is_tls else 80) else f"{host}:{url.port}"
