"""``haechi user``: the way back in for whoever has the machine."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from haechi.api.services import Auth
from haechi.app.cli.console import opened, out
from haechi.base.clock import SystemClock

app = typer.Typer(help="Users of this server.", no_args_is_help=True)


@app.command("setup-link")
def setup_link(
    base: Annotated[str, typer.Option(help="Address of the server as your browser sees it")] = "http://127.0.0.1:8300",
) -> None:
    """A fresh one-time link to make the first administrator (only while there are no users)."""
    with opened() as (_, database):
        token = asyncio.run(Auth.over(database, SystemClock()).setup.issue())
        out.print(f"{base.rstrip('/')}/setup#token={token}")
