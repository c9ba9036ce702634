"""What the person behind an open connection may see, kept up to date while it is open (CONTRACT S3).

While the database does not answer, the last answer counts: nothing can be withdrawn in a database that is down, and
live pictures go on without it (CONTRACT D4).
"""

from collections.abc import Callable

import structlog

from haechi.api.auth.principal import Principal
from haechi.api.services import Services
from haechi.base.clock import NS_PER_S
from haechi.base.errors import Denied, Unavailable
from haechi.base.ids import CameraId

log = structlog.get_logger(__name__)

RECHECK_S = 2.0
"""How often an open connection asks whether its session lives and what it may see; the promise is 5 s."""
FRESH_NS = NS_PER_S


class KnownCameras:
    """Which cameras there are, read at most once a second for all connections, and anew for one that is not known."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ids: frozenset[CameraId] = frozenset()
        self._read_ns = -FRESH_NS

    async def has(self, camera: CameraId) -> bool:
        """Whether the camera is there."""
        if self._services.clock.monotonic_ns() - self._read_ns < FRESH_NS and camera in self._ids:
            return True
        try:
            self._ids = frozenset(known.id for known in await self._services.registry.list())
        except Unavailable as error:
            log.info("cameras as of before", code=error.code)
        self._read_ns = self._services.clock.monotonic_ns()
        return camera in self._ids


class Rights:
    """What the person behind an open connection may see, as of at most 2 s ago."""

    def __init__(self, services: Services, cameras: KnownCameras, principal: Principal) -> None:
        self._services = services
        self._cameras = cameras
        self.principal = principal
        self.on_change: Callable[[Principal], None] = lambda _: None

    async def may_view(self, camera: CameraId) -> bool:
        """Whether the camera is there and theirs to see."""
        return self.principal.may_view(camera) and await self._cameras.has(camera)

    async def watch(self) -> None:
        """Keep up with the session.

        Raises:
            Denied: ``session-ended``.
        """
        while True:
            await self._services.clock.sleep(RECHECK_S)
            try:
                now = await self._services.auth.sessions.still(self.principal)
            except Unavailable as error:
                log.info("rights as of before", code=error.code)
                continue
            if now is None:
                raise Denied("the session has ended; log in again", code="session-ended")
            self.principal = now
            self.on_change(now)
