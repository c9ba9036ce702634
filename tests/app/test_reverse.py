"""The whole server with cameras that dial: from the API to the pictures, and the program that is a camera."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from haechi.app.reverse_settings import ReverseSettings
from haechi.app.settings import Settings
from haechi.base.ids import CameraId
from haechi.camera.dial.line import Server
from haechi.camera.virtual.server import VirtualCamera
from tests.cameras import StreamFeed, until
from tests.dialling import dialling
from tests.program import COMMAND, environment
from tests.server import House, running, settings_for
from tests.streams import h264_stream

PATIENCE_S = 120.0


def settings(folder: Path, **wish: object) -> Settings:
    return settings_for(folder, vision=False).model_copy(update={"reverse": ReverseSettings(port=0, **wish)})


async def add(house: House) -> tuple[CameraId, str, Server]:
    """A camera that dials, its token, and where it dials: all as a page would get it."""
    answer = await house.http.post("/api/cameras", json={"name": "Gate", "url": "reverse:"})
    assert answer.status_code == 201, answer.text
    camera = answer.json()
    assert camera["status"]["state"] in {"waiting", "disabled"}
    made = await house.http.post(f"/api/cameras/{camera['id']}/dial/token")
    assert made.status_code == 200, made.text
    dial = made.json()["dial"]
    assert dial["listening"]
    return CameraId(camera["id"]), made.json()["token"], Server.parse(f"127.0.0.1:{dial['port']}", dial["pin"])


async def state(house: House, camera: CameraId, wanted: str) -> None:
    """Wait until the API says so."""
    ingest = house.rooms.services.ingest
    await until(lambda: ingest.status(camera).state == wanted, PATIENCE_S)
    assert (await house.http.get(f"/api/cameras/{camera}")).json()["status"]["state"] == wanted


@pytest.mark.slow
@pytest.mark.e2e
def test_a_camera_behind_nat_is_added_dials_is_seen_and_recorded_and_comes_back_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        async with AsyncExitStack() as device:
            async with running(settings(tmp_path)) as house:
                assert house.rooms.services.ingest.lines.door is None
                camera, token, server = await add(house)
                await device.enter_async_context(dialling(server, camera, token))
                await state(house, camera, "live")
                dial = (await house.http.get(f"/api/cameras/{camera}/dial")).json()
                assert dial["peer"] == "127.0.0.1"
                assert dial["connected_ms"]
                assert dial["issued_ms"]
                assert token not in str(dial)
                recorder = house.rooms.recorder
                await until(lambda: recorder.stats.acknowledged_units > 0, PATIENCE_S)
            again = settings(tmp_path).model_copy(update={"reverse": ReverseSettings(port=server.port)})
            async with running(again) as house:
                await state(house, camera, "live")
                assert (await house.http.get(f"/api/cameras/{camera}")).json()["status"]["run"] == 2

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.e2e
def test_the_program_relays_a_camera_that_cannot_dial_until_its_token_is_replaced(tmp_path: Path) -> None:
    async def run() -> None:
        feed = StreamFeed(h264_stream(frames=30, fps=15, gop=10), 15)
        async with VirtualCamera({"/live": feed}) as real, running(settings(tmp_path)) as house:
            camera, token, server = await add(house)
            held = tmp_path / "token.txt"
            held.write_text(token + "\n")
            command = ["camera", "dial", "--server", f"{server.host}:{server.port}"]
            command += [
                "--camera",
                camera,
                "--token-file",
                str(held),
                "--pin",
                server.pin.hex(),
                "--source",
                real.url(),
            ]
            program = await asyncio.create_subprocess_exec(*COMMAND, *command, env=environment(tmp_path / "edge"))
            try:
                await state(house, camera, "live")
                answer = await house.http.post(f"/api/cameras/{camera}/dial/token")
                assert answer.json()["token"] != token
                await state(house, camera, "waiting")
            finally:
                if program.returncode is None:
                    program.send_signal(signal.SIGINT)
                await asyncio.wait_for(program.wait(), PATIENCE_S)

    asyncio.run(run())


def test_nobody_listens_without_such_a_camera_nor_where_it_is_switched_off(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(settings(tmp_path, listen="off")) as house:
            answer = await house.http.post("/api/cameras", json={"name": "Gate", "url": "reverse:", "enabled": False})
            dial = (await house.http.get(f"/api/cameras/{answer.json()['id']}/dial")).json()
            assert (dial["listening"], dial["port"], dial["pin"]) == (False, None, None)

    asyncio.run(run())


def test_a_camera_that_we_dial_has_no_token_and_one_that_dials_cannot_be_tried(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(settings(tmp_path)) as house:
            draft = {"name": "Door", "url": "rtsp://127.0.0.1:9/x", "enabled": False}
            camera = (await house.http.post("/api/cameras", json=draft)).json()["id"]
            for answer in (
                await house.http.post(f"/api/cameras/{camera}/dial/token"),
                await house.http.get(f"/api/cameras/{camera}/dial"),
            ):
                assert (answer.status_code, answer.json()["code"]) == (404, "camera-not-reverse")
            tried = await house.http.post("/api/cameras/probe", json={"url": "reverse:"})
            assert (tried.status_code, tried.json()["code"]) == (422, "camera-dials-out")

    asyncio.run(run())
