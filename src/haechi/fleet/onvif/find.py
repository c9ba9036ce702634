"""Finds the ONVIF device of a camera that was added by its stream's address: it is on the same host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from msgspec.structs import replace

from haechi.base.errors import HaechiError, Invalid
from haechi.fleet.cameras import Camera
from haechi.fleet.onvif.device import Description
from haechi.fleet.onvif.discovery import Found
from haechi.fleet.onvif.http import Resolve
from haechi.fleet.onvif.place import Place
from haechi.media.rtsp.auth import Credentials

FIND_S = 3.0
USUAL_PORTS = (80, 8000, 8080, 2020, 8899, 10080)
"""Where makers put it: most at 80, some at 8000, 2020 or 8080, many white labels at 8899."""
_ELSEWHERE = frozenset(
    {"tcp-refused", "tcp-timeout", "tcp-failed", "tls-failed", "onvif-nothing", "onvif-not-http", "connection-lost"}
)
"""What is no device with something to say for itself: go on looking."""

Describe = Callable[[Place, Credentials], Awaitable[Description]]
Search = Callable[[], AsyncGenerator[Found]]


async def find(camera: Camera, url: str, describe: Describe, search: Search, resolve: Resolve) -> Description:
    """See `OnvifControl.find`. When nothing is found, what became of the first try."""
    host = camera.address.host
    if not host:
        message = "this camera dials out to the server; it has no address at which it could be asked"
        raise Invalid(message, code="no-host")
    who = Credentials(camera.address.username, camera.address.password)
    if url:
        place = Place.parse(url)
        if place.host.lower() != host.lower():
            message = "the stream and the ONVIF service must be on the same host: they share a password"
            raise Invalid(message, code="onvif-other-host", stream=host, onvif=place.host)
        return await describe(place, who)
    first: Description | None = None
    for place in await _places(host, search, resolve):
        found = await describe(place, who)
        first = first or found
        if found.error is None or found.error.code not in _ELSEWHERE:
            return found
    assert first is not None
    return first


async def _places(host: str, search: Search, resolve: Resolve) -> list[Place]:
    """Where it answered first, then the usual ports that anybody listens on; at least one."""
    try:
        _, numeric, _ = await resolve(host, USUAL_PORTS[0])
    except HaechiError:
        return [Place(host)]
    try:
        found = [one.place async for one in search()]
    except HaechiError:
        found = []
    answered = [replace(one, host=host) for one in found if one.host in (host, numeric)]
    listening = await asyncio.gather(*(_listens(numeric, port) for port in USUAL_PORTS))
    usual = [Place(host, port) for port, is_open in zip(USUAL_PORTS, listening, strict=True) if is_open]
    return [*answered, *usual] or [Place(host)]


async def _listens(numeric: str, port: int) -> bool:
    try:
        async with asyncio.timeout(FIND_S):
            _, writer = await asyncio.open_connection(numeric, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
