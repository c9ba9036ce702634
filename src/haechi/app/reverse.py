"""Listens for cameras that dial out, while there are any (or always, if so set)."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import ssl
from contextlib import aclosing
from typing import TYPE_CHECKING

import structlog

from haechi.app.ports import listen
from haechi.app.settings import Settings
from haechi.base.clock import NS_PER_S, Clock
from haechi.fleet.cameras import CameraRegistry
from haechi.ingest.lines import Door, Lines
from haechi.ingest.placement import MediaServer, Spread, media_server
from haechi.ingest.reverse_rtsp import ReverseListener
from haechi.store.database import Database

if TYPE_CHECKING:
    from haechi.fleet.certificate import ServerIdentity
    from haechi.fleet.dialling import DialKeys

log = structlog.get_logger(__name__)

KEYS_READ_S = 2.0
"""How often the keys are read again: a token may be replaced by another process."""
CERTIFICATE = "reverse.pem"
HOME_LOOK_S = 5.0
"""How often it is looked whether cameras that are here in another server's place can go there."""
MOST_AT_ONCE = 8
"""Cameras that are sent home in one go: each is away for a second or two."""
ANSWER_S = 3.0


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


async def answers_as(server: MediaServer) -> bool:
    """Whether a media server takes connections, and is the one that it should be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # its fingerprint is compared
    try:
        async with asyncio.timeout(ANSWER_S):
            _, writer = await asyncio.open_connection(server.host, server.port, ssl=context)
    except (OSError, TimeoutError):
        return False
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
    writer.transport.abort()
    return hmac.compare_digest(hashlib.sha256(shown).digest(), server.fingerprint)


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
        spread = self._spread(identity)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(keys))
                if spread is not None:
                    group.create_task(self._send_home(spread))
                listener = ReverseListener(keys, self._lines, self._clock, spread)
                await listener.serve(bound, identity.context, identity.fingerprint)
        finally:
            self._lines.door = None
            bound.close()

    def _spread(self, identity: ServerIdentity) -> Spread | None:
        servers = [media_server(one.address, one.pin) for one in self._settings.reverse.servers]
        if not servers:
            return None
        is_one = any(one.fingerprint == identity.fingerprint for one in servers)
        log.info("cameras that dial are spread", servers=len(servers), this_is_one=is_one, pin=identity.pin)
        return Spread(servers, identity.fingerprint)

    async def _send_home(self, spread: Spread) -> None:
        """Cameras that are here as their own server could not be reached go there when it answers again."""
        while True:
            await self._clock.sleep(HOME_LOOK_S)
            away = spread.misplaced(self._lines.present(), self._clock.monotonic_ns())
            answers = {server: await answers_as(server) for server in set(away.values())}
            homing = [camera for camera, server in away.items() if answers[server]][:MOST_AT_ONCE]
            for camera in homing:
                log.info("camera is sent to its own server", camera=camera, host=away[camera].host)
                self._lines.send_off(camera, "its own media server is there again")

    async def _follow(self, keys: DialKeys) -> None:
        """Lines whose token was replaced end."""
        while True:
            await self._clock.sleep(KEYS_READ_S)
            self._lines.revoke(await keys.all())
