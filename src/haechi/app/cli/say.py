"""``haechi camera say``: a sound file is said to a camera, by the way back that ONVIF cameras have."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from haechi.app.cli.console import opened, out
from haechi.app.settings import SourceSettings
from haechi.app.sources import reach_of
from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.fleet.cameras import Camera, CameraRegistry
from haechi.ingest.rtsp import RtspTarget
from haechi.ingest.talk import talk_to
from haechi.media.g711 import RATE_HZ
from haechi.vision.speech.reader import read_speech


def say(
    camera_id: Annotated[str, typer.Argument(help="As `haechi camera list` shows it")],
    file: Annotated[Path, typer.Argument(help="Sound or video file: wav, mp3, flac, ogg, opus, aac, m4a, mp4, mkv")],
) -> None:
    """Say a sound file to a camera with a loudspeaker (RTSP cameras with ONVIF's back channel, G.711)."""
    clock = SystemClock()
    with opened() as (settings, database):
        camera = asyncio.run(CameraRegistry(database, clock).get(CameraId(camera_id)))
        packets = asyncio.run(_say(camera, file, clock, settings.sources))
    out.print(f"[green]said[/] {packets / 50:.1f} s to {escape(camera.name)}")


async def _say(camera: Camera, file: Path, clock: SystemClock, sources: SourceSettings) -> int:
    address = camera.address
    if address.kind != "rtsp":
        message = "only cameras that we connect to by RTSP can be spoken to from the command line"
        raise Invalid(message, code="no-back-channel", kind=address.kind)
    target = RtspTarget(
        url=address.url,
        host=address.host,
        port=address.port,
        is_tls=address.is_tls,
        username=address.username,
        password=address.password,
        transport="tcp",
    )
    samples = await read_speech(file)
    out.print(f"[dim]{len(samples) / 2 / RATE_HZ:.1f} s of sound[/]")
    return await talk_to(target, samples, clock, reach=reach_of(sources))
