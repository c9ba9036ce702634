"""A phone asks with its own token what it is, and unpairs itself; it learns that it was unpaired elsewhere."""

from __future__ import annotations

import asyncio

import pytest

from haechi.api.phone_sockets import WRONG
from tests.api.knock import Answer, knock
from tests.api.test_phones import Scene, heard
from tests.api.test_sockets import running
from tests.api.world import HOST, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def bearer(scene: Scene, method: str, token: str) -> Answer:
    """What a phone asks with its own token, and without a session."""
    headers = {"authorization": f"Bearer {token}", "origin": f"http://{HOST}"}
    return asyncio.run(knock(scene.app, method, "/api/phones/own/pairing", headers))


def test_a_phone_that_is_unpaired_on_the_phone_says_so_here(scene: Scene) -> None:
    async def check() -> None:
        async with running(scene.world) as app, scene.viewer(app) as viewer:
            assert (await heard(viewer, "welcome"))[0]["paired"] is True
            headers = {"authorization": f"Bearer {scene.token}", "origin": f"http://{HOST}"}
            assert (await knock(app, "DELETE", "/api/phones/own/pairing", headers)).status == 204
            assert await heard(viewer, "pairing") == [{"type": "pairing", "paired": False}]
            async with scene.phone(app, answer="ended"):
                pass

    asyncio.run(check())
    assert scene.admin.get(f"/api/phones/{scene.cat}").json()["paired"] is False
    log = scene.admin.get("/api/audit").json()["entries"]
    assert any("unpaired on the phone" in one["detail"] for one in log)


def test_a_phone_asks_what_it_is_and_learns_that_it_was_unpaired(scene: Scene) -> None:
    assert bearer(scene, "GET", scene.token).json() == {"camera": scene.cat, "name": "Cat room"}
    assert scene.admin.ask("POST", f"/api/phones/{scene.cat}/unpair").status_code == 200
    for method in ("GET", "DELETE"):
        answer = bearer(scene, method, scene.token)
        assert (answer.status, answer.json()["code"]) == (401, "wrong-phone-token")
    assert bearer(scene, "GET", scene.dogs_token).status == 200, "nobody else's"


def test_wrong_phone_tokens_are_throttled(scene: Scene) -> None:
    statuses = [bearer(scene, "DELETE", "hph_no").status for _ in range(WRONG.burst + 2)]
    assert statuses == [401] * WRONG.burst + [429] * 2
