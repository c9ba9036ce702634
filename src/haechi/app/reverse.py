"""Listens for cameras that dial out, while there are any (or always, if so set)."""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import aclosing
from typing import TYPE_CHECKING

import structlog

from haechi.app.ports import listen
from haechi.app.settings import Settings
from haechi.base.clock import NS_PER_S, Clock
from haechi.fleet.cameras import CameraRegistry
from haechi.ingest.lines import Door, Lines
from haechi.ingest.reverse_rtsp import ReverseListener
from haechi.store.database import Database

if TYPE_CHECKING:
    from haechi.fleet.certificate import ServerIdentity
    from haechi.fleet.dialling import DialKeys

log = structlog.get_logger(__name__)

KEYS_READ_S = 2.0
"""How often the keys are read again: a token may be replaced by another process."""
CERTIFICATE = "reverse.pem"


def identity_of(settings: Settings, clock: Clock) -> ServerIdentity:
    """The certificate that the settings name, or our own, made when it is needed first.

    Raises:
        Invalid: ``bad-certificate``.
    """
    from haechi.fleet.certificate import load_identity, own_certificate

    wish = settings.reverse
    if wish.certificate is not None:
        return load_identity(wish.certificate, wish.key)
    path = settings.data_dir / CERTIFICATE
    own_certificate(path, dt.datetime.fromtimestamp(clock.wall_ns() / NS_PER_S, dt.UTC))
    return load_identity(path)


class ReverseRoom:
    """See the module. `run` it beside the intake, which takes the lines."""

    def __init__(
        self, settings: Settings, registry: CameraRegistry, database: Database, lines: Lines, clock: Clock
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._database = database
        self._lines = lines
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled; returns at once where the settings say ``off``.

        Raises:
            Unavailable: ``port-taken``.
            Invalid: ``bad-certificate``.
        """
        match self._settings.reverse.listen:
            case "on":
                await self._listen()
            case "auto":
                async with asyncio.TaskGroup() as group:
                    await self._while_wanted(group)
            case "off":
                log.info("no camera can dial in: switched off")

    async def _while_wanted(self, group: asyncio.TaskGroup) -> None:
        task: asyncio.Task[None] | None = None
        async with aclosing(self._registry.watch()) as lists:
            async for cameras in lists:
                is_wanted = any(camera.address.is_reverse for camera in cameras)
                if is_wanted and task is None:
                    task = group.create_task(self._listen())
                elif not is_wanted and task is not None:
                    task.cancel()
                    await asyncio.wait({task})
                    task = None

    async def _listen(self) -> None:
        from haechi.fleet.dialling import DialKeys

        identity = await asyncio.to_thread(identity_of, self._settings, self._clock)
        keys = DialKeys(self._database, self._clock)
        wish = self._settings
        host = wish.reverse.host or wish.http.host
        bound = listen(host, wish.reverse.port)
        port = bound.getsockname()[1]
        log.info("listening for cameras that dial out", host=host, port=port, pin=identity.pin)
        if wish.reverse.port not in (0, port):
            log.warning("the port for cameras that dial out was taken", wanted=wish.reverse.port, port=port)
        self._lines.door = Door(host, port, identity.pin)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(keys))
                listener = ReverseListener(keys, self._lines, self._clock)
                await listener.serve(bound, identity.context, identity.fingerprint)
        finally:
            self._lines.door = None
            bound.close()

    async def _follow(self, keys: DialKeys) -> None:
        """Lines whose token was replaced end."""
        while True:
            await self._clock.sleep(KEYS_READ_S)
            self._lines.revoke(await keys.all())
