"""Every unit that a camera sent is in an account: in the metrics while the server runs, in the database after it."""

import asyncio
from pathlib import Path

import pytest

from haechi.base.ids import StreamId, stream_of
from haechi.camera.virtual.server import VirtualCamera
from haechi.record.index.spans import RecordIndex
from haechi.store.database import Database
from tests.cameras import StreamFeed, until
from tests.server import running, settings_for
from tests.streams import h264_stream

EVER = 1 << 62


@pytest.mark.e2e
def test_what_came_is_what_is_stored_when_the_server_has_stopped(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, vision=False)

    async def run() -> StreamId:
        feed = StreamFeed(h264_stream(frames=30, fps=15, gop=10), 30)
        async with VirtualCamera({"/live": feed}) as camera, running(settings) as house:
            services = house.rooms.services
            answer = await house.http.post("/api/cameras", json={"name": "Gate", "url": camera.url()})
            assert answer.status_code in (200, 201), answer.text
            stream = stream_of(answer.json()["id"])
            await until(lambda: services.bus.ledger.totals(stream).stored >= 90, 30)
            metrics = (await house.http.get("/metrics")).text
            name = stream.partition("/")[0]
            assert f'haechi_units{{camera="{name}",state="stored",stream="main"}}' in metrics
        return stream

    stream = asyncio.run(run())
    database = Database.at(settings.database_path)
    minutes = asyncio.run(RecordIndex(database).minutes(stream, 0, EVER))
    database.close()
    assert sum(minute.stored for minute in minutes) >= 90
    assert [minute.received - minute.stored for minute in minutes] == [0] * len(minutes)
    assert all(not minute.missing for minute in minutes)
