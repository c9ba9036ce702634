"""A right is withdrawn while its holder watches in every way that there is: each of them ends (CONTRACT S3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec import Struct
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from haechi.base.clock import SystemClock
from haechi.base.errors import HaechiError
from haechi.base.ids import CameraId, stream_of
from haechi.camera.virtual.server import VirtualCamera
from haechi.fleet.address import parse_address
from haechi.ingest.openers import target_of
from haechi.ingest.rtsp import RtspSource
from tests.cameras import StreamFeed, until
from tests.server import PASSWORD, House, running, settings_for
from tests.streams import CodedUnit, mjpeg_stream
from tests.web import Basket
from tests.whep import shown, watcher
from tests.whip import film

PATIENCE_S = 90
FPS, STEP_TICKS = 15, 6_000
SDP = {"Content-Type": "application/sdp"}


class Guest(Struct, frozen=True):
    """Somebody who may see two cameras: by a session, and by a read token."""

    house: House
    user: str
    cookie: str
    token_id: str
    token: str
    camera: CameraId
    jpeg: CameraId

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


Watch = Callable[[Guest, asyncio.Event], Coroutine[Any, Any, None]]
"""Watches: sets the event when there are pictures, and returns when it is over."""


async def by_rtsp(guest: Guest, begun: asyncio.Event, transport: str) -> None:
    port = guest.house.rooms.services.rtsp.port
    url = f"rtsp://{guest.token_id}:{guest.token}@127.0.0.1:{port}/{guest.camera}"
    basket = Basket(3)
    source = RtspSource(target_of(parse_address(url), transport), SystemClock())
    playing = asyncio.create_task(source.run(basket))
    await asyncio.wait({playing, asyncio.create_task(basket.full.wait())}, return_when=asyncio.FIRST_COMPLETED)
    assert basket.full.is_set(), playing
    begun.set()
    outcome = (await asyncio.gather(playing, return_exceptions=True))[0]
    assert outcome is None or isinstance(outcome, HaechiError | OSError), outcome


async def by_rtsp_over_tcp(guest: Guest, begun: asyncio.Event) -> None:
    await by_rtsp(guest, begun, "tcp")


async def by_rtsp_over_udp(guest: Guest, begun: asyncio.Event) -> None:
    await by_rtsp(guest, begun, "udp")


async def by_mse(guest: Guest, begun: asyncio.Event) -> None:
    address = guest.house.address
    headers = {"Cookie": guest.cookie}
    async with connect(f"ws{address[4:]}/api/live", additional_headers=headers, origin=address) as socket:  # type: ignore[arg-type]
        await socket.send(json.dumps({"type": "subscribe", "id": 1, "camera": guest.camera}))
        chunks = 0
        try:
            async for message in socket:
                chunks += isinstance(message, bytes)
                if chunks >= 3:
                    begun.set()
                if isinstance(message, str) and json.loads(message).get("code") == "camera-not-found":
                    return
        except ConnectionClosed:
            return


async def by_hls(guest: Guest, begun: asyncio.Event) -> None:
    path = f"/{guest.camera}/hls/main/video.m3u8"
    async with httpx2.AsyncClient(base_url=guest.house.address, headers=guest.bearer, timeout=60) as http:
        status = 200
        while status in {200, 503}:
            status = (await http.get(path)).status_code
            if status == 200:
                begun.set()
            await asyncio.sleep(0.1)
        assert status in {401, 404}


async def by_webrtc(guest: Guest, begun: asyncio.Event) -> None:
    async with watcher() as one:
        offer = await one.offer(audio=False)
        async with httpx2.AsyncClient(base_url=guest.house.address, headers=guest.bearer, timeout=60) as http:
            answer = await http.post(f"/{guest.camera}/whep", content=offer, headers=SDP)
        await one.answered(answer.raise_for_status().text)
        await until(lambda: bool(one.packets["video"]), PATIENCE_S)
        begun.set()
        await until(lambda: one.connection.connectionState in {"closed", "failed"}, PATIENCE_S)


async def by_motion_jpeg(guest: Guest, begun: asyncio.Event) -> None:
    async with httpx2.AsyncClient(base_url=guest.house.address, headers=guest.bearer, timeout=60) as http:
        async with http.stream("GET", f"/{guest.jpeg}/live.mjpeg") as answer:
            async for _ in answer.aiter_raw():
                begun.set()


WAYS: dict[str, Watch] = {
    "rtsp over tcp": by_rtsp_over_tcp,
    "rtsp over udp": by_rtsp_over_udp,
    "mse": by_mse,
    "hls": by_hls,
    "webrtc": by_webrtc,
    "motion jpeg": by_motion_jpeg,
}


async def added(house: House, name: str, url: str) -> CameraId:
    """A camera that is live."""
    answer = await house.http.post("/api/cameras", json={"name": name, "url": url})
    camera = CameraId(answer.raise_for_status().json()["id"])
    await until(lambda: bool(house.rooms.services.bus.channel(stream_of(camera)).gop()), PATIENCE_S)
    return camera


async def invited(house: House, cameras: tuple[CameraId, CameraId]) -> Guest:
    """A user who may see the cameras, logged in, with a token."""
    person = {"name": "vera", "password": PASSWORD, "role": "viewer", "cameras": cameras}
    user = (await house.http.post("/api/users", json=person)).raise_for_status().json()["id"]
    async with httpx2.AsyncClient(base_url=house.address, headers={"Origin": house.address}, timeout=60) as http:
        session = await http.post("/api/session", json={"name": "vera", "password": PASSWORD})
        http.headers["X-Haechi-CSRF"] = session.raise_for_status().json()["csrf"]
        made: dict[str, Any] = (await http.post("/api/read-tokens", json={"name": "all"})).raise_for_status().json()
        cookie = f"haechi_session={http.cookies['haechi_session']}"
    return Guest(house, user, cookie, made["read_token"]["id"], made["token"], *cameras)


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_right_that_is_withdrawn_ends_what_is_watched_in_every_way(tmp_path: Path) -> None:
    params, units = shown(film(gop=15))
    coded = [CodedUnit(data, n * STEP_TICKS, n * STEP_TICKS, is_sync) for n, (data, is_sync) in enumerate(units)]
    feeds = {"/live": StreamFeed((params, coded), FPS), "/jpeg": StreamFeed(mjpeg_stream(size=(320, 240)), FPS)}

    async def run() -> None:
        async with VirtualCamera(feeds) as source, running(settings_for(tmp_path, vision=False)) as house:
            cameras = await added(house, "Live", source.url("/live")), await added(house, "JPEG", source.url("/jpeg"))
            guest = await invited(house, cameras)
            begun = {name: asyncio.Event() for name in WAYS}
            watching = {name: asyncio.create_task(watch(guest, begun[name])) for name, watch in WAYS.items()}
            for name, event in begun.items():
                waiting = asyncio.create_task(event.wait())
                await asyncio.wait({waiting, watching[name]}, timeout=PATIENCE_S, return_when="FIRST_COMPLETED")
                waiting.cancel()
                assert not watching[name].done(), (name, watching[name])
                assert event.is_set(), name
            answer = await house.http.patch(f"/api/users/{guest.user}", json={"cameras": []})
            answer.raise_for_status()
            withdrawn_s = asyncio.get_running_loop().time()
            for name, task in watching.items():
                await asyncio.wait_for(task, PATIENCE_S)
                print(f"{name}: ended {asyncio.get_running_loop().time() - withdrawn_s:.1f} s later, or before")
            services = house.rooms.services
            assert services.live.faults.counts == {}
            await until(lambda: services.rtsp.players == services.whep.count == services.live.viewers == 0, PATIENCE_S)

    asyncio.run(run())
