"""What a route may take for granted after the gate: who asks, from where, and the thing that was looked up."""

from typing import Annotated

from fastapi import Depends, Path, Request

from haechi.api.auth.principal import Principal
from haechi.api.auth.read_tokens import ReadToken
from haechi.api.layouts import Layout
from haechi.api.peer import Peer
from haechi.api.policy import Gate
from haechi.api.rights import Viewing, Viewings
from haechi.api.services import Services
from haechi.api.trail import Witness
from haechi.events.event import Event
from haechi.fleet.cameras import Camera
from haechi.record.exports.store import Export
from haechi.record.retention.bookmarks import Bookmark

CameraPath = Annotated[str, Path(pattern=r"^cam_[a-z0-9]{3,32}$", examples=["cam_k3v9p2mw8tq4hx7n"])]
EventPath = Annotated[str, Path(pattern=r"^evt_[a-z0-9]{3,32}$", examples=["evt_k3v9p2mw8tq4hx7n"])]

ExportPath = Annotated[str, Path(pattern=r"^exp_[a-z0-9]{3,32}$", examples=["exp_k3v9p2mw8tq4hx7n"])]
ReadTokenPath = Annotated[str, Path(pattern=r"^rdt_[a-z0-9]{3,32}$", examples=["rdt_k3v9p2mw8tq4hx7n"])]
LayoutPath = Annotated[str, Path(pattern=r"^lay_[a-z0-9]{3,32}$", examples=["lay_k3v9p2mw8tq4hx7n"])]
BookmarkPath = Annotated[str, Path(pattern=r"^bmk_[a-z0-9]{3,32}$", examples=["bmk_k3v9p2mw8tq4hx7n"])]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


def _caller(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


def _visitor(request: Request) -> Principal | None:
    principal: Principal | None = request.state.principal
    return principal


def _peer(request: Request) -> Peer:
    peer: Peer = request.state.peer
    return peer


def _camera(request: Request, camera: CameraPath) -> Camera:
    """``camera`` is not read: it names the path parameter for OpenAPI; the gate has looked it up."""
    found: Camera = request.state.camera
    return found


def _event(request: Request, event: EventPath) -> Event:
    """As with cameras."""
    found: Event = request.state.event
    return found


def _export(request: Request, export: ExportPath) -> Export:
    """As with cameras."""
    found: Export = request.state.export
    return found


def _bookmark(request: Request, bookmark: BookmarkPath) -> Bookmark:
    """As with cameras."""
    found: Bookmark = request.state.bookmark
    return found


def _read_token(request: Request, read_token: ReadTokenPath) -> ReadToken:
    """As with cameras."""
    found: ReadToken = request.state.read_token
    return found


def _layout(request: Request, layout: LayoutPath) -> Layout:
    """As with cameras."""
    found: Layout = request.state.layout
    return found


def _viewing(request: Request) -> Viewing:
    viewings: Viewings = request.app.state.viewings
    return viewings.of(request.state.principal)


def _witness(request: Request) -> Witness:
    witness: Witness = request.state.witness
    return witness


House = Annotated[Services, Depends(_services)]
Door = Annotated[Gate, Depends(_gate)]
Caller = Annotated[Principal, Depends(_caller)]
"""The user in a session; only on routes that are not public."""
Visitor = Annotated[Principal | None, Depends(_visitor)]
From = Annotated[Peer, Depends(_peer)]
AskedCamera = Annotated[Camera, Depends(_camera)]
"""The camera in the path; only with ``CAMERA_VIEW``, ``CAMERA_ADMIN``, ``WATCH`` or ``PUBLISH``."""
AskedEvent = Annotated[Event, Depends(_event)]
"""The event in the path; only with ``EVENT_VIEW``."""
AskedExport = Annotated[Export, Depends(_export)]
"""The export in the path; only with ``EXPORT``."""
AskedBookmark = Annotated[Bookmark, Depends(_bookmark)]
"""The bookmark in the path; only with ``BOOKMARK``."""
AskedLayout = Annotated[Layout, Depends(_layout)]
"""The layout in the path; only with ``LAYOUT``."""
AskedReadToken = Annotated[ReadToken, Depends(_read_token)]
"""The read token in the path; only with ``READ_TOKEN``."""
AskedViewing = Annotated[Viewing, Depends(_viewing)]
"""Whether who watches still may, for streams that stay open; only with ``WATCH`` or ``CAMERA_VIEW``."""
Log = Annotated[Witness, Depends(_witness)]
"""Writes this request down; only on routes of `haechi.api.trail.AUDITED`."""
