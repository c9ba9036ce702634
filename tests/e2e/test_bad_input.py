"""Cameras that are not there, not cameras, or mad: each has an error of its own, and no other camera notices."""

import asyncio
import itertools
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from msgspec import Struct
from playwright.async_api import Page, expect

from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId, stream_of
from haechi.bus.frames import BusItem, Subscription
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.access_unit import AccessUnit
from haechi.media.rtsp.server import ServerPolicy
from tests.cameras import StreamFeed, scripted_server, until
from tests.e2e.browser import chromium
from tests.server import PASSWORD, House, running, settings_for
from tests.streams import h264_stream

FPS = 15
WRONG_PASSWORD = "a-wrong-one-4711"
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "troubleshooting.md"

OK = b"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n"
OPTIONS = OK + b"Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n"
SETUP = OK + b"Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
PLAY = OK + b"Session: 1\r\n\r\n"
SDP = b"v=0\r\no=- 0 0 IN IP4 0\r\ns=x\r\n"
H264 = SDP + b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:v\r\n"
VP9 = SDP + b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP9/90000\r\na=control:v\r\n"
SOUND_ONLY = SDP + b"m=audio 0 RTP/AVP 0\r\na=control:a\r\n"
HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"


class Trouble(Struct, frozen=True):
    """An address, and what must be said about it: the error's code, and the hop that fails."""

    what: str
    url: str
    code: str
    hop: str
    username: str = ""
    password: str = ""

    @property
    def wish(self) -> dict[str, str]:
        login = {"username": self.username, "password": self.password} if self.username else {}
        return {"url": self.url, **login}


def described(sdp: bytes) -> bytes:
    return OK + b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(sdp) + sdp


def feed() -> StreamFeed:
    return StreamFeed(h264_stream(frames=30, fps=FPS, gop=15), FPS)


@contextmanager
def host_that_does_not_answer() -> Iterator[int]:
    """A port whose queue of connections is full: to a caller, a machine that is switched off."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        yield full.getsockname()[1]
        for caller in callers:
            caller.close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def troubles() -> AsyncIterator[list[Trouble]]:
    """Every kind of bad camera, running."""
    async with AsyncExitStack() as stack:

        async def script(*answers: bytes, then: bytes = b"", forever: bytes = b"") -> str:
            port = await stack.enter_async_context(scripted_server(answers, then=then, forever=forever))
            return f"rtsp://127.0.0.1:{port}/live"

        locked = await stack.enter_async_context(
            VirtualCamera({"/live": feed()}, ServerPolicy(username="admin", password="the-right-one"))
        )
        stalled = await stack.enter_async_context(VirtualCamera({"/live": feed()}))
        stalled.stall()
        silent = stack.enter_context(host_that_does_not_answer())
        to_play = (OPTIONS, described(H264), SETUP, PLAY)
        garbage = await script(*to_play, then=b"\x00garbage\xff" * 64)
        endless = await script(then=b"RTSP/1.0 200 OK\r\n", forever=b"X-More: and more\r\n")
        yield [
            Trouble("unknown host", "rtsp://nosuch.invalid/live", "dns-failed", "dns"),
            Trouble("host is off", f"rtsp://127.0.0.1:{silent}/live", "tcp-timeout", "tcp"),
            Trouble("nothing listens", f"rtsp://127.0.0.1:{closed_port()}/live", "tcp-refused", "tcp"),
            Trouble("wrong password", locked.url(), "rtsp-unauthorized", "auth", "admin", WRONG_PASSWORD),
            Trouble("a web server", await script(HTTP), "rtsp-not-rtsp", "rtsp"),
            Trouble("sound only", await script(OPTIONS, described(SOUND_ONLY)), "no-video-track", "describe"),
            Trouble("strange codec", await script(OPTIONS, described(VP9)), "unsupported-codec", "describe"),
            Trouble("garbage", garbage, "rtsp-bad-message", "picture"),
            Trouble("endless header", endless, "rtsp-header-too-long", "rtsp"),
            Trouble("stalls", stalled.url(), "camera-stalled", "picture"),
        ]


class GoodCamera:
    """The camera that must not notice: everything that its stream brings, and how it and the server look."""

    def __init__(self, house: House, camera: CameraId) -> None:
        self._house = house
        self._camera = camera
        self._watch: Subscription = house.rooms.services.bus.record(stream_of(camera))
        self.items: list[BusItem] = []
        self.looks: set[tuple[str, int, str]] = set()

    async def follow(self) -> None:
        async for item in self._watch:
            self.items.append(item)

    async def look(self) -> None:
        """Ask for its state and the server's, again and again."""
        while True:
            camera = (await self._house.http.get(f"/api/cameras/{self._camera}")).json()
            ready = await self._house.http.get("/readyz")
            self.looks.add((camera["status"]["state"], ready.status_code, ready.json()["status"]))
            await asyncio.sleep(0.5)


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_every_bad_camera_has_its_own_error_and_the_good_one_does_not_notice(tmp_path: Path) -> None:
    asyncio.run(_all_at_once(tmp_path))


