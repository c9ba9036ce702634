"""The demo: four virtual cameras that speak real RTSP, their zones and rules, in a folder that is made anew."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path

from haechi.api.services import Services
from haechi.app.settings import Settings, SourceSettings, make_folder
from haechi.base.errors import Unavailable
from haechi.base.process import start_module
from haechi.camera.virtual.scene import DemoCamera, demo_cameras
from haechi.events.rules import Rule
from haechi.fleet.cameras import Camera
from haechi.ingest.reach import LOOPBACK
from haechi.vision.zones import Zone

CAMERA_PORT = 8654


def demo_settings(settings: Settings) -> Settings:
    """The same settings over a data folder of the demo's own, emptied. Its cameras run on this machine."""
    folder = settings.cache_dir / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder, "cache_dir")
    record = settings.record.model_copy(update={"folder": None, "retention_days": 1.0})
    here = SourceSettings(allow=(*settings.sources.allow, *LOOPBACK), deny=settings.sources.deny)
    return settings.model_copy(update={"data_dir": folder, "record": record, "sources": here})


async def run_cameras(port: int, cache: Path) -> None:
    """Run the virtual cameras in a process of their own until cancelled.

    Raises:
        Unavailable: ``demo-cameras-down``: the process ended.
    """
    process = await start_module(
        "haechi.camera.virtual", ["--scene", "all", "--port", str(port)], environment={"XDG_CACHE_HOME": str(cache)}
    )
    try:
        code = await process.wait()
        raise Unavailable("the demo's cameras ended by themselves", code="demo-cameras-down", status=code)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def furnish(house: Services, port: int) -> list[Camera]:
    """Add the demo's cameras, each with its zone and rule."""
    return [await _add(house, wish, port) for wish in demo_cameras()]


async def _add(house: Services, wish: DemoCamera, port: int) -> Camera:
    camera = await house.registry.add(wish.name, f"rtsp://127.0.0.1:{port}/{wish.scene}", transport="tcp")
    watch = wish.watch
    zones = await house.zones.put(camera.id, [Zone(camera=camera.id, name=watch.zone_name, points=watch.zone)])
    rule = Rule(
        camera=camera.id,
        name=watch.name,
        label=watch.label,
        zone=zones[0].id,
        min_duration_s=watch.min_duration_s,
        severity="detection" if watch.severity == "info" else "alert",
    )
    await house.rules.put(camera.id, [rule])
    return camera


def free_port(wanted: int) -> int:
    """``wanted`` where it is free on loopback, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Unavailable("no free port for the demo's cameras", code="port-taken", port=wanted)


async def wait_for(port: int, seconds: float) -> bool:
    """Whether something listens on ``port`` within ``seconds``."""
    for _ in range(int(seconds / 0.1)):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return True
    return False
