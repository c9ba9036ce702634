"""The whole server for `bench.soak`, but for detection: it takes in the cameras of a plan and reports on them.

    python -m bench.soak_server FOLDER

``FOLDER/plan.json`` says which cameras there are; what they need to find us is written to ``FOLDER/doors.json``. A line
of JSON comes on stdout ten times a second; at SIGUSR1 one about memory on stderr.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from pathlib import Path

import msgspec
import structlog
import uvloop
from msgspec import Struct

from bench import soak_memory
from haechi.app.embedded import Rooms, open_rooms, serve
from haechi.app.reverse_settings import ReverseSettings
from haechi.app.settings import (
    HttpSettings,
    PushSettings,
    RecordSettings,
    Settings,
    SourceSettings,
    VisionSettings,
    WhipSettings,
)
from haechi.base.ids import CameraId, stream_of
from haechi.fleet.dialling import DialKeys
from haechi.fleet.publishing import PublishTokens
from haechi.fleet.push_clients import PushClients

REPORT_S = 0.1


class Planned(Struct):
    """One camera of the plan."""

    name: str
    url: str
    transport: str
    audio: bool


class Door(Struct):
    """What a camera needs. ``token``: of one that dials, pushes or publishes."""

    camera: str
    token: str = ""


class Doors(Struct):
    """Where cameras come in that we do not call; ports and fingerprints, and where a publisher makes its offer."""

    cameras: list[Door]
    reverse: tuple[int, str]
    push: tuple[int, str]
    http: str


class Seen(Struct, array_like=True):
    """A camera at one moment."""

    state: str
    run: int
    video: int
    audio: int
    error: str
    codec: str
    width_px: int


class Report(Struct):
    """All cameras at one moment (monotonic), in the order of the plan; units durable and lost by the recorder."""

    at_ns: int
    cameras: list[Seen]
    kept: int
    lost: int


def settings_for(folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "data",
        cache_dir=folder / "cache",
        http=HttpSettings(port=0),
        sources=SourceSettings(allow=("127.0.0.0/8",)),
        reverse=ReverseSettings(listen="on", port=0),
        push=PushSettings(enabled=True, port=0),
        whip=WhipSettings(port=0),
        record=RecordSettings(min_free_bytes=0),
        vision=VisionSettings(enabled=False),
    )


async def furnish(rooms: Rooms, plan: list[Planned], folder: Path, http: str) -> list[CameraId]:
    """Add the cameras; write down what those that come to us need."""
    house = rooms.services
    keys, clients = DialKeys(house.database, house.clock), PushClients(house.database, house.clock)
    cameras, doors = [], []
    for one in plan:
        camera = await house.registry.add(one.name, one.url, transport=one.transport, audio=one.audio)  # type: ignore[arg-type]
        token = ""
        if camera.address.is_reverse:
            token = await keys.issue(camera.id)
        elif camera.address.is_pushed:
            _, token = await clients.add(one.name, camera.id)
        elif camera.address.is_published:
            token = await PublishTokens(house.database, house.clock).issue(camera.id)
        cameras.append(camera.id)
        doors.append(Door(camera.id, token))
    berths = rooms.ground.ingest.openers.berths
    while house.ingest.lines.door is None or berths.door is None:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.1)
    reverse, push = house.ingest.lines.door, berths.door
    part = folder / "doors.part"
    part.write_bytes(msgspec.json.encode(Doors(doors, (reverse.port, reverse.pin), (push.port, push.pin), http)))
    part.rename(folder / "doors.json")
    return cameras


def look(rooms: Rooms, camera: CameraId) -> Seen:
    status = rooms.services.ingest.status(camera)
    bus = rooms.services.bus
    video, audio = (bus.channel(stream_of(camera, role)).units for role in ("main", "audio"))
    return Seen(status.state, status.run, video, audio, status.error_code, status.codec, status.width_px)


async def report(rooms: Rooms, folder: Path, opened: asyncio.Future[str]) -> None:
    http = await opened
    plan = msgspec.json.decode((folder / "plan.json").read_bytes(), type=list[Planned])
    cameras = await furnish(rooms, plan, folder, http)
    stats = rooms.recorder.stats
    while True:
        seen = [look(rooms, camera) for camera in cameras]
        now = Report(time.monotonic_ns(), seen, stats.acknowledged_units, stats.lost_units)
        sys.stdout.write(msgspec.json.encode(now).decode() + "\n")
        sys.stdout.flush()
        await asyncio.sleep(REPORT_S)


async def run(folder: Path) -> None:
    rooms = open_rooms(settings_for(folder))
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[str] = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, soak_memory.show)
    async with asyncio.TaskGroup() as group:
        reporting = group.create_task(report(rooms, folder, opened))
        await serve(rooms, opened.set_result)
        reporting.cancel()


def main() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    uvloop.run(run(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
