"""The edge of ONVIF: a real device on loopback is found, asked, linked and moved over the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from haechi.api.auth.tokens import csrf_of
from haechi.base.clock import NS_PER_S, SystemClock
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
SUB = VirtualProfile("sub", "rtsp://127.0.0.1:8554/yard-small", width_px=640, height_px=360)
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
            [STREAM, SUB],
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
            },
            {
                "token": "sub", "name": "sub", "codec": "h264", "width": 640, "height": 360, "fps": 15.0,
                "bitrate_bps": 2_048_000, "url": SUB.uri,
            },
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


def test_the_clock_of_a_camera_is_set_and_the_result_told(world: World) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        one = await added(ask, device)
        done = await ask("POST", f"{one}/onvif/clock")
        assert done.status == 200
        told = done.json()
        assert abs(told["before_s"] - 7200) < 30
        assert abs(told["after_s"]) < 30
        assert not told["was_ntp"]
        assert abs(device.model.clock_off_ns) < 30 * NS_PER_S
        other = await world.registry.add("Door", "rtsp://127.0.0.1:1/x", enabled=False)
        assert (await ask("POST", f"/api/cameras/{other.id}/onvif/clock")).status == 404

    act(world, play, Quirks(clock_off_s=7200))


def test_a_camera_that_was_added_by_its_stream_is_linked_to_its_device_and_unlinked(world: World) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        camera = await world.registry.add("Yard", STREAM.uri, credentials=("me", SECRET), enabled=False)
        one = f"/api/cameras/{camera.id}"
        found = (await ask("POST", f"{one}/onvif/find", {})).json()
        assert found["ok"]
        assert found["device"]["url"] == device.url
        assert [row["token"] for row in found["device"]["profiles"]] == ["main", "sub"]
        sub = found["device"]["profiles"][1]
        link: dict[str, Any] = {
            "url": device.url,
            "profile": "main",
            "sub": {name: sub[name] for name in ("url", "codec", "width", "height", "fps")},
        }
        assert (await ask("PUT", f"{one}/onvif", link)).status == 204
        standing = (await ask("GET", f"{one}/onvif")).json()
        assert (standing["linked"], standing["url"], standing["ptz"]) == (True, device.url, True)
        assert standing["sub"] == {"url": SUB.uri, "codec": "h264", "width": 640, "height": 360, "fps": 15.0}
        kept = await world.onvif.links.sub_streams.get(camera.id)
        assert kept is not None
        assert kept.address(camera.address).secret_url() == SUB.uri.replace("//", f"//me:{SECRET}@")
        bad = await ask("PUT", f"{one}/onvif", {**link, "sub": {**link["sub"], "url": "rtsp://192.0.2.1/x"}})
        assert (bad.status, bad.json()["code"]) == (422, "sub-stream-other-host")
        assert (await ask("DELETE", f"{one}/onvif")).status == 204
        assert (await ask("GET", f"{one}/onvif")).json()["linked"] is False
        assert await world.onvif.links.sub_streams.all() == {}

    act(world, play)


def test_a_device_is_asked_with_the_cameras_password_only_at_the_cameras_host(world: World) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        camera = await world.registry.add("Yard", STREAM.uri, credentials=("me", SECRET), enabled=False)
        one = f"/api/cameras/{camera.id}"
        elsewhere = await ask("POST", f"{one}/onvif/find", {"url": device.url.replace("127.0.0.1", "127.0.0.9")})
        assert (elsewhere.status, elsewhere.json()["code"]) == (422, "onvif-other-host")
        assert (await ask("POST", f"{one}/onvif/find", {"url": device.url})).json()["ok"]
        wrong = await world.registry.add("Gate", STREAM.uri, credentials=("me", "wrong"), enabled=False)
        refused = (await ask("POST", f"/api/cameras/{wrong.id}/onvif/find", {})).json()
        assert refused["error"]["code"] == "onvif-unauthorized"
        dials = await world.registry.add("Van", "reverse:", enabled=False)
        none = await ask("POST", f"/api/cameras/{dials.id}/onvif/find", {})
        assert (none.status, none.json()["code"]) == (422, "no-host")

    act(world, play)


def test_what_a_camera_may_report_is_chosen_and_what_it_can_is_asked(world: World) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        one = await added(ask, device)
        before = (await ask("GET", f"{one}/reports")).json()
        assert (before["enabled"], before["state"], before["heard"], before["error"]) == (False, "off", 0, None)
        wish = {"enabled": True, "kinds": ["line", "motion"], "severity": "alert", "cooldown_s": 5}
        put = await ask("PUT", f"{one}/reports", wish)
        assert put.status == 200
        kept = (await ask("GET", f"{one}/reports")).json()
        assert (kept["enabled"], kept["kinds"], kept["severity"], kept["cooldown_s"]) == (
            True, ["motion", "line"], "alert", 5.0,
        )  # fmt: skip
        wrong: list[dict[str, Any]] = [{"kinds": ["dragon"]}, {"kinds": []}, {"cooldown_s": 0}]
        for bad in wrong:
            assert (await ask("PUT", f"{one}/reports", {**wish, **bad})).status == 422
        topics = (await ask("GET", f"{one}/reports/topics")).json()
        assert {"topic": "RuleEngine/LineDetector/Crossed", "kind": "line"} in topics["topics"]
        assert {"topic": "Monitoring/ProcessorUsage", "kind": None} in topics["topics"]
        assert (await ask("DELETE", one)).status == 204
        assert await world.services().reports.wishes.all() == {}

    act(world, play)


def test_a_camera_that_knows_of_no_events_says_so(world: World) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        one = await added(ask, device)
        topics = (await ask("GET", f"{one}/reports/topics")).json()
        assert (topics["topics"], topics["error"]["code"]) == ([], "onvif-unsupported")
        other = await world.registry.add("Door", "rtsp://127.0.0.1:1/x", enabled=False)
        unlinked = (await ask("GET", f"/api/cameras/{other.id}/reports/topics")).json()
        assert unlinked["error"]["code"] == "no-onvif"

    act(world, play, Quirks(no_events=True))
