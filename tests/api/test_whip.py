"""WHIP over HTTP: who may publish, and what is answered to what; no packet is sent here (see tests/ingest/whip)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path

import pytest
from httpx2 import Response

from haechi.api.bearers import WRONG
from haechi.api.routes import whip
from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId
from haechi.fleet.publishing import PublishTokens
from haechi.ingest.manager import IngestManager
from haechi.ingest.openers import Openers
from haechi.ingest.whip.publishers import Publishers
from haechi.ingest.whip.source import WhipOpener
from haechi.media.webrtc.ice import Address, Credentials
from haechi.webrtc.peer import Peer
from tests.api.knock import Answer, knock, knock_and_wait
from tests.api.world import Browser, World
from tests.reach import HERE

OFFER = (Path(__file__).parents[1] / "media" / "webrtc" / "chromium-156.sdp").read_bytes()
SDP = {"content-type": "application/sdp"}
FRAGMENT = {"content-type": "application/trickle-ice-sdpfrag"}


class OpenDoor:
    """A `Stage` that nobody comes to."""

    port = 8555
    fingerprint = bytes(32)

    def candidates(self, reached_at: str) -> tuple[Address, ...]:
        return ((reached_at, self.port),)

    def expect(self, ours: Credentials, theirs: Credentials, fingerprints: tuple[tuple[str, bytes], ...]) -> Peer:
        raise AssertionError("no camera waits")

    def restart(self, peer: Peer, ours: Credentials, theirs: Credentials) -> None:
        raise AssertionError("nobody is there")

    def forget(self, peer: Peer) -> None:
        raise AssertionError("nobody is there")


class Scene:
    """Two cameras that are published, and one that is not."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.publishers = Publishers(self.world.clock)
        openers = Openers(self.world.clock, {"whip": WhipOpener(self.publishers, self.world.clock)}, reach=HERE)
        world = self.world
        world.ingest = IngestManager(world.registry, world.bus, world.clock, world.database, openers=openers)
        self.phone = self.published("Phone")
        self.other = self.published("Other phone")
        self.rtsp = world.camera("Door")
        self.admin = world.token(world.user("Ann", "admin"))
        self.viewer = world.token(world.user("Vera", "viewer", (self.phone,)))
        self.tokens = PublishTokens(world.database, world.clock)
        self.app = world.app()
        self.publishers.stage = OpenDoor()

    def published(self, name: str) -> CameraId:
        return self.world.do(self.world.registry.add(name, "whip:")).id

    def ask(self, method: str, path: str, token: str, body: bytes = b"", **headers: str) -> Answer:
        """A request with a bearer token, as an encoder makes it: no cookie, no origin."""
        sent = {"authorization": f"Bearer {token}"} if token else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return asyncio.run(self.in_its_time(knock_and_wait(self.app, method, path, sent, body=body)))

    async def in_its_time(self, request: Coroutine[object, object, Answer]) -> Answer:
        """Time passes while the answer is made."""
        asked = asyncio.ensure_future(request)
        while not asked.done():
            await asyncio.wait({asked}, timeout=0.02)
            self.world.clock.advance(NS_PER_S // 10)
        return asked.result()

    def browse(self, token: str) -> Browser:
        return Browser(self.app, token)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    one = Scene(tmp_path)
    yield one
    one.world.close()


def code_of(answer: Answer | Response) -> tuple[int, str]:
    status = answer.status if isinstance(answer, Answer) else answer.status_code
    return status, answer.json()["code"]


def test_a_token_opens_its_own_camera_and_no_other_and_only_until_it_is_replaced(scene: Scene) -> None:
    world = scene.world
    old = world.do(scene.tokens.issue(scene.phone))
    token = world.do(scene.tokens.issue(scene.phone))
    theirs = world.do(scene.tokens.issue(scene.other))
    seen = set()
    for camera in (scene.phone, scene.other, scene.rtsp, "cam_aaaaaaaaaaaaaaaa", "1 OR 1=1"):
        for held in (old, token, theirs, "hwt_" + "A" * 43, "x" * 300, ""):
            for method, path in (("POST", ""), ("PATCH", "/abc"), ("DELETE", "/abc")):
                answer = scene.ask(method, f"/{camera}/whip{path}", held or "-", content_type="text/plain")
                if (camera, held) in {(scene.phone, token), (scene.other, theirs)}:
                    assert answer.status in {404, 415}
                    continue
                if answer.status == 429:
                    world.clock.advance(10**12)
                    answer = scene.ask(method, f"/{camera}/whip{path}", held or "-", content_type="text/plain")
                problem = answer.json()
                assert problem.pop("error_id")
                seen.add((answer.status, answer.headers["www-authenticate"], str(problem)))
    assert len(seen) == 1
    assert {(status, scheme) for status, scheme, _ in seen} == {(401, "Bearer")}


def test_wrong_tokens_are_throttled_by_address(scene: Scene) -> None:
    async def ask() -> int:
        return (await knock(scene.app, "POST", f"/{scene.phone}/whip", {"authorization": "Bearer wrong"})).status

    async def guess() -> list[int]:
        return [await ask() for _ in range(30)]

    statuses = asyncio.run(guess())
    assert statuses == [401] * WRONG.burst + [429] * (30 - WRONG.burst)


def test_a_token_needs_no_page_of_ours_and_a_cookie_does(scene: Scene) -> None:
    token = scene.world.do(scene.tokens.issue(scene.phone))
    answer = scene.ask("POST", f"/{scene.phone}/whip", token, b"", origin="https://elsewhere.example", **as_header(SDP))
    assert code_of(answer) == (422, "bad-offer")
    page = scene.browse(scene.admin)
    assert code_of(page.ask("POST", f"/{scene.phone}/whip", headers={"Origin": "https://elsewhere.example"})) == (
        403,
        "cross-site",
    )
    assert code_of(page.ask("POST", f"/{scene.phone}/whip", headers={"X-Haechi-CSRF": "no"})) == (403, "bad-csrf-token")
    assert code_of(page.ask("POST", f"/{scene.phone}/whip", headers=SDP)) == (422, "bad-offer")


def as_header(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in headers.items()}


def test_who_may_only_watch_publishes_nothing(scene: Scene) -> None:
    page = scene.browse(scene.viewer)
    for camera in (scene.phone, scene.other, "cam_aaaaaaaaaaaaaaaa"):
        assert code_of(page.ask("POST", f"/{camera}/whip", headers=SDP)) == (403, "admin-only")


def test_what_is_no_offer_is_refused_with_the_reason(scene: Scene) -> None:
    token = scene.world.do(scene.tokens.issue(scene.phone))
    path = f"/{scene.phone}/whip"
    assert code_of(scene.ask("POST", path, token, OFFER, content_type="text/plain")) == (415, "not-sdp")
    assert code_of(scene.ask("POST", path, token, b"hello", **as_header(SDP))) == (422, "bad-offer")
    assert code_of(scene.ask("POST", path, token, b"v=0" + bytes(70_000), **as_header(SDP))) == (422, "bad-offer")
    without = OFFER.replace(b"H264", b"H999").replace(b"VP8", b"VP7")
    assert code_of(scene.ask("POST", path, token, without, **as_header(SDP))) == (422, "offer-without-h264")


def test_an_offer_whose_page_is_closed_waits_for_nothing_and_one_that_breaks_off_is_no_bug(scene: Scene) -> None:
    token = scene.world.do(scene.tokens.issue(scene.phone))
    path = f"/{scene.phone}/whip"
    headers = {"authorization": f"Bearer {token}", **SDP}
    left = asyncio.run(scene.in_its_time(knock(scene.app, "POST", path, headers, body=OFFER)))
    assert code_of(left) == (503, "publisher-gone")
    broken = asyncio.run(knock_and_wait(scene.app, "POST", path, headers, body=OFFER[:100], is_whole=False))
    assert code_of(broken) == (400, "bad-request")


def test_an_offer_to_a_camera_that_is_not_ready_is_told_when_to_try_again(scene: Scene) -> None:
    token = scene.world.do(scene.tokens.issue(scene.phone))
    answer = scene.ask("POST", f"/{scene.phone}/whip", token, OFFER, **as_header(SDP))
    assert code_of(answer) == (503, "whip-not-ready")
    assert int(answer.headers["retry-after"]) > 0


def test_many_offers_are_throttled(scene: Scene) -> None:
    token = scene.world.do(scene.tokens.issue(scene.phone))
    headers = SDP | {"authorization": f"Bearer {token}"}

    async def offer() -> list[int]:
        return [(await knock(scene.app, "POST", f"/{scene.phone}/whip", headers, body=b"x")).status for _ in range(25)]

    assert asyncio.run(offer()) == [422] * whip.OFFERS.burst + [429] * (25 - whip.OFFERS.burst)


def test_a_camera_that_is_switched_off_says_so(scene: Scene) -> None:
    world = scene.world
    token = world.do(scene.tokens.issue(scene.phone))
    page = scene.browse(scene.admin)
    assert page.ask("PATCH", f"/api/cameras/{scene.phone}", {"enabled": False}).status_code == 200
    assert code_of(scene.ask("POST", f"/{scene.phone}/whip", token, OFFER, **as_header(SDP))) == (
        409,
        "camera-disabled",
    )


def test_nothing_is_read_at_these_addresses_and_what_may_be_sent_is_told(scene: Scene) -> None:
    for path in (f"/{scene.phone}/whip", f"/{scene.phone}/whip/abc", "/nobody/whip"):
        answer = scene.ask("GET", path, "")
        assert code_of(answer) == (405, "not-for-publishing")
    answer = scene.ask("OPTIONS", f"/{scene.phone}/whip", "")
    assert (answer.status, answer.headers["accept-post"]) == (204, "application/sdp")


def test_a_publication_that_is_over_is_not_found(scene: Scene) -> None:
    token = scene.world.do(scene.tokens.issue(scene.phone))
    path = f"/{scene.phone}/whip/abc"
    assert code_of(scene.ask("DELETE", path, token)) == (404, "publication-not-found")
    assert code_of(scene.ask("PATCH", path, token, b"x", **as_header(FRAGMENT))) == (404, "publication-not-found")


def test_the_token_is_shown_once_and_only_its_hash_is_kept(scene: Scene) -> None:
    page = scene.browse(scene.admin)
    made = page.ask("POST", f"/api/cameras/{scene.phone}/publish/token").json()
    token = made["token"]
    assert token.startswith("hwt_")
    assert made["publish"]["path"] == f"/{scene.phone}/whip"
    told = page.get(f"/api/cameras/{scene.phone}/publish")
    assert token not in told.text
    assert told.json()["issued_ms"] == made["publish"]["issued_ms"]
    assert token.encode() not in (scene.world.record_path.parent / "haechi.db").read_bytes()
    assert code_of(page.get(f"/api/cameras/{scene.rtsp}/publish")) == (404, "camera-not-published")
