"""Small pictures of the past, for whoever moves over a timeline."""

from typing import Annotated

import msgspec
from fastapi import Query, Request, Response

from haechi.api.asked import AskedCamera, House
from haechi.api.media import bytes_answer
from haechi.api.policy import Access, Routes
from haechi.api.routes.footage import JPEG, StartMs
from haechi.base.clock import NS_PER_MS
from haechi.base.ids import stream_of
from haechi.record.playback.sheets import STEPS_S

CAPTURED = "Haechi-Captured-Ms"
SHEET = "Haechi-Sheet"

StepMs = Annotated[int, Query(ge=1000, le=1000 * STEPS_S[-1], description="1000 times a power of two, up to 16384000")]
PreviewWidth = Annotated[int, Query(ge=16, le=640, description="Pixels; the next of 160, 320 and 640 is taken")]


async def preview(
    request: Request, camera: AskedCamera, house: House, at_ms: StartMs, width: PreviewWidth = 320
) -> Response:
    """The picture of the sync unit at or before a moment; ``Haechi-Captured-Ms`` says when it was captured."""
    found = await house.previews.at(stream_of(camera.id), at_ms * NS_PER_MS, width)
    answer = bytes_answer(request, found.jpeg, media_type="image/jpeg")
    answer.headers[CAPTURED] = str(found.captured_ns // NS_PER_MS)
    return answer


async def sheet(
    request: Request, camera: AskedCamera, house: House, at_ms: StartMs, step_ms: StepMs = 1000
) -> Response:
    """64 small pictures of a stretch as one JPEG, 8 in a row: the stretch of 64 steps that ``at_ms`` lies in.

    ``Haechi-Sheet`` says in JSON what it shows: ``start_ms`` and ``step_ms``, the size of a cell in pixels, for each
    cell ``[after_ms, run, seq]`` of its unit (``after_ms``: captured so long after the beginning of its step; null:
    there is no picture), and whether nothing can come to it any more (``is_final``).
    """
    stream, now_ns = stream_of(camera.id), house.clock.wall_ns()
    found = await house.previews.sheet(stream, at_ms * NS_PER_MS, step_ms * NS_PER_MS, now_ns, house.vision.laid_out)
    answer = bytes_answer(request, found.jpeg, media_type="image/jpeg")
    answer.headers[SHEET] = msgspec.json.encode(found.facts).decode()
    return answer


def register(routes: Routes) -> None:
    """Add the routes."""
    view, one = Access.CAMERA_VIEW, "/api/cameras/{camera}"
    routes.add("GET", f"{one}/sheet.jpg", sheet, access=view, problems=(422, 503), responses=JPEG)
    routes.add("GET", f"{one}/preview.jpg", preview, access=view, problems=(422, 503), responses=JPEG)
