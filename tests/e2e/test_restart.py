"""The server as a process: a planned restart loses nothing, a kill at most the fragment in flight (D2, D3, D6)."""

import asyncio
import contextlib
import json
import signal
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import websockets
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_MS, NS_PER_S, SystemClock
from haechi.base.ids import StreamId
from haechi.camera.virtual.server import FeedUnit, VirtualCamera
from haechi.media.access_unit import AccessUnit
from haechi.media.rtsp.server import ServerPolicy
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex, fragments_in, recordings_between
from haechi.record.playback.footage import Playback
from haechi.store.database import Database
from tests.cameras import StreamFeed, until
from tests.program import Server, environment, haechi
from tests.server import PASSWORD
from tests.streams import h264_stream

CAMERA_PASSWORD = "canary-of-the-camera-0815"
FPS = 15
LONGEST_FRAGMENT_NS = 4 * NS_PER_S
FRAME_NS = NS_PER_S // FPS
SECONDS = 5.0


class Story:
    """What happened over all starts of the server, as somebody in front of a browser saw it."""

    def __init__(self, server: Server, log: Path) -> None:
        self.server = server
        self.log = log
        self.camera = ""
        self.cookie = ""
        self.csrf = ""
        self.token = ""
        self.sent: list[bytes] = []
        self.seen: dict[tuple[int, int], int] = {}

    @property
    def stream(self) -> StreamId:
        return StreamId(f"{self.camera}/main")

    def camera_sent(self, _path: str, unit: FeedUnit) -> None:
        self.sent.append(unit.data)

    def last_seen(self, run: int) -> int:
        return max((seq for number, seq in self.seen if number == run), default=-1)

    async def move_in(self, camera_url: str) -> None:
        """Set the server up and add the camera."""
        base = self.server.address
        self.token = self.server.token
        async with httpx2.AsyncClient(base_url=base, headers={"Origin": base}) as http:
            person = {"token": self.token, "name": "owner", "password": PASSWORD}
            answer = (await http.post("/api/setup", json=person)).raise_for_status()
            self.csrf = answer.json()["csrf"]
            self.cookie = http.cookies["haechi_session"]
            wish = {"name": "Yard", "url": camera_url, "username": "admin", "password": CAMERA_PASSWORD}
            headers = {"X-Haechi-CSRF": self.csrf}
            added = (await http.post("/api/cameras", json=wish, headers=headers)).raise_for_status()
            self.camera = added.json()["id"]

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """A viewer, until the server goes away."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        url = self.server.address.replace("http", "ws") + "/api/live"
        headers = {"Cookie": f"haechi_session={self.cookie}", "Origin": self.server.address}
        with contextlib.suppress(websockets.ConnectionClosed):
            async with websockets.connect(url, additional_headers=headers, max_size=None) as socket:
                await socket.send(json.dumps({"type": "subscribe", "id": 1, "camera": self.camera}))
                async for message in socket:
                    if isinstance(message, bytes) and message[2] == 2:
                        _, _, _, run, seq, captured_ns = struct.unpack_from(">HBBIQQ", message)
                        self.seen[run, seq] = captured_ns

    async def gaps(self) -> list[dict[str, object]]:
        """What the timeline tells of missing footage."""
        now_ms = SystemClock().wall_ns() // NS_PER_MS
        cookies = {"haechi_session": self.cookie}
        async with httpx2.AsyncClient(base_url=self.server.address, cookies=cookies) as http:
            span = {"start_ms": str(now_ms - 300_000), "end_ms": str(now_ms)}
            answer = await http.get(f"/api/cameras/{self.camera}/timeline", params=span)
            found: list[dict[str, object]] = answer.raise_for_status().json()["gaps"]
            return found


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_a_planned_restart_loses_nothing_and_a_kill_at_most_the_fragment_in_flight(tmp_path: Path) -> None:
    env = environment(tmp_path, LOG_LEVEL="debug", HTTP__PORT="8390", RECORD__MIN_FREE_BYTES="0")
    log = tmp_path / "log"
    server = Server(log, env)
    story = Story(server, log)
    try:
        gaps = asyncio.run(_two_restarts(story))
    finally:
        server.close()
    checked = haechi("check", "--level", "hash", env=env)
    assert (checked.returncode, "0 issues" in checked.stdout) == (0, True), checked.stdout + checked.stderr
    runs = asyncio.run(_recorded(story, tmp_path / "data"))
    _the_planned_restart_lost_nothing(story, runs[1])
    _the_kill_lost_one_fragment_at_most(story, runs[2])
    _each_gap_is_told_with_its_cause(runs, gaps)
    _no_secret_is_in_the_log(story)


async def _two_restarts(story: Story) -> list[dict[str, object]]:
    policy = ServerPolicy(username="admin", password=CAMERA_PASSWORD)
    feed = StreamFeed(h264_stream(frames=150, fps=FPS, gop=15), FPS)
    async with VirtualCamera({"/live": feed}, policy) as camera:
        camera.on_unit = story.camera_sent
        await story.server.start()
        await story.move_in(camera.url())
        await _watch_a_while(story, run=1, then=signal.SIGTERM, status=0)
        await story.server.start()
        await _watch_a_while(story, run=2, then=signal.SIGKILL, status=-signal.SIGKILL)
        await story.server.start()
        async with story.watching():
            await until(lambda: story.last_seen(3) >= 4 * FPS, 30)
            gaps = await story.gaps()
        assert await story.server.end() == 0
        return gaps


async def _watch_a_while(story: Story, *, run: int, then: signal.Signals, status: int) -> None:
    async with story.watching():
        await until(lambda: story.last_seen(run) >= SECONDS * FPS, 30)
        assert await story.server.end(then, seconds=10) == status


async def _recorded(story: Story, data: Path) -> dict[int, list[AccessUnit]]:
    """All units on disk, by run."""
    database = Database.at(data / "haechi.db")
    try:
        return {run: await _run_from_disk(database, data, story.stream, run) for run in (1, 2, 3)}
    finally:
        database.close()


async def _run_from_disk(database: Database, data: Path, stream: StreamId, run: int) -> list[AccessUnit]:
    """From the first to the last unit that is listed; reading them fails where one between is missing."""

    def last_seq(connection: Connection) -> int:
        files = [one for one in recordings_between(connection, stream, 0, 1 << 62) if one.run == run]
        return max(piece.first_seq + piece.units - 1 for piece in fragments_in(connection, [one.id for one in files]))

    playback = Playback(RecordIndex(database), Volume(data / "record"))
    return list((await playback.units(stream, run, 0, await database.read(last_seq))).units)


def _the_planned_restart_lost_nothing(story: Story, units: list[AccessUnit]) -> None:
    assert [unit.ref.seq for unit in units] == list(range(len(units)))
    assert len(units) > story.last_seen(1)
    _are_what_the_viewer_saw_and_the_camera_sent(story, units)


def _the_kill_lost_one_fragment_at_most(story: Story, units: list[AccessUnit]) -> None:
    assert [unit.ref.seq for unit in units] == list(range(len(units)))
    lost_ns = story.seen[2, story.last_seen(2)] - units[-1].captured_ns
    assert lost_ns <= LONGEST_FRAGMENT_NS
    _are_what_the_viewer_saw_and_the_camera_sent(story, units)


def _are_what_the_viewer_saw_and_the_camera_sent(story: Story, units: list[AccessUnit]) -> None:
    sent = story.sent.index(units[0].data)
    assert {unit.data for unit in units} <= set(story.sent)
    assert sent >= 0
    for unit in units:
        seen = story.seen.get((unit.ref.run, unit.ref.seq))
        assert seen in (None, unit.captured_ns)


def _each_gap_is_told_with_its_cause(runs: dict[int, list[AccessUnit]], gaps: list[dict[str, object]]) -> None:
    """Between two runs there is nothing but gaps of one cause, without holes; they end where footage begins."""
    causes: dict[int, set[object]] = {1: set(), 2: set()}
    ends_ns = {run: runs[run][-1].captured_ns for run in causes}
    for gap in gaps:
        start_ns, end_ns = (int(str(gap[side])) * NS_PER_MS for side in ("start_ms", "end_ms"))
        run = max(run for run in causes if start_ns >= runs[run][0].captured_ns)
        assert abs(start_ns - ends_ns[run]) <= 2 * FRAME_NS
        causes[run].add(gap["cause"])
        ends_ns[run] = end_ns
    assert causes == {1: {"not-running"}, 2: {"crashed"}}
    for run, end_ns in ends_ns.items():
        assert abs(end_ns - runs[run + 1][0].captured_ns) <= 2 * FRAME_NS


def _no_secret_is_in_the_log(story: Story) -> None:
    said = story.log.read_text()
    assert "camera live" in said
    for secret in (CAMERA_PASSWORD, PASSWORD, story.cookie, story.csrf):
        assert secret
        assert secret not in said
    lines = [line.strip() for line in said.splitlines() if story.token in line]
    assert len(lines) == 1, "the set-up link is shown once, and its token in no log"
    assert lines[0].startswith(f"{story.server.address}/setup")
