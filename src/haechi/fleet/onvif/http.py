"""One HTTP request to a device: to the checked address, without redirects, with a bound on time and size.

h11 (sans-I/O) reads what comes. Every request has a connection of its own: cameras are poor at keeping them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import h11
from msgspec import Struct

from haechi.base.errors import HaechiError, PeerError, Unavailable
from haechi.base.tls import tls_to_cameras
from haechi.fleet.onvif.place import Place
from haechi.fleet.onvif.soap import CONTENT_TYPE
from haechi.fleet.onvif.xml import MOST_BYTES

CONNECT_S = 5.0
ANSWER_S = 8.0
MOST_HEADER_BYTES = 16 * 1024
_READ_BYTES = 64 * 1024

Address = tuple[socket.AddressFamily, str, int]
Resolve = Callable[[str, int], Awaitable[Address]]
"""Name to checked address (`haechi.ingest.network.resolve`): the one place that knows where no camera can be."""
Note = Callable[[str], None]
"""Called with a hop's name when it begins."""


class Response(Struct, frozen=True):
    """What came back. ``challenges`` are the values of its WWW-Authenticate headers."""

    status: int
    body: bytes
    challenges: Sequence[str] = ()


def no_note(_hop: str) -> None:
    """Nobody wants to know which hop we are at."""


async def post(
    place: Place, numeric: str, body: bytes, *, authorization: str = "", seconds: float = ANSWER_S, note: Note = no_note
) -> Response:
    """POST a SOAP message.

    Args:
        numeric: The address to connect to, resolved and checked; ``place.host`` is not looked up again.
        seconds: From the connection to the last byte of the answer.

    Raises:
        Unavailable: ``tcp-refused``, ``tcp-timeout``, ``tcp-failed``, ``tls-failed``, ``onvif-silent``,
            ``connection-lost``.
        PeerError: ``onvif-not-http``, ``onvif-too-large``.
    """
    async with _connected(place, numeric, note) as (reader, writer):
        note("onvif")
        try:
            async with asyncio.timeout(seconds):
                return await _exchange(reader, writer, place, body, authorization)
        except TimeoutError as error:
            message = "the camera took the question and did not answer in time"
            raise Unavailable(message, code="onvif-silent", host=place.host) from error
        except OSError as error:
            message = "the connection to the camera broke"
            raise Unavailable(message, code="connection-lost", reason=type(error).__name__) from error


@contextlib.asynccontextmanager
async def _connected(
    place: Place, numeric: str, note: Note
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    note("tcp")
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(numeric, place.port)
    except (OSError, TimeoutError) as error:
        raise _unreachable(error, place) from error
    try:
        if place.is_tls:
            note("tls")
            await _secure(writer, place.host)
        yield reader, writer
    finally:
        writer.close()


async def _secure(writer: asyncio.StreamWriter, host: str) -> None:
    try:
        async with asyncio.timeout(CONNECT_S):
            await writer.start_tls(tls_to_cameras(), server_hostname=host)
    except (OSError, TimeoutError) as error:
        raise Unavailable("no TLS with the camera", code="tls-failed", reason=type(error).__name__) from error


def _unreachable(error: OSError | TimeoutError, place: Place) -> HaechiError:
    if isinstance(error, ConnectionRefusedError):
        message = "nothing listens at this port of the camera; is the port right?"
        return Unavailable(message, code="tcp-refused", host=place.host, port=place.port)
    if isinstance(error, TimeoutError):
        message = "the camera does not answer; is it switched on and is the address right?"
        return Unavailable(message, code="tcp-timeout", host=place.host, port=place.port)
    message = "the camera cannot be reached"
    return Unavailable(message, code="tcp-failed", host=place.host, port=place.port, reason=error.strerror)


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: Place, body: bytes, authorization: str
) -> Response:
    headers = [
        ("Host", place.authority),
        ("Content-Type", CONTENT_TYPE),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
        *([("Authorization", authorization)] if authorization else []),
    ]
    machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEADER_BYTES)
    request = machine.send(h11.Request(method="POST", target=place.path, headers=headers))
    writer.write(b"".join((request or b"", machine.send(h11.Data(data=body)) or b"")))
    machine.send(h11.EndOfMessage())
    await writer.drain()
    return await _read(reader, machine)


async def _read(reader: asyncio.StreamReader, machine: h11.Connection) -> Response:
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = _next(machine, is_answered=head is not None)
        if event is h11.NEED_DATA:
            machine.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BYTES:
                raise PeerError("the camera's answer is larger than any real one", offset=0, code="onvif-too-large")
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            found = [value.decode("latin-1") for name, value in head.headers if name == b"www-authenticate"]
            return Response(head.status_code, bytes(body), found)
        elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            raise Unavailable("the connection to the camera broke", code="connection-lost", reason="closed")


def _next(machine: h11.Connection, *, is_answered: bool) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
    try:
        return machine.next_event()
    except h11.RemoteProtocolError as error:
        if is_answered:
            message = "the connection to the camera broke"
            raise Unavailable(message, code="connection-lost", reason="in the middle") from error
        message = "what answers there does not speak HTTP; is the port right, or must the address begin with https://?"
        raise PeerError(message, offset=0, code="onvif-not-http") from error
