"""The whole of a camera that dials out: what it shows, and the connection."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid
from haechi.camera.dial.dialler import Dialler
from haechi.camera.dial.line import Identity, Server
from haechi.camera.dial.relay import RelayFeed
from haechi.camera.virtual.feed import SceneFeed, default_cache_dir, open_file
from haechi.camera.virtual.server import Feed, VirtualCamera

PATH = "/main"
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


async def dial_out(server: Server, identity: Identity, source: str) -> None:
    """Show ``source`` to ``server`` until cancelled.

    Raises:
        HaechiError: The source cannot be shown, or changed its codec.
    """
    async with feed_of(source) as feed:
        camera = await asyncio.to_thread(VirtualCamera, {PATH: feed}, port=None)
        tasks = [
            asyncio.create_task(camera.run()),
            asyncio.create_task(Dialler(server, identity, camera, SystemClock()).run()),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
