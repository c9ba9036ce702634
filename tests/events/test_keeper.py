"""The picture of an event is tried until it is there."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from haechi.vision import desk, link
from tests.events.house import house
from tests.vision.scenes import visitor

pytestmark = pytest.mark.slow


def test_an_event_whose_picture_nobody_could_make_gets_it_when_somebody_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "STILL_S", 0.3)
    monkeypatch.setattr(link, "SILENT_S", 60.0)
    monkeypatch.setattr(link, "STILL_S", 60.0)
    params, units = visitor()

    async def play() -> None:
        async with house(tmp_path) as home:
            await home.rig.until(lambda: home.rig.pool.desk_pid() is not None)
            await home.rig.pool.infer(units[:1], params)
            stuck = home.rig.pool.desk_pid()
            assert stuck is not None
            os.kill(stuck, signal.SIGSTOP)
            await home.forbid_the_floor()
            await home.until_watching()
            home.rig.open(params)
            over = asyncio.create_task(home.until_stored(ended=True))
            await home.rig.play(units)
            home.rig.close()
            event = await over
            path = tmp_path / "events" / f"{event.id}.jpg"
            assert not path.exists()
            assert await home.pins(), "the footage is pinned all the same"
            os.kill(stuck, signal.SIGCONT)
            await home.rig.until(path.exists)
            assert path.read_bytes().startswith(b"\xff\xd8")

    asyncio.run(play())
