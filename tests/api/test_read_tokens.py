"""Read tokens: what they open, what they never open, and how soon they stop (CONTRACT S2, S3, S9)."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse

from haechi.api import problems
from haechi.api.asked import AskedCamera, Caller
from haechi.api.auth.read_tokens import MOST_PER_USER, WRONG, TokenDraft, ha1_of
from haechi.api.auth.users import UserChange
from haechi.api.bearers import presented
from haechi.api.policy import Access, Gate, Routes
from haechi.api.rights import KnownCameras, Viewings
from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import Conflict, Denied, Unavailable
from haechi.base.ids import CameraId
from tests.api.knock import Answer, knock, scope_of
from tests.api.test_policy import stop_behind_the_gate
from tests.api.the_policy import POLICY, PUBLIC, WATCH
from tests.api.world import ORIGIN, Browser, World

DAY_S = 86_400.0
WAYS = ("bearer", "basic", "query")
USELESS = ("expired", "revoked", "orphan", "made up")
HOLDERS = ("of admin", "of viewer", "of stranger", "narrowed", "narrowed to nothing", *USELESS)
CAMERAS = ("own", "foreign", "deleted", "unknown", "malformed")


class Yard:
    """Two cameras, their watchers, and tokens of every kind."""

    def __init__(self, folder: Path) -> None:
        world = self.world = World(folder)
        self.cameras = {"own": world.camera("Own"), "foreign": world.camera("Foreign"), "deleted": world.camera("Gone")}
        own, foreign, deleted = (self.cameras[kind] for kind in ("own", "foreign", "deleted"))
        self.admin = world.user("Ann", "admin")
        self.viewer = world.user("Vera", "viewer", (own, deleted))
        self.stranger = world.user("Otto", "viewer", (foreign,))
        gone = world.user("Gone", "viewer", (own,))
        made = {
            "of admin": world.read_token(self.admin),
            "of viewer": world.read_token(self.viewer),
            "of stranger": world.read_token(self.stranger),
            "narrowed": world.read_token(self.admin, own, deleted),
            "narrowed to nothing": world.read_token(self.viewer, foreign),
            "expired": world.read_token(self.admin, lasts_s=DAY_S),
            "revoked": world.read_token(self.admin),
            "orphan": world.read_token(gone),
        }
        self.ids = {kind: token_id for kind, (token_id, _) in made.items()}
        self.tokens = {kind: token for kind, (_, token) in made.items()} | {"made up": "hrt_" + "A" * 43}
        world.do(world.auth.read_tokens.remove(self.ids["revoked"]))
        world.do(world.auth.users.delete(gone))
        world.do(world.registry.delete(deleted))
        world.clock.advance(int(2 * DAY_S * NS_PER_S))
        self.cameras |= {"unknown": CameraId("cam_aaaaaaaaaaaaaaaa"), "malformed": CameraId("1 OR 1=1")}
        self.app = self._app()

    def _app(self) -> FastAPI:
        """One route of the kind that shows pictures, and one that begins to."""
        app = FastAPI(openapi_url=None)
        problems.install(app)

        async def watched(camera: AskedCamera, caller: Caller) -> PlainTextResponse:
            return PlainTextResponse(f"{camera.id} {caller.user.name}")

        routes = Routes(app, Gate(self.world.services()))
        routes.add("GET", "/{camera}/watched", watched, access=WATCH)
        routes.add("POST", "/{camera}/watched", watched, access=WATCH)
        return app

    def ask(self, camera: str, token: str, way: str = "bearer", *, method: str = "GET", **headers: str) -> Answer:
        """A player asks."""
        path, sent = with_token(f"/{self.cameras.get(camera, camera)}/watched", token, way)
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return asyncio.run(knock(self.app, method, path, sent))


def with_token(path: str, token: str, way: str) -> tuple[str, dict[str, str]]:
    match way:
        case "bearer":
            return path, {"authorization": f"Bearer {token}"}
        case "basic":
            return path, {"authorization": "Basic " + base64.b64encode(f"anybody:{token}".encode()).decode()}
        case _:
            return f"{path}?token={token}", {}


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    one = Yard(tmp_path)
    yield one
    one.world.close()


def expected(holder: str, camera: str) -> tuple[int, str]:
    sees = {"of admin": {"own", "foreign"}, "of viewer": {"own"}, "of stranger": {"foreign"}, "narrowed": {"own"}}
    if holder in {"expired", "revoked", "orphan", "made up"}:
        return 401, "wrong-read-token"
    return (200, "") if camera in sees.get(holder, set()) else (404, "camera-not-found")


def test_the_matrix_of_every_token_camera_and_way(yard: Yard) -> None:
    wrong = []
    for holder, camera, way in itertools.product(HOLDERS, CAMERAS, WAYS):
        answer = yard.ask(camera, yard.tokens[holder], way)
        want, code = expected(holder, camera)
        if answer.status != want or (code and answer.json()["code"] != code):
            wrong.append(f"{holder} {camera} {way}: {answer.status} {answer.body!r}, not {want}")
        yard.world.clock.advance(30 * NS_PER_S)
    assert wrong == []


def test_no_token_opens_any_other_route(yard: Yard) -> None:
    app = yard.world.app()
    stop_behind_the_gate(app)

    async def check() -> list[str]:
        wrong = []
        for (method, path), access in POLICY.items():
            if access in {PUBLIC, WATCH, Access.METRICS, Access.PUBLISH}:
                continue
            address = path.replace("{camera}", yard.cameras["own"]).replace("{read_token}", yard.ids["of admin"])
            for way in WAYS:
                asked, headers = with_token(address, yard.tokens["of admin"], way)
                answer = await knock(app, method, asked, headers | {"origin": ORIGIN})
                if answer.status != 401:
                    wrong.append(f"{method} {path} {way}: {answer.status}")
        return wrong

    assert asyncio.run(check()) == []


def test_each_watching_route_takes_the_right_tokens_and_no_others(yard: Yard) -> None:
    """The same matrix over the routes of the real app."""
    app = yard.world.app()
    stop_behind_the_gate(app)

    async def check() -> list[str]:
        wrong = []
        watching = [one for one, access in POLICY.items() if access is WATCH]
        for (method, path), holder, camera in itertools.product(watching, HOLDERS, CAMERAS):
            address = path.replace("{camera}", yard.cameras[camera])
            asked, headers = with_token(address, yard.tokens[holder], "bearer")
            answer = await knock(app, method, asked, headers)
            want, _ = expected(holder, camera)
            if answer.status != (299 if want == 200 else want):
                wrong.append(f"{method} {path} {holder} {camera}: {answer.status}, not {want}")
            yard.world.clock.advance(30 * NS_PER_S)
        return wrong

    assert asyncio.run(check()) == []


def test_what_a_token_does_not_show_answers_like_what_is_not_there(yard: Yard) -> None:
    for holder in ("of viewer", "narrowed", "narrowed to nothing"):
        seen = set()
        for camera in ("foreign", "deleted", "unknown", "malformed"):
            answer = yard.ask(camera, yard.tokens[holder])
            body = answer.json()
            assert body.pop("error_id")
            seen.add(json.dumps([answer.status, body, *sorted(set(answer.headers) - {"content-length"})]))
        assert len(seen) == 1, holder


def test_a_token_shows_never_more_than_its_user_sees_now(yard: Yard) -> None:
    token, narrowed = yard.tokens["of viewer"], yard.tokens["narrowed"]
    users = yard.world.auth.users
    yard.world.do(users.update(yard.viewer, UserChange(cameras=(yard.cameras["foreign"],))))
    assert [yard.ask(camera, token).status for camera in ("own", "foreign")] == [404, 200]
    yard.world.user("Bob", "admin")
    yard.world.do(users.update(yard.admin, UserChange(role="viewer", cameras=())))
    assert [yard.ask("own", one).status for one in (narrowed, yard.tokens["of admin"])] == [404, 404]


def test_a_session_watches_without_a_token_and_a_wrong_token_is_not_forgiven_for_it(yard: Yard) -> None:
    session = yard.world.token(yard.viewer)
    cookie = f"haechi_session={session}"
    assert yard.ask("own", "", "none", cookie=cookie).status == 401
    answer = asyncio.run(knock(yard.app, "GET", f"/{yard.cameras['own']}/watched", {"cookie": cookie}))
    assert (answer.status, answer.body.decode()) == (200, f"{yard.cameras['own']} Vera")
    assert yard.ask("own", "hrt_wrong", cookie=cookie).status == 401


def test_wrong_tokens_are_throttled_by_address_and_right_ones_of_others_are_not(yard: Yard) -> None:
    statuses = [yard.ask("own", yard.tokens["made up"]).status for _ in range(WRONG.burst + 5)]
    assert statuses == [401] * WRONG.burst + [429] * 5
    assert yard.ask("own", yard.tokens["of viewer"]).status == 429
    path = f"/{yard.cameras['own']}/watched"
    headers = {"authorization": f"Bearer {yard.tokens['of viewer']}"}

    async def all_at_once() -> list[int]:
        asked = (knock(yard.app, "GET", path, headers, peer="192.0.2.10") for _ in range(3 * WRONG.burst))
        return [answer.status for answer in await asyncio.gather(*asked)]

    assert set(asyncio.run(all_at_once())) == {200}


def test_players_are_asked_for_basic_and_browsers_for_nothing_that_opens_a_window(yard: Yard) -> None:
    path = f"/{yard.cameras['own']}/watched"
    player = asyncio.run(knock(yard.app, "GET", path, {"user-agent": "Lavf/59.27.100"}))
    assert (player.status, player.headers["www-authenticate"]) == (401, 'Basic realm="Haechi", charset="UTF-8"')
    browser = asyncio.run(knock(yard.app, "GET", path, {"user-agent": "Mozilla/5.0 (X11; Linux x86_64)"}))
    assert (browser.status, browser.headers["www-authenticate"]) == (401, "Cookie")


def test_another_site_cannot_use_the_token_that_a_browser_keeps(yard: Yard) -> None:
    token, elsewhere = yard.tokens["of viewer"], "https://elsewhere.example"
    refused = yard.ask("own", token, "basic", method="POST", origin=elsewhere)
    assert (refused.status, refused.json()["code"]) == (403, "cross-site")
    assert yard.ask("own", token, "basic", method="POST").status == 200
    assert yard.ask("own", token, "bearer", method="POST", origin=elsewhere).status == 200
    cookie = f"haechi_session={yard.world.token(yard.viewer)}"
    bare = asyncio.run(knock(yard.app, "POST", f"/{yard.cameras['own']}/watched", {"cookie": cookie, "origin": ORIGIN}))
    assert bare.json()["code"] == "bad-csrf-token"


def test_who_watches_is_asked_again_and_stops_when_the_token_does(yard: Yard) -> None:
    world = yard.world
    viewings = Viewings(world.services(), KnownCameras(world.services()))
    own, foreign = yard.cameras["own"], yard.cameras["foreign"]

    async def holders(*kinds: str) -> list[bool]:
        found = []
        for kind in kinds:
            principal = (await world.auth.read_tokens.living([yard.ids[kind]]))[yard.ids[kind]]
            found.append(await viewings.of(principal).may_still(own))
        return found

    async def check() -> None:
        assert await holders("of admin", "of viewer", "narrowed", "of stranger") == [True, True, True, False]
        principal = await world.auth.read_tokens.admit(yard.tokens["of viewer"], "192.0.2.1")
        viewing = viewings.of(principal)
        assert [await viewing.may_still(camera) for camera in (own, foreign)] == [True, False]
        await world.auth.users.update(yard.viewer, UserChange(cameras=(foreign,)))
        world.clock.advance(2 * NS_PER_S)
        assert [await viewing.may_still(camera) for camera in (own, foreign)] == [False, True]
        await world.auth.read_tokens.remove(yard.ids["of viewer"])
        world.clock.advance(2 * NS_PER_S)
        assert not await viewing.may_still(foreign)

    asyncio.run(check())


def test_a_session_that_ends_stops_what_it_watches(yard: Yard) -> None:
    world, own = yard.world, yard.cameras["own"]
    viewings = Viewings(world.services(), KnownCameras(world.services()))
    session = world.token(yard.viewer)

    async def check() -> None:
        principal = await world.auth.sessions.find(session)
        assert principal is not None
        viewing = viewings.of(principal)
        assert await viewing.may_still(own)
        await world.auth.sessions.revoke(principal.session)
        world.clock.advance(2 * NS_PER_S)
        assert not await viewing.may_still(own)

    asyncio.run(check())


def test_an_expired_token_stops_what_it_watches(yard: Yard) -> None:
    world, own = yard.world, yard.cameras["own"]
    _, token = world.read_token(yard.viewer, lasts_s=10)
    viewings = Viewings(world.services(), KnownCameras(world.services()))

    async def check() -> None:
        viewing = viewings.of(await world.auth.read_tokens.admit(token, "192.0.2.1"))
        assert await viewing.may_still(own)
        world.clock.advance(11 * NS_PER_S)
        assert not await viewing.may_still(own)

    asyncio.run(check())


def test_while_the_database_is_away_the_last_answer_counts(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    world, own = yard.world, yard.cameras["own"]
    viewings = Viewings(world.services(), KnownCameras(world.services()))

    asked: list[None] = []

    async def away(*_: object) -> None:
        asked.append(None)
        raise Unavailable("the database does not answer", code="database-unavailable")

    async def check() -> None:
        viewing = viewings.of(await world.auth.read_tokens.admit(yard.tokens["of viewer"], "192.0.2.1"))
        assert await viewing.may_still(own)
        monkeypatch.setattr(world.database, "read", away)
        world.clock.advance(5 * NS_PER_S)
        assert await viewing.may_still(own)
        assert asked

    asyncio.run(check())


def test_digest_is_answered_by_the_tokens_id_and_what_is_kept_of_it(yard: Yard) -> None:
    tokens, (token_id, token) = yard.world.auth.read_tokens, (yard.ids["of viewer"], yard.tokens["of viewer"])
    right = ha1_of(token_id, token)

    async def check() -> None:
        principal = await tokens.admit_digest(token_id, lambda kept: kept == right, "192.0.2.1")
        assert (principal.user.name, principal.session) == ("Vera", token_id)
        with pytest.raises(Denied, match="not valid"):
            await tokens.admit_digest(token_id, lambda kept: kept != right, "192.0.2.1")
        for name in ("vera", yard.ids["revoked"], yard.ids["expired"], ""):
            with pytest.raises(Denied, match="not valid"):
                await tokens.admit_digest(name, lambda _: True, "192.0.2.1")

    asyncio.run(check())


def test_the_page_shows_a_token_once_and_lists_only_ones_own(yard: Yard) -> None:
    app = yard.world.app()
    page = Browser(app, yard.world.token(yard.viewer))
    own = yard.cameras["own"]
    later_ms = yard.world.clock.wall_ns() // NS_PER_MS + 60_000
    made = page.ask("POST", "/api/read-tokens", {"name": " TV  room ", "cameras": [own], "expires_ms": later_ms})
    assert made.status_code == 201
    token, shown = made.json()["token"], made.json()["read_token"]
    assert (shown["name"], shown["cameras"], shown["expires_ms"], shown["used_ms"]) == (
        "TV room",
        [own],
        later_ms,
        None,
    )
    assert yard.ask("own", token).status == 200
    listed = page.get("/api/read-tokens")
    assert token not in listed.text
    assert {one["user"] for one in listed.json()["read_tokens"]} == {"Vera"}
    used = {one["id"]: one["used_ms"] for one in listed.json()["read_tokens"]}
    assert used[shown["id"]] == yard.world.clock.wall_ns() // NS_PER_MS
    everybody = Browser(app, yard.world.token(yard.admin)).get("/api/read-tokens").json()["read_tokens"]
    assert {one["user"] for one in everybody} == {"Ann", "Vera", "Otto"}
    assert page.ask("DELETE", f"/api/read-tokens/{shown['id']}").status_code == 204
    assert yard.ask("own", token).status == 401


def test_a_token_cannot_be_made_for_what_one_does_not_see(yard: Yard) -> None:
    page = Browser(yard.world.app(), yard.world.token(yard.viewer))
    for camera in (yard.cameras["foreign"], yard.cameras["deleted"], "cam_aaaaaaaaaaaaaaaa", "x"):
        answer = page.ask("POST", "/api/read-tokens", {"name": "TV", "cameras": [camera]})
        assert (answer.status_code, answer.json()["code"]) == (404, "camera-not-found")
    past = page.ask("POST", "/api/read-tokens", {"name": "TV", "expires_ms": 1})
    assert (past.status_code, past.json()["code"]) == (422, "bad-expiry")
    unnamed = page.ask("POST", "/api/read-tokens", {"name": " \n "})
    assert (unnamed.status_code, unnamed.json()["code"]) == (422, "bad-name")


def test_there_are_only_so_many_tokens(yard: Yard) -> None:
    async def fill() -> None:
        user = await yard.world.auth.users.get(yard.stranger)
        for _ in range(MOST_PER_USER - 1):
            await yard.world.auth.read_tokens.add(user, TokenDraft("one"))
        with pytest.raises(Conflict, match="as many read tokens"):
            await yard.world.auth.read_tokens.add(user, TokenDraft("one too many"))

    asyncio.run(fill())


def test_making_and_revoking_are_written_down_without_the_token(yard: Yard) -> None:
    page = Browser(yard.world.app(), yard.world.token(yard.admin))
    made = page.ask("POST", "/api/read-tokens", {"name": "TV"}).json()
    page.ask("DELETE", f"/api/read-tokens/{made['read_token']['id']}")
    log = page.get("/api/audit")
    entries = [(one["object"], one["detail"]) for one in log.json()["entries"]]
    assert (made["read_token"]["id"], "may watch") in entries
    assert (made["read_token"]["id"], "may watch no more") in entries
    assert made["token"] not in log.text


def test_nothing_of_a_token_is_in_the_database(yard: Yard) -> None:
    kept = b"".join(path.read_bytes() for path in yard.world.record_path.parent.glob("haechi.db*"))
    assert yard.ids["of admin"].encode() in kept
    assert not [kind for kind, token in yard.tokens.items() if token.removeprefix("hrt_").encode() in kept]


@given(value=st.text(max_size=400), scheme=st.sampled_from(["Basic ", "basic ", "Bearer ", "Digest ", ""]))
def test_any_authorization_header_is_read_or_not_and_never_breaks(value: str, scheme: str) -> None:
    header = (scheme + value).encode("utf-8", "ignore").decode("latin-1")
    scope = scope_of("GET", "/cam/watched", {"authorization": header}, "192.0.2.9")
    shown = presented(HTTPConnection(scope))
    assert shown is None or repr(shown) == "Presented(***)"
