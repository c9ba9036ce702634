"""The pool with real decode workers: what is seen, what is survived."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec import structs

from haechi.base.errors import Invalid, NotFound, Unavailable
from haechi.base.ids import StreamId
from haechi.events.replay import compare
from haechi.media.access_unit import AccessUnit, Codec, UnitRef, VideoParams
from haechi.vision import link
from haechi.vision.feed import Demand, FeedSettings
from haechi.vision.models import ModelStore
from haechi.vision.result import FrameResult
from haechi.vision.settings import VisionSettings
from tests.footage import footage
from tests.streams import h265_stream, mjpeg_stream, stamped
from tests.vision.mortal_worker import HANGS, KILLS
from tests.vision.scenes import STREAM, Rig, file_units, moved, running, visitor

pytestmark = pytest.mark.slow


def seen_people(results: Sequence[FrameResult]) -> list[FrameResult]:
    return [r for r in results if any(d.label == "person" and d.score > 0.5 for d in r.detections)]


def worker_pid(rig: Rig) -> int:
    pid = rig.pool.worker_pids()[0]
    assert pid is not None
    return pid


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers whose decoder has a hole."""
    monkeypatch.setattr(link, "WORKER_MODULE", "tests.vision.mortal_worker")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def spoiled(unit: AccessUnit, with_what: bytes) -> AccessUnit:
    """The unit with a NAL unit more, of a type that decoders skip, that the hole is sensitive to."""
    nal = b"\x0c" + with_what
    return structs.replace(unit, data=unit.data + len(nal).to_bytes(4, "big") + nal)


def test_a_visitor_is_seen_followed_and_seen_again_the_same() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running() as rig:
            rig.pool.demand(STREAM, Demand.FULL)
            rig.open(params)
            await rig.play(units)
            await rig.settle()
            status = rig.pool.status()
            assert status.decoded_frames == len(units)
            assert (status.shed_units, status.dropped_units, status.damaged_units) == (0, 0, 0)
            people = seen_people(rig.results)
            assert people[0].ref.seq in range(20, 30)
            assert people[-1].ref.seq in range(95, 105)
            assert {d.track for r in people for d in r.detections if d.label == "person" and d.score > 0.5} == {1}
            again = await rig.pool.infer(units, params, {result.ref for result in rig.results})
            differences = [compare(then, now) for then, now in zip(rig.results, again, strict=True)]
            assert differences == [None] * len(rig.results)

    asyncio.run(play())


def test_people_in_real_footage_with_reordered_pictures_are_found() -> None:
    params, units = file_units(footage("people/one-by-one-person-detection.mp4"), STREAM, 300)

    async def play() -> None:
        async with running() as rig:
            rig.pool.demand(STREAM, Demand.FULL)
            rig.open(params)
            await rig.play(units, most_ahead=30)
            rig.close()
            await rig.settle()
            seqs = [result.ref.seq for result in rig.results]
            assert len(set(seqs)) == len(seqs)
            assert rig.pool.status().decoded_frames >= 290
            people = seen_people(rig.results)
            assert not [result for result in people if result.ref.seq < 55], "nobody is there yet"
            assert len([r for r in people if 80 <= r.ref.seq < 180]) >= 40

    asyncio.run(play())


def test_motion_in_a_sync_unit_is_enough_to_look_closer_and_an_empty_scene_costs_sync_units_only() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running(VisionSettings(feed=FeedSettings(hold_s=2))) as rig:
            rig.open(params)
            await rig.play(units)
            await rig.settle()
            assert len(seen_people(rig.results)) > 20
            assert rig.pool.status().decoded_frames < len(units)

    asyncio.run(play())


