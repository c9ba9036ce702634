"""The one authorization choke point (CONTRACT S2).

Every route is made by `Routes`, which takes no route without a policy, and every request passes `Gate.admit` before
anything of it is read or looked up on its behalf. `require_policies` refuses an app with a route that came in by
another door. A thing that one may not see answers exactly like a thing that is not there.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection, Request
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from haechi.api.access import (
    Access,
    camera_not_found,
    event_not_found,
    may_not_speak,
    not_signed_in,
)
from haechi.api.auth.principal import Principal
from haechi.api.bearers import Bearers, Presented, bearer_of, challenge_of, presented
from haechi.api.peer import Peer, is_same_origin, networks, peer_of
from haechi.api.problems import Problem, problem_of, problem_response
from haechi.api.recent import Quick, Recent, key_of
from haechi.api.trail import AUDITED, Witness
from haechi.base.errors import Denied, HaechiError
from haechi.base.ids import BookmarkId, CameraId, EventId, ExportId, LayoutId, UserId, is_id
from haechi.record.exports.store import Export, export_not_found
from haechi.record.retention.bookmarks import Bookmark, bookmark_not_found

if TYPE_CHECKING:
    from haechi.api.services import Services
    from haechi.events.event import Event
    from haechi.fleet.cameras import Camera

__all__ = ["Access", "Gate", "Routes", "camera_not_found", "event_not_found", "may_not_speak", "not_signed_in"]

COOKIE = "haechi_session"
DEVICE_COOKIE = "haechi_device"
CSRF_HEADER = "x-haechi-csrf"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """Decides on each request. Nothing else in the house does."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._trusted = networks(services.config.trusted_proxies)
        self._bearers = Bearers(services)
        self._recent = Recent(services.clock)

    async def admit(self, connection: HTTPConnection, access: Access, *, acts: bool) -> None:
        """Return when the request may go on; leave the principal, and what was looked up, in its state.

        Raises:
            Denied: ``not-signed-in``, ``admin-only``, ``cross-site``, ``bad-csrf-token``, ``wrong-publish-token``,
                ``wrong-read-token``, ``may-not-speak``.
            NotFound: The camera or the event is not there for this user.
        """
        connection.state.peer = self.peer(connection)
        if access is Access.PUBLISH and (token := bearer_of(connection)) is not None:
            await self._admit_bearer(connection, token)
            return
        if access is Access.WATCH:
            connection.state.challenge = challenge_of(connection)
            if (shown := presented(connection)) is not None:
                await self._admit_player(connection, shown, acts=acts)
                return
        await self._admit_person(connection, access, acts=acts)

    async def admit_again(self, connection: HTTPConnection) -> None:
        """The same for reading several times a second by `Access.WATCH`: who was let in is so for two seconds more."""
        state = connection.state

        async def ask() -> tuple[Principal, Camera]:
            await self.admit(connection, Access.WATCH, acts=False)
            return state.principal, state.camera

        known = await self._recent.find(key_of(connection), ask)
        state.peer = self.peer(connection)
        state.principal, state.camera, state.admitted_ns = known.principal, known.camera, known.at_ns

    async def _admit_person(self, connection: HTTPConnection, access: Access, *, acts: bool) -> None:
        principal = await self._principal(connection)
        connection.state.principal = principal
        if acts:
            self._require_own_page(connection, principal)
        match access:
            case Access.PUBLIC:
                return
            case Access.METRICS if self._has_bearer(connection):
                return
            case _ if principal is None:
                raise not_signed_in()
            case Access.SIGNED_IN:
                return
            case Access.ADMIN | Access.METRICS:
                _require_admin(principal)
            case Access.CAMERA_VIEW | Access.WATCH | Access.TALK | Access.CAMERA_ADMIN | Access.PUBLISH:
                if access in {Access.CAMERA_ADMIN, Access.PUBLISH}:
                    _require_admin(principal)
                camera = CameraId(connection.path_params["camera"])
                connection.state.camera = await self.camera(principal, camera)
                if access is Access.TALK and not principal.may_speak(camera):
                    raise may_not_speak()
            case _:
                await self._admit_to_thing(connection, access, principal)

    async def _admit_to_thing(self, connection: HTTPConnection, access: Access, principal: Principal) -> None:
        state, asked = connection.state, connection.path_params
        match access:
            case Access.EVENT_VIEW:
                state.event = await self.event(principal, EventId(asked["event"]))
            case Access.EXPORT:
                state.export = await self.export(principal, ExportId(asked["export"]))
            case Access.BOOKMARK:
                state.bookmark = await self.bookmark(principal, BookmarkId(asked["bookmark"]))
            case Access.LAYOUT:
                state.layout = await self._services.layouts.get(LayoutId(asked["layout"]), principal.user.id)
            case Access.READ_TOKEN:
                state.read_token = await self._services.auth.read_tokens.get(asked["read_token"], principal)
            case _:
                raise TypeError(f"nothing is looked up for {access}")

    async def _admit_bearer(self, connection: HTTPConnection, token: str) -> None:
        """A token is no cookie: no page of somebody else's can make a browser send it, so its origin is not asked."""
        camera = CameraId(connection.path_params["camera"])
        connection.state.principal = None
        connection.state.camera = await self._bearers.camera(camera, token, connection.state.peer.address)

    async def _admit_player(self, connection: HTTPConnection, shown: Presented, *, acts: bool) -> None:
        """Who holds a read token. A browser that was once told one for Basic sends it by itself, so there its pages are
        looked at as with a cookie."""
        if acts and shown.is_basic:
            self._require_own_page(connection, None)
        principal = await self._services.auth.read_tokens.admit(shown.token, connection.state.peer.address)
        connection.state.principal = principal
        connection.state.camera = await self.camera(principal, CameraId(connection.path_params["camera"]))

    async def camera(self, principal: Principal, camera_id: CameraId) -> Camera:
        """The camera, if this user may see it.

        Raises:
            NotFound: It is not there, or not for this user.
        """
        if not is_id(camera_id, "cam") or not principal.may_view(camera_id):
            raise camera_not_found()
        return await self._services.registry.get(camera_id)

    async def event(self, principal: Principal, event_id: EventId) -> Event:
        """The event, if this user may see its camera.

        Raises:
            NotFound: It is not there, or not for this user.
        """
        if not is_id(event_id, "evt"):
            raise event_not_found()
        event: Event = await self._services.events.get(event_id)
        if not principal.may_view(event.camera):
            raise event_not_found()
        return event

    async def export(self, principal: Principal, export_id: ExportId) -> Export:
        """The export, if this user asked for it and may still see its camera.

        Raises:
            NotFound: It is not there, or not for this user.
        """
        export = await self._services.keeping.exports.get(export_id)
        if not _is_theirs(principal, export.owner, export.camera):
            raise export_not_found()
        return export

    async def bookmark(self, principal: Principal, bookmark_id: BookmarkId) -> Bookmark:
        """The bookmark, if this user made it and may still see its camera.

        Raises:
            NotFound: It is not there, or not for this user.
        """
        if not is_id(bookmark_id, "bmk"):
            raise bookmark_not_found()
        bookmark = await self._services.keeping.bookmarks.get(bookmark_id)
        if not _is_theirs(principal, bookmark.made_by, bookmark.camera):
            raise bookmark_not_found()
        return bookmark

    def peer(self, connection: HTTPConnection) -> Peer:
        """Where the request comes from."""
        return peer_of(connection.scope, self._trusted)

    def witness(self, connection: HTTPConnection, path: str) -> Witness | None:
        """Who writes this request down, where it is of those that are."""
        method = "GET" if connection.scope["method"] == "HEAD" else connection.scope["method"]
        rule = AUDITED.get((method, path))
        return None if rule is None else Witness(self._services.keeping.audit, rule, connection, path)

    async def _principal(self, connection: HTTPConnection) -> Principal | None:
        token = connection.cookies.get(COOKIE)
        return None if token is None else await self._services.auth.sessions.find(token)

    def _require_own_page(self, connection: HTTPConnection, principal: Principal | None) -> None:
        """A change, and any WebSocket, must come from a page of ours (or from no browser at all)."""
        headers = connection.headers
        origin = headers.get("origin")
        if origin is None and (connection.scope["type"] == "websocket" or _is_cross_site(headers)):
            raise Denied("this must come from Haechi's own page", code="cross-site")
        peer: Peer = connection.state.peer
        if origin is not None and not is_same_origin(origin, peer, self._services.config.allowed_origins):
            raise Denied("this must come from Haechi's own page", code="cross-site")
        if principal is None or connection.scope["type"] == "websocket":
            return
        if not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), principal.csrf.encode()):
            raise Denied("the X-Haechi-CSRF header is missing or wrong; reload the page", code="bad-csrf-token")

    def _has_bearer(self, connection: HTTPConnection) -> bool:
        wanted = self._services.config.metrics_token
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        is_right = hmac.compare_digest(token.strip().encode(), wanted.encode())
        return bool(wanted) and scheme.lower() == "bearer" and is_right


