"""The room that speaks with the cameras of the house: links, orders in their order, and cameras that stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import Denied, Invalid, NotFound, Unavailable
from haechi.base.ids import CameraId
from haechi.camera.virtual.onvif.model import Quirks, VirtualProfile
from haechi.camera.virtual.onvif.server import Listening, VirtualOnvif
from haechi.camera.virtual.onvif.users import Users
from haechi.fleet.address import parse_address
from haechi.fleet.cameras import Camera, CameraRegistry
from haechi.fleet.onvif.control import HOLD_S, OnvifControl
from haechi.fleet.onvif.links import Link, LinkStore, link_for
from haechi.fleet.onvif.ptz import Vector
from haechi.store.database import Database
from tests.cameras import FastClock, until
from tests.reach import resolve

STREAM = VirtualProfile("main", "rtsp://127.0.0.1:8554/yard")
CAMERA = Camera(CameraId("cam_test"), "Yard", parse_address("rtsp://me:secret@127.0.0.1:8554/yard"))
Play = Callable[[VirtualOnvif, OnvifControl], Awaitable[None]]


def with_device(folder: Path, play: Play, quirks: Quirks = Quirks(), clock: SystemClock | None = None) -> None:  # noqa: B008
    time = clock or SystemClock()
    database = Database.at(folder / "haechi.db")
    database.migrate()

    async def run() -> None:
        async with VirtualOnvif([STREAM], users=Users("me", "secret"), quirks=quirks, clock=time) as device:
            control = OnvifControl(LinkStore(database), resolve, time)
            await control.link(CAMERA, device.url, "main")
            task = asyncio.create_task(control.run())
            try:
                await play(device, control)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    database.close()


def test_a_camera_stands_as_its_device_says(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, control: OnvifControl) -> None:
        device.model.head.presets["gate"] = ("Gate", (0.5, 0.0, 0.0))
        standing = await control.standing(CAMERA)
        assert standing is not None
        assert (standing.model, standing.has_ptz) == ("Virtual camera", True)
        assert [(one.token, one.name) for one in standing.presets] == [("gate", "Gate")]
        assert standing.clock_difference_s is not None
        assert abs(standing.clock_difference_s - 3600) < 30

    with_device(tmp_path, play, Quirks(clock_off_s=3600))


def test_a_camera_that_cannot_move_stands_without_ptz(tmp_path: Path) -> None:
    async def play(_device: VirtualOnvif, control: OnvifControl) -> None:
        standing = await control.standing(CAMERA)
        assert standing is not None
        assert not standing.has_ptz

    with_device(tmp_path, play, Quirks(no_ptz=True))


def test_a_camera_that_was_not_added_over_onvif_has_no_standing_and_cannot_be_moved(tmp_path: Path) -> None:
    async def play(_device: VirtualOnvif, control: OnvifControl) -> None:
        other = Camera(CameraId("cam_other"), "Door", CAMERA.address)
        assert await control.standing(other) is None
        with pytest.raises(NotFound) as caught:
            await control.move(other, Vector(1.0))
        assert caught.value.code == "no-onvif"
        await control.forget(CAMERA.id)
        assert await control.standing(CAMERA) is None

    with_device(tmp_path, play)


def test_a_camera_moves_is_stopped_and_goes_to_places(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, control: OnvifControl) -> None:
        await control.step(CAMERA, Vector(pan=0.5))
        token = await control.remember(CAMERA, "Gate")
        await control.step(CAMERA, Vector(pan=-1.0))
        await control.go_to_preset(CAMERA, token)
        assert device.model.head.position == pytest.approx((0.5, 0.0, 0.0))
        await control.move(CAMERA, Vector(tilt=1.0))
        await control.stop(CAMERA)
        assert not device.model.head.is_moving
        assert device.model.head.position[1] > 0
        assert device.asked.count("GetServices") == 1, "what is known is not asked for each move"

    with_device(tmp_path, play)


def test_a_camera_that_heeds_no_limit_is_stopped_when_nobody_moves_it_any_more(tmp_path: Path) -> None:
    clock = FastClock(20)

    async def play(device: VirtualOnvif, control: OnvifControl) -> None:
        began_ns = clock.monotonic_ns()
        await control.move(CAMERA, Vector(pan=0.01))
        assert device.model.head.is_moving
        await until(lambda: not device.model.head.is_moving, 30)
        assert (clock.monotonic_ns() - began_ns) / NS_PER_S >= HOLD_S
        assert list(device.model.head.commands) == ["ContinuousMove", "Stop"]

    with_device(tmp_path, play, Quirks(ignores_limit=True), clock)


def test_a_camera_that_moves_when_the_server_ends_is_stopped(tmp_path: Path) -> None:
    stopped: list[bool] = []

    async def play(device: VirtualOnvif, control: OnvifControl) -> None:
        task = asyncio.create_task(control.run())
        await asyncio.sleep(0)
        await control.move(CAMERA, Vector(pan=0.01))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        stopped.append(not device.model.head.is_moving)

    with_device(tmp_path, play, Quirks(ignores_limit=True))
    assert stopped == [True]


def test_what_is_said_last_is_done_last_however_slow_the_camera(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, control: OnvifControl) -> None:
        await asyncio.gather(control.move(CAMERA, Vector(pan=1.0)), control.stop(CAMERA))
        assert list(device.model.head.commands) == ["ContinuousMove", "Stop"]

    with_device(tmp_path, play, Quirks(slow_s=0.05))


def test_a_camera_that_started_anew_is_met_anew(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, control: OnvifControl) -> None:
        await control.step(CAMERA, Vector(pan=0.1))
        port = device.port
        await device.__aexit__()
        with pytest.raises(Unavailable):
            await control.step(CAMERA, Vector(pan=0.1))
        again = VirtualOnvif([STREAM], users=Users("me", "secret"), listening=Listening(port=port))
        async with again:
            await control.step(CAMERA, Vector(pan=0.1))
            assert again.model.head.position[0] == pytest.approx(0.1)
            assert again.asked.count("GetServices") == 1

    with_device(tmp_path, play)


def test_a_new_password_is_used_at_once(tmp_path: Path) -> None:
    async def play(_device: VirtualOnvif, control: OnvifControl) -> None:
        await control.stop(CAMERA)
        changed = Camera(CAMERA.id, "Yard", CAMERA.address.with_credentials("me", "wrong"))
        with pytest.raises(Denied):
            await control.stop(changed)
        await control.stop(CAMERA)

    with_device(tmp_path, play)


@pytest.mark.parametrize(
    ("url", "profile", "code"),
    [
        ("http://192.0.2.21/onvif/device_service", "main", "onvif-other-host"),
        ("ftp://192.0.2.20/", "main", "bad-onvif-url"),
        ("http://192.0.2.20/", "", "bad-onvif-profile"),
        ("http://192.0.2.20/", "a\nb", "bad-onvif-profile"),
    ],
)
def test_a_link_leads_to_the_host_of_the_stream(url: str, profile: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        link_for(url, profile, "192.0.2.20")
    assert caught.value.code == code


def test_when_a_cameras_address_changes_its_link_goes_with_it(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()

    async def play() -> None:
        registry = CameraRegistry(database, SystemClock())
        camera = await registry.add("Yard", "rtsp://192.0.2.20/1")
        links = LinkStore(database)
        link = link_for("https://192.0.2.20:444/x?y", "main", camera.address.host)
        await links.put(camera.id, link)
        assert await links.get(camera.id) == link == Link(444, "/x?y", True, "main")
        assert await links.all() == {camera.id: link}
        moved = Camera(camera.id, "Yard", parse_address("rtsp://192.0.2.33/1"))
        assert link.place(moved).url == "https://192.0.2.33:444/x?y"
        await links.forget(camera.id)
        assert await links.all() == {}

    asyncio.run(play())
    database.close()
