"""The edge of ONVIF: a real device on loopback is found, asked, linked and moved over the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from haechi.api.auth.tokens import csrf_of
from haechi.base.clock import SystemClock
from haechi.camera.virtual.onvif.model import Identity, Quirks, VirtualProfile
from haechi.camera.virtual.onvif.server import Listening, VirtualOnvif
from haechi.camera.virtual.onvif.users import Users
from haechi.fleet.onvif.control import OnvifControl
from haechi.fleet.onvif.links import LinkStore
from tests.api.knock import Answer, knock, page_headers
from tests.api.world import World
from tests.fleet.onvif.test_discovery import free_udp_port
from tests.reach import resolve

STREAM = VirtualProfile("main", "rtsp://127.0.0.1:8554/yard")
SECRET = "canary-onvif-password"
Ask = Callable[..., Awaitable[Answer]]


def act(
    world: World,
    play: Callable[[VirtualOnvif, Ask], Awaitable[None]],
    quirks: Quirks = Quirks(),  # noqa: B008
) -> None:
    """Let ``play`` ask as an administrator, with a device near."""
    port = free_udp_port()
    world.onvif = OnvifControl(LinkStore(world.database), resolve, SystemClock(), [("127.0.0.1", port)])
    token = world.token(world.user("Ann", "admin"))
    app = world.app()

    async def ask(method: str, path: str, body: object = None) -> Answer:
        headers = page_headers(token, csrf_of(token)) | {"content-type": "application/json"}
        answer = await knock(app, method, path, headers, body=json.dumps(body).encode() if body is not None else b"")
        assert SECRET.encode() not in answer.body
        return answer

    async def run() -> None:
        device = VirtualOnvif(
            [STREAM],
            users=Users("me", SECRET),
            quirks=quirks,
            identity=Identity(name="Yard"),
            listening=Listening(discovery_port=port),
        )
        async with device:
            await play(device, ask)

    asyncio.run(run())


def lines(answer: Answer) -> list[Any]:
    return [json.loads(line) for line in answer.body.splitlines()]


async def added(ask: Ask, device: VirtualOnvif) -> str:
    camera = {"name": "Yard", "url": STREAM.uri, "username": "me", "password": SECRET, "enabled": False}
    answer = await ask("POST", "/api/cameras", camera)
    assert answer.status == 201
    one = f"/api/cameras/{answer.json()['id']}"
    assert (await ask("PUT", f"{one}/onvif", {"url": device.url, "profile": "main"})).status == 204
    return one


def test_a_search_tells_who_is_there_and_which_of_them_is_added(world: World) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        one = await added(ask, device)
        port = free_udp_port()
        world.onvif.targets = [*world.onvif.targets, ("127.0.0.1", port)]
        identity = Identity(name="Door", model="<img src=x>", endpoint="urn:uuid:2")
        async with VirtualOnvif([STREAM], identity=identity, listening=Listening(discovery_port=port)) as door:
            answer = await ask("POST", "/api/cameras/discover", {"seconds": 4})
        assert answer.headers["content-type"] == "application/x-ndjson"
        *found, done = lines(answer)
        shared = {"type": "found", "host": "127.0.0.1", "location": "here"}
        assert sorted(found, key=lambda line: str(line["name"])) == [
            shared | {"url": door.url, "name": "Door", "model": "<img src=x>", "camera": None},
            shared | {"url": device.url, "name": "Yard", "model": "Virtual camera", "camera": one.rpartition("/")[2]},
        ]
        assert done == {"type": "done", "found": 2}

    act(world, play)


def test_a_device_is_described_and_the_hop_that_failed_is_named(world: World) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        right = await ask("POST", "/api/cameras/describe", {"url": device.url, "username": "me", "password": SECRET})
        body = right.json()
        assert body["ok"]
        assert body["device"]["profiles"] == [
            {
                "token": "main", "name": "main", "codec": "h264", "width": 1280, "height": 720, "fps": 15.0,
                "bitrate_bps": 2_048_000, "url": STREAM.uri,
            }
        ]  # fmt: skip
        assert body["device"]["ptz"]
        assert abs(body["device"]["clock_difference_s"] - 7200) < 30
        wrong = (await ask("POST", "/api/cameras/describe", {"url": device.url, "username": "me"})).json()
        assert not wrong["ok"]
        assert wrong["device"] is None
        assert wrong["error"]["code"] == "onvif-unauthorized"
        assert wrong["hops"][-1]["hop"] == "auth"
        refused = await ask("POST", "/api/cameras/describe", {"url": "http://169.254.169.254/latest"})
        assert refused.json()["error"]["code"] == "address-forbidden"
        assert (await ask("POST", "/api/cameras/describe", {"url": "http://me:pw@x/"})).status == 422

    act(world, play, Quirks(clock_off_s=7200))


def test_a_linked_camera_is_moved(world: World) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        one = await added(ask, device)
        standing = (await ask("GET", f"{one}/onvif")).json()
        assert (standing["linked"], standing["ptz"], standing["error"]) == (True, True, None)
        assert (await ask("POST", f"{one}/ptz", {"action": "step", "pan": 0.5})).status == 204
        preset = await ask("POST", f"{one}/presets", {"name": "Gate"})
        assert (preset.status, preset.json()["name"]) == (201, "Gate")
        assert (await ask("POST", f"{one}/ptz", {"action": "step", "pan": -1})).status == 204
        go = {"action": "preset", "preset": preset.json()["token"]}
        assert (await ask("POST", f"{one}/ptz", go)).status == 204
        assert device.model.head.position == pytest.approx((0.5, 0.0, 0.0))
        assert (await ask("POST", f"{one}/ptz", {"action": "move", "tilt": 1})).status == 204
        assert (await ask("POST", f"{one}/ptz", {"action": "stop"})).status == 204
        assert list(device.model.head.commands)[-2:] == ["ContinuousMove", "Stop"]
        assert (await ask("POST", f"{one}/ptz", {"action": "move", "pan": 2})).status == 422
        assert (await ask("DELETE", one)).status == 204
        assert await world.onvif.links.all() == {}

    act(world, play)


def test_a_camera_without_a_link_says_so_and_one_that_is_gone_says_why(world: World) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        camera = await world.registry.add("Door", "rtsp://127.0.0.1:1/x", enabled=False)
        one = f"/api/cameras/{camera.id}"
        assert (await ask("GET", f"{one}/onvif")).json()["linked"] is False
        move = await ask("POST", f"{one}/ptz", {"action": "stop"})
        assert (move.status, move.json()["code"]) == (404, "no-onvif")
        other = await ask("PUT", f"{one}/onvif", {"url": "http://192.0.2.1/", "profile": "main"})
        assert (other.status, other.json()["code"]) == (422, "onvif-other-host")
        linked = await added(ask, device)
        await device.__aexit__()
        standing = (await ask("GET", f"{linked}/onvif")).json()
        assert (standing["linked"], standing["error"]["code"]) == (True, "tcp-refused")
        move = await ask("POST", f"{linked}/ptz", {"action": "stop"})
        assert (move.status, move.json()["code"]) == (503, "tcp-refused")

    act(world, play)


def test_moving_is_written_down(world: World) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        one = await added(ask, device)
        await ask("POST", f"{one}/ptz", {"action": "step", "pan": 0.1})
        page = (await ask("GET", "/api/audit")).json()
        told = [
            (entry["action"], entry["detail"]) for entry in page["entries"] if entry["object"] == one.split("/")[-1]
        ]
        assert ("cameras", "ptz") in told
        assert ("cameras", "onvif") in told

    act(world, play)
