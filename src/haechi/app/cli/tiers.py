"""``haechi tiers``: footage that lies where the database does not know it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.markup import escape

from haechi.app.cli.bars import counting
from haechi.app.cli.console import err, opened, out
from haechi.app.keys import key_ring
from haechi.app.tiers import Adopted, TierCare, strangers, tiers_over
from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex

SHOWN_MOST = 50
app = typer.Typer(help="Tiers that footage moves to as it gets older.")


@app.callback()
def tiers() -> None:
    """Tiers that footage moves to as it gets older."""


@app.command()
def adopt(
    name: Annotated[str, typer.Argument(help="The tier, as it is called in the settings")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be listed; change nothing")] = False,
) -> None:
    """List again what lies in a tier, after the database was lost. Stop the server first.

    Says that the tier is this installation's: an object store is taken over, and another installation that uses it
    stops writing and deleting there. Exit code 0: all is listed. 1: something was left as it is, and is named.
    """
    clock = SystemClock()
    with opened() as (settings, database), counting(f"listing {name}") as progress:
        volume = Volume(settings.record_dir)

        async def run() -> Adopted:
            await volume.claim(database, clock)
            tiers = tiers_over(settings, database, volume, clock)
            care = TierCare(tiers, RecordIndex(database), clock, key_ring(settings))
            if dry_run:
                return await care.look(name, progress)
            volume.lock()
            try:
                return await care.adopt(name, progress, takes=True)
            finally:
                volume.unlock()

        found = asyncio.run(run())
        alone = asyncio.run(strangers(RecordIndex(database)))
    tell(found, dry_run=dry_run)
    tell_strangers(alone)
    raise typer.Exit(0 if found.issue_count == 0 else 1)


def tell(found: Adopted, *, dry_run: bool = False) -> None:
    """What was listed, and what was not and why."""
    for issue in found.issues:
        out.print(f"[red]left[/] {found.name}: {escape(issue.path)} {escape(issue.detail)}")
    if found.issue_count > len(found.issues):
        out.print(f"and {found.issue_count - len(found.issues)} more")
    done = "would be listed" if dry_run else "listed again"
    out.print(f"tier {found.name}: {found.recordings} recordings {done}, {found.issue_count} left as they are")


def tell_strangers(cameras: list[CameraId]) -> None:
    """Whose footage nobody can look at."""
    if cameras:
        some = ", ".join(cameras[:SHOWN_MOST]) + (" ..." if len(cameras) > SHOWN_MOST else "")
        err.print(f"there is footage of {len(cameras)} cameras that are not set up: {some}")
        err.print("where one is to be looked at again: haechi camera bring-back ID URL")
