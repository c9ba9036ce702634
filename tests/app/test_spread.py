"""Two whole servers and a camera that dials the wrong one: it is sent on, taken in need, and sent home again."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from msgspec import json

from haechi.app import reverse
from haechi.app.reverse import identity_of
from haechi.app.reverse_settings import MediaServerSettings, ReverseSettings
from haechi.app.settings import Settings
from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId
from haechi.camera.dial.line import Server
from haechi.fleet.cameras import CameraRegistry
from haechi.fleet.dialling import DialKeys, read_key
from haechi.ingest import placement
from haechi.ingest.placement import media_server, own_server
from tests.cameras import until
from tests.dialling import dialling
from tests.server import House, running, settings_for

PATIENCE_S = 120.0
MOST_TRIES = 64


def settings(folder: Path, **wish: object) -> Settings:
    return settings_for(folder, vision=False).model_copy(update={"reverse": ReverseSettings(listen="on", **wish)})


def pin_of(wish: Settings) -> str:
    wish.data_dir.mkdir(parents=True, exist_ok=True)
    return identity_of(wish, SystemClock()).pin


async def port_of(house: House) -> int:
    lines = house.rooms.services.ingest.lines
    await until(lambda: lines.door is not None, PATIENCE_S)
    assert lines.door is not None
    return lines.door.port


async def camera_of_the_other(house: House, servers: tuple[MediaServerSettings, ...], other: str) -> CameraId:
    """A camera, added at one server, that the other one is to have."""
    known = [media_server(one.address, one.pin) for one in servers]
    for number in range(MOST_TRIES):
        answer = await house.http.post("/api/cameras", json={"name": f"Gate {number}", "url": "reverse:"})
        camera = CameraId(answer.raise_for_status().json()["id"])
        if own_server(camera, known).fingerprint == bytes.fromhex(other):
            return camera
        await house.http.delete(f"/api/cameras/{camera}")
    raise AssertionError("the spread sends nobody away")


async def introduce(here: House, there: House, camera: CameraId) -> None:
    """What `haechi camera export-key` and `import-key` do."""
    mine, theirs = here.rooms.services, there.rooms.services
    key = read_key(json.encode(await DialKeys(mine.database, mine.clock).export(await mine.registry.get(camera))))
    await CameraRegistry(theirs.database, theirs.clock, lambda: camera).add(key.name, "reverse:")
    await DialKeys(theirs.database, theirs.clock).bring(key)


async def recorded_at(house: House, camera: CameraId) -> None:
    """Until a run of the camera that is present now is on the server's disk."""
    stats, ingest = house.rooms.recorder.stats, house.rooms.services.ingest
    await until(lambda: ingest.status(camera).state == "live", PATIENCE_S)
    before = stats.acknowledged_units
    await until(lambda: stats.acknowledged_units > before, PATIENCE_S)


async def sent_to(house: House, camera: CameraId) -> str | None:
    answer = await house.http.get(f"/api/cameras/{camera}/dial")
    told: str | None = answer.raise_for_status().json()["sent_to"]
    return told


@pytest.mark.slow
@pytest.mark.e2e
def test_a_camera_is_sent_to_its_server_taken_while_that_is_away_and_sent_home_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reverse, "HOME_LOOK_S", 0.5)
    monkeypatch.setattr(placement, "KEPT_NS", 1_000_000_000)

    async def run() -> None:
        far = settings(tmp_path / "far", port=0)
        async with AsyncExitStack() as there, AsyncExitStack() as rest:
            other = await there.enter_async_context(running(far))
            port, pin = await port_of(other), pin_of(far)
            own = pin_of(settings(tmp_path / "near"))
            servers = (
                MediaServerSettings(address="127.0.0.1:9", pin=own),
                MediaServerSettings(address=f"127.0.0.1:{port}", pin=pin),
            )
            near = settings(tmp_path / "near", port=0, servers=servers)
            house = await rest.enter_async_context(running(near))
            camera = await camera_of_the_other(house, servers, pin)
            token = (await house.http.post(f"/api/cameras/{camera}/dial/token")).raise_for_status().json()["token"]
            await introduce(house, other, camera)

            home = Server("127.0.0.1", await port_of(house), bytes.fromhex(own))
            await rest.enter_async_context(dialling(home, camera, token))
            await recorded_at(other, camera)
            assert await sent_to(house, camera) == f"127.0.0.1:{port}"
            assert house.rooms.services.ingest.status(camera).units == 0

            await there.aclose()
            await recorded_at(house, camera)
            assert await sent_to(house, camera) is None

            back = settings(tmp_path / "far", port=port, servers=servers)
            other = await rest.enter_async_context(running(back, log_in=False))
            await recorded_at(other, camera)
            assert await sent_to(house, camera) == f"127.0.0.1:{port}"

    asyncio.run(run())