async def _all_at_once(folder: Path) -> None:
    async with (
        VirtualCamera({"/good": feed()}) as camera,
        running(settings_for(folder, vision=False)) as house,
        troubles() as bad,
    ):
        good = await _live(house, camera.url())
        witness = GoodCamera(house, good)
        tasks = [asyncio.create_task(witness.follow()), asyncio.create_task(witness.look())]
        configured = {trouble.what: await _add(house, trouble) for trouble in bad}
        for trouble in bad:
            await _is_told_by_the_probe(house, trouble)
        for trouble in bad:
            await _is_told_by_the_camera(house, trouble, configured[trouble.what])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        units = [item for item in witness.items if isinstance(item, AccessUnit)]
        assert witness.items == units, "the run of the good camera ended"
        assert {unit.ref.run for unit in units} == {1}
        assert [unit.ref.seq for unit in units] == list(range(units[0].ref.seq, units[0].ref.seq + len(units)))
        longest_ns = max(b.captured_ns - a.captured_ns for a, b in itertools.pairwise(units))
        assert longest_ns < NS_PER_S
        span_s = (units[-1].captured_ns - units[0].captured_ns) / NS_PER_S
        assert abs(len(units) - span_s * FPS) < FPS
        assert witness.looks == {("live", 200, "ready")}
    assert len({trouble.code for trouble in bad}) == len(bad)


async def _live(house: House, url: str) -> CameraId:
    answer = await house.http.post("/api/cameras", json={"name": "Good", "url": url})
    camera = CameraId(answer.raise_for_status().json()["id"])
    await until(lambda: house.rooms.services.ingest.status(camera).state == "live")
    return camera


async def _add(house: House, trouble: Trouble) -> str:
    answer = await house.http.post("/api/cameras", json={"name": trouble.what, **trouble.wish})
    assert answer.status_code == 201, answer.text
    assert WRONG_PASSWORD not in answer.text
    return str(answer.json()["id"])


async def _is_told_by_the_probe(house: House, trouble: Trouble) -> None:
    answer = await house.http.post("/api/cameras/probe", json=trouble.wish)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    failed = [hop["hop"] for hop in report["hops"] if not hop["ok"]]
    assert (report["ok"], report["error"]["code"], failed) == (False, trouble.code, [trouble.hop]), report
    assert report["hops"][-1]["detail"] == report["error"]["message"]
    assert WRONG_PASSWORD not in answer.text


async def _is_told_by_the_camera(house: House, trouble: Trouble, camera: str) -> None:
    for _ in range(100):
        if house.rooms.services.ingest.status(CameraId(camera)).error_code:
            break
        await asyncio.sleep(0.2)
    answer = await house.http.get(f"/api/cameras/{camera}")
    status = answer.json()["status"]
    assert (status["state"], status["error"]["code"]) == ("offline", trouble.code)
    assert len(status["error"]["message"]) > 20
    assert WRONG_PASSWORD not in answer.text


@pytest.mark.parametrize(
    "code",
    [
        "dns-failed",
        "tcp-timeout",
        "tcp-refused",
        "rtsp-unauthorized",
        "rtsp-not-rtsp",
        "no-video-track",
        "unsupported-codec",
        "rtsp-bad-message",
        "rtsp-header-too-long",
        "camera-stalled",
    ],
)
def test_the_guide_says_what_to_do_about_each(code: str) -> None:
    row = re.search(rf"^\| `{code}` \|([^|]+)\|([^|]+)\|$", GUIDE.read_text(), re.MULTILINE)
    assert row is not None
    assert len(row[2].strip()) > 20


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_the_browser_shows_the_hop_that_fails_and_why_a_camera_is_offline(tmp_path: Path) -> None:
    asyncio.run(_in_the_browser(tmp_path))


async def _in_the_browser(folder: Path) -> None:
    policy = ServerPolicy(username="admin", password="the-right-one")
    async with (
        VirtualCamera({"/live": feed()}, policy) as locked,
        running(settings_for(folder, vision=False)) as house,
        chromium() as browser,
    ):
        refused = Trouble("Gate", f"rtsp://127.0.0.1:{closed_port()}/live", "tcp-refused", "tcp")
        denied = Trouble("Yard", locked.url(), "rtsp-unauthorized", "auth", "admin", WRONG_PASSWORD)
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
        await _log_in(page, house)
        await _wizard(page, house, refused, "The device refuses the connection", "Check the port (usually 554")
        await _wizard(page, house, denied, "User name or password of the camera is wrong", "Use the camera's own user")
        cameras = {trouble: await _add(house, trouble) for trouble in (refused, denied)}
        await page.goto(f"{house.address}/live")
        for trouble, camera in cameras.items():
            tile = page.locator(f".hc-tile[data-camera={camera}]")
            await expect(tile).to_have_attribute("data-state", "offline", timeout=15_000)
            await expect(tile.locator("code")).to_have_text(trouble.code)
            await expect(tile).to_contain_text("Offline since")


async def _log_in(page: Page, house: House) -> None:
    await page.goto(f"{house.address}/login")
    await page.locator("input[name=username]").fill("admin")
    await page.locator("input[type=password]").fill(PASSWORD)
    await page.locator("button[type=submit]").click()
    await expect(page).to_have_url(re.compile("/live|/cameras"))


async def _wizard(page: Page, house: House, trouble: Trouble, says: str, advises: str) -> None:
    await page.goto(f"{house.address}/cameras/new")
    await page.get_by_placeholder("rtsp://").fill(trouble.url)
    if trouble.username:
        await page.get_by_role("textbox", name="User name").fill(trouble.username)
        await page.locator("input[type=password]").fill(trouble.password)
    await page.locator("button[type=submit]").click()
    fault = page.locator(".hc-probe-fault")
    await expect(fault).to_contain_text(says, timeout=15_000)
    await expect(fault).to_contain_text(advises)
    await expect(fault.locator("code")).to_have_text(trouble.code)
    failed = page.locator(".hc-probe li[data-ok=false]")
    await expect(failed).to_have_count(1)
    later = page.locator(".hc-probe li[data-ok=later]")
    assert await later.count() > 0
