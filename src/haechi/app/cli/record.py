"""``haechi check`` and ``haechi replay``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.markup import escape

from haechi.app.cli.bars import counting
from haechi.app.cli.console import err, opened, out
from haechi.app.cli.tiers import tell as tell_adopted
from haechi.app.cli.tiers import tell_strangers
from haechi.app.embedded import Rooms
from haechi.app.keys import key_ring
from haechi.app.tiers import TierCare, TierCheck, strangers, tiers_over
from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import HaechiError
from haechi.base.ids import EventId
from haechi.events.event import ReplayReport
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex
from haechi.record.repair.check import CheckLevel, CheckReport
from haechi.record.repair.check import check as check_volume

Level = Annotated[CheckLevel, typer.Option(help="presence: files are there; size: and whole; hash: every byte")]


def check(
    level: Level = CheckLevel.SIZE,
    repair: Annotated[bool, typer.Option(help="Take what is damaged off the list, and list what is not")] = False,
) -> None:
    """Compare the recordings on disk with the index. With --repair, stop the server first.

    Exit code 0: all is sound, or was put right. 1: something is wrong, and is named.
    """
    clock = SystemClock()
    began_ns = clock.monotonic_ns()
    with opened() as (settings, database):
        index, volume, keys = RecordIndex(database), Volume(settings.record_dir), key_ring(settings)
        tiers = tiers_over(settings, database, volume, clock)

        async def run() -> tuple[CheckReport, list[TierCheck]]:
            await volume.claim(database, clock)
            with counting("checking") as progress:
                first = await check_volume(index, volume, level, repair=repair, progress=progress, keys=keys)
            care, others = TierCare(tiers, index, clock, keys), []
            for name in tiers.names:
                if repair:
                    await _list_again(care, name)
                with counting(f"checking {name}") as progress:
                    others.append(await care.check(name, level, progress))
            return first, others

        report, others = asyncio.run(run())
        alone = asyncio.run(strangers(index))
    _tell(report, (clock.monotonic_ns() - began_ns) / NS_PER_S, repair=repair)
    for one in others:
        _tell_tier(one)
    tell_strangers(alone)
    is_sound = report.is_sound or (repair and report.is_mended)
    raise typer.Exit(0 if is_sound and all(one.is_sound for one in others) else 1)


async def _list_again(care: TierCare, name: str) -> None:
    """What lies in a tier of ours without a row. A tier that cannot be looked at is told by the check."""
    with counting(f"listing {name}") as progress:
        try:
            found = await care.adopt(name, progress)
        except HaechiError:
            return
    if found.recordings or found.issue_count:
        tell_adopted(found)


def _tell_tier(one: TierCheck) -> None:
    """The same for a tier after the first."""
    if one.report is None:
        out.print(f"[red]tier {one.name}[/] {escape(one.failure)}")
        return
    for issue in one.report.issues:
        out.print(f"[red]{issue.kind}[/] {one.name}: {escape(issue.path)} {escape(issue.detail)}")
    read = f"{one.report.bytes / 1e6:.0f} MB read"
    out.print(f"tier {one.name}: {one.report.recordings} recordings, {one.report.issue_count} issues, {read}")
    if any(issue.kind == "unlisted" for issue in one.report.issues):
        out.print(f"what is unlisted is listed again by: haechi tiers adopt {one.name}")


def _tell(report: CheckReport, seconds: float, *, repair: bool) -> None:
    """What is wrong, what was found, and what it cost."""
    for issue in report.issues:
        out.print(f"[red]{issue.kind}[/] {escape(issue.path)} {escape(issue.detail)}")
    if report.issue_count > len(report.issues):
        out.print(f"and {report.issue_count - len(report.issues)} more")
    if not report.database_is_sound:
        out.print(
            "[red]the database is damaged[/]: stop the server, move its file away, and start: files are listed again"
        )
    if report.refused:
        out.print(
            f"[red]{report.refused} recordings have no file[/]: too many for an accident, so they stay on the list;"
            " is the disk mounted?"
        )
    mended = f", {report.repaired} mended" if repair else ""
    out.print(f"{report.recordings} recordings, {report.fragments} fragments, {report.issue_count} issues{mended}")
    err.print(f"{report.files} files and {report.bytes} bytes in {seconds:.1f} s")


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
