"""``haechi camera say``: a sound file, the command, and a camera that hears it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from haechi.app.cli.commands import app
from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid
from haechi.camera.virtual.ears import Ears
from haechi.camera.virtual.server import VirtualCamera
from haechi.fleet.cameras import CameraRegistry
from haechi.media.access_unit import Codec
from haechi.media.rtsp.server import ServerPolicy
from haechi.store.database import Database
from tests.cameras import StreamFeed, until
from tests.ingest.test_talk import loudest_hz
from tests.program import environment
from tests.streams import h264_stream
from tests.vision.speech.test_reader import tone

pytestmark = pytest.mark.slow
SECRET = "canary-4711"


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Commands send the logs of this process to their own stderr, which is closed when they end."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_tone_that_the_command_says_is_heard_at_the_camera(tmp_path: Path) -> None:
    ears = Ears(Codec.PCMA)
    env = environment(tmp_path)
    sound = tone(tmp_path / "tone.wav", 1.0)

    async def play() -> tuple[Result, Result]:
        feed = StreamFeed(h264_stream(frames=30, fps=15, gop=10), 30)
        camera = VirtualCamera({"/main": feed}, ServerPolicy(username="me", password=SECRET))
        camera.listen(ears)
        async with camera:
            folder = Path(env["HAECHI_DATA_DIR"])
            folder.mkdir()
            database = Database.at(folder / "haechi.db")
            database.migrate()
            registry = CameraRegistry(database, SystemClock())
            added = await registry.add("Gate", camera.url(), credentials=("me", SECRET), enabled=False)
            dials = await registry.add("Van", "reverse:", enabled=False)
            database.close()
            done = await asyncio.to_thread(CliRunner().invoke, app, ["camera", "say", added.id, str(sound)], env=env)
            await until(lambda: ears.packets >= 50 or done.exit_code != 0, 60)
            refused = await asyncio.to_thread(CliRunner().invoke, app, ["camera", "say", dials.id, str(sound)], env=env)
            return done, refused

    done, refused = asyncio.run(play())
    assert done.exit_code == 0, done.exception
    assert "to Gate" in done.output
    assert SECRET not in done.output
    assert isinstance(refused.exception, Invalid)
    assert refused.exception.code == "no-back-channel"
    assert loudest_hz(bytes(ears.heard), Codec.PCMA) == pytest.approx(440, abs=3)
