"""``haechi camera inspect``: whether a camera is looked at."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.markup import escape

from haechi.app.cli.console import opened, out
from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.fleet.cameras import CameraRegistry
from haechi.vision.inspection import InspectionStore


def inspect(
    camera_id: Annotated[str, typer.Argument(help="As `haechi camera list` shows it")],
    state: Annotated[str, typer.Argument(help="on or off; without: say which it is")] = "",
) -> None:
    """Look at a camera, or stop that; recording and live pictures go on. A running server follows within 2 s."""
    if state not in {"", "on", "off"}:
        raise Invalid("say on or off", code="bad-inspection")
    with opened() as (_, database):
        clock = SystemClock()
        camera = asyncio.run(CameraRegistry(database, clock).get(CameraId(camera_id)))
        store = InspectionStore(database, clock)
        if state:
            asyncio.run(store.switch(camera.id, on=state == "on"))
        is_on = asyncio.run(store.is_on(camera.id))
    out.print(f"{escape(camera.name)}: {'looked at' if is_on else 'not looked at'}")
