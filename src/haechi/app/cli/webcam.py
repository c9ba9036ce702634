"""``haechi webcam``: the cameras in this machine."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from haechi.app.cli.console import out
from haechi.ingest.webcam.devices import devices

app = typer.Typer(help="Cameras in this machine: built in, or on USB.", no_args_is_help=True)


@app.callback()
def webcam() -> None:
    """Cameras in this machine: built in, or on USB."""


@app.command("list")
def list_webcams() -> None:
    """Which cameras this machine has, and what to give to haechi camera add."""
    found = devices()
    if not found:
        out.print("there is no camera in this machine")
        return
    table = Table("address", "name", "gives", "largest", "encoding")
    for device in found:
        encoding = device.problem or ("by the camera" if device.codes else "by this machine")
        largest = device.sizes[0] if device.sizes else ""
        table.add_row(device.address, escape(device.name), " ".join(device.formats), largest, escape(encoding))
    out.print(table)
