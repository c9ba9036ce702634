"""Views of cameras: their history with pictures of before and after, what people decide about it, and alarms."""

from typing import Annotated, Literal

from fastapi import Path, Response

from haechi.api.asked import AskedCamera, Caller, House, Log
from haechi.api.headers import NO_STORE
from haechi.api.policy import Access, Routes
from haechi.api.routes.footage import JPEG
from haechi.api.shapes.views import ViewAlarm, ViewAlarms, ViewOut, ViewsOut, troubles_out, views_out
from haechi.base.clock import NS_PER_MS
from haechi.base.errors import NotFound
from haechi.fleet.cameras import Camera

ViewPath = Annotated[str, Path(pattern=r"^vew_[a-z0-9]{3,32}$", examples=["vew_k3v9p2mw8tq4hx7n"])]


async def list_alarms(house: House, caller: Caller) -> ViewAlarms:
    """What is wrong with the views of cameras now, and moves that nobody has looked at."""
    open_views = [view for view in await house.views.book.list() if view.status in ("open", "applied")]
    alarms: list[ViewAlarm] = []
    for camera in await house.registry.list():
        if not caller.may_view(camera.id) or not camera.enabled:
            continue
        troubles = troubles_out(house.views.troubles(camera.id))
        alarms += [_alarm(camera, "trouble", one.trouble, one.since_ms) for one in troubles]
        newest = next((view for view in open_views if view.camera == camera.id), None)
        if newest is not None and newest.kind != "renewed":
            alarms.append(_alarm(camera, newest.kind, newest.reason, newest.at_ns // NS_PER_MS))
    return ViewAlarms(alarms=alarms)


async def get_views(camera: AskedCamera, house: House) -> ViewsOut:
    """The history of a camera's view, newest first."""
    views = list(await house.views.book.list(camera.id))
    course = await house.views.book.course(camera.id)
    return ViewsOut(
        transform=course.now, troubles=troubles_out(house.views.troubles(camera.id)), views=views_out(views)
    )


async def renew_view(camera: AskedCamera, house: House, caller: Caller, log: Log) -> ViewOut:
    """The picture is as it should be: zones stay where they are drawn now, and the view is learnt anew."""
    made = await house.views.renew(camera.id, caller.user.name)
    log.about(camera.id, "the view is as it should be")
    return await _out(camera, made.id, house)


async def accept_view(camera: AskedCamera, view: ViewPath, house: House, caller: Caller, log: Log) -> ViewOut:
    """Zones and lines lie where this entry says, from its time on."""
    await house.views.accept(camera.id, view, caller.user.name)
    log.about(camera.id, "a move of the view accepted")
    return await _out(camera, view, house)


async def undo_view(camera: AskedCamera, view: ViewPath, house: House, caller: Caller, log: Log) -> ViewOut:
    """The view did not move so: zones and lines lie as before this entry, and the view is learnt anew."""
    await house.views.undo(camera.id, view, caller.user.name)
    log.about(camera.id, "a move of the view undone")
    return await _out(camera, view, house)


async def view_still(camera: AskedCamera, view: ViewPath, side: Literal["before", "after"], house: House) -> Response:
    """The picture before, or after."""
    jpeg = await house.views.still(camera.id, view, side)
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": NO_STORE})


def register(routes: Routes) -> None:
    """Add the routes."""
    look, admin, many = Access.CAMERA_VIEW, Access.CAMERA_ADMIN, "/api/cameras/{camera}/views"
    one = many + "/{view}"
    routes.add("GET", "/api/views", list_alarms, access=Access.SIGNED_IN)
    routes.add("GET", many, get_views, access=look)
    routes.add("POST", many, renew_view, access=admin, status=201)
    routes.add("POST", f"{one}/accept", accept_view, access=admin, problems=(404, 409))
    routes.add("POST", f"{one}/undo", undo_view, access=admin, problems=(404, 409))
    routes.add("GET", f"{one}/{{side}}.jpg", view_still, access=look, problems=(404,), responses=JPEG)


def _alarm(camera: Camera, kind: Literal["trouble", "asked", "moved"], detail: str, since_ms: int) -> ViewAlarm:
    return ViewAlarm(camera=camera.id, name=camera.name, kind=kind, detail=detail, since_ms=since_ms)


async def _out(camera: Camera, view: str, house: House) -> ViewOut:
    for one in views_out(list(await house.views.book.list(camera.id))):
        if one.id == view:
            return one
    raise NotFound("the camera has no such view", code="view-not-found", view=view)
