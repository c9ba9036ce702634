"""Exports: ask for one, see how far it is, fetch it, cancel or remove it; and how large a clip will be."""

from typing import Annotated

from fastapi import Query, Request, Response

from haechi.api.asked import AskedCamera, AskedExport, Caller, Door, House, Log
from haechi.api.media import attachment, file_answer
from haechi.api.policy import Access, Routes
from haechi.api.routes.footage import RANGES, EndMs, StartMs
from haechi.api.settings import time_zone
from haechi.api.shapes.exports import EstimateOut, ExportIn, ExportList, ExportOut
from haechi.base.clock import NS_PER_MS
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId, stream_of
from haechi.record.exports.names import clip_stem, safe_name
from haechi.record.exports.runner import Wish

Everybody = Annotated[bool, Query(alias="all", description="Those of all people; administrators only")]
PartNumber = Annotated[int, Query(ge=1, le=1000, description="Which file of an export that has several")]


async def add_export(body: ExportIn, house: House, caller: Caller, door: Door, log: Log) -> ExportOut:
    """Ask for footage as a file. It is made in the background, and told about on ``/api/ws``."""
    camera = await door.camera(caller, CameraId(body.camera))
    zone = time_zone((await house.settings.get()).time_zone)
    name = safe_name(body.name or "") or clip_stem(camera.name, body.start_ms * NS_PER_MS, zone)
    wish = Wish(
        caller.user.id,
        stream_of(camera.id),
        body.start_ms * NS_PER_MS,
        body.end_ms * NS_PER_MS,
        name,
        body.burn_in,
        body.sound,
    )
    export = await house.keeping.exports.request(wish)
    with_sound = "with sound" if export.sound else "without sound"
    log.about(camera.id, f"asked for {export.id} {body.start_ms} to {body.end_ms} {with_sound}")
    return ExportOut.of(export)


async def list_exports(house: House, caller: Caller, everybody: Everybody = False) -> ExportList:
    """One's own exports of cameras that one may see; administrators may ask for those of all."""
    is_all = everybody and caller.is_admin
    found = await house.keeping.exports.listed(None if is_all else caller.user.id)
    return ExportList(exports=[ExportOut.of(export) for export in found if caller.may_view(export.camera)])


async def get_export(export: AskedExport) -> ExportOut:
    """One export."""
    return ExportOut.of(export)


async def delete_export(export: AskedExport, house: House, log: Log) -> None:
    """Cancel what waits or runs; remove what is over, with its files."""
    after = await house.keeping.exports.delete(export.id)
    log.about(export.camera, f"{'cancelled' if after.state != export.state else 'removed'} {export.id}")


async def export_file(request: Request, export: AskedExport, house: House, log: Log, part: PartNumber = 1) -> Response:
    """The file, by byte range."""
    path = house.keeping.exports.file(export, part)
    size_bytes = export.parts[part - 1].bytes
    answer = file_answer(request, path, size_bytes, etag=f'"{export.id}-{part}"', media_type="video/mp4")
    suffix = f"_{part}of{len(export.parts)}" if len(export.parts) > 1 else ""
    answer.headers["Content-Disposition"] = attachment(f"{export.name}{suffix}.mp4")
    log.about(export.id, f"downloaded, camera {export.camera}")
    return answer


async def estimate(camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs) -> EstimateOut:
    """How large a clip of this range gets, and how long, before it is made."""
    if end_ms <= start_ms:
        raise Invalid("end_ms must be after start_ms", code="bad-range")
    found = await house.keeping.cutter.estimate(stream_of(camera.id), start_ms * NS_PER_MS, end_ms * NS_PER_MS)
    return EstimateOut.of(found)


def register(routes: Routes) -> None:
    """Add the routes."""
    own, one = Access.EXPORT, "/api/exports/{export}"
    routes.add("POST", "/api/exports", add_export, access=Access.SIGNED_IN, status=201, problems=(404, 409, 503))
    routes.add("GET", "/api/exports", list_exports, access=Access.SIGNED_IN, problems=(422,))
    routes.add("GET", one, get_export, access=own)
    routes.add("DELETE", one, delete_export, access=own, status=204)
    routes.add("GET", f"{one}/file.mp4", export_file, access=own, problems=(409, 416), responses=RANGES)
    path = "/api/cameras/{camera}/clip/estimate"
    routes.add("GET", path, estimate, access=Access.CAMERA_VIEW, problems=(422, 503))
