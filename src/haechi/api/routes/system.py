"""The server itself: its state, its settings, health, metrics, and the description of this API."""

import asyncio
import html
import os
import shutil
import time
from collections.abc import Mapping

from fastapi import Request, Response
from sqlalchemy import text

from haechi.api.asked import Caller, House, Log
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.settings import LiveSettings, SettingsChange
from haechi.api.shapes.house import (
    CameraCounts,
    CpuOut,
    Health,
    ModelOut,
    SettingsPatch,
    SettingsShape,
    StorageOut,
    SystemOut,
)
from haechi.base.clock import NS_PER_MS

PLAIN = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
HTML = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}


async def get_system(house: House, caller: Caller) -> SystemOut:
    """What runs here."""
    cameras = [camera for camera in await house.registry.list() if caller.may_view(camera.id)]
    live = sum(house.ingest.status(camera.id).state == "live" for camera in cameras)
    models = await asyncio.to_thread(house.models.list)
    return SystemOut(
        version=house.config.version,
        started_ms=house.config.started_ns // NS_PER_MS,
        cameras=CameraCounts(total=len(cameras), live=live),
        storage=await _storage(house, show_path=caller.is_admin),
        cpu=CpuOut(cores=os.cpu_count() or 1, process_s=round(time.process_time(), 2), load_1m=os.getloadavg()[0]),
        models=[
            ModelOut(
                role=state.artefact.role,
                name=state.artefact.name,
                version=state.artefact.version,
                licence=state.artefact.licence,
                ready=state.ready,
            )
            for state in models
        ],
        demo=house.config.demo,
        time_zone=(await house.settings.get()).time_zone,
    )


async def get_settings(house: House) -> SettingsShape:
    """The settings as they are now."""
    return _settings(await house.settings.get())


async def patch_settings(body: SettingsPatch, house: House, log: Log) -> SettingsShape:
    """Change some; they take effect at once."""
    changed = body.model_dump(exclude_unset=True)
    log.about("", " ".join(f"{name}={value}" for name, value in sorted(changed.items())))
    return _settings(await house.settings.change(SettingsChange(**changed)))


async def healthz() -> Health:
    """The process answers."""
    return Health(status="ok")


async def readyz(house: House) -> Health:
    """The database answers too: requests make sense."""
    await house.database.read(lambda c: c.execute(text("SELECT 1")).scalar_one())
    return Health(status="ready")


async def metrics(request: Request) -> Response:
    """Prometheus' text format; names in docs/ref/metrics.md."""
    body, media_type = await request.app.state.metrics.render()
    return Response(body, headers={"Content-Type": media_type})


async def openapi(request: Request) -> dict[str, object]:
    """This description."""
    description: dict[str, object] = request.app.openapi()
    return description


async def docs(request: Request) -> Response:
    """The same for people: plain HTML without scripts, so that nothing is fetched from elsewhere."""
    return Response(_docs_page(request.app.openapi()), media_type="text/html")


def register(routes: Routes) -> None:
    """Add the routes."""
    routes.add("GET", "/api/system", get_system, access=Access.SIGNED_IN)
    routes.add("GET", "/api/settings", get_settings, access=Access.ADMIN)
    routes.add("PATCH", "/api/settings", patch_settings, access=Access.ADMIN)
    routes.add("GET", "/healthz", healthz, access=Access.PUBLIC)
    routes.add("GET", "/readyz", readyz, access=Access.PUBLIC, problems=(503,))
    routes.add("GET", "/metrics", metrics, access=Access.METRICS, responses=PLAIN)
    routes.add("GET", "/api/openapi.json", openapi, access=Access.PUBLIC, include_in_schema=False)
    routes.add("GET", "/docs", docs, access=Access.PUBLIC, include_in_schema=False)


def _settings(settings: LiveSettings) -> SettingsShape:
    return SettingsShape(
        retention_days=settings.retention_days,
        min_free_bytes=settings.min_free_bytes,
        time_zone=settings.time_zone,
    )


async def _storage(house: Services, *, show_path: bool) -> StorageOut:
    path = house.config.record_path
    usage = await asyncio.to_thread(shutil.disk_usage, path) if path.exists() else None
    oldest_ns = await house.index.oldest_ns()
    return StorageOut(
        path=str(path) if show_path else "",
        used_bytes=await house.index.storage_bytes(),
        free_bytes=usage.free if usage else 0,
        oldest_ms=None if oldest_ns is None else oldest_ns // NS_PER_MS,
        alarm="only-protected" if house.keeping.retention.last.only_protected else None,
    )


def _docs_page(description: Mapping[str, object]) -> str:
    rows = []
    paths = description.get("paths")
    for path, operations in (paths if isinstance(paths, Mapping) else {}).items():
        for method, operation in operations.items():
            words = operation.get("description") or operation.get("summary") or ""
            statuses = ", ".join(sorted(operation.get("responses", {})))
            cells = (method.upper(), path, operation.get("x-haechi-access", ""), words, statuses)
            rows.append("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Haechi API</title>"
        "<style>body{font:15px/1.5 system-ui;margin:2rem;color-scheme:light dark}table{border-collapse:collapse}"
        "td,th{padding:.3rem .8rem;text-align:left;vertical-align:top;border-bottom:1px solid #8884}"
        "td:nth-child(2){font-family:monospace}</style><h1>Haechi API</h1>"
        "<p>Machine-readable: <a href=/api/openapi.json>/api/openapi.json</a>. WebSockets: docs/ref/api.md.</p>"
        "<table><tr><th>Method<th>Path<th>Who<th>What<th>Answers</tr>" + "".join(rows) + "</table></html>"
    )
