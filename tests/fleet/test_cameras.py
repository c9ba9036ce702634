import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import SimulatedClock
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId
from haechi.fleet.address import parse_address
from haechi.fleet.cameras import CameraChange, CameraRegistry
from haechi.store.database import Database


def with_registry(tmp_path: Path, use: Callable[[CameraRegistry], Coroutine[Any, Any, None]]) -> None:
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    asyncio.run(use(CameraRegistry(database, SimulatedClock())))
    database.close()


def test_a_camera_is_kept_with_its_credentials_and_shown_without(tmp_path: Path) -> None:
    async def use(registry: CameraRegistry) -> None:
        added = await registry.add("  Front   door ", "rtsp://admin:p%40ss@10.0.0.5/stream1")
        camera = await registry.get(added.id)
        assert camera == added
        assert camera.name == "Front door"
        assert camera.address.password == "p@ss"
        assert camera.redacted_url == "rtsp://10.0.0.5/stream1"
        assert "p@ss" not in repr(camera)

    with_registry(tmp_path, use)


def test_a_new_address_on_the_same_host_keeps_the_credentials_and_on_another_host_does_not(tmp_path: Path) -> None:
    async def use(registry: CameraRegistry) -> None:
        camera = await registry.add("a", "rtsp://u:secret@host/1")
        same = await registry.update(camera.id, CameraChange(url="rtsp://host/2"))
        assert same.address.password == "secret"
        other = await registry.update(camera.id, CameraChange(url="rtsp://elsewhere/2"))
        assert not other.has_credentials

    with_registry(tmp_path, use)


def test_unknown_cameras_are_not_found(tmp_path: Path) -> None:
    async def use(registry: CameraRegistry) -> None:
        with pytest.raises(NotFound):
            await registry.get(CameraId("cam_unknown"))
        with pytest.raises(NotFound):
            await registry.delete(CameraId("cam_unknown"))
        with pytest.raises(NotFound):
            await registry.update(CameraId("cam_unknown"), CameraChange(name="x"))

    with_registry(tmp_path, use)


def test_watchers_hear_of_each_change(tmp_path: Path) -> None:
    async def use(registry: CameraRegistry) -> None:
        seen = registry.watch()
        assert list(await anext(seen)) == []
        camera = await registry.add("a", "rtsp://host/1")
        assert [c.id for c in await anext(seen)] == [camera.id]
        await registry.delete(camera.id)
        assert list(await anext(seen)) == []
        await seen.aclose()

    with_registry(tmp_path, use)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gopher://host/",
        "rtsp://",
        "rtsp:///x",
        "rtsp://host:99999/",
        "rtsp://host:0/",
        "rtsp://ho st/",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_camera_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_address(text)
    assert caught.value.code == "bad-url"


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_invalid(text: str) -> None:
    with suppress(Invalid):
        assert parse_address("rtsp://" + text).host


@given(st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_credentials_survive_the_database_form(username: str, password: str) -> None:
    address = parse_address("rtsp://host:8554/a?b=c").with_credentials(username, password)
    assert parse_address(address.secret_url()) == address
