"""Modules of others on cameras: one process for all of them; what kills it costs as little as can be."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, Run
from haechi.media.access_unit import AccessUnit, UnitRef
from haechi.vision.modules.contract import installed
from haechi.vision.modules.guests import Guest, Visitors
from haechi.vision.modules.messages import HostSetup, Saw
from haechi.vision.result import Detection, FrameResult
from tests.cameras import until
from tests.streams import h264_stream
from tests.vision.modules.example import build_wheel, install

YARD, GATE = StreamId("cam_yard/main"), StreamId("cam_gate/main")
SOON_S = 60.0


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    target = tmp_path / "site"
    install(build_wheel(tmp_path), target)
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(target), before))))
    monkeypatch.syspath_prepend(str(target))
    yield target
    sys.modules.pop("demo_modules", None)


class Street:
    """Two cameras on a bus, and modules of others that look at them."""

    def __init__(self) -> None:
        self.bus = FrameBus()
        self.clock = SystemClock()
        self.seen: list[tuple[StreamId, Saw]] = []
        self.visitors = Visitors(self.bus, self.clock, self._setup, 5.0, self._found)
        self._params, self._units = h264_stream(8, fps=10, gop=8, size=(64, 48))
        self._next: dict[StreamId, int] = {}

    def _setup(self, name: str) -> HostSetup:
        return HostSetup(name, installed()[name].value, (), 4 * 1024**3, save_s=0.001)

    def _found(self, stream: StreamId, _module: str, saw: Saw) -> None:
        self.seen.append((stream, saw))

    def publish(self, stream: StreamId, count: int) -> None:
        """The next units of a camera; a GOP is eight."""
        channel = self.bus.channel(stream)
        if stream not in self._next:
            self._next[stream] = 0
            channel.open_run(Run(stream, 1, 0, [self._params]))
        for seq in range(self._next[stream], self._next[stream] + count):
            unit = self._units[seq % len(self._units)]
            ref, at_ns = UnitRef(stream, 1, seq), seq * NS_PER_S // 10
            # a NAL unit of filler data (type 12), so that no two units are the same bytes
            data = unit.data + (5).to_bytes(4, "big") + b"\x0c" + seq.to_bytes(4, "big")
            channel.publish(AccessUnit(ref, seq * 9_000, seq * 9_000, at_ns, unit.is_sync, 0, data))
        self._next[stream] += count

    def guest(self, name: str) -> Guest:
        return self.visitors.guests[name]

    def looks(self, stream: StreamId) -> list[Saw]:
        return [saw for one, saw in self.seen if one == stream]

    async def until_looked(self, stream: StreamId, seq: int) -> None:
        await until(lambda: any(saw.seq >= seq for saw in self.looks(stream)), SOON_S)


@asynccontextmanager
async def street(wanted: dict[str, set[StreamId]]) -> AsyncIterator[Street]:
    made = Street()
    async with asyncio.TaskGroup() as group:
        made.visitors.want(wanted, group)
        try:
            yield made
        finally:
            made.visitors.want({}, group)


@pytest.mark.slow
def test_two_cameras_share_a_process_and_what_it_knew_survives_when_it_is_killed(site_packages: Path) -> None:
    async def scenario() -> None:
        async with street({"counter": {YARD, GATE}}) as made:
            guest = made.guest("counter")
            await until(lambda: all(post.attending is not None for post in guest.posts.values()), SOON_S)
            for count in range(1, 9):
                made.publish(YARD, 1)
                made.publish(GATE, 1)
                await made.until_looked(YARD, max(0, count - 2))
            await made.until_looked(GATE, 6)
            assert guest.hosted.link.starts == 1
            assert max(saw.scores[0].value for saw in made.looks(YARD)) > 0.003
            seen = len(made.looks(YARD))
            pid = guest.hosted.link.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: guest.hosted.link.is_loaded and guest.hosted.link.pid != pid, SOON_S)
            made.publish(YARD, 10)
            await made.until_looked(YARD, 14)
            assert made.looks(YARD)[seen].scores[0].value > 0.002, "it began to count anew"
            assert guest.hosted.tally.failures == {"died": 1}

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_picture_that_ends_two_processes_is_not_shown_again_and_the_camera_is_looked_at_on(
    site_packages: Path,
) -> None:
    async def scenario() -> None:
        async with street({"poisoned": {YARD}}) as made:
            guest = made.guest("poisoned")
            await until(lambda: guest.posts[YARD].attending is not None, SOON_S)
            made.publish(YARD, 3)
            await until(lambda: guest.hosted.place.suspects.held() == 1, SOON_S)
            await until(lambda: guest.hosted.link.is_loaded, SOON_S)
            made.publish(YARD, 8)
            await made.until_looked(YARD, 8)
            assert guest.hosted.tally.failures == {"died": 2}
            assert 2 not in {saw.seq for saw in made.looks(YARD)}

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_module_is_told_what_the_house_follows_and_leaves_when_nobody_wants_it(site_packages: Path) -> None:
    async def scenario() -> None:
        async with street({"counter": {YARD}}) as made:
            guest = made.guest("counter")
            await until(lambda: guest.posts[YARD].attending is not None, SOON_S)
            made.visitors.followed(result_of(YARD, 0))
            made.publish(YARD, 3)
            await until(lambda: any(saw.scores[0].reasons == ("person 7",) for saw in made.looks(YARD)), SOON_S)
            async with asyncio.TaskGroup() as group:
                made.visitors.want({}, group)
            assert guest.hosted.link.pid is None
            assert guest.hosted.tally.failures == {}

    asyncio.run(scenario())


def result_of(stream: StreamId, seq: int) -> FrameResult:
    person, light = Detection("person", 0.9, 0.1, 0.1, 0.2, 0.2, 7), Detection("light", 0.9, 0.1, 0.1, 0.2, 0.2, by="x")
    hashes = ("a" * 64,) * 5
    return FrameResult(UnitRef(stream, 1, seq), seq * NS_PER_S // 10, (person, light), 64, 48, 0.1, *hashes, 0)
