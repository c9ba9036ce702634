"""The whole of a camera that dials out: what it shows, and the connection."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from msgspec import Struct
from platformdirs import user_state_path

from haechi.base.clock import Clock, SystemClock
from haechi.base.errors import Invalid
from haechi.camera.dial.dialler import Dialler
from haechi.camera.dial.line import Identity, Server
from haechi.camera.dial.memory.keeper import Keeper
from haechi.camera.dial.memory.spool import Spool
from haechi.camera.dial.relay import RelayFeed
from haechi.camera.virtual.feed import SceneFeed, default_cache_dir, open_file
from haechi.camera.virtual.server import Feed, VirtualCamera
from haechi.media.reverse.share import LINK_SHARE

log = structlog.get_logger(__name__)

PATH = "/main"
LEAST_MEMORY_MB, MOST_MEMORY_MB = 64, 1024 * 1024
DEFAULT_MEMORY_BYTES = LEAST_MEMORY_MB * 1_000_000
"""Two minutes of a camera of 4 Mbit/s."""
LONGEST_TOKEN_FILE_BYTES = 4096


def token_of(path: Path | None) -> str:
    """The token in a file; without one, that of the environment (``HAECHI_CAMERA_TOKEN``).

    Raises:
        Invalid: ``no-token-file``: there is none, or it cannot be read.
    """
    if path is None:
        found = os.environ.get("HAECHI_CAMERA_TOKEN", "")
        if not found:
            message = "give the camera's token: --token-file FILE, or HAECHI_CAMERA_TOKEN in the environment"
            raise Invalid(message, code="no-token-file")
        return found
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_TOKEN_FILE_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        message = "the file with the token cannot be read"
        raise Invalid(message, code="no-token-file", file=str(path), reason=error.strerror) from error


@asynccontextmanager
async def feed_of(source: str) -> AsyncIterator[Feed]:
    """What ``--source`` names: ``rtsp://…`` (another camera), ``scene:NAME``, or a file.

    Raises:
        HaechiError: It is not there, or cannot be served.
    """
    if source.startswith(("rtsp://", "rtsps://")):
        relay = RelayFeed(source, SystemClock())
        task = asyncio.create_task(relay.run())
        try:
            await relay.open()
            yield relay
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    elif source.startswith("scene:"):
        scene = SceneFeed(source.removeprefix("scene:"), default_cache_dir())
        try:
            yield scene
        finally:
            scene.close()
    else:
        yield await asyncio.to_thread(open_file, Path(source))


class MemoryWish(Struct, frozen=True):
    """What the camera is to keep of its own stream.

    Attributes:
        folder: Where; None: in the user's own folder for such things, under the camera's id.
    """

    limit_bytes: int = DEFAULT_MEMORY_BYTES
    folder: Path | None = None

    @classmethod
    def of_mb(cls, size_mb: int, folder: Path | None = None) -> MemoryWish | None:
        """From what a person types; None: nothing is to be kept.

        Raises:
            Invalid: ``bad-spool-size``.
        """
        if size_mb == 0:
            return None
        if not LEAST_MEMORY_MB <= size_mb <= MOST_MEMORY_MB:
            message = f"--spool-mb is 0 for none, or {LEAST_MEMORY_MB} to {MOST_MEMORY_MB}"
            raise Invalid(message, code="bad-spool-size")
        return cls(size_mb * 1_000_000, folder)


async def open_memory(camera: str, wish: MemoryWish | None, clock: Clock) -> Keeper | None:
    """The camera's memory. Where nobody named a folder and ours cannot be used, the camera does without one.

    Raises:
        Invalid: ``spool-unusable``: the folder that was named; ``bad-camera-id``.
    """
    if wish is None:
        return None
    if re.fullmatch(r"[a-z0-9_]{1,40}", camera) is None:
        raise Invalid("this is no id of a camera; the server shows it", code="bad-camera-id")
    spool = Spool(wish.folder or user_state_path("haechi") / "memory" / camera, wish.limit_bytes)
    try:
        await asyncio.to_thread(spool.open)
    except Invalid as error:
        if wish.folder is not None:
            raise
        log.warning("the camera has no memory", reason=str(error))
        return None
    return Keeper(spool, clock, share=LINK_SHARE)


async def dial_out(server: Server, identity: Identity, source: str, wish: MemoryWish | None = None) -> None:
    """Show ``source`` to ``server`` until cancelled.

    Raises:
        HaechiError: The source cannot be shown, or changed its codec; or the folder for the memory cannot be used.
    """
    clock = SystemClock()
    async with feed_of(source) as feed:
        keeper = await open_memory(identity.camera, wish, clock)
        camera = await asyncio.to_thread(VirtualCamera, {PATH: feed}, port=None)
        works = [camera.run, Dialler(server, identity, camera, clock).run]
        if keeper is not None:
            camera.remember(keeper)
            works.append(keeper.run)
        tasks = [asyncio.create_task(work()) for work in works]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
