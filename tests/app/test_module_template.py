"""The template for modules of others: built as a wheel, installed, switched on at a camera, what it says arrives."""

import asyncio
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from haechi.camera.virtual.server import VirtualCamera
from tests.cameras import StreamFeed
from tests.server import House, running, settings_for
from tests.streams import h264_stream

TEMPLATE = Path(__file__).parents[2] / "templates" / "module"
SOON_S = 60.0


@pytest.fixture
def installed_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The template's wheel, unpacked where Python finds it: here, and in processes that we start."""
    target = tmp_path / "site"
    (wheel,) = WheelBuilder(str(TEMPLATE)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(target)
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(target), before))))
    monkeypatch.syspath_prepend(str(target))
    yield target
    sys.modules.pop("haechi_daylight", None)


async def asked(house: House, path: str) -> dict[str, list[dict[str, object]]]:
    answer = await house.http.get(path)
    answer.raise_for_status()
    found: dict[str, list[dict[str, object]]] = answer.json()
    return found


async def one_named(house: House, path: str, rows: str, **wanted: object) -> dict[str, object]:
    """The row that has these values, once there is one."""
    async with asyncio.timeout(SOON_S):
        while True:
            for row in (await asked(house, path))[rows]:
                if all(row[key] == value for key, value in wanted.items()):
                    return row
            await asyncio.sleep(0.05)


def test_the_tests_that_come_with_the_template_pass(installed_template: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "tests"]
    done = subprocess.run(command, cwd=TEMPLATE, capture_output=True, text=True, timeout=120, check=False)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_the_template_is_switched_on_at_a_camera_says_something_and_is_switched_off(
    tmp_path: Path, installed_template: Path
) -> None:
    async def scenario() -> None:
        feeds = {"/yard": StreamFeed(h264_stream(60, fps=15, size=(320, 180)), 15)}
        async with VirtualCamera(feeds) as cameras, running(settings_for(tmp_path, vision=False)) as house:
            camera = {"name": "Yard", "url": cameras.url("/yard"), "transport": "tcp"}
            added = (await house.http.post("/api/cameras", json=camera)).raise_for_status().json()
            one = f"/api/cameras/{added['id']}"
            off = await one_named(house, f"{one}/modules", "modules", name="daylight")
            assert off["state"] == "off"

            on = {"modules": [{"name": "daylight", "enabled": True}]}
            (await house.http.put(f"{one}/modules", json=on)).raise_for_status()
            said = await one_named(house, f"{one}/scores", "series", module="daylight", name="darkness")
            points = said["points"]
            assert isinstance(points, list)
            assert all(0 < value < 1 for _, value in points)
            assert said["reasons"]
            await one_named(house, f"{one}/modules", "modules", name="daylight", state="running")
            module = await one_named(house, "/api/modules", "modules", name="daylight")
            assert (module["version"], module["licence"], module["where"]) == ("0.1.0", "Apache-2.0", "process")
            assert (module["kind"], module["cameras"], module["is_loaded"]) == ("frame", 1, True)
            numbers = (await house.http.get("/metrics")).text
            assert 'haechi_module_looks_total{module="daylight"}' in numbers

            never = {"hours": [{"days": list(range(7)), "start_min": 0, "end_min": 0}], "outside": True}
            resting = {"modules": [{"name": "daylight", "enabled": True, "schedule": never}]}
            (await house.http.put(f"{one}/modules", json=resting)).raise_for_status()
            await one_named(house, f"{one}/modules", "modules", name="daylight", state="resting")
            await one_named(house, "/api/modules", "modules", name="daylight", is_loaded=False, cameras=0)
            assert module["failures"] == {}

    asyncio.run(scenario())
