"""A viewer by WebRTC whose network changes restarts ICE by PATCH, and goes on: same session, same keys, same stream."""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from pathlib import Path

import httpx2
import pytest
from bench.egress_whep import Viewer, found_in, offer_of

from haechi.app.settings import WhipSettings
from haechi.base.ids import CameraId, stream_of
from haechi.camera.virtual.server import VirtualCamera
from haechi.webrtc.dtls import Identity
from tests.cameras import StreamFeed, until
from tests.e2e.test_withdrawn import FPS, PATIENCE_S, SDP, STEP_TICKS
from tests.server import House, running, settings_for
from tests.streams import CodedUnit
from tests.whep import shown
from tests.whip import film

FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


async def plays(viewer: Viewer, packets: int) -> None:
    """Until so many packets came since the last mark. Checks and handshakes are said again as browsers do."""

    def is_playing() -> bool:
        viewer.tick()
        viewer.check()
        return viewer.packets >= packets

    await until(is_playing, PATIENCE_S)


async def joined(viewer: Viewer, answer: str) -> asyncio.BaseTransport:
    """A socket of the viewer's, and its first check over it."""
    host, port = found_in(answer, r"^a=candidate:(?:\S+ ){4}(\S+)"), found_in(answer, r"^a=candidate:(?:\S+ ){5}(\d+)")
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: viewer, remote_addr=(host, int(port)))
    viewer.begin(answer)
    return transport


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_viewer_whose_network_changes_goes_on_after_a_restart_of_ice(tmp_path: Path) -> None:
    params, units = shown(film(gop=15))
    coded = [CodedUnit(data, n * STEP_TICKS, n * STEP_TICKS, is_sync) for n, (data, is_sync) in enumerate(units)]

    async def run() -> None:
        settings = settings_for(tmp_path, vision=False).model_copy(update={"whip": WhipSettings(port=0)})
        async with VirtualCamera({"/live": StreamFeed((params, coded), FPS)}) as source, running(settings) as house:
            wish = {"name": "Live", "url": source.url("/live")}
            camera = CameraId((await house.http.post("/api/cameras", json=wish)).raise_for_status().json()["id"])
            bus = house.rooms.services.bus
            await until(lambda: bool(bus.channel(stream_of(camera)).gop()), PATIENCE_S)
            await _watch(house, camera)

    asyncio.run(run())


async def _watch(house: House, camera: CameraId) -> None:
    identity = Identity(dt.datetime.now(dt.UTC))
    viewer = Viewer(identity)
    offer = offer_of(viewer.ufrag, viewer.password, identity.fingerprint)
    made = await house.http.post(f"/{camera}/whep", content=offer, headers=SDP)
    first = await joined(viewer, made.raise_for_status().text)
    await plays(viewer, 5)
    first.close()  # the network is gone, and with it the address
    viewer.ufrag, viewer.password = secrets.token_hex(4), secrets.token_hex(12)
    fragment = f"a=ice-ufrag:{viewer.ufrag}\r\na=ice-pwd:{viewer.password}\r\n"
    place, tag = made.headers["location"], made.headers["etag"]
    late = await house.http.patch(place, content=fragment, headers=FRAGMENT | {"If-Match": '"older"'})
    assert (late.status_code, late.json()["code"]) == (412, "viewer-changed")
    answer = await house.http.patch(place, content=fragment, headers=FRAGMENT | {"If-Match": tag})
    assert (answer.status_code, answer.headers["content-type"]) == (200, FRAGMENT["Content-Type"])
    assert answer.headers["etag"] != tag
    viewer.forget()
    second = await joined(viewer, answer.text)
    await plays(viewer, 20)
    viewers = house.rooms.services.whep
    assert viewers.count == 1
    async with httpx2.AsyncClient(base_url=house.address) as stranger:
        refused = await stranger.patch(place, content=fragment, headers=FRAGMENT)
        assert refused.status_code == 401
    (await house.http.delete(place)).raise_for_status()
    await until(lambda: viewers.count == 0, PATIENCE_S)
    second.close()
