"""Which media server a camera that dials belongs to, and what to do when it cannot be reached; pure.

Rendezvous hashing: each server has a draw for each camera, and the highest has it. So all servers agree without a word,
cameras are spread evenly, and when a server is added only the cameras move that are its own from then on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.media.reverse.wire import Elsewhere

BACK_NS = 20 * NS_PER_S
"""Who is back so soon after it was sent away could not reach the other server, or was refused: a camera waits 8 s for
a connection, 2.5 s between two, and dials here first.
"""
KEPT_NS = 30 * NS_PER_S
"""How long it is not sent there again; twice as long each time that it comes back once more."""
MOST_KEPT_NS = 3600 * NS_PER_S
MOST_REMEMBERED = 10_000
_HOST = re.compile(r"[0-9A-Za-z._:-]{1,253}")
"""As the greeting's `Elsewhere` takes it."""
_PIN = re.compile(r"[0-9a-f]{64}")


class MediaServer(Struct, frozen=True):
    """One that takes cameras in.

    Attributes:
        host, port: Where cameras dial it.
        fingerprint: SHA-256 of its certificate; it is also what the server is known by.
    """

    host: str
    port: int
    fingerprint: bytes


class _Kept(Struct, frozen=True):
    """A camera is not sent to a server until then (monotonic)."""

    until_ns: int
    for_ns: int


def media_server(address: str, pin: str) -> MediaServer:
    """From what a person writes: HOST:PORT, and 64 hexadecimal digits, colons between them or not.

    Raises:
        Invalid: ``bad-media-server``.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not _HOST.fullmatch(host) or not port.isdecimal() or not port.isascii() or not 0 < int(port[:6]) < 65_536:
        message = "a media server is given as HOST:PORT, for example cams2.example.org:8341"
        raise Invalid(message, code="bad-media-server")
    digits = pin.replace(":", "").replace(" ", "").lower()
    if not _PIN.fullmatch(digits):
        message = (
            "the pin of a media server is the SHA-256 of its certificate, 64 hexadecimal digits, as its page shows it"
        )
        raise Invalid(message, code="bad-media-server")
    return MediaServer(host, int(port), bytes.fromhex(digits))


def draw(camera: CameraId, server: MediaServer) -> bytes:
    """The server's draw for a camera: the highest has it. Where it is dialled has no part in it."""
    return hashlib.blake2b(camera.encode(), key=server.fingerprint, digest_size=16).digest()


def own_server(camera: CameraId, servers: Iterable[MediaServer]) -> MediaServer:
    """The one of ``servers`` that is to have a camera."""
    return max(servers, key=lambda server: draw(camera, server))


class Spread:
    """Sends cameras to their servers, and takes those in that cannot get there. It is a `Placement`.

    Args:
        servers: At least one.
        own: SHA-256 of our certificate. When none of the servers has it, we take only cameras that no other can.
    """

    def __init__(self, servers: Sequence[MediaServer], own: bytes) -> None:
        self._servers = tuple(servers)
        self._own = own
        self._sent: dict[CameraId, tuple[MediaServer, int]] = {}
        self._kept: dict[tuple[CameraId, bytes], _Kept] = {}

    def place(self, camera: CameraId, now_ns: int) -> Elsewhere | None:
        """See `haechi.ingest.reverse_rtsp.Placement`."""
        self._learn(camera, now_ns)
        server = self._server_for(camera, now_ns)
        if server is None:
            return None
        self._sent[camera] = (server, now_ns)
        if len(self._sent) > MOST_REMEMBERED:
            del self._sent[next(iter(self._sent))]
        return Elsewhere(server.host, server.port, server.fingerprint)

    def misplaced(self, cameras: Iterable[CameraId], now_ns: int) -> Mapping[CameraId, MediaServer]:
        """Of those that are connected here: whom `place` would send elsewhere now, and where to."""
        found = ((camera, self._server_for(camera, now_ns)) for camera in cameras)
        return {camera: server for camera, server in found if server is not None}

    def _learn(self, camera: CameraId, now_ns: int) -> None:
        """What it means that the camera is here again."""
        server, sent_ns = self._sent.pop(camera, (None, 0))
        if server is None:
            return
        key = (camera, server.fingerprint)
        before = self._kept.pop(key, None)
        if now_ns - sent_ns > BACK_NS:  # it was there
            return
        for_ns = KEPT_NS if before is None else min(MOST_KEPT_NS, 2 * before.for_ns)
        self._kept[key] = _Kept(now_ns + for_ns, for_ns)
        if len(self._kept) > MOST_REMEMBERED:
            del self._kept[next(iter(self._kept))]

    def _server_for(self, camera: CameraId, now_ns: int) -> MediaServer | None:
        """The camera's own server, unless it is known to be out of its reach; None: we take it.

        There is no second choice among the others: that server would send the camera to its own, as we did.
        """
        server = own_server(camera, self._servers)
        if server.fingerprint == self._own:
            return None
        kept = self._kept.get((camera, server.fingerprint))
        return server if kept is None or kept.until_ns <= now_ns else None
