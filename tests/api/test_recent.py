"""Routes that a player reads several times a second: who was let in is let in unasked, for two seconds and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from haechi.api import problems
from haechi.api.asked import AskedCamera, Caller
from haechi.api.auth.users import UserChange
from haechi.api.policy import Access, Gate, Routes
from haechi.api.recent import FRESH_NS
from haechi.base.ids import CameraId
from tests.api.knock import Answer, knock
from tests.api.world import World


class Cinema:
    """A camera, one who may watch it, and a read token of theirs; a route with a short way for plain requests."""

    def __init__(self, folder: Path) -> None:
        world = self.world = World(folder)
        self.camera, self.other = world.camera("Own"), world.camera("Other")
        self.vera = world.user("Vera", "viewer", (self.camera,))
        self.cookie = {"cookie": f"haechi_session={world.token(self.vera)}"}
        self.token_id, self.token = world.read_token(self.vera)
        self.gate = Gate(world.services())
        self.asked = 0
        self.app = self._app()

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)
        problems.install(app)
        admit = self.gate.admit

        async def counted(*args: object, **named: object) -> None:
            self.asked += 1
            await admit(*args, **named)  # type: ignore[arg-type]

        self.gate.admit = counted  # type: ignore[method-assign]

        async def watched(camera: AskedCamera, caller: Caller, plain: bool = False) -> PlainTextResponse:
            return PlainTextResponse(f"long {camera.id} {caller.user.name}")

        async def quick(request: Request) -> Response | None:
            if request.scope["query_string"] not in {b"", f"token={self.token}".encode()}:
                return None
            return PlainTextResponse(f"short {request.state.camera.id} {request.state.principal.user.name}")

        Routes(app, self.gate).add("GET", "/{camera}/watched", watched, access=Access.WATCH, quick=quick)
        return app

    def ask(self, headers: dict[str, str], query: str = "", camera: CameraId | None = None) -> Answer:
        return asyncio.run(knock(self.app, "GET", f"/{camera or self.camera}/watched{query}", headers))


@pytest.fixture
def cinema(tmp_path: Path) -> Iterator[Cinema]:
    one = Cinema(tmp_path)
    yield one
    one.world.close()


def test_who_was_let_in_is_not_looked_up_again_for_two_seconds(cinema: Cinema) -> None:
    for _ in range(3):
        assert cinema.ask(cinema.cookie).body.decode() == f"short {cinema.camera} Vera"
    assert cinema.asked == 1
    cinema.world.clock.advance(FRESH_NS)
    assert cinema.ask(cinema.cookie).status == 200
    assert cinema.asked == 2


def test_what_is_not_plain_goes_the_long_way_which_says_what_is_wrong(cinema: Cinema) -> None:
    assert cinema.ask(cinema.cookie, "?plain=1").body.decode().startswith("long")
    wrong = cinema.ask(cinema.cookie, "?plain=perhaps")
    assert (wrong.status, wrong.json()["errors"][0]["field"]) == (422, "query.plain")


def test_it_is_good_for_what_was_shown_and_for_that_camera_alone(cinema: Cinema) -> None:
    bearer = {"authorization": f"Bearer {cinema.token}"}
    for headers, query in ((cinema.cookie, ""), (bearer, ""), ({}, f"?token={cinema.token}")):
        assert cinema.ask(headers, query).status == 200
        assert cinema.ask(headers, query, cinema.other).status == 404
    for headers, query in (
        ({}, ""),
        ({"cookie": "haechi_session=x"}, ""),
        ({"authorization": f"Bearer {cinema.token}x"}, ""),
        ({}, f"?token={cinema.token}x"),
        (cinema.cookie | {"authorization": f"Bearer {cinema.token}x"}, ""),
        (cinema.cookie, "?token=wrong"),
    ):
        assert cinema.ask(headers, query).status == 401, (headers, query)


@pytest.mark.parametrize("way", ["right", "session", "token"])
def test_a_right_that_is_withdrawn_is_good_for_two_seconds_at_most(cinema: Cinema, way: str) -> None:
    world, headers = cinema.world, cinema.cookie if way != "token" else {"authorization": f"Bearer {cinema.token}"}
    assert cinema.ask(headers).status == 200
    if way == "right":
        world.do(world.auth.users.update(cinema.vera, UserChange(cameras=())))
    elif way == "session":
        world.do(world.auth.sessions.revoke_user(cinema.vera))
    else:
        world.do(world.auth.read_tokens.remove(cinema.token_id))
    world.clock.advance(FRESH_NS)
    assert cinema.ask(headers).status == (404 if way == "right" else 401)


def test_who_asks_at_once_shares_the_look_and_a_refusal_is_nobody_elses(cinema: Cinema) -> None:
    async def all_at_once(headers: dict[str, str]) -> list[int]:
        path = f"/{cinema.camera}/watched"
        answers = await asyncio.gather(*(knock(cinema.app, "GET", path, headers) for _ in range(8)))
        return [answer.status for answer in answers]

    assert asyncio.run(all_at_once(cinema.cookie)) == [200] * 8
    assert cinema.asked == 1
    assert asyncio.run(all_at_once({"cookie": "haechi_session=x"})) == [401] * 8
    assert cinema.asked == 9


def test_only_watching_has_a_short_way(cinema: Cinema) -> None:
    async def quick(_request: Request) -> None:
        return None

    with pytest.raises(TypeError, match="short way"):
        Routes(cinema.app, cinema.gate).add("GET", "/api/x", quick, access=Access.SIGNED_IN, quick=quick)
