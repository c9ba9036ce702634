"""Modules on cameras: ours in the live workers, those of others in processes of their own."""

from __future__ import annotations

from haechi.api.settings import SettingsStore
from haechi.app.push import MODULE_BYTES, NICENESS
from haechi.app.settings import Settings
from haechi.base.clock import Clock
from haechi.base.errors import NotFound
from haechi.bus.frames import FrameBus
from haechi.store.database import Database
from haechi.vision.modules.choices import ChoiceStore
from haechi.vision.modules.contract import installed
from haechi.vision.modules.messages import HostSetup
from haechi.vision.modules.room import Looker, ModuleRoom
from haechi.vision.programme import KNOWN

SAVE_S = 30.0
"""How often what a module knows of a camera is saved: a death costs as much."""


class Hosts:
    """How processes of installed modules are started. See `haechi.vision.modules.room.Host`."""

    def __init__(self, settings: Settings) -> None:
        self._open = settings.push.open_modules
        self.own: tuple[str, ...] = KNOWN if settings.vision.enabled and settings.vision.workers else ()
        self.detectors = tuple(settings.vision.detector.split("+"))
        self.deadline_s = settings.push.module_deadline_s

    def setup(self, name: str) -> HostSetup:
        """See `Host`. Blocking: looks through what is installed.

        Raises:
            NotFound: ``module-broken``: it is not installed any more.
        """
        found = installed().get(name)
        if found is None:
            raise NotFound("the module is not installed any more", code="module-broken", module=name)
        is_open = name in self._open
        memory_bytes = 0 if is_open else MODULE_BYTES
        return HostSetup(name, found.value, (), memory_bytes, confine=not is_open, niceness=NICENESS, save_s=SAVE_S)


def modules_over(
    settings: Settings, database: Database, looker: Looker, bus: FrameBus, clock: Clock, live: SettingsStore
) -> ModuleRoom:
    """The room of modules of a server."""

    async def zone() -> str:
        return (await live.get()).time_zone

    return ModuleRoom(ChoiceStore(database), looker, bus, clock, Hosts(settings), zone)