class GuardedRoute(APIRoute):
    """An HTTP route that asks the gate before it reads, parses or validates anything."""

    access: Access
    gate: Gate
    quick: Quick | None = None
    head: str = ""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this route is meant; a ``GET`` route also answers ``HEAD``."""
        if not scope["path"].startswith(self.head) and not scope.get("root_path"):
            return Match.NONE, {}
        match, child = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL and self._is_head(scope) else match), child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask, then go on."""
        connection = Request(scope, receive, send)
        if self.quick is None or scope["method"] not in _READING:
            await self.gate.admit(connection, self.access, acts=scope["method"] not in _READING)
        else:
            await self.gate.admit_again(connection)
        handle = self.app if self._is_head(scope) else super().handle
        witness = self.gate.witness(connection, self.path)
        connection.state.witness = witness
        tell = send if witness is None else witness.watching(scope, receive, send)
        answer = None if self.quick is None else await self.quick(connection)
        await (handle if answer is None else answer)(scope, receive, tell)

    def _is_head(self, scope: Scope) -> bool:
        return scope.get("method") == "HEAD" and "GET" in (self.methods or ())


class GuardedWebSocketRoute(APIWebSocketRoute):
    """A WebSocket route that asks the gate before the handshake is answered."""

    access: Access
    gate: Gate

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask, then go on; a refusal is an ordinary HTTP answer to the handshake."""
        try:
            await self.gate.admit(HTTPConnection(scope), self.access, acts=True)
        except HaechiError as error:
            await _refuse(WebSocket(scope, receive, send), problem_of(error))
            return
        await super().handle(scope, receive, send)


class Routes:
    """The only door by which routes come into the app."""

    def __init__(self, app: FastAPI, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    def add(
        self,
        method: str,
        path: str,
        endpoint: Callable[..., Any],
        *,
        access: Access,
        status: int = 200,
        problems: Sequence[int] = (),
        **options: Any,
    ) -> None:
        """Add one HTTP route; a ``GET`` also answers ``HEAD``.

        Args:
            problems: Statuses of problems that this route may answer besides those that follow from its policy.
            options: Passed to FastAPI; but for ``quick``, a `Quick` way to the same answer.

        Raises:
            TypeError: ``access`` is not an `Access`.
        """
        _require_access(access, path)
        quick: Quick | None = options.pop("quick", None)
        documented = options.pop("responses", {}) | _problems(method, access, problems)
        route = GuardedRoute(
            path,
            endpoint,
            methods=[method],
            status_code=status,
            responses=documented,
            tags=[path.split("/")[2] if path.startswith("/api/") else "server"],
            openapi_extra={"x-haechi-access": access.value},
            **options,
        )
        if quick is not None and access is not Access.WATCH:
            raise TypeError(f"route {path} has a short way: only who watches is let in again unasked")
        route.quick = quick
        route.head = path.partition("{")[0]
        self._append(route, access)

    def add_websocket(self, path: str, endpoint: Callable[..., Any], *, access: Access) -> None:
        """Add one WebSocket route.

        Raises:
            TypeError: ``access`` is not an `Access`.
        """
        _require_access(access, path)
        self._append(GuardedWebSocketRoute(path, endpoint), access)

    def _append(self, route: GuardedRoute | GuardedWebSocketRoute, access: Access) -> None:
        route.access = access
        route.gate = self._gate
        self._app.router.routes.append(route)


def require_policies(app: FastAPI) -> None:
    """Refuse an app with a route, mount or WebSocket that did not come through `Routes`.

    Raises:
        TypeError: Names the routes that have no policy.
    """
    naked = [_name(route) for route in app.router.routes if not isinstance(getattr(route, "access", None), Access)]
    if naked:
        raise TypeError(f"routes without a policy: {', '.join(naked)}")


def _is_theirs(principal: Principal, maker: UserId, camera: CameraId) -> bool:
    return principal.is_admin or (maker == principal.user.id and principal.may_view(camera))


def _require_admin(principal: Principal) -> None:
    if not principal.is_admin:
        raise Denied("only an administrator may do this", code="admin-only")


def _require_access(access: object, path: str) -> None:
    if not isinstance(access, Access):
        raise TypeError(f"route {path} has no policy: want access=Access...")


def _name(route: BaseRoute) -> str:
    return str(getattr(route, "path", type(route).__name__))


def _is_cross_site(headers: Any) -> bool:
    """What browsers say of a request without ``Origin`` (Fetch Metadata)."""
    return headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}


def _problems(method: str, access: Access, more: Sequence[int]) -> dict[int | str, dict[str, Any]]:
    statuses = set(more)
    if access is not Access.PUBLIC:
        statuses.add(401)
    if access in {Access.PUBLISH, Access.WATCH}:
        statuses.add(429)
    if access in {Access.ADMIN, Access.CAMERA_ADMIN, Access.METRICS} or method not in _READING:
        statuses.add(403)
    if access not in {Access.PUBLIC, Access.SIGNED_IN, Access.ADMIN, Access.METRICS}:
        statuses |= {404, 422}
    if method in {"POST", "PUT", "PATCH"}:
        statuses |= {400, 413, 422}
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)}


async def _refuse(socket: WebSocket, problem: Problem) -> None:
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(problem_response(problem))
    else:
        await socket.close(1008, problem.code)
