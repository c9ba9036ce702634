"""Opens the one UDP port of WebRTC when it is first needed: by a camera that is published, or by somebody who watches.

It is closed again with the last such camera where nobody ever watched. Most servers never need it, and then neither
OpenSSL nor libsrtp is even loaded.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
from contextlib import aclosing
from typing import TYPE_CHECKING

import structlog

from haechi.app.settings import Settings
from haechi.base.clock import NS_PER_S, Clock
from haechi.fleet.address import parse_address
from haechi.fleet.cameras import CameraRegistry
from haechi.ingest.openers import Openers
from haechi.ingest.whip.source import WhipOpener

if TYPE_CHECKING:
    from haechi.ingest.whip.publishers import Publishers
    from haechi.live.whep.viewers import Viewers
    from haechi.media.webrtc.ice import Address, Credentials
    from haechi.webrtc.peer import Peer
    from haechi.webrtc.port import UdpPort
    from haechi.webrtc.stage import Stage

log = structlog.get_logger(__name__)

_FAR_AWAY = (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6))
"""Addresses for documentation (RFC 5737, RFC 3849): nothing is sent there, the kernel only says which way it would."""


class WebRtcRoom:
    """See the module. `run` it beside the intake."""

    def __init__(
        self, settings: Settings, registry: CameraRegistry, openers: Openers, viewers: Viewers, clock: Clock
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._publishers = publishers_of(openers) if settings.whip.enabled else None
        self._viewers = viewers
        self._clock = clock
        self._is_published = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            Unavailable: ``port-taken``.
        """
        self._viewers.is_on = self._settings.whep.enabled
        async with asyncio.TaskGroup() as group:
            group.create_task(self._viewers.run())
            group.create_task(self._until_viewed())
            if self._publishers is not None:
                group.create_task(self._follow_cameras())
            while True:
                await self._until(needed=True)
                task = group.create_task(self._listen())
                await self._until(needed=False)
                task.cancel()
                await asyncio.wait({task})

    async def _until(self, *, needed: bool) -> None:
        while (self._is_published or self._viewers.wanted.is_set()) != needed:
            self._changed.clear()
            await self._changed.wait()

    async def _until_viewed(self) -> None:
        await self._viewers.wanted.wait()
        self._changed.set()

    async def _follow_cameras(self) -> None:
        async with aclosing(self._registry.watch()) as lists:
            async for cameras in lists:
                self._is_published = any(camera.address.kind == "whip" for camera in cameras)
                self._changed.set()

    async def _listen(self) -> None:
        identity_of, port_class = await asyncio.to_thread(_parts)
        wish = self._settings.whip
        host = wish.host or self._settings.http.host
        identity = identity_of(dt.datetime.fromtimestamp(self._clock.wall_ns() / NS_PER_S, dt.UTC))
        port = port_class.bind(host, wish.port, identity, self._clock)
        log.info("listening for WebRTC", host=host, port=port.port)
        if wish.port not in (0, port.port):
            log.warning("the port for WebRTC was taken", wanted=wish.port, port=port.port)
        port.start()
        stage = _Stage(port, host, tuple(map(str, wish.addresses)))
        self._hand_out(stage)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._hand_out(None)
            port.close()

    def _hand_out(self, stage: Stage | None) -> None:
        self._viewers.stage = stage if self._settings.whep.enabled else None
        if self._publishers is not None:
            self._publishers.stage = stage


def _parts() -> tuple[type, type[UdpPort]]:
    """OpenSSL and libsrtp are slow to load, and wanted only where somebody publishes or watches by WebRTC."""
    from haechi.webrtc.dtls import Identity
    from haechi.webrtc.port import UdpPort

    return Identity, UdpPort


def publishers_of(openers: Openers) -> Publishers | None:
    """Where publishers and intakes meet; None: this server takes no cameras that are published."""
    opener = openers.of(parse_address("whip:"))
    return opener.publishers if isinstance(opener, WhipOpener) else None


class _Stage:
    """The port, and the addresses under which it can be reached."""

    def __init__(self, port: UdpPort, host: str, addresses: tuple[str, ...]) -> None:
        self._port = port
        self._host = host
        self._addresses = addresses

    @property
    def port(self) -> int:
        return self._port.port

    @property
    def fingerprint(self) -> bytes:
        return self._port.fingerprint

    def candidates(self, reached_at: str) -> tuple[Address, ...]:
        """See `haechi.webrtc.stage.Stage`."""
        return tuple((host, self.port) for host in reachable(self._host, self._addresses, reached_at))

    def expect(self, ours: Credentials, theirs: Credentials, fingerprints: tuple[tuple[str, bytes], ...]) -> Peer:
        """See `Stage`."""
        return self._port.expect(ours, theirs, fingerprints)

    def restart(self, peer: Peer, ours: Credentials, theirs: Credentials) -> None:
        """See `Stage`."""
        self._port.restart(peer, ours, theirs)

    def forget(self, peer: Peer) -> None:
        """See `Stage`."""
        self._port.forget(peer)


def reachable(bound: str, named: tuple[str, ...], reached_at: str) -> list[str]:
    """Our addresses, the likeliest first: those that the settings name, else the one by which the offer came, and
    those by which we reach the world.
    """
    if named:
        return list(named)
    local = ipaddress.ip_address(bound)
    if not local.is_unspecified:
        return [bound]
    found = [reached_at] if _is_address(reached_at) else []
    found += [_outward(*far) for far in _FAR_AWAY]
    plain = [_plain(text) for text in found if text]
    fitting = [text for text in plain if local.version == 6 or ":" not in text]
    return list(dict.fromkeys(fitting)) or ["127.0.0.1"]


def _is_address(text: str) -> bool:
    try:
        return not ipaddress.ip_address(text.partition("%")[0]).is_unspecified
    except ValueError:
        return False


def _plain(text: str) -> str:
    number = ipaddress.ip_address(text.partition("%")[0])
    return str(getattr(number, "ipv4_mapped", None) or number)


def _outward(address: str, family: socket.AddressFamily) -> str:
    """The address of ours from which the kernel would send to ``address``; empty: it knows no way."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return ""
        name: str = probe.getsockname()[0]
        return name
