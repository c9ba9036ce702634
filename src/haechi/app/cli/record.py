"""``haechi check`` and ``haechi replay``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from haechi.app.cli.console import err, opened, out
from haechi.app.embedded import Rooms
from haechi.base.clock import SystemClock
from haechi.base.ids import EventId
from haechi.events.event import ReplayReport
from haechi.record.check import CheckLevel, CheckReport
from haechi.record.check import check as check_volume
from haechi.record.index import RecordIndex
from haechi.record.volume import Volume

Level = Annotated[CheckLevel, typer.Option(help="presence: files are there; size: and whole; hash: every byte")]


def check(
    level: Level = CheckLevel.SIZE,
    repair: Annotated[bool, typer.Option(help="Take what is damaged off the list, and list what is not")] = False,
) -> None:
    """Compare the recordings on disk with the index. With --repair, stop the server first."""
    with opened() as (settings, database):
        index, volume = RecordIndex(database), Volume(settings.record_dir)
        with Progress(console=err, transient=True) as bar:
            task = bar.add_task("checking", total=None)

            def progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            async def run() -> CheckReport:
                await volume.claim(database, SystemClock())
                return await check_volume(index, volume, level, repair=repair, progress=progress)

            report = asyncio.run(run())
    for issue in report.issues:
        out.print(f"[red]{issue.kind}[/] {escape(issue.path)} {escape(issue.detail)}")
    mended = f", {report.repaired} mended" if repair else ""
    out.print(f"{report.recordings} recordings, {report.fragments} fragments, {report.issue_count} issues{mended}")
    raise typer.Exit(0 if report.is_sound or repair else 1)


def replay(event: Annotated[str, typer.Argument(help="Id of an event, as the Events page shows it")]) -> None:
    """Decode the recorded bytes of an event again, detect again, decide again: it must come out the same."""
    with opened() as (settings, database):
        rooms = Rooms.build(settings, database, SystemClock())

        async def run() -> ReplayReport:
            pool = asyncio.create_task(rooms.services.vision.run())
            try:
                return await rooms.services.events.replay(EventId(event))
            finally:
                pool.cancel()
                await asyncio.gather(pool, return_exceptions=True)

        report = asyncio.run(run())
    colour = "green" if report.identical else "red"
    out.print(f"[{colour}]{escape(report.message)}[/]")
    out.print(f"{report.compared} frames compared, {report.differing} differ; stage: {report.stage or 'none'}")
    raise typer.Exit(0 if report.identical else 1)
