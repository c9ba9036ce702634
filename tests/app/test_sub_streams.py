"""The smaller stream of a camera: where it is, and that it is fetched once, and only while somebody watches."""

import asyncio
from pathlib import Path

import pytest

from haechi.base.errors import NotFound
from haechi.base.ids import CameraId, stream_of
from haechi.bus.frames import Subscription
from haechi.camera.virtual.server import VirtualCamera
from haechi.live.mse import LiveHub
from haechi.media.access_unit import AccessUnit, VideoParams
from tests.cameras import StreamFeed, until
from tests.server import House, running, settings_for
from tests.streams import h264_stream

MAIN = h264_stream(30, 15, 15, (1280, 720))
SMALL = h264_stream(30, 15, 15, (320, 240))
PATIENCE_S = 60


async def first(subscription: Subscription) -> AccessUnit:
    async with asyncio.timeout(PATIENCE_S):
        async for item in subscription:
            if isinstance(item, AccessUnit):
                return item
    raise AssertionError("the stream ended")


async def added(house: House, yard: VirtualCamera) -> CameraId:
    body = {"name": "Door", "url": yard.url("/main"), "transport": "tcp"}
    answer = (await house.http.post("/api/cameras", json=body)).raise_for_status()
    camera = CameraId(answer.json()["id"])
    await until(lambda: house.rooms.services.ingest.status(camera).state == "live", PATIENCE_S)
    return camera


def size(hub: LiveHub, subscription: Subscription, unit: AccessUnit) -> tuple[int, int]:
    params = subscription.params_of(unit)
    assert isinstance(params, VideoParams)
    return params.width_px, params.height_px


@pytest.mark.slow
def test_a_smaller_stream_is_fetched_once_however_many_watch_and_tiles_are_made_of_it(tmp_path: Path) -> None:
    async def work() -> None:
        feeds = {"/main": StreamFeed(MAIN, 15), "/sub": StreamFeed(SMALL, 15)}
        async with VirtualCamera(feeds) as yard, running(settings_for(tmp_path, vision=False)) as house:
            camera = await added(house, yard)
            hub, path = house.rooms.services.live, f"/api/cameras/{camera}/sub-stream"
            with pytest.raises(NotFound) as unknown:
                await hub.demand.want(stream_of(camera, "sub"))
            assert unknown.value.code == "no-sub-stream"
            answer = await house.http.put(path, json={"url": yard.url("/sub")})
            assert answer.raise_for_status().json()["sub"]["width"] == 320
            accepted = yard.accepted
            async with hub.watching(stream_of(camera, "sub")) as one, hub.watching(stream_of(camera, "sub")) as other:
                assert size(hub, one, await first(one)) == (320, 240)
                await first(other)
                async with hub.watching(stream_of(camera, "tile")) as tile:
                    assert size(hub, tile, await first(tile)) == (320, 240)
                    (row,) = hub.renditions.report().renditions
                    assert (row.source, row.is_passed) == ("sub", True)
                assert yard.accepted == accepted + 1
            assert {str(stream) for stream in house.rooms.services.bus.ledger.all_totals()} == {f"{camera}/main"}
            (await house.http.delete(path)).raise_for_status()
            await until(lambda: hub.bus.channel(stream_of(camera, "sub")).current is None, PATIENCE_S)
            async with hub.watching(stream_of(camera, "tile")) as tile:
                await until(lambda: any(row.source == "main" for row in hub.renditions.report().renditions), PATIENCE_S)

    asyncio.run(work())


@pytest.mark.slow
def test_an_address_that_gives_no_picture_or_is_on_another_host_is_not_taken(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            VirtualCamera({"/main": StreamFeed(MAIN, 15)}) as yard,
            running(settings_for(tmp_path, vision=False)) as house,
        ):
            path = f"/api/cameras/{await added(house, yard)}/sub-stream"
            missing = await house.http.put(path, json={"url": yard.url("/nothing")})
            assert (missing.status_code, missing.json()["code"]) == (503, "rtsp-not-found")
            elsewhere = await house.http.put(path, json={"url": "rtsp://192.0.2.7/sub"})
            assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "sub-stream-other-host")
            assert (await house.http.get(path)).json() == {"sub": None}

    asyncio.run(work())
