"""Who was let in to watch what a moment ago: players of HLS ask five times a second, each time for the same right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from haechi.api.auth.principal import Principal
from haechi.base.clock import NS_PER_S, Clock
from haechi.fleet.cameras import Camera

FRESH_NS = 2 * NS_PER_S
"""A right that is withdrawn is good for so long at most, as with open connections; the promise is 5 s (CONTRACT S3)."""
MOST = 4096

Quick = Callable[[Request], Awaitable[Response | None]]
"""A short way to answer a request that is as it should be, for routes that each viewer reads several times a second;
None: it is not, so it goes the long way, which says what is wrong."""
Ask = Callable[[], Awaitable[tuple[Principal, Camera]]]
Key = tuple[bytes, bytes, str, str]


class Admitted(Struct, frozen=True):
    """Who came, and the camera that was looked up for them (monotonic time)."""

    principal: Principal
    camera: Camera
    at_ns: int


class Recent:
    """Those who were let in during the last two seconds, by exactly what they showed. Who was not is asked each time;
    of several who show the same at once the first is asked, and the others wait for it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[Key, Admitted] = {}
        self._asking: dict[Key, asyncio.Event] = {}

    async def find(self, key: Key, ask: Ask) -> Admitted:
        """Who this is, as of two seconds ago at most.

        Raises:
            Exception: What ``ask`` raises, to each for itself.
        """
        while True:
            known, asking = self._known.get(key), self._asking.get(key)
            if known is not None and self._clock.monotonic_ns() - known.at_ns < FRESH_NS:
                return known
            if asking is None:
                return await self._ask(key, ask)
            await asking.wait()

    async def _ask(self, key: Key, ask: Ask) -> Admitted:
        asking = self._asking[key] = asyncio.Event()
        asked_ns = self._clock.monotonic_ns()
        try:
            found = Admitted(*await ask(), asked_ns)
        finally:
            del self._asking[key]
            asking.set()
        if len(self._known) >= MOST:
            self._known = {one: known for one, known in self._known.items() if asked_ns - known.at_ns < FRESH_NS}
        if len(self._known) < MOST:
            self._known[key] = found
        return found


def key_of(connection: HTTPConnection) -> Key:
    """All that a request shows to be let in, and the camera that it asks for."""
    authorization = cookie = b""
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            authorization += b"\n" + value
        elif name == b"cookie":
            cookie += b"\n" + value
    has_token = b"token" in connection.scope["query_string"]
    token = "&".join(connection.query_params.getlist("token")) if has_token else ""
    return authorization, cookie, token, connection.path_params["camera"]
