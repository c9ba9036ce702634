"""``haechi push``: the tokens of clients that push video and get results."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from haechi.app.cli.console import err, opened, out
from haechi.app.reverse import identity_of
from haechi.base.clock import NS_PER_S, Clock, SystemClock
from haechi.base.errors import Conflict, Invalid
from haechi.base.ids import CameraId
from haechi.fleet.address import PUSHED
from haechi.fleet.cameras import CameraRegistry
from haechi.fleet.push_clients import PushClient, PushClients
from haechi.store.database import Database

app = typer.Typer(help="Clients that push video and get results: who may, by token.", no_args_is_help=True)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What the client is called, for example notebook")],
    file: Annotated[
        Path | None, typer.Option(help="Write token and fingerprint there, for haechi client --token-file")
    ] = None,
    camera: Annotated[
        bool, typer.Option("--camera", help="Its stream is a camera: recorded, live, looked at by rules")
    ] = False,
) -> None:
    """Let a client push. Its token is shown once, or written to a file that only you can read."""
    with opened() as (settings, database):
        clock = SystemClock()
        if file is not None and file.exists():
            raise Conflict("this file is there already; name another", code="file-exists", file=str(file))
        pin = identity_of(settings, clock).pin
        client, token = asyncio.run(PushClients(database, clock).add(name))
        if camera:
            out.print(f"[green]added[/] {asyncio.run(_make_camera(database, clock, client))}, its camera")
        if file is None:
            out.print(f"token        [bold]{token}[/]  (shown once)", soft_wrap=True)
            out.print(f"fingerprint  {pin}", soft_wrap=True)
            err.print("In the file for --token-file: the token in the first line, the fingerprint in the second.")
        else:
            _write(file, f"{token}\n{pin}\n")
            out.print(f"[green]added[/] {client.id}  {escape(client.name)}; its token is in {escape(str(file))}")
        if not settings.push.enabled:
            err.print("The server does not listen for clients yet: set push.enabled (HAECHI_PUSH__ENABLED=1).")


@app.command("list")
def list_clients() -> None:
    """Who may push."""
    with opened() as (_, database):
        clients = asyncio.run(PushClients(database, SystemClock()).list())
    if not clients:
        out.print("no clients yet; add one with: haechi push add NAME --file FILE")
        return
    table = Table(box=None, header_style="bold")
    for title in ("id", "name", "since", "camera"):
        table.add_column(title)
    for client in clients:
        since = _EPOCH + timedelta(seconds=client.created_ns // NS_PER_S)
        table.add_row(client.id, escape(client.name), f"{since:%Y-%m-%d %H:%M} UTC", client.camera or "-")
    out.print(table)


@app.command()
def remove(client: Annotated[str, typer.Argument(help="As `haechi push list` shows it")]) -> None:
    """Withdraw a token. Who is connected with it is sent away within some seconds."""
    with opened() as (_, database):
        asyncio.run(PushClients(database, SystemClock()).remove(client))
        out.print(f"[green]removed[/] {escape(client)}")


@app.command()
def camera(
    client: Annotated[str, typer.Argument(help="As `haechi push list` shows it")],
    off: Annotated[bool, typer.Option("--off", help="No longer; the camera stays, with its recordings")] = False,
    of: Annotated[str, typer.Option(help="Id of a camera that no client pushes any more; default: a new one")] = "",
) -> None:
    """Make a client's stream a camera. A connection of it ends within some seconds; it may come again."""
    with opened() as (_, database):
        clock = SystemClock()
        clients = PushClients(database, clock)
        known = asyncio.run(clients.get(client))
        if off:
            asyncio.run(clients.set_camera(client, ""))
            out.print(f"[green]done[/] what {escape(known.name)} pushes is judged only")
        elif known.camera and not of:
            out.print(f"{escape(known.name)} is {known.camera} already")
        else:
            made = asyncio.run(_make_camera(database, clock, known, of))
            out.print(f"[green]done[/] {escape(known.name)} is {made} now")


async def _make_camera(database: Database, clock: Clock, client: PushClient, wanted: str = "") -> CameraId:
    registry = CameraRegistry(database, clock)
    found = await registry.get(CameraId(wanted)) if wanted else await registry.add(client.name, PUSHED)
    if not found.address.is_pushed:
        raise Invalid("this camera has another source; only one that clients push can be given", code="not-pushed")
    await PushClients(database, clock).set_camera(client.id, found.id)
    return found.id


def _write(path: Path, text: str) -> None:
    """A new file for its owner's eyes."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
    except OSError as error:
        message = "the token cannot be written there; the client was added, remove it and try again"
        raise Invalid(message, code="token-not-written", file=str(path), reason=error.strerror) from error
