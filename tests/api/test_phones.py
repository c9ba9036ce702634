"""Phones over HTTP and over their sockets: pairing, who hears of whom, and that it ends when the right ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from haechi.api.auth.users import UserChange
from haechi.api.phone_sockets import CODES, WRONG
from haechi.base.ids import CameraId, UserId
from haechi.fleet.phones.ice import IceServers
from haechi.fleet.phones.store import LIFE_NS, PhoneStore
from tests.api.knock import Answer, Socket, knock, page_headers
from tests.api.test_sockets import PROMISED_S, pass_time_until, running
from tests.api.world import HOST, Browser, World

STATE = {"battery": 0.5, "charging": True, "network": "wifi", "facing": "user"}


class Scene:
    """A phone that Vera may watch, one that she may not, and a camera that is no phone."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.config = type(world.config)(
            version="0.1.0",
            started_ns=world.config.started_ns,
            static=world.static,
            record_path=world.record_path,
            ice=IceServers(("turn:turn.example.org",), "canary-turn-secret"),
        )
        self.app = world.app()
        self.ann = world.token(world.user("Ann", "admin"))
        self.admin = Browser(self.app, self.ann)
        self.store = PhoneStore(world.database, world.registry, world.clock)
        self.cat, self.token = world.do(self.paired("Cat room"))
        self.dog, self.dogs_token = world.do(self.paired("Dog room"))
        self.door = world.camera("Door")
        self.vera: UserId = world.user("Vera", cameras=(self.cat, self.door))
        self.session = world.token(self.vera)

    def code(self, **wish: str) -> str:
        made = self.admin.ask("POST", "/api/phones/pairings", wish)
        assert made.status_code == 201
        return str(made.json()["code"])

    async def paired(self, name: str) -> tuple[CameraId, str]:
        _, code = await self.store.begin(name)
        paired = await self.store.pair(code)
        return paired.camera.id, paired.token

    @asynccontextmanager
    async def phone(self, app: FastAPI, token: str = "", answer: str = "welcome") -> AsyncIterator[Socket]:
        """A phone that said who it is, and was answered."""
        async with Socket.opened(app, "/api/phones/camera", "") as socket:
            socket.say(type="hello", token=token or self.token)
            self.answer = (await heard(socket, answer))[0]
            yield socket

    def viewer(self, app: FastAPI, camera: CameraId | None = None) -> Any:
        """Vera's page."""
        return Socket.opened(app, f"/api/phones/view/{camera or self.cat}", self.session)


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


async def heard(socket: Socket, *kinds: str) -> list[Any]:
    """The next messages, which are of these kinds."""
    found = [await socket.hear() for _ in kinds]
    assert [message and message["type"] for message in found] == list(kinds)
    return found


def test_a_code_is_made_shown_as_a_picture_used_once_and_followed(scene: Scene) -> None:
    made = scene.admin.ask("POST", "/api/phones/pairings", {"name": "Kitchen"}).json()
    assert made["url"] == f"/phone#code={made['code']}"
    assert made["qr_svg"].startswith("<svg")
    assert "http://www.w3.org/2000/svg" in made["qr_svg"]
    place = f"/api/phones/pairings/{made['id']}"
    assert scene.admin.get(place).json()["state"] == "waiting"
    got = Browser(scene.app).ask("POST", "/api/phones/pair", {"code": made["code"].lower(), "name": "Pixel"})
    assert (got.status_code, got.json()["name"]) == (201, "Kitchen")
    assert scene.admin.get(place).json() == {
        "id": made["id"],
        "name": "Kitchen",
        "state": "paired",
        "expires_ms": made["expires_ms"],
        "camera": got.json()["camera"],
    }
    again = Browser(scene.app).ask("POST", "/api/phones/pair", {"code": made["code"]})
    assert (again.status_code, again.json()["code"]) == (404, "wrong-pairing-code")
    camera = scene.admin.get(f"/api/cameras/{got.json()['camera']}").json()
    assert (camera["url"], camera["has_credentials"]) == ("phone:", False)


def test_a_code_is_over_after_ten_minutes(scene: Scene) -> None:
    code = scene.code(name="Kitchen")
    scene.world.clock.advance(LIFE_NS)
    assert Browser(scene.app).ask("POST", "/api/phones/pair", {"code": code}).status_code == 404


