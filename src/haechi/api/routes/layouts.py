"""Layouts of the live wall: each user's own."""

from haechi.api.asked import AskedLayout, Caller, House
from haechi.api.layouts import LayoutDraft
from haechi.api.policy import Access, Routes, camera_not_found
from haechi.api.shapes.layouts import LayoutIn, LayoutList, LayoutOut
from haechi.base.ids import CameraId


async def list_layouts(house: House, caller: Caller) -> LayoutList:
    """One's own layouts, by name; nobody sees anybody else's."""
    visible = await _visible(house, caller)
    found = await house.layouts.list(caller.user.id)
    return LayoutList(layouts=[LayoutOut.of(one.among(visible)) for one in found])


async def add_layout(body: LayoutIn, house: House, caller: Caller) -> LayoutOut:
    """Keep a layout."""
    draft = await _allowed(body, house, caller)
    return LayoutOut.of(await house.layouts.add(caller.user.id, draft))


async def get_layout(asked: AskedLayout, house: House, caller: Caller) -> LayoutOut:
    """One of one's own layouts."""
    return LayoutOut.of(asked.among(await _visible(house, caller)))


async def put_layout(asked: AskedLayout, body: LayoutIn, house: House, caller: Caller) -> LayoutOut:
    """Replace a layout."""
    draft = await _allowed(body, house, caller)
    return LayoutOut.of(await house.layouts.put(asked.id, caller.user.id, draft))


async def delete_layout(asked: AskedLayout, house: House, caller: Caller) -> None:
    """Let go of a layout."""
    await house.layouts.remove(asked.id, caller.user.id)


def register(routes: Routes) -> None:
    """Add the routes."""
    one = "/api/layouts/{layout}"
    routes.add("GET", "/api/layouts", list_layouts, access=Access.SIGNED_IN)
    routes.add("POST", "/api/layouts", add_layout, access=Access.SIGNED_IN, status=201, problems=(404, 409))
    routes.add("GET", one, get_layout, access=Access.LAYOUT)
    routes.add("PUT", one, put_layout, access=Access.LAYOUT, problems=(409,))
    routes.add("DELETE", one, delete_layout, access=Access.LAYOUT, status=204)


async def _visible(house: House, caller: Caller) -> frozenset[CameraId]:
    return frozenset(camera.id for camera in await house.registry.list() if caller.may_view(camera.id))


async def _allowed(body: LayoutIn, house: House, caller: Caller) -> LayoutDraft:
    """The draft, once each of its cameras is there and this user's to see."""
    draft = body.draft()
    named = {*(draft.cameras or ()), *(() if draft.focus is None else (draft.focus,))}
    if named and not named <= await _visible(house, caller):
        raise camera_not_found()
    return draft
