"""Bookmarks in the footage."""

from typing import Annotated

from fastapi import Query

from haechi.api.asked import AskedBookmark, Caller, Door, House, Log
from haechi.api.auth.principal import Principal
from haechi.api.policy import Access, Routes, camera_not_found
from haechi.api.shapes.fields import LATEST_MS
from haechi.api.shapes.keeping import BookmarkIn, BookmarkList, BookmarkOut, BookmarkPatch
from haechi.base.clock import NS_PER_MS
from haechi.base.ids import CameraId
from haechi.record.retention.bookmarks import Author, BookmarkChange, BookmarkFilter, Draft

Camera = Annotated[str | None, Query(max_length=40)]
Ms = Annotated[int | None, Query(ge=0, le=LATEST_MS)]


async def list_bookmarks(
    house: House, caller: Caller, camera: Camera = None, start_ms: Ms = None, end_ms: Ms = None
) -> BookmarkList:
    """Bookmarks of cameras that one may see, whoever made them; newest moment first."""
    wanted = BookmarkFilter(
        _visible(caller, camera),
        0 if start_ms is None else start_ms * NS_PER_MS,
        (LATEST_MS if end_ms is None else end_ms) * NS_PER_MS,
    )
    found = await house.keeping.bookmarks.list(wanted)
    return BookmarkList(bookmarks=[BookmarkOut.of(bookmark) for bookmark in found])


async def add_bookmark(body: BookmarkIn, house: House, caller: Caller, door: Door, log: Log) -> BookmarkOut:
    """Make a bookmark; with ``keep`` the footage around it is never deleted."""
    camera = await door.camera(caller, CameraId(body.camera))
    end_ns = None if body.end_ms is None else body.end_ms * NS_PER_MS
    draft = Draft(camera.id, body.start_ms * NS_PER_MS, end_ns, body.note, body.keep)
    made = await house.keeping.bookmarks.add(draft, Author(caller.user.id, caller.user.name))
    log.about(camera.id, f"{made.id} {'keeps' if made.keep else 'marks'} {body.start_ms} to {body.end_ms or 'itself'}")
    return BookmarkOut.of(made)


async def change_bookmark(bookmark: AskedBookmark, body: BookmarkPatch, house: House, log: Log) -> BookmarkOut:
    """Change its note, or whether its footage is kept."""
    after = await house.keeping.bookmarks.change(bookmark.id, BookmarkChange(body.note, body.keep))
    log.about(bookmark.camera, f"{bookmark.id} {'keeps' if after.keep else 'lets go'}")
    return BookmarkOut.of(after)


async def delete_bookmark(bookmark: AskedBookmark, house: House, log: Log) -> None:
    """Remove it, and let go of its footage."""
    await house.keeping.bookmarks.delete(bookmark.id)
    log.about(bookmark.camera, f"{bookmark.id} removed")


def register(routes: Routes) -> None:
    """Add the routes."""
    one = "/api/bookmarks/{bookmark}"
    routes.add("GET", "/api/bookmarks", list_bookmarks, access=Access.SIGNED_IN, problems=(404, 422))
    routes.add("POST", "/api/bookmarks", add_bookmark, access=Access.SIGNED_IN, status=201, problems=(404,))
    routes.add("PATCH", one, change_bookmark, access=Access.BOOKMARK)
    routes.add("DELETE", one, delete_bookmark, access=Access.BOOKMARK, status=204)


def _visible(caller: Principal, camera: str | None) -> tuple[CameraId, ...] | None:
    if camera is None:
        return caller.visible()
    if not caller.may_view(CameraId(camera)):
        raise camera_not_found()
    return (CameraId(camera),)
