"""Listens for thin clients, if the settings say so, and offers them modules."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from haechi.app.ports import listen
from haechi.app.reverse import identity_of
from haechi.app.settings import Settings
from haechi.base.clock import Clock
from haechi.base.errors import DataLoss, Invalid, NotFound, Unavailable
from haechi.ingest.lines import Door
from haechi.store.database import Database
from haechi.vision.models import ModelStore

if TYPE_CHECKING:
    from haechi.app.attention import DetectModule
    from haechi.app.hosted import HostedModule
    from haechi.ingest.rtp_push.berths import Berths
    from haechi.ingest.rtp_push.modules import Module
    from haechi.vision.modules.messages import HostSetup
    from haechi.vision.settings import VisionSettings

log = structlog.get_logger(__name__)

ROLES = ("objects", "people")
OBJECTS, POSE, ECHO = "objects", "pose", "echo"
PEOPLE_MODEL, POSE_MODEL = "yolox-tiny", "rtmpose-s"
LOOKS_FPS = 240.0
"""A client asks for results to get them: every picture is looked at that there is time for."""
MOST_WAIT_S, MOST_UNITS = 4.0, 256
"""Decoding alone is fast: what waits is worked off when looks are left out, and no GOP need be given up."""
MODULE_BYTES = 4 * 1024**3
"""Address space of a module's process."""
NICENESS = 5
SLOW_WAIT_S = 0.15
"""A look that has waited for so long is left out for a newer one: clients want to know of now."""


class PushRoom:
    """See the module.

    Attributes:
        port: Where clients connect; 0: nowhere at present.
    """

    def __init__(
        self, settings: Settings, database: Database, models: ModelStore, clock: Clock, berths: Berths
    ) -> None:
        self._settings = settings
        self._database = database
        self._models = models
        self._clock = clock
        self._berths = berths
        self.port = 0

    async def run(self) -> None:
        """Until cancelled; returns at once where the settings do not ask for it.

        Raises:
            Unavailable: ``port-taken``.
            Invalid: ``bad-certificate``, ``bad-settings``: a module is named that there is not.
        """
        if not self._settings.push.enabled:
            return
        from haechi.fleet.push_clients import PushClients
        from haechi.ingest.rtp_push.harbour import Harbour
        from haechi.ingest.rtp_push.modules import Echo
        from haechi.ingest.rtp_push.server import PushLimits, PushServer
        from haechi.ingest.runs import RunNumbers

        wish = self._settings.push
        identity = await asyncio.to_thread(identity_of, self._settings, self._clock)
        offered = self._offered()
        modules: dict[str, Module] = {ECHO: Echo(), **offered}
        limits = PushLimits(clients=wish.max_clients, client_bytes_s=wish.max_mbit_s * 125_000)
        server = PushServer(
            PushClients(self._database, self._clock),
            modules,
            Harbour(RunNumbers(self._database), self._clock, self._berths),
            self._clock,
            limits,
            _always(identity.context),
        )
        bound = listen(wish.host or self._settings.http.host, wish.port)
        bound.listen()
        host, self.port = bound.getsockname()[:2]
        self._berths.door = Door(host, self.port, identity.pin)
        self._berths.server = server
        log.info("listening for clients that push", port=self.port, pin=identity.pin, modules=sorted(modules))
        try:
            async with asyncio.TaskGroup() as group:
                for module in offered.values():
                    group.create_task(module.run())
                await server.serve(bound, udp=wish.udp)
        finally:
            self.port = 0
            self._berths.door = self._berths.server = None
            bound.close()

    def _offered(self) -> dict[str, DetectModule | HostedModule]:
        """What may be asked for, by name.

        Raises:
            Invalid: ``bad-settings``: a module is named that there is not.
        """
        from haechi.app.attention import DetectModule
        from haechi.app.hosted import HostedModule
        from haechi.vision.modules.contract import installed

        if not self._settings.vision.enabled:
            return {}
        found: dict[str, DetectModule | HostedModule] = {}
        kinds = {state.artefact.name for state in self._models.list() if state.artefact.role in ROLES}
        theirs = installed()
        deadline_s = self._settings.push.module_deadline_s
        for name in self._settings.push.modules:
            detector = self._settings.vision.detector if name == OBJECTS else name
            if kinds.issuperset(detector.split("+")):
                found[name] = DetectModule(self._models, self._clock, self._looks(detector))
            elif name == POSE or name in theirs:
                entry = "" if name == POSE else theirs[name].value
                found[name] = HostedModule(name, partial(self._setup, name, entry), self._clock, deadline_s)
            else:
                names = ", ".join(sorted({OBJECTS, POSE, *kinds, *theirs}))
                raise Invalid(f"setting push.modules: {name} is none of: {names}", code="bad-settings")
        return found

    def _setup(self, name: str, entry: str) -> HostSetup:
        """What a module's process is told first. Blocking: our own need weights, which are fetched the first time.

        Raises:
            Unavailable: They cannot be had.
        """
        from haechi.vision.modules.messages import HostSetup
        from haechi.vision.settings import VisionSettings, detector_setup

        wish = self._settings
        models = []
        try:
            for model in () if entry else (PEOPLE_MODEL, POSE_MODEL):
                self._models.pull(model)
                look = VisionSettings(detector=model, runtime=wish.vision.runtime, threads=wish.vision.threads)
                models.append(detector_setup(self._models, look))
        except (NotFound, DataLoss) as error:
            raise Unavailable(error.message, code=error.code, **error.context) from error
        is_open = name in wish.push.open_modules
        memory_bytes = 0 if is_open else MODULE_BYTES
        return HostSetup(name, entry, tuple(models), memory_bytes, confine=not is_open, niceness=NICENESS)

    def _looks(self, detector: str) -> VisionSettings:
        from haechi.vision.feed import FeedSettings
        from haechi.vision.settings import VisionSettings

        wish = self._settings.vision
        return VisionSettings(
            detector=detector,
            runtime=wish.runtime,
            threads=wish.threads,
            workers=1,
            feed=FeedSettings(
                fps=LOOKS_FPS, gated=False, slow_wait_s=SLOW_WAIT_S, most_wait_s=MOST_WAIT_S, most_in_flight=MOST_UNITS
            ),
        )


def _always(context: ssl.SSLContext) -> Callable[[], ssl.SSLContext]:
    return lambda: context
