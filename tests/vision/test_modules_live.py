"""The modules of a programme in real workers: what they say, that it is said again, and that only who asks pays."""

import asyncio

import pytest
from msgspec import structs

from haechi.base.errors import Invalid
from haechi.base.ids import StreamId
from haechi.events.replay import modules_of
from haechi.vision.feed import Demand
from haechi.vision.result import Detection, FrameResult
from haechi.vision.settings import VisionSettings
from tests.vision.scenes import PATIENT, STREAM, Rig, models, moved, running, visitor

pytestmark = pytest.mark.slow
NAMES = ("picodet-s", "yolox-tiny", "rtmpose-s", "mobilenet-v3-small")
OTHER = StreamId("cam_yard/main")


def people(result: FrameResult) -> list[Detection]:
    return [one for one in result.detections if one.label == "person" and one.score > 0.6]


async def played(rig: Rig) -> None:
    params, units = visitor()
    both = [unit for pair in zip(units, moved(units, OTHER), strict=True) for unit in pair]
    for stream in (STREAM, OTHER):
        rig.pool.demand(stream, Demand.FULL)
        rig.open(params, stream)
    await rig.play(both[:110], most_ahead=2)
    await rig.settle()


def compare_seen(results: list[FrameResult]) -> None:
    """Who asked has joints and looks, the others have not; both have the same boxes' configuration."""
    mine = [result for result in results if result.ref.stream == STREAM]
    theirs = [result for result in results if result.ref.stream == OTHER]
    seen = [one for result in mine for one in people(result)]
    assert len(seen) >= 8
    assert all(len(one.points) == 26 for one in seen)
    with_looks = [one for one in seen if one.embedding]
    assert 2 <= len(with_looks) < len(seen), "new, and now and then, but not in each frame"
    assert {one.track for one in seen} == {1}
    assert not any(one.points or one.embedding for result in theirs for one in result.detections)
    assert {result.config_hash for result in mine} == {result.config_hash for result in theirs}


def compare_again(then: FrameResult, now: FrameResult) -> None:
    """All but what is not asked for again is the same, to the last bit."""
    assert now.steps == tuple(step for step in then.steps if step.module != "view")
    for a, b in zip(then.detections, now.detections, strict=True):
        assert structs.replace(a, track=None, embedding=b"") == structs.replace(b, embedding=b"")
        assert a.embedding in (b"", b.embedding)


def test_joints_appearance_and_the_view_come_with_the_boxes_and_again_the_same_and_others_pay_nothing() -> None:
    store = models(*NAMES)
    params, units = visitor()

    async def play() -> None:
        settings = VisionSettings(detector="picodet-s+yolox-tiny", feed=PATIENT)
        async with running(settings, store) as rig:
            heard: list[tuple[StreamId, str]] = []
            rig.pool.on_scored(lambda stream, module, _: heard.append((stream, module)))
            rig.pool.on_saved(lambda stream, module, _: heard.append((stream, module)))
            rig.pool.programme(STREAM, ("objects", "pose", "embedding", "view"))
            rig.pool.programme(OTHER, ("objects",))
            with pytest.raises(Invalid):
                rig.pool.programme(STREAM, ("astrology",))
            await rig.until(lambda: {"pose", "embedding", "view"} <= set(rig.pool.status().modules))
            await played(rig)
            compare_seen(rig.results)
            mine = [result for result in rig.results if result.ref.stream == STREAM]
            uses = rig.pool.uses()
            assert uses["pose"].looks == uses["embedding"].looks == len(mine)
            assert uses["objects"].looks == len(rig.results)
            assert not any(use.failed for use in uses.values())
            assert set(heard) == {(STREAM, "view")}
            again = await rig.pool.infer(units, params, {one.ref for one in mine}, modules_of(mine[-1]))
            for then, now in zip(mine, again, strict=True):
                compare_again(then, now)

    asyncio.run(play())
