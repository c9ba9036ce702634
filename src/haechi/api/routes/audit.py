"""The audit log, for administrators."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse

from haechi.api.asked import House
from haechi.api.audit import AuditFilter, Entry
from haechi.api.csv_rows import CSV, csv_text
from haechi.api.headers import NO_STORE
from haechi.api.media import attachment
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.shapes.exports import AuditEntryOut, AuditPage, AuditQuery, VerdictOut
from haechi.base.clock import NS_PER_MS

CSV_AT_ONCE = 1_000
COLUMNS = ("number", "at_ms", "user", "user_id", "action", "object", "detail", "hash")


async def list_entries(house: House, asked: Annotated[AuditQuery, Query()]) -> AuditPage:
    """Entries, newest first."""
    wanted = AuditFilter(
        None if asked.after_ms is None else asked.after_ms * NS_PER_MS,
        None if asked.before_ms is None else asked.before_ms * NS_PER_MS,
        asked.user or None,
        asked.action or None,
        asked.before,
        asked.limit,
    )
    found = await house.keeping.audit.entries(wanted)
    return AuditPage(
        entries=[AuditEntryOut.of(entry) for entry in found],
        next_before=found[-1].number if len(found) == asked.limit else None,
    )


async def verify(house: House) -> VerdictOut:
    """Whether the log is what was written: every line's hash is computed again."""
    return VerdictOut.of(await house.keeping.audit.verify())


async def export_csv(house: House) -> StreamingResponse:
    """The whole log, newest first, as a table: keep it elsewhere, and nobody can write another one."""
    headers = {"Content-Disposition": attachment("haechi_audit.csv"), "Cache-Control": NO_STORE}
    return StreamingResponse(_csv(house), media_type="text/csv", headers=headers)


def register(routes: Routes) -> None:
    """Add the routes."""
    routes.add("GET", "/api/audit", list_entries, access=Access.ADMIN, problems=(422,))
    routes.add("GET", "/api/audit/verify", verify, access=Access.ADMIN)
    routes.add("GET", "/api/audit.csv", export_csv, access=Access.ADMIN, responses=CSV)


async def _csv(house: Services) -> AsyncIterator[str]:
    before: int | None = None
    yield csv_text([COLUMNS])
    while True:
        page = await house.keeping.audit.entries(AuditFilter(before_number=before, limit=CSV_AT_ONCE))
        yield csv_text([_cells(entry) for entry in page])
        if len(page) < CSV_AT_ONCE:
            return
        before = page[-1].number


def _cells(entry: Entry) -> tuple[object, ...]:
    at_ms = entry.at_ns // NS_PER_MS
    words = (entry.user, entry.user_id, entry.action, entry.object, entry.detail)
    return (entry.number, at_ms, *words, entry.hash.hex())
