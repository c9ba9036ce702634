"""What the person behind an open connection may see, kept up to date while it is open (CONTRACT S3).

While the database does not answer, the last answer counts: nothing can be withdrawn in a database that is down, and
live pictures go on without it (CONTRACT D4).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from haechi.api.auth.principal import Principal
from haechi.api.auth.read_tokens import is_read_token
from haechi.api.services import Services
from haechi.base.clock import NS_PER_S, Clock
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
        self._turn = asyncio.Lock()
        self._ids: frozenset[CameraId] = frozenset()
        self._read_ns = -FRESH_NS

    async def has(self, camera: CameraId) -> bool:
        """Whether the camera is there."""
        if self._is_known(camera):
            return True
        async with self._turn:
            if self._is_known(camera):
                return True
            try:
                self._ids = frozenset(known.id for known in await self._services.registry.list())
            except Unavailable as error:
                log.info("cameras as of before", code=error.code)
            self._read_ns = self._services.clock.monotonic_ns()
        return camera in self._ids

    def _is_known(self, camera: CameraId) -> bool:
        return self._services.clock.monotonic_ns() - self._read_ns < FRESH_NS and camera in self._ids


class OpenSessions:
    """The sessions behind all open connections, looked up together and at most once a second."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._turn = asyncio.Lock()
        self._open: Counter[str] = Counter()
        self._living: Mapping[str, Principal] = {}
        self._asked: frozenset[str] = frozenset()
        self._read_ns = -FRESH_NS

    @contextmanager
    def connected(self, session: str) -> Iterator[None]:
        """Look for one session more, as long as its connection is open."""
        self._open[session] += 1
        try:
            yield
        finally:
            self._open[session] -= 1
            if not self._open[session]:
                del self._open[session]

    async def now(self, session: str) -> Principal | None:
        """Who is behind the session, as of at most a second ago; None when it has ended.

        Raises:
            Unavailable: The database does not answer.
        """
        async with self._turn:
            if session not in self._asked or self._services.clock.monotonic_ns() - self._read_ns >= FRESH_NS:
                asked = frozenset(self._open)
                self._living = await self._services.auth.sessions.living(asked)
                self._asked = asked
                self._read_ns = self._services.clock.monotonic_ns()
        return self._living.get(session)


class Rights:
    """What the person behind an open connection may see, as of at most 2 s ago."""

    def __init__(self, clock: Clock, sessions: OpenSessions, cameras: KnownCameras, principal: Principal) -> None:
        self._clock = clock
        self._sessions = sessions
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
        with self._sessions.connected(self.principal.session):
            while True:
                await self._clock.sleep(RECHECK_S)
                await self._look()

    async def _look(self) -> None:
        try:
            now = await self._sessions.now(self.principal.session)
        except Unavailable as error:
            log.info("rights as of before", code=error.code)
            return
        if now is None:
            raise Denied("the session has ended; log in again", code="session-ended")
        self.principal = Principal(now.user, now.session, self.principal.csrf, now.expires_ns)
        self.on_change(self.principal)


class Viewings:
    """Who is behind the streams that stay open: each session and each read token is looked up at most once a second,
    however many streams it has."""

    def __init__(self, services: Services, cameras: KnownCameras) -> None:
        self._services = services
        self.cameras = cameras
        self._turn = asyncio.Lock()
        self._known: dict[str, tuple[int, Principal | None]] = {}

    def of(self, principal: Principal) -> "Viewing":
        """For a stream that this person begins to watch now."""
        return Viewing(self, principal)

    async def now(self, principal: Principal) -> Principal | None:
        """The same person as of at most a second ago; None: their session or token is over.

        Raises:
            Unavailable: The database does not answer.
        """
        async with self._turn:
            now_ns = self._services.clock.monotonic_ns()
            read_ns, known = self._known.get(principal.session, (now_ns - FRESH_NS, None))
            if now_ns - read_ns < FRESH_NS:
                return known
            self._known = {name: one for name, one in self._known.items() if now_ns - one[0] < FRESH_NS}
            found = self._known[principal.session] = (now_ns, await self._look_up(principal.session))
            return found[1]

    async def _look_up(self, session: str) -> Principal | None:
        auth = self._services.auth
        living = await (auth.read_tokens if is_read_token(session) else auth.sessions).living([session])
        return living.get(session)


class Viewing:
    """Whether who watches still may: ask it every `RECHECK_S` while the stream is open (CONTRACT S3)."""

    def __init__(self, viewings: Viewings, principal: Principal) -> None:
        self._viewings = viewings
        self.principal = principal

    async def may_still(self, camera: CameraId) -> bool:
        """Whether the session or token lives, and shows the camera, which is there."""
        try:
            now = await self._viewings.now(self.principal)
        except Unavailable as error:
            log.info("rights as of before", code=error.code)
            now = self.principal
        if now is None:
            return False
        self.principal = now
        return now.may_view(camera) and await self._viewings.cameras.has(camera)