def test_a_killed_worker_is_replaced_within_five_seconds_and_no_frame_is_missed() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running() as rig:
            rig.pool.demand(STREAM, Demand.FULL)
            rig.open(params)
            await rig.play(units[:70])
            before = worker_pid(rig)
            os.kill(before, signal.SIGKILL)
            killed = time.monotonic()
            await rig.until(lambda: rig.pool.status().ready_workers == 1 and worker_pid(rig) != before)
            others = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
            assert time.monotonic() - killed < 5 * others, "five seconds on a machine that does nothing else"
            await rig.play(units[70:])
            await rig.settle()
            looked = sorted(result.ref.seq for result in rig.results if 25 <= result.ref.seq < 95)
            assert max(later - sooner for sooner, later in pairwise(looked)) <= 2, "while somebody is there"
            assert rig.pool.status().quarantined_units == 0
            assert rig.pool.status().starts == 2

    asyncio.run(play())


@pytest.mark.usefixtures("mortal")
def test_a_unit_that_kills_two_workers_is_never_decoded_again_and_the_others_go_on() -> None:
    params, units = visitor()
    other = StreamId("cam_yard/main")
    poisoned = [spoiled(unit, KILLS) if unit.ref.seq == 33 else unit for unit in units]

    async def play() -> None:
        async with running() as rig:
            for stream in (STREAM, other):
                rig.pool.demand(stream, Demand.FULL)
                rig.open(params, stream)
            for bad, good in zip(poisoned, moved(units, other), strict=True):
                rig.bus.channel(STREAM).publish(bad)
                rig.bus.channel(other).publish(good)
                await asyncio.sleep(0)
                await rig.until(lambda: rig.pool.status().ready_workers == 1 and rig.pool.units_in_flight() == 0)
            status = rig.pool.status()
            assert (status.quarantined_units, status.starts) == (1, 3)
            mine = {r.ref.seq for r in rig.results if r.ref.stream == STREAM}
            theirs = {r.ref.seq for r in rig.results if r.ref.stream == other}
            assert not mine & set(range(33, 40)), "nothing of the GOP behind the poison"
            assert mine >= {0, 20, 40, 60, 80, 100}, "and on from the next sync unit"
            assert len(theirs & set(range(20, 60))) >= 15, "the other camera went on"
            with pytest.raises(Invalid) as error:
                await rig.pool.still(poisoned[20:34], params)
            assert error.value.code == "quarantined"
            await rig.pool.still(units[20:33], params)

    asyncio.run(play())


@pytest.mark.usefixtures("mortal")
def test_a_worker_that_hangs_is_killed_and_a_question_that_killed_two_is_answered_with_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    params, units = visitor()
    monkeypatch.setattr(link, "SILENT_S", 1.5)

    async def play() -> None:
        async with running() as rig:
            with pytest.raises(Unavailable) as error:
                await rig.pool.still([spoiled(units[0], HANGS)], params)
            assert error.value.code == "decoder-died"
            assert (await rig.pool.still(units[:1], params)).startswith(b"\xff\xd8")

    asyncio.run(play())


def test_a_frozen_worker_is_replaced_long_before_one_that_only_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    params, units = visitor()
    monkeypatch.setattr(link, "SILENT_S", 1_000.0)

    async def play() -> None:
        async with running() as rig:
            rig.pool.demand(STREAM, Demand.FULL)
            rig.open(params)
            await rig.play(units[:40])
            before = worker_pid(rig)
            os.kill(before, signal.SIGSTOP)
            for unit in units[40:]:
                rig.bus.channel(STREAM).publish(unit)
            await rig.until(lambda: rig.pool.status().starts == 2 and rig.pool.status().ready_workers == 1)
            assert worker_pid(rig) != before
            assert rig.pool.status().quarantined_units == 0

    asyncio.run(play())


def test_a_still_shows_the_last_unit_in_the_size_asked_for() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running() as rig:
            jpeg = await rig.pool.still(units[40:51], params, 320, 90)
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            assert picture.shape == (180, 320, 3)
            for bad_width in (8, 5000):
                with pytest.raises(Invalid):
                    await rig.pool.still(units[40:51], params, bad_width)
            with pytest.raises(Invalid) as error:
                await rig.pool.still([structs.replace(units[0], data=b"\0\0\0\x02\x65\x88")], params)
            assert error.value.code == "undecodable"
            with pytest.raises(Invalid) as error:
                await rig.pool.still([structs.replace(units[0], data=b"\0\0\xff\xff")], params)
            assert error.value.code == "bad-unit"

    asyncio.run(play())