def test_wrong_codes_are_throttled_by_address(scene: Scene) -> None:
    async def guess() -> list[int]:
        body = b'{"code":"AAAA-AAAA"}'
        headers = {"content-type": "application/json", "origin": f"http://{HOST}"}
        statuses = []
        for _ in range(CODES.burst + 5):
            answer = await knock(scene.app, "POST", "/api/phones/pair", headers, body=body)
            statuses.append(answer.status)
        other = await knock(scene.app, "POST", "/api/phones/pair", headers, body=body, peer="192.0.2.77")
        return [*statuses, other.status]

    assert asyncio.run(guess()) == [404] * CODES.burst + [429] * 5 + [404]


def test_a_phone_is_listed_for_those_who_may_see_it_and_no_token_is_shown_again(scene: Scene) -> None:
    vera = Browser(scene.app, scene.session)
    assert [one["camera"] for one in vera.get("/api/phones").json()["phones"]] == [scene.cat]
    every = scene.admin.get("/api/phones")
    assert [one["camera"] for one in every.json()["phones"]] == [scene.cat, scene.dog]
    assert scene.token not in every.text
    assert scene.admin.get(f"/api/phones/{scene.door}").json()["code"] == "camera-not-a-phone"
    foreign, unknown = vera.get(f"/api/phones/{scene.dog}"), vera.get("/api/phones/cam_aaaaaaaaaaaaaaaa")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() | {"error_id": ""} == unknown.json() | {"error_id": ""}


