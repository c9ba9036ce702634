"""Keeps a camera connected to its server: dials, follows where it is sent, and dials again."""

from __future__ import annotations

import random
from collections.abc import Callable

import structlog

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Denied, HaechiError
from haechi.base.supervise import Backoff
from haechi.camera.dial.line import Identity, Server, dial
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.reverse.wire import Elsewhere, Later, Refused

log = structlog.get_logger(__name__)

MOST_HOPS = 3
"""Servers that send a camera round in circles are not followed further."""
LONG_UP_S = 10.0
FIRST_S, MOST_S = 0.5, 2.5
"""A server that is back has its cameras within 5 s, scattered."""
REFUSED_S, MOST_REFUSED_S = 5.0, 120.0
"""A wrong token or certificate needs a person."""


class Dialler:
    """Dials for ever. It always begins at ``home``: who is sent elsewhere comes back here when that ends.

    Args:
        draw: Uniform in [0, 1): scatters the waits.
    """

    def __init__(
        self,
        home: Server,
        identity: Identity,
        camera: VirtualCamera,
        clock: Clock,
        *,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._home = home
        self._identity = identity
        self._camera = camera
        self._clock = clock
        self._draw = draw
        self._lost = Backoff(FIRST_S, MOST_S, draw=draw)
        self._refused = Backoff(REFUSED_S, MOST_REFUSED_S, draw=draw)
        self._said = ""
        self.welcomes = 0

    async def run(self) -> None:
        """Until cancelled."""
        server, hops = self._home, 0
        while True:
            place = await self._once(server)
            if isinstance(place, Server) and hops < MOST_HOPS:
                server, hops = place, hops + 1
                continue
            server, hops = self._home, 0
            await self._clock.sleep(self._lost.next_s() if isinstance(place, Server) else place)

    async def _once(self, server: Server) -> Server | float:
        """One connection: where to dial instead, or the seconds to wait before the next one."""
        began_ns = self._clock.monotonic_ns()
        try:
            line = await dial(server, self._identity, self._camera, self._clock)
        except HaechiError as error:
            return self._failed(error)
        try:
            answer = await line.serve()
        except HaechiError as error:
            if line.welcomed:
                self.welcomes += 1
                self._said = ""
                self._refused.reset()
                if self._clock.monotonic_ns() - began_ns > LONG_UP_S * NS_PER_S:
                    self._lost.reset()
            return self._failed(error)
        match answer:
            case Elsewhere(host, port, fingerprint):
                log.info("sent to another server", host=host, port=port)
                return Server(host, port, fingerprint)
            case Later(reason, seconds):
                self._say(f"the server says: later ({reason})")
                return seconds * (1 + 0.2 * self._draw())
            case Refused("version"):
                self._say("the server speaks another version; update the older side")
                return self._refused.next_s()
            case _:
                self._say("the server refuses this camera id or token")
                return self._refused.next_s()

    def _failed(self, error: HaechiError) -> float:
        self._say(error.message)
        return self._refused.next_s() if isinstance(error, Denied) else self._lost.next_s()

    def _say(self, text: str) -> None:
        """Once for each change: a server that is away for a night fills no log."""
        if text != self._said:
            log.warning("not connected", reason=text)
            self._said = text
