"""Modules that others wrote, installed from a wheel: they answer, and what they do wrong stays theirs."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from haechi.app.hosted import HostedModule
from haechi.base.clock import SystemClock
from haechi.base.errors import Unavailable
from haechi.client.playing import Wish
from haechi.client.sending import Seen
from haechi.ingest.rtp_push.modules import Echo
from haechi.media.push.wire import Kind
from haechi.media.push.words import Announce, Fault, Request, read, say
from haechi.vision.modules.contract import installed
from haechi.vision.modules.messages import HostSetup
from tests.cameras import until
from tests.ingest.rtp_push.stage import Coded, Raw, Stage, clip, push_server, refusal
from tests.streams import h264_stream
from tests.vision.modules.example import NAMES, build_wheel, install

FPS = 60
MEMORY = 4 * 1024**3


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the example package installed, where Python finds it: here, and in processes that we start."""
    target = tmp_path / "site"
    install(build_wheel(tmp_path), target)
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(target), before))))
    monkeypatch.syspath_prepend(str(target))
    yield target
    sys.modules.pop("demo_modules", None)


@asynccontextmanager
async def serving(folder: Path, *names: str, deadline_s: float = 60.0) -> AsyncIterator[tuple[Stage, HostedModule]]:
    """A server that offers modules of the wheel, and the first of them."""
    found, clock = installed(), SystemClock()
    modules = {
        name: HostedModule(name, partial(HostSetup, name, found[name].value, (), MEMORY), clock, deadline_s)
        for name in names
    }
    tasks = [asyncio.create_task(module.run()) for module in modules.values()]
    try:
        async with push_server(folder, {"echo": Echo(), **modules}) as stage:
            yield stage, modules[names[0]]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def quick() -> Coded:
    """Twenty-five seconds of many pictures."""
    return Coded(*h264_stream(1500, fps=FPS, size=(64, 64)))


async def seen_by(stage: Stage, module: str, frames: int = 20) -> list[Seen]:
    async with stage.playing(clip(frames), Wish(module, fast=True)) as link:
        return [seen async for seen in link.results()]


def test_what_is_installed_is_offered_by_name_but_for_names_that_are_ours_or_are_none(site_packages: Path) -> None:
    assert set(NAMES) <= set(installed())
    assert not {"objects", "Bad Name"} & set(installed())


@pytest.mark.slow
def test_an_installed_module_answers_for_the_very_units_that_it_was_shown(tmp_path: Path, site_packages: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, "bright") as (stage, _):
            seen = await seen_by(stage, "bright", 40)
            assert seen
            for one in seen:
                (box,) = one.boxes
                assert box.label == f"unit {one.ref.seq}"
                assert 0.1 < box.score < 0.9
                assert (one.width_px, one.height_px) == (320, 240)
                assert len(box.points) == 1
            assert len(seen) + sum(one.skipped for one in seen) <= 40

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_module_is_locked_in_when_it_looks(tmp_path: Path, site_packages: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, "spy") as (stage, _):
            assert {box.label for one in await seen_by(stage, "spy") for box in one.boxes} == set()

    asyncio.run(scenario())


@pytest.mark.slow
def test_an_error_costs_the_picture_and_too_many_cost_the_request_but_never_the_stream(
    tmp_path: Path, site_packages: Path
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, "angry") as (stage, _):
            async with stage.playing(quick(), Wish("angry")) as link:
                error = await asyncio.wait_for(refusal(link), 60)
            assert error.code == "module-failed"
            assert stage.server.tally.failures["angry", "error"] >= 50
            assert len(await seen_by(stage, "echo")) == 20

    asyncio.run(scenario())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("sleepy", "deadline"), ("fatal", "died")])
def test_a_hang_or_a_crash_ends_the_requests_of_that_module_and_no_others(
    tmp_path: Path, site_packages: Path, name: str, kind: str
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, name, deadline_s=0.3) as (stage, module):
            raw = await Raw.connect(stage.port, stage.token)
            raw.say(say(Announce("h264"), 1))
            await raw.until(Kind.ACCEPTED)
            raw.say(say(Request("echo"), 1))
            await raw.until(Kind.GRANTED)
            async with stage.playing(quick(), Wish(name)) as link:
                playing = asyncio.create_task(refusal(link))
                error = await asyncio.wait_for(playing, 90)
            assert isinstance(error, Unavailable)
            assert error.code == "module-failed"
            assert stage.server.tally.failures[name, kind] >= 3
            assert len(await seen_by(stage, "echo")) == 20
            assert stage.server.clients >= 1
            raw.close()
            await until(lambda: module.link.pid is None, 30)

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_module_that_cannot_be_loaded_is_refused_to_who_asks(tmp_path: Path, site_packages: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, "unfinished") as (stage, _):
            raw = await Raw.connect(stage.port, stage.token)
            raw.say(say(Announce("h264"), 1))
            await raw.until(Kind.ACCEPTED)
            raw.say(say(Request("unfinished"), 1))
            while (word := await raw.next(60)).kind is not Kind.ERROR:
                pass
            assert read(word, Fault).code == "module-failed"
            raw.close()

    asyncio.run(scenario())
