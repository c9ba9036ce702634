"""WHEP over HTTP: who may watch, and what is answered to what; no packet is sent here (see tests/live/whep)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.api.auth.tokens import csrf_of
from haechi.base.ids import CameraId
from tests.api.knock import Answer, knock, page_headers
from tests.api.world import World

SDP = {"Content-Type": "application/sdp"}
OFFER = (Path(__file__).parents[1] / "media" / "webrtc" / "chromium-156.sdp").read_bytes()
OFFER = OFFER.replace(b"a=sendonly", b"a=recvonly")


class Scene:
    """Two cameras, of which Vera may see one."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.camera = self.world.do(self.world.registry.add("Door", "rtsp://192.0.2.20/live")).id
        self.other = self.world.camera("Other")
        vera = self.world.user("Vera", "viewer", (self.camera,))
        token = self.world.token(vera)
        self.page = page_headers(token, csrf_of(token))
        _, self.read_token = self.world.read_token(vera)
        self.app = self.world.app()

    def post(self, camera: CameraId, headers: dict[str, str], body: bytes = OFFER, query: str = "") -> Answer:
        return asyncio.run(knock(self.app, "POST", f"/{camera}/whep{query}", headers | SDP, body=body))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    one = Scene(tmp_path)
    yield one
    one.world.close()


def code_of(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["code"]


def test_a_session_and_a_read_token_come_as_far_as_the_camera_and_no_further(scene: Scene) -> None:
    bearer = {"Authorization": f"Bearer {scene.read_token}"}
    for headers in (dict(scene.page), bearer):
        assert code_of(scene.post(scene.camera, headers)) == (503, "stream-not-live")
        assert code_of(scene.post(scene.other, headers)) == (404, "camera-not-found")
        assert code_of(scene.post(CameraId("cam_aaaaaaaaaaaaaaaa"), headers)) == (404, "camera-not-found")
    assert scene.post(scene.camera, {}).status == 401


def test_what_is_no_offer_is_told_so(scene: Scene) -> None:
    page = dict(scene.page)
    assert code_of(scene.post(scene.camera, page, b"v=0")) == (422, "bad-offer")
    assert code_of(scene.post(scene.camera, page, query="?stream=attic")) == (404, "stream-unknown")
    plain = asyncio.run(knock(scene.app, "POST", f"/{scene.camera}/whep", page | {"Content-Type": "text/plain"}))
    assert code_of(plain) == (415, "not-sdp")


def test_a_viewer_that_is_not_there_is_neither_changed_nor_ended(scene: Scene) -> None:
    for method in ("PATCH", "DELETE"):
        answer = asyncio.run(knock(scene.app, method, f"/{scene.camera}/whep/abc", dict(scene.page)))
        assert code_of(answer) == (404, "viewer-not-found")
    assert code_of(asyncio.run(knock(scene.app, "GET", f"/{scene.camera}/whep", {}))) == (405, "not-for-watching")
    answer = asyncio.run(knock(scene.app, "OPTIONS", f"/{scene.camera}/whep", {}))
    assert (answer.status, answer.headers["accept-post"]) == (204, "application/sdp")
