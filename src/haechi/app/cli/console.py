"""How the command line talks: one place for colours, errors and opening the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

from haechi.app.settings import Settings, load_settings, make_folder
from haechi.base.errors import HaechiError, Invalid, Unavailable
from haechi.base.redact import redact_text
from haechi.base.telemetry import set_up_logging
from haechi.store.database import Database

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(error: HaechiError) -> int:
    """Print one line, and say with which code to exit."""
    facts = " ".join(f"{key}={value}" for key, value in error.context.items())
    err.print(f"[bold red]haechi:[/] {escape(redact_text(error.message))} [dim]({error.code})[/]")
    if facts:
        err.print(f"[dim]  {escape(redact_text(facts))}[/]")
    if isinstance(error, Invalid):
        return 3 if error.code == "bad-settings" else 2
    return 4 if isinstance(error, Unavailable) else 1


@contextmanager
def opened() -> Iterator[tuple[Settings, Database]]:
    """The settings and the migrated database, closed at the end; logs only warnings."""
    settings = load_settings()
    set_up_logging("warning", settings.log_format)
    make_folder(settings.data_dir, "data_dir")
    database = Database.at(settings.database_path)
    try:
        database.migrate()
        yield settings, database
    finally:
        database.close()
