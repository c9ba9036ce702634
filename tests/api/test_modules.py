"""Modules over HTTP, and what they say on the line for news."""

import asyncio
import json
from typing import Any

import pytest

from haechi.api.auth.tokens import csrf_of
from haechi.base.ids import CameraId
from haechi.vision.result import Score
from tests.api.knock import Answer, Socket, knock, page_headers
from tests.api.world import World

NIGHTS = {"hours": [{"days": [0, 5], "start_min": 1320, "end_min": 360}], "outside": False}


class Desk:
    """Ann administers; Vera may see the first camera."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mine, self.foreign = world.camera("Mine"), world.camera("Foreign")
        self.ann = world.token(world.user("Ann", "admin"))
        self.vera = world.token(world.user("Vera", cameras=(self.mine,)))
        self.app = world.app()

    def ask(self, token: str, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        headers = {**page_headers(token, csrf_of(token)), "content-type": "application/json"}
        sent = json.dumps(body).encode() if body is not None else b""
        return self.world.do(knock(self.app, method, path, headers, body=sent))

    def put(self, camera: CameraId, *modules: dict[str, Any]) -> Answer:
        return self.ask(self.ann, "PUT", f"/api/cameras/{camera}/modules", {"modules": list(modules)})


def named(answer: Answer, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in answer.json()["modules"] if one["name"] == name)
    return found


def test_the_list_says_what_there_is_and_what_it_is_made_of(world: World) -> None:
    desk = Desk(world)
    listed = desk.ask(desk.vera, "GET", "/api/modules")
    objects, pose = named(listed, "objects"), named(listed, "pose")
    assert (objects["where"], objects["weights"], objects["licence"]) == ("worker", ["picodet-s"], "Apache-2.0")
    assert (pose["weights"], pose["has_weights"]) == (["rtmpose-s"], False)


def test_a_module_is_switched_on_within_hours_and_the_others_stay_as_they_are(world: World) -> None:
    desk = Desk(world)
    assert named(desk.put(desk.mine, {"name": "pose", "enabled": True, "schedule": NIGHTS}), "pose")["enabled"]
    changed = desk.put(desk.mine, {"name": "objects", "enabled": False})
    assert (named(changed, "objects")["state"], named(changed, "pose")["schedule"]) == ("off", NIGHTS)
    seen = desk.ask(desk.vera, "GET", f"/api/cameras/{desk.mine}/modules")
    assert named(seen, "pose")["schedule"] == NIGHTS
    assert not named(desk.ask(desk.ann, "GET", f"/api/cameras/{desk.foreign}/modules"), "pose")["enabled"]
    assert desk.ask(desk.vera, "GET", f"/api/cameras/{desk.foreign}/modules").status == 404
    assert desk.ask(desk.vera, "PUT", f"/api/cameras/{desk.mine}/modules", {"modules": []}).status == 403


@pytest.mark.parametrize(
    ("modules", "code"),
    [
        ([{"name": "no-such", "enabled": True}], "module-unknown"),
        ([{"name": "pose", "enabled": True}, {"name": "pose", "enabled": False}], "bad-modules"),
        ([{"name": "pose", "enabled": True, "schedule": {"hours": [], "outside": False}}], "invalid-input"),
        ([{"name": "Bad Name", "enabled": True}], "invalid-input"),
        ([], "invalid-input"),
    ],
)
def test_what_cannot_be_chosen_is_refused(world: World, modules: list[dict[str, Any]], code: str) -> None:
    desk = Desk(world)
    refused = desk.put(desk.mine, *modules)
    assert refused.status == 422
    assert refused.json()["code"] == code or code == "invalid-input"


def test_a_camera_that_is_deleted_takes_its_choices_along(world: World) -> None:
    desk = Desk(world)
    desk.put(desk.mine, {"name": "pose", "enabled": True})
    assert desk.ask(desk.ann, "DELETE", f"/api/cameras/{desk.mine}").status == 204
    assert world.do(world.modules.choices.list()) == []


def test_scores_are_listed_and_told_to_pages_that_watch_for_them_and_may(world: World) -> None:
    desk = Desk(world)
    now_ns = world.clock.wall_ns()
    score = Score("fire", 0.51239, now_ns - 1, now_ns, ("smoke",))

    async def check() -> None:
        async with Socket.opened(desk.app, "/api/ws", desk.vera) as socket:
            world.modules.scores.note(desk.mine, "smoke", [score])
            for camera in (desk.foreign, desk.mine):
                socket.say(type="watch", camera=camera, topics=["scores"])
            assert (await socket.hear())["code"] == "camera-not-found"
            socket.say(type="nonsense")
            assert (await socket.hear())["code"] == "bad-message"
            world.modules.scores.note(desk.foreign, "smoke", [score])
            world.modules.scores.note(desk.mine, "smoke", [score])
            said = await socket.hear()
            assert (said["type"], said["camera"], said["module"]) == ("scores", desk.mine, "smoke")
            assert (said["scores"][0]["value"], said["scores"][0]["reasons"]) == (0.5124, ["smoke"])
            assert not socket.has_news()

    asyncio.run(check())
    listed = desk.ask(desk.vera, "GET", f"/api/cameras/{desk.mine}/scores").json()
    assert [(one["module"], one["name"], len(one["points"])) for one in listed["series"]] == [("smoke", "fire", 2)]
    assert desk.ask(desk.vera, "GET", f"/api/cameras/{desk.foreign}/scores").status == 404
