"""A pushed camera in the whole server: what the recording holds are the units that the results named, byte for byte."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from haechi.app.settings import PushSettings
from haechi.base.clock import SystemClock
from haechi.base.errors import NotFound
from haechi.base.ids import CameraId, stream_of
from haechi.client.line import Place
from haechi.client.playing import Wish, playing
from haechi.client.sending import Seen
from haechi.media.access_unit import AccessUnit
from tests.ingest.rtp_push.stage import Coded
from tests.server import House, running, settings_for
from tests.streams import h264_stream

FRAMES = 30


async def pushed(house: House, source: Coded) -> tuple[CameraId, list[Seen]]:
    """Register a client as a camera, and push."""
    answer = await house.http.post("/api/push-clients", json={"name": "Shed", "camera": True})
    new = answer.raise_for_status().json()
    door = house.rooms.services.ingest.openers.berths.door
    assert door is not None
    place = Place("127.0.0.1", door.port, new["token"], new["pin"])
    async with playing(place, source, Wish("echo"), SystemClock(), "test") as link:
        return CameraId(new["client"]["camera"]), [one async for one in link.results()]


async def until_recorded(house: House, camera: CameraId, run: int) -> Sequence[AccessUnit]:
    """All that was pushed, as the recording has it."""
    async with asyncio.timeout(60):
        while True:
            with suppress(NotFound):
                stored = await house.rooms.services.playback.units(stream_of(camera), run, 0, FRAMES - 1)
                if len(stored.units) == FRAMES:
                    return stored.units
            await asyncio.sleep(0.1)


@pytest.mark.slow
def test_the_recording_holds_what_was_pushed_under_the_ids_of_the_results(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, vision=False)
    push = PushSettings(enabled=True, port=0, host="127.0.0.1")
    _, coded = h264_stream(FRAMES)

    async def scenario() -> None:
        async with running(settings.model_copy(update={"push": push})) as house:
            camera, seen = await pushed(house, Coded(*h264_stream(FRAMES)))
            assert len(seen) == FRAMES
            run = seen[0].ref.run
            stored = await until_recorded(house, camera, run)
            assert [unit.ref for unit in stored] == [one.ref for one in seen]
            assert [unit.captured_ns for unit in stored] == [one.captured_ns for one in seen]
            assert [unit.data for unit in stored] == [unit.data for unit in coded]
            accounts = house.rooms.services.bus.ledger.all_totals()[stream_of(camera)]
            assert accounts.received == FRAMES

    asyncio.run(scenario())
