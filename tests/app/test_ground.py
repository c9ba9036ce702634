"""What records comes first: before anything slow is loaded, and whatever becomes of the rest."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from haechi.api.settings import SettingsChange
from haechi.app.ground import Ground, open_ground
from haechi.base.clock import NS_PER_S
from haechi.base.errors import Conflict
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import Run
from haechi.media.access_unit import UnitRef
from haechi.record.index.policies import Policy
from tests.cameras import until
from tests.program import COMMAND, environment
from tests.record.archive import EVER, JPEG, pictures
from tests.server import settings_for
from tests.streams import START_NS

SLOW = ("alembic", "av", "cv2", "fastapi", "numpy", "obstore", "openvino", "prometheus_client", "scipy", "uvicorn")
STREAM = stream_of(CameraId("cam_front"))


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return open_ground(settings_for(tmp_path, vision=False))


def record(ground: Ground, stream: StreamId = STREAM, count: int = 50) -> None:
    """A run of a camera, on the bus."""
    units = pictures(count, UnitRef(stream, 1, 0), START_NS)
    channel = ground.bus.channel(stream)
    channel.open_run(Run(stream, 1, START_NS, [JPEG]))
    for unit in units:
        channel.publish(unit)


def test_nothing_slow_is_loaded_before_recording_begins() -> None:
    """Half of a kill's gap was the loading of what no recorder needs."""
    code = f"import sys, haechi.app.cli.serve; print([one for one in {SLOW!r} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_it_records_with_nothing_else_of_the_house_there(ground: Ground) -> None:
    async def play() -> int:
        async with ground.at_work():
            await ground.recorder.ready.wait()
            record(ground)
            await ground.rest()
            await ground.rest()
        return len(await ground.index.spans(STREAM, 0, EVER))

    assert asyncio.run(play()) == 1
    ground.database.close()


def test_what_goes_wrong_with_the_rest_is_told_as_it_is_and_what_was_taken_is_on_disk(ground: Ground) -> None:
    async def play() -> None:
        async with ground.at_work():
            await ground.recorder.ready.wait()
            record(ground)
            raise Conflict("a tier is in the folder of another", code="volume-mismatch")

    with pytest.raises(Conflict, match="a tier"):
        asyncio.run(play())
    found = asyncio.run(ground.index.spans(STREAM, 0, EVER))
    assert found[0].end_ns - START_NS >= 49 * NS_PER_S // 10
    ground.database.close()


def test_why_nothing_is_recorded_is_known_until_something_is(tmp_path: Path) -> None:
    first = open_ground(settings_for(tmp_path, vision=False))

    async def record_some() -> None:
        async with first.at_work():
            await first.recorder.ready.wait()
            record(first)

    asyncio.run(record_some())
    first.database.close()
    folder, away = tmp_path / "data/record", tmp_path / "away"
    folder.rename(away)
    ground = open_ground(settings_for(tmp_path, vision=False))

    async def play() -> None:
        async with ground.at_work():
            await until(lambda: "mounted" in ground.volume.refusal, 30)
            folder.rmdir()
            away.rename(folder)
            await until(ground.recorder.ready.is_set, 30)
            assert ground.volume.refusal == ""

    asyncio.run(play())
    ground.database.close()


@pytest.mark.slow
def test_a_stop_while_the_rest_is_loaded_is_a_planned_stop(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([*COMMAND, "serve"], env=environment(tmp_path), stdout=log, stderr=log)
        try:
            asyncio.run(until((tmp_path / "data/record/haechi-volume.json").exists, 60))
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
        finally:
            server.kill()
            server.wait()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_whether_sound_is_recorded_is_known_before_the_first_unit_and_follows_the_settings(ground: Ground) -> None:
    told: list[Policy] = []

    async def play() -> None:
        await ground.live.change(SettingsChange(record_audio=True))
        ground.on_settings(lambda: told.append(ground.recorder.defaults))
        async with ground.at_work():
            await ground.recorder.ready.wait()
            assert ground.recorder.defaults.audio
            await ground.live.change(SettingsChange(record_audio=False, retention_days=3))
            await until(lambda: ground.retention.settings.retention_days == 3, 10)

    asyncio.run(play())
    assert (told[0].audio, told[-1].audio) == (True, False)
    ground.database.close()