def test_other_codings_and_many_cameras_go_through_one_worker() -> None:
    h265, coded = h265_stream(frames=20, gop=10)
    mjpeg, stills = mjpeg_stream(frames=10)
    streams = {
        StreamId("cam_a/main"): (h265, stamped(coded, StreamId("cam_a/main"))),
        StreamId("cam_b/main"): (mjpeg, stamped(stills, StreamId("cam_b/main"))),
    }
    params, units = visitor()
    for number in range(6):
        name = StreamId(f"cam_m{number}/main")
        streams[name] = (params, moved(units[:40], name))

    async def play() -> None:
        async with running() as rig:
            for stream, (coding, _) in streams.items():
                rig.pool.demand(stream, Demand.FULL)
                rig.open(coding, stream)
            for step in range(40):
                for stream, (_, its) in streams.items():
                    for unit in its[step : step + 1]:
                        rig.bus.channel(stream).publish(unit)
                await asyncio.sleep(0)
                await rig.until(lambda: rig.pool.units_in_flight() < 16)
            await rig.settle()
            for stream in streams:
                assert len([result for result in rig.results if result.ref.stream == stream]) >= 2, stream
            same = [
                [
                    (r.ref.seq, [structs.replace(d, track=0) for d in r.detections])
                    for r in rig.results
                    if r.ref.stream == s
                ]
                for s in streams
                if s.startswith("cam_m")
            ]
            common = set.intersection(*({seq for seq, _ in one} for one in same))
            assert len(common) >= 6
            answers = [[found for seq, found in one if seq in common] for one in same]
            assert all(one == answers[0] for one in answers), "what is seen does not depend on the company"

    asyncio.run(play())


def test_a_picture_bomb_is_refused_and_the_worker_lives() -> None:
    params = VideoParams(Codec.MJPEG, 64, 48)
    huge = np.zeros((5000, 5000, 3), np.uint8)
    encoded, jpeg = cv2.imencode(".jpg", huge)
    assert encoded
    unit = AccessUnit(UnitRef(STREAM, 1, 0), 0, 0, 1, True, 0, jpeg.tobytes())

    async def play() -> None:
        async with running() as rig:
            with pytest.raises(Invalid) as error:
                await rig.pool.still([unit], params)
            assert error.value.code == "undecodable"
            assert rig.pool.status().starts == 1

    asyncio.run(play())


def test_a_camera_that_goes_away_is_forgotten() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running() as rig:
            rig.open(params)
            await rig.play(units[:5])
            assert rig.pool.status().streams == 1
            with pytest.raises(NotFound):
                await rig.pool.picture(UnitRef(STREAM, 1, 99))
            rig.bus.remove(STREAM)
            await rig.until(lambda: rig.pool.status().streams == 0)

    asyncio.run(play())


def test_without_weights_the_pool_waits_and_says_what_to_do(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(VisionSettings(fetch_models=False), ModelStore(tmp_path), must_be_ready=False) as rig:
            await rig.until(lambda: bool(rig.pool.status().error))
            assert "haechi models pull" in rig.pool.status().error
            assert rig.pool.status().ready_workers == 0

    asyncio.run(play())


def test_a_pool_that_is_started_again_follows_what_it_followed_and_tells_each_result_once() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running() as rig:
            rig.pool.demand(STREAM, Demand.FULL)
            rig.open(params)
            await rig.play(units[:30])
            await rig.restart()
            await rig.play(units[30:])
            await rig.settle()
            seqs = [result.ref.seq for result in rig.results]
            assert len(set(seqs)) == len(seqs)
            assert len([seq for seq in seqs if 45 <= seq < 90]) >= 20

    asyncio.run(play())
