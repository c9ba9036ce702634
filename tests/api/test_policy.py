"""The gate: the table of who may do what, and a matrix of every route, person and object (FAULTS A01)."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from msgspec import Struct
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles

from haechi.api.auth.tokens import csrf_of
from haechi.api.policy import Access, Gate, GuardedRoute, GuardedWebSocketRoute, Routes, require_policies
from haechi.base.ids import BookmarkId, CameraId, EventId, ExportId, LayoutId
from haechi.events.event import EventFilter
from tests.api.knock import Answer, knock, page_headers
from tests.api.the_policy import (
    ADMIN,
    BOOKMARK,
    CAMERA_ADMIN,
    CAMERA_VIEW,
    EVENT_VIEW,
    EXPORT,
    LAYOUT,
    METRICS,
    ONE_CAMERA,
    POLICY,
    PUBLIC,
    PUBLISH,
    READ_TOKEN,
    TALK,
    WATCH,
)
from tests.api.world import World

ACTORS = ("anonymous", "revoked", "expired", "stranger", "viewer", "admin")
OBJECTS = ("own", "foreign", "deleted", "unknown", "malformed")
NOBODY = {"anonymous", "revoked", "expired"}


class Cast(Struct, frozen=True):
    """The people with their tokens, and the objects with their ids."""

    world: World
    tokens: dict[str, str]
    cameras: dict[str, CameraId]
    events: dict[str, EventId]
    exports: dict[str, ExportId]
    bookmarks: dict[str, BookmarkId]
    read_tokens: dict[str, str]
    layouts: dict[str, LayoutId]


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    world = World(tmp_path)
    cameras = {"own": world.camera("Own"), "foreign": world.camera("Foreign"), "deleted": world.camera("Deleted")}
    events = {kind: world.event(camera).id for kind, camera in cameras.items()}
    cameras |= {"unknown": CameraId("cam_aaaaaaaaaaaaaaaa"), "malformed": CameraId("1 OR 1=1")}
    events |= {"unknown": EventId("evt_aaaaaaaaaaaaaaaa"), "malformed": EventId("%00")}
    people = {
        "admin": world.user("Ann", "admin"),
        "viewer": world.user("Vera", "viewer", (cameras["own"], cameras["deleted"])),
        "stranger": world.user("Otto", "viewer", (cameras["foreign"],), may_speak=True),
    }
    owners = {"own": "viewer", "deleted": "viewer", "foreign": "stranger"}
    exports = {kind: world.export(cameras[kind], people[owner]) for kind, owner in owners.items()}
    exports |= {"unknown": ExportId("exp_aaaaaaaaaaaaaaaa"), "malformed": ExportId("%00")}
    bookmarks = {kind: world.bookmark(cameras[kind], people[owner]) for kind, owner in owners.items()}
    bookmarks |= {"unknown": BookmarkId("bmk_aaaaaaaaaaaaaaaa"), "malformed": BookmarkId("1'--")}
    read_tokens = {kind: world.read_token(people[owner])[0] for kind, owner in owners.items()}
    world.do(world.auth.read_tokens.remove(read_tokens["deleted"]))
    read_tokens |= {"unknown": "rdt_aaaaaaaaaaaaaaaa", "malformed": "1'--"}
    layouts = {kind: world.layout(people[owner]) for kind, owner in owners.items()}
    world.do(world.layouts().remove(layouts["deleted"], people["viewer"]))
    layouts |= {"unknown": LayoutId("lay_aaaaaaaaaaaaaaaa"), "malformed": LayoutId("1'--")}
    world.do(world.registry.delete(cameras["deleted"]))
    world.do(world.auth.users.forget_camera(cameras["deleted"]))
    tokens = {"anonymous": "", "revoked": world.token(people["admin"]), "expired": world.token(people["admin"])}
    principal = world.do(world.auth.sessions.find(tokens["revoked"]))
    assert principal is not None
    world.do(world.auth.sessions.revoke(principal.session))
    world.clock.advance(8 * 86_400 * 10**9)
    tokens |= {name: world.token(user) for name, user in people.items()}
    yield Cast(world, tokens, cameras, events, exports, bookmarks, read_tokens, layouts)
    world.close()


def expected(access: Access, actor: str, kind: str) -> int:
    """The status that the policy asks for; 299: let through."""
    may_see = {"viewer": {"own"}, "stranger": {"foreign"}, "admin": {"own", "foreign"}}.get(actor, set())
    if access is PUBLIC:
        return 299
    if actor in NOBODY:
        return 401
    is_mute = access is TALK and actor == "viewer" and kind in may_see  # the stranger may speak, and administrators may
    if is_mute or (access in {ADMIN, CAMERA_ADMIN, METRICS, PUBLISH} and actor != "admin"):
        return 403
    if access in {CAMERA_VIEW, WATCH, TALK, CAMERA_ADMIN, PUBLISH, READ_TOKEN}:
        return 299 if kind in may_see else 404
    if access in {EVENT_VIEW, EXPORT, BOOKMARK}:
        may_see |= {"deleted"} if actor == "admin" else set()  # it is left over
    if access is LAYOUT:
        may_see -= {"own", "foreign"} if actor == "admin" else set()  # nobody's but their own
    if access in {EVENT_VIEW, EXPORT, BOOKMARK, LAYOUT}:
        return 299 if kind in may_see else 404
    return 299


def routes_of(app: FastAPI) -> list[tuple[str, GuardedRoute | GuardedWebSocketRoute]]:
    """Every route with its method."""
    found: list[tuple[str, GuardedRoute | GuardedWebSocketRoute]] = []
    for route in app.router.routes:
        if isinstance(route, GuardedWebSocketRoute):
            found.append(("WEBSOCKET", route))
        elif isinstance(route, GuardedRoute):
            found.extend((method, route) for method in sorted(route.methods or ()))
    assert len(found) == len(app.router.routes)
    return found


def askable(app: FastAPI) -> list[tuple[str, GuardedRoute | GuardedWebSocketRoute]]:
    """The same, and ``HEAD`` where there is ``GET``."""
    found = routes_of(app)
    return found + [("HEAD", route) for method, route in found if method == "GET"]


def stop_behind_the_gate(app: FastAPI) -> None:
    """Let every route answer 299 once it is past the gate, and do nothing."""

    async def passed(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("passed", 299)(scope, receive, send)

    async def accepted(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    async def quick(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("passed", 299)

    for method, route in routes_of(app):
        route.app = accepted if method == "WEBSOCKET" else passed
        if isinstance(route, GuardedRoute) and route.quick is not None:
            route.quick = quick


async def ask(cast: Cast, app: FastAPI, method: str, path: str, actor: str, kind: str) -> Answer:
    """One cell of the matrix."""
    address = (
        path.replace("{camera}", cast.cameras[kind])
        .replace("{event}", cast.events[kind])
        .replace("{export}", cast.exports[kind])
        .replace("{bookmark}", cast.bookmarks[kind])
        .replace("{read_token}", cast.read_tokens[kind])
        .replace("{layout}", cast.layouts[kind])
        .replace("{recording}", "7")
        .replace("{stream}", "main")
        .replace("{track}", "video")
        .replace("{piece}", "p0.m4s")
        .replace("{pairing}", "pair_aaaaaaaaaaaaaaaa")
        .replace("{film}", "flm_aaaaaaaaaaaaaaaa")
        .replace("{publication}", "unknown")
        .replace("{viewer}", "unknown")
        .replace("{user}", "usr_aaaaaaaaaaaaaaaa")
        .replace("{client}", "psh_aaaaaaaaaaaaaaaa")
        .replace("{path:path}", "live")
    )
    token = cast.tokens[actor]
    return await knock(app, method, address, page_headers(token, csrf_of(token)))


def test_the_routes_are_those_of_the_table_with_the_policies_of_the_table(cast: Cast) -> None:
    found = {(method, route.path): route.access for method, route in routes_of(cast.world.app())}
    assert found == POLICY


def test_the_matrix_of_every_route_person_and_object(cast: Cast) -> None:
    app = cast.world.app()
    stop_behind_the_gate(app)

    async def check() -> tuple[list[str], int]:
        wrong, cells = [], 0
        for (method, route), actor, kind in itertools.product(askable(app), ACTORS, OBJECTS):
            answer = await ask(cast, app, method, route.path, actor, kind)
            want = expected(POLICY["GET" if method == "HEAD" else method, route.path], actor, kind)
            if method == "WEBSOCKET" and want == 299:
                want = 101
            cells += 1
            if answer.status != want:
                wrong.append(f"{method} {route.path} {actor} {kind}: {answer.status}, not {want}")
        return wrong, cells

    wrong, cells = asyncio.run(check())
    assert wrong == []
    assert cells >= 1500


def test_who_is_refused_leaves_no_trace_and_who_is_let_in_gets_an_answer(cast: Cast) -> None:
    """The same matrix against the real routes, for those who are refused and for all that only reads."""
    app = cast.world.app()

    async def check() -> list[str]:
        wrong = []
        for (method, route), actor, kind in itertools.product(askable(app), ACTORS, ("own", "foreign", "unknown")):
            want = expected(POLICY["GET" if method == "HEAD" else method, route.path], actor, kind)
            if method == "WEBSOCKET" or (want == 299 and method not in {"GET", "HEAD"}):
                continue
            answer = await ask(cast, app, method, route.path, actor, kind)
            is_right = answer.status in {200, 307, 404, 405, 409, 422, 503} if want == 299 else answer.status == want
            if route.path == "/api/session":
                is_right = answer.status == (401 if actor in NOBODY else 200)
            if route.path == "/api/phones/own/pairing":  # a phone's own token opens it, and nobody here has one
                is_right = answer.status in {401, 429}
            if not is_right:
                wrong.append(f"{method} {route.path} {actor} {kind}: {answer.status}, not {want}")
        return wrong

    assert asyncio.run(check()) == []
    assert len(cast.world.do(cast.world.registry.list())) == 2


def test_a_foreign_id_answers_exactly_like_an_unknown_one(cast: Cast) -> None:
    app = cast.world.app()

    async def check(path: str) -> None:
        seen = set()
        for kind in ("foreign", "deleted", "unknown", "malformed"):
            answer = await ask(cast, app, "GET", path, "viewer", kind)
            body = answer.json()
            assert body.pop("error_id")
            headers = {key: value for key, value in answer.headers.items() if key != "content-length"}
            seen.add(json.dumps([answer.status, body, headers], sort_keys=True))
        assert len(seen) == 1, path

    async def check_all() -> None:
        for (method, path), access in POLICY.items():
            if method != "GET" or access is PUBLIC:
                continue
            if "{camera}" in path or "{event}" in path or "{export}" in path or "{layout}" in path:
                await check(path)

    asyncio.run(check_all())


def test_lists_hold_only_what_one_may_see(cast: Cast) -> None:
    app = cast.world.app()

    async def check() -> None:
        for actor, seen in (("viewer", {"own"}), ("stranger", {"foreign"}), ("admin", {"own", "foreign"})):
            cameras = (await ask(cast, app, "GET", "/api/cameras", actor, "own")).json()["cameras"]
            assert {camera["id"] for camera in cameras} == {cast.cameras[kind] for kind in seen}
            page = (await ask(cast, app, "GET", "/api/events", actor, "own")).json()
            visible = seen | ({"deleted"} if actor == "admin" else set())
            assert {event["id"] for event in page["events"]} == {cast.events[kind] for kind in visible}
            assert page["unreviewed"] == len(visible)
            system = (await ask(cast, app, "GET", "/api/system", actor, "own")).json()
            assert system["cameras"]["total"] == len(seen)
            assert bool(system["storage"]["path"]) == (actor == "admin")
            foreign = f"/api/events?camera={cast.cameras['foreign']}"
            unknown = f"/api/events?camera={cast.cameras['unknown']}"
            statuses = {(await ask(cast, app, "GET", query, "viewer", "own")).status for query in (foreign, unknown)}
            assert statuses == {404}

    asyncio.run(check())


def test_reviewing_many_is_all_or_nothing(cast: Cast) -> None:
    app = cast.world.app()

    async def check() -> None:
        token = cast.tokens["viewer"]
        for other in ("foreign", "unknown", "malformed"):
            body = json.dumps({"ids": [cast.events["own"], cast.events[other]], "reviewed": True}).encode()
            headers = page_headers(token, csrf_of(token)) | {"content-type": "application/json"}
            answer = await knock(app, "POST", "/api/events/review", headers, body=body)
            assert (answer.status, answer.json()["code"]) == (404, "event-not-found")
        assert (await cast.world.events.list(EventFilter())).unreviewed == len(cast.events) - 2

    asyncio.run(check())


def test_another_cameras_recording_is_not_found_under_ones_own(cast: Cast) -> None:
    world = cast.world
    for key in [key for key in world.playback.files if key[0].startswith(cast.cameras["own"])]:
        del world.playback.files[key]
    app = world.app()
    answer = asyncio.run(ask(cast, app, "GET", f"{ONE_CAMERA}/recordings/{{recording}}.mp4", "viewer", "own"))
    assert (answer.status, answer.json()["code"]) == (404, "recording-not-found")


def test_a_route_without_a_policy_is_refused(cast: Cast) -> None:
    async def hello() -> str:
        return "hello"

    app = FastAPI(openapi_url=None)
    routes = Routes(app, Gate(cast.world.services()))
    with pytest.raises(TypeError, match="no policy"):
        routes.add("GET", "/hello", hello, access=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no policy"):
        routes.add_websocket("/hello", hello, access="public")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        routes.add("GET", "/hello", hello)  # type: ignore[call-arg]


def test_an_app_with_a_route_that_came_by_another_door_is_not_built(cast: Cast, tmp_path: Path) -> None:
    async def hello() -> str:
        return "hello"

    doors: list[Callable[[FastAPI], object]] = [
        lambda app: app.add_api_route("/naked", hello),
        lambda app: app.add_api_websocket_route("/naked", hello),
        lambda app: app.mount("/naked", StaticFiles(directory=tmp_path)),
        lambda app: app.include_router(FastAPI().router),
    ]
    for door in doors:
        app = FastAPI(openapi_url=None)
        Routes(app, Gate(cast.world.services())).add("GET", "/hello", hello, access=PUBLIC)
        require_policies(app)
        door(app)
        with pytest.raises(TypeError, match="without a policy"):
            require_policies(app)
    with pytest.raises(TypeError, match=r"without a policy: /openapi\.json, /docs"):
        require_policies(FastAPI())
