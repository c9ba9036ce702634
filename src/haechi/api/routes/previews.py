"""Small pictures of the past, for whoever moves over a timeline."""

from typing import Annotated

from fastapi import Query, Request, Response

from haechi.api.asked import AskedCamera, House
from haechi.api.media import bytes_answer
from haechi.api.policy import Access, Routes
from haechi.api.routes.footage import JPEG, StartMs
from haechi.base.clock import NS_PER_MS
from haechi.base.ids import stream_of

CAPTURED = "Haechi-Captured-Ms"

PreviewWidth = Annotated[int, Query(ge=16, le=640, description="Pixels; the next of 160, 320 and 640 is taken")]


async def preview(
    request: Request, camera: AskedCamera, house: House, at_ms: StartMs, width: PreviewWidth = 320
) -> Response:
    """The picture of the sync unit at or before a moment; ``Haechi-Captured-Ms`` says when it was captured."""
    found = await house.previews.at(stream_of(camera.id), at_ms * NS_PER_MS, width)
    answer = bytes_answer(request, found.jpeg, media_type="image/jpeg")
    answer.headers[CAPTURED] = str(found.captured_ns // NS_PER_MS)
    return answer


def register(routes: Routes) -> None:
    """Add the routes."""
    view, one = Access.CAMERA_VIEW, "/api/cameras/{camera}"
    routes.add("GET", f"{one}/preview.jpg", preview, access=view, problems=(422, 503), responses=JPEG)