def test_a_phone_is_not_added_by_hand_nor_changed_into_another_camera(scene: Scene) -> None:
    for answer in (
        scene.admin.ask("POST", "/api/cameras", {"name": "Phone", "url": "phone:"}),
        scene.admin.ask("PATCH", f"/api/cameras/{scene.cat}", {"url": "rtsp://192.0.2.1/"}),
        scene.admin.ask("PATCH", f"/api/cameras/{scene.door}", {"url": "phone:"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "phone-is-paired")


def test_a_phone_and_its_viewer_find_each_other_and_nobody_else_hears_of_it(scene: Scene) -> None:
    async def check() -> None:
        async with (
            running(scene.world) as app,
            scene.phone(app, scene.dogs_token) as dog,
            scene.phone(app) as phone,
        ):
            welcome = scene.answer
            assert (welcome["camera"], welcome["name"]) == (scene.cat, "Cat room")
            assert welcome["settings"] == {"record": False, "enabled": True}
            assert welcome["ice_servers"][0]["username"].endswith(f":{scene.cat}")
            assert "canary-turn-secret" not in str(welcome)
            phone.say(type="state", state=STATE)
            async with scene.viewer(app) as viewer:
                seen = (await heard(viewer, "welcome"))[0]
                assert (seen["online"], seen["name"]) == (True, "Cat room")
                came = (await heard(phone, "viewer"))[0]
                assert (came["name"], came["peer"]) == ("Vera", seen["peer"])
                phone.say(type="description", peer=came["peer"], description={"type": "offer", "sdp": "v=0"})
                offer = (await heard(viewer, *_until_offer(seen)))[-1]
                assert offer["description"] == {"type": "offer", "sdp": "v=0"}
                viewer.say(type="description", description={"type": "answer", "sdp": "v=0"})
                assert (await heard(phone, "description"))[0]["peer"] == came["peer"]
                viewer.say(type="candidate", candidate=None)
                await heard(phone, "candidate")
            assert await heard(phone, "left") == [{"type": "left", "peer": came["peer"]}]
            assert not dog.has_news()

    asyncio.run(check())


def _until_offer(welcome: Any) -> list[str]:
    """The state may have come before the viewer, in the welcome, or after it."""
    return ["description"] if welcome["state"] is not None else ["state", "description"]


def test_the_state_of_a_phone_outlives_its_connection_and_the_server(scene: Scene) -> None:
    async def check() -> None:
        async with running(scene.world) as app:
            async with scene.phone(app) as phone:
                phone.say(type="state", state=STATE)
            async with scene.viewer(app) as viewer:
                welcome = (await heard(viewer, "welcome"))[0]
                assert welcome["online"] is False
                assert welcome["state"]["battery"] == 0.5
                assert welcome["since_ms"] is not None

    asyncio.run(check())
    listed = scene.admin.get("/api/phones").json()["phones"][0]
    assert (listed["online"], listed["state"]["network"]) == (False, "wifi")


def test_a_wrong_token_is_told_and_throttled(scene: Scene) -> None:
    async def check() -> list[str]:
        async with running(scene.world) as app:
            reasons = []
            for _ in range(WRONG.burst + 2):
                async with Socket.opened(app, "/api/phones/camera", "") as phone:
                    phone.say(type="hello", token="hph_" + "A" * 43)
                    while await phone.hear() is not None:
                        pass
                    reasons.append(phone.close_reason)
            return reasons

    assert asyncio.run(check()) == ["unpaired"] * WRONG.burst + ["throttled"] * 2


def test_who_says_nothing_or_nonsense_is_sent_away(scene: Scene) -> None:
    async def check() -> None:
        async with running(scene.world) as app:
            for words in ("nonsense", '{"type":"state","state":{}}', "x" * 70_000):
                async with Socket.opened(app, "/api/phones/camera", "") as phone:
                    phone.say_raw(text=words)
                    assert await phone.hear() is None
                    assert (phone.close_code, phone.close_reason) == (1013, "bad-message")
            async with scene.phone(app) as phone:
                phone.say_raw(bytes=b"\x00")
                assert await phone.hear() is None

    asyncio.run(check())


def test_unpairing_ends_the_phone_at_once_and_its_token_for_good(scene: Scene) -> None:
    async def check() -> None:
        async with running(scene.world) as app, scene.phone(app) as phone, scene.viewer(app) as viewer:
            await heard(viewer, "welcome")
            await phone.hear()
            answer = await ask(app, scene.ann, "POST", f"/api/phones/{scene.cat}/unpair")
            assert answer.json()["paired"] is False
            assert await heard(phone, "ended") == [{"type": "ended", "reason": "unpaired"}]
            assert await phone.hear() is None
            assert phone.close_code == 4401
            async with scene.phone(app, answer="ended"):
                pass

    asyncio.run(check())


async def ask(app: FastAPI, token: str, method: str, path: str, body: bytes = b"") -> Answer:
    """A request of a page of ours, on the loop of the sockets."""
    headers = page_headers(token, Browser(app, token).csrf) | {"content-type": "application/json"}
    answer = await knock(app, method, path, headers, body=body)
    assert answer.status < 300, answer.body
    return answer


def test_another_phone_that_becomes_the_camera_ends_the_first(scene: Scene) -> None:
    code = scene.code(camera=scene.cat)

    async def check() -> None:
        async with running(scene.world) as app, scene.phone(app) as first:
            got = await ask(app, "", "POST", "/api/phones/pair", f'{{"code":"{code}"}}'.encode())
            assert got.json()["camera"] == scene.cat
            await heard(first, "ended")
            async with scene.phone(app, got.json()["token"]):
                pass

    asyncio.run(check())


def test_a_camera_that_is_deleted_or_switched_off_ends_for_its_viewers(scene: Scene) -> None:
    async def check() -> None:
        async with running(scene.world) as app, scene.phone(app) as phone, scene.viewer(app) as viewer:
            await heard(viewer, "welcome")
            await phone.hear()
            await ask(app, scene.ann, "PATCH", f"/api/cameras/{scene.cat}", b'{"enabled":false}')
            assert {(await phone.hear())["type"], (await phone.hear())["type"]} == {"settings", "left"}
            await heard(viewer, "offline")
            await ask(app, scene.ann, "DELETE", f"/api/cameras/{scene.cat}")
            await heard(phone, "ended")
            await heard(viewer, "denied")
            assert await viewer.hear() is None
            assert viewer.close_code == 4403

    asyncio.run(check())


def test_a_right_that_is_withdrawn_ends_the_view_within_the_promised_time(scene: Scene) -> None:
    async def check() -> None:
        async with running(scene.world) as app, scene.phone(app) as phone, scene.viewer(app) as viewer:
            await heard(viewer, "welcome")
            await phone.hear()
            await scene.world.auth.users.update(scene.vera, UserChange(cameras=(scene.door,)))
            await pass_time_until(scene.world, viewer.has_news, at_most_s=PROMISED_S)
            assert await heard(viewer, "denied") == [{"type": "denied", "reason": "forbidden"}]
            await heard(phone, "left")

    asyncio.run(check())


def test_a_session_that_ends_ends_the_view_within_the_promised_time(scene: Scene) -> None:
    async def check() -> None:
        async with running(scene.world) as app, scene.phone(app) as phone, scene.viewer(app) as viewer:
            await heard(viewer, "welcome")
            await phone.hear()
            principal = await scene.world.auth.sessions.find(scene.session)
            assert principal is not None
            await scene.world.auth.sessions.revoke(principal.session)
            await pass_time_until(scene.world, viewer.has_news, at_most_s=PROMISED_S)
            assert await heard(viewer, "denied") == [{"type": "denied", "reason": "signed-out"}]
            assert await viewer.hear() is None
            assert viewer.close_code == 4401
            await heard(phone, "left")

    asyncio.run(check())


def test_a_camera_that_is_no_phone_has_no_such_view(scene: Scene) -> None:
    async def check() -> None:
        async with running(scene.world) as app, scene.viewer(app, scene.door) as viewer:
            assert await viewer.hear() is None
            assert (viewer.close_code, viewer.close_reason) == (4404, "camera-not-a-phone")

    asyncio.run(check())


def test_one_viewer_too_many_is_told_so(scene: Scene) -> None:
    async def check() -> None:
        async with running(scene.world) as app:
            opened = [scene.viewer(app) for _ in range(8)]
            for one in opened:
                await heard(await one.__aenter__(), "welcome")
            async with scene.viewer(app) as ninth:
                assert await heard(ninth, "denied") == [{"type": "denied", "reason": "too-many-viewers"}]
                assert await ninth.hear() is None
                assert ninth.close_code == 1013
            for one in opened:
                await one.__aexit__(None, None, None)

    asyncio.run(check())


def test_recording_is_switched_for_the_phone_and_its_token_publishes_then(scene: Scene) -> None:
    bearer = {"authorization": f"Bearer {scene.token}", "content-type": "text/plain"}

    async def check() -> None:
        async with running(scene.world) as app, scene.phone(app) as phone:
            assert (await knock(app, "POST", f"/{scene.cat}/whip", bearer)).status == 401
            await ask(app, scene.ann, "PATCH", f"/api/phones/{scene.cat}", b'{"record":true}')
            settings = (await heard(phone, "settings"))[0]["settings"]
            assert settings == {"record": True, "enabled": True}
            answer = await knock(app, "POST", f"/{scene.cat}/whip", bearer)
            assert (answer.status, answer.json()["code"]) in {(404, "camera-not-published"), (415, "not-sdp")}
            assert (await knock(app, "POST", f"/{scene.dog}/whip", bearer)).status == 401
            await ask(app, scene.ann, "PATCH", f"/api/phones/{scene.cat}", b'{"record":false}')
            await heard(phone, "settings")
            assert (await knock(app, "POST", f"/{scene.cat}/whip", bearer)).status == 401

    asyncio.run(check())


def test_a_phone_publishes_with_the_token_of_its_pairing_and_gets_no_other(scene: Scene) -> None:
    scene.admin.ask("PATCH", f"/api/phones/{scene.cat}", {"record": True})
    answer = scene.admin.ask("POST", f"/api/cameras/{scene.cat}/publish/token")
    assert (answer.status_code, answer.json()["code"]) == (404, "camera-not-published")


def test_what_phones_do_is_counted_and_written_down(scene: Scene) -> None:
    scene.admin.ask("PATCH", f"/api/phones/{scene.dog}", {"record": True})

    async def check() -> None:
        async with running(scene.world) as app, scene.phone(app), scene.viewer(app) as viewer:
            await heard(viewer, "welcome")
            numbers = (await ask(app, scene.ann, "GET", "/metrics")).body.decode()
            assert "haechi_phones 1.0" in numbers
            assert "haechi_phone_viewers 1.0" in numbers
        await scene.world.keeping.audit.settle()

    asyncio.run(check())
    entries = scene.admin.get("/api/audit").json()["entries"]
    seen = {(one["user"], one["action"], one["object"]) for one in entries}
    assert ("Vera", "view", scene.cat) in seen
    assert ("Ann", "cameras", scene.dog) in seen
