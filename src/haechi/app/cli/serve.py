"""``haechi serve`` and ``haechi demo``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer
import uvloop

from haechi.app.ground import Ground, on_signals, open_ground
from haechi.app.settings import Settings, load_settings
from haechi.base.errors import Conflict
from haechi.base.telemetry import set_up_logging
from haechi.store.database import Database

if TYPE_CHECKING:
    from rich.console import Console

    from haechi.app.embedded import Rooms

    Attend = Callable[[Rooms, Callable[[str], None], asyncio.Event], Coroutine[Any, Any, None]]

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: all. Default: from the settings")]
Port = Annotated[int, typer.Option(help="Port; when it is taken the next free one is used. 0: from the settings")]


alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
"""`serve` and nothing else."""


@alone.command()
def serve(host: Host = "", port: Port = 0) -> None:
    """Run the server: cameras, recording, detection, events and the user interface in one process."""
    settings = _listening(load_settings(), host, port)
    set_up_logging(settings.log_level, settings.log_format)
    ground = open_ground(settings)
    _run(ground.database, _serve(ground))


def demo(host: Host = "", port: Port = 0) -> None:
    """Four virtual cameras, recording, detection: look at everything without a camera. Keeps nothing."""
    started_s = time.monotonic()
    from haechi.app.cli.console import err
    from haechi.app.demo import demo_settings
    from haechi.app.embedded import open_rooms

    settings = demo_settings(_listening(load_settings(), host, port))
    set_up_logging("warning", settings.log_format)
    err.print("[dim]rendering the demo's cameras; the first start takes some seconds longer[/]")
    rooms = open_rooms(settings, demo=True)
    _run(rooms.services.database, _demo(rooms, started_s))


def _listening(settings: Settings, host: str, port: int) -> Settings:
    wish = {"host": host or settings.http.host, "port": port or settings.http.port}
    return settings.model_copy(update={"http": settings.http.model_copy(update=wish)})


def _run(database: Database, work: Coroutine[Any, Any, None]) -> None:
    try:
        with suppress(KeyboardInterrupt):
            uvloop.run(work)
    finally:
        database.close()


async def _setup_token(rooms: Rooms) -> str:
    """A one-time token while nobody has been set up; empty afterwards."""
    try:
        return await rooms.services.auth.setup.issue()
    except Conflict:
        return ""


async def _serve(ground: Ground) -> None:
    """Record, and load the rest of the house meanwhile: somebody waits for footage, nobody for a page."""
    stop = asyncio.Event()
    with on_signals(lambda _signal, _frame: stop.set()):
        async with ground.at_work():
            rooms, attend, err = await asyncio.to_thread(_furnish, ground)
            token = await _setup_token(rooms)

            def ready(address: str) -> None:
                if token:
                    err.print(f"Haechi listens on [bold]{address}[/]. Set it up here (one day, one use):")
                    err.print(f"  [bold]{address}/setup#token={token}[/]", soft_wrap=True)
                else:
                    err.print(f"Haechi listens on [bold]{address}[/]")

            await attend(rooms, ready, stop)


def _furnish(ground: Ground) -> tuple[Rooms, Attend, Console]:
    """Everything that is slow to load."""
    from haechi.app.cli.console import err
    from haechi.app.embedded import Rooms, attend

    return Rooms.over(ground), attend, err


async def _demo(rooms: Rooms, started_s: float) -> None:
    from rich.panel import Panel

    from haechi.app import demo as demo_room
    from haechi.app.cli.console import err
    from haechi.app.embedded import serve as serve_rooms

    token = await _setup_token(rooms)
    port = demo_room.free_port(demo_room.CAMERA_PORT)

    def ready(address: str) -> None:
        seconds = time.monotonic() - started_s
        text = (
            f"Open [bold]{address}/setup#token={token}[/]\n"
            "choose a name and a password, and watch.\n\n"
            "[dim]Within half a minute somebody enters the stock room's forbidden zone: see Events.\n"
            "Stop with Ctrl+C. Everything of the demo is deleted at its next start.[/]"
        )
        err.print(Panel(text, title=f"Haechi's demo is up after {seconds:.0f} s", border_style="orange3", expand=False))

    cache = rooms.settings.cache_dir.parent
    cameras = asyncio.create_task(demo_room.run_cameras(port, cache))
    try:
        await demo_room.wait_for(port, 60)
        await demo_room.furnish(rooms.services, port)
        await serve_rooms(rooms, ready)
    finally:
        cameras.cancel()
        await asyncio.gather(cameras, return_exceptions=True)
