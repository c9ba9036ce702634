"""Opens the door for players: RTSP, with read tokens, on the address of the user interface unless set otherwise."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from haechi.api.audit import Actor
from haechi.api.auth.read_tokens import REALM
from haechi.api.rights import KnownCameras, Viewing, Viewings
from haechi.api.services import Services
from haechi.app.ports import listen
from haechi.app.settings import Settings
from haechi.base.ids import CameraId
from haechi.live.rtsp.connection import House
from haechi.live.rtsp.door import Guest
from haechi.live.rtsp.server import RtspListener
from haechi.live.rtsp.ways import Datagrams
from haechi.media.rtsp.auth import Ha1

log = structlog.get_logger(__name__)


class TokenDoor:
    """Read tokens let in; the audit log is told (see `haechi.live.rtsp.door.Door`)."""

    realm = REALM

    def __init__(self, services: Services) -> None:
        self._tokens = services.auth.read_tokens
        self._viewings = Viewings(services, KnownCameras(services))
        self._audit = services.keeping.audit

    async def by_token(self, token: str, address: str) -> Guest:
        """See `Door`."""
        return self._viewings.of(await self._tokens.admit(token, address))

    async def by_digest(self, name: str, proves: Callable[[Ha1], bool], address: str) -> Guest:
        """See `Door`."""
        return self._viewings.of(await self._tokens.admit_digest(name, proves, address))

    def watched(self, guest: Guest, camera: CameraId) -> None:
        """See `Door`."""
        assert isinstance(guest, Viewing)
        user = guest.principal.user
        self._audit.watching(Actor(user.id, user.name), camera)


class RtspRoom:
    """See the module. `run` it beside the others."""

    def __init__(self, settings: Settings, services: Services) -> None:
        self._settings = settings
        self._services = services

    async def run(self) -> None:
        """Until cancelled; returns at once where the settings say so.

        Raises:
            Unavailable: ``port-taken``.
        """
        wish, services = self._settings.rtsp, self._services
        if not wish.enabled:
            log.info("players cannot watch by RTSP: switched off")
            return
        host = wish.host or self._settings.http.host
        bound = listen(host, wish.port)
        datagrams = await Datagrams.bind(host, wish.rtp_port) if wish.udp else None
        counts, live = services.rtsp, services.live
        counts.port = bound.getsockname()[1]
        ports = datagrams.ports if datagrams is not None else None
        log.info("listening for players", host=host, port=counts.port, udp=ports)
        if wish.port not in (0, counts.port):
            log.warning("the port for players was taken", wanted=wish.port, port=counts.port)
        door = TokenDoor(services)
        house = House(live.bus, live.packets, live.demand.want, door, services.clock, counts, datagrams, live.faults)
        try:
            await RtspListener(house).serve(bound)
        finally:
            counts.port = 0
            bound.close()
            if datagrams is not None:
                datagrams.close()
