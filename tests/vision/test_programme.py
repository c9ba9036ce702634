"""Which modules look, how what several detectors find is merged, and what looks after them."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.ids import StreamId
from haechi.media.access_unit import UnitRef
from haechi.vision.decode import Frame
from haechi.vision.detectors import DetectorSpec
from haechi.vision.detectors.together import SAME_ABOVE, Together, merged, merged_spec
from haechi.vision.looker import Looker
from haechi.vision.messages import Saved, UnitIn
from haechi.vision.modules.contract import Answer, Glimpse, Opened, Score, opened
from haechi.vision.programme import programme
from haechi.vision.result import Detection, FrameResult
from haechi.vision.runtime import Pixels
from haechi.vision.steps.embedding import Known, due_of, overlap_of
from haechi.vision.steps.keyframe import KeyframeStep
from haechi.vision.steps.sight import Sight

share = st.floats(0, 0.6)
side = st.floats(0.05, 0.4)
BOX = st.builds(Detection, st.sampled_from(["person", "car"]), st.floats(0.3, 1.0), share, share, side, side)
FOUND = st.lists(BOX, max_size=6)
PERSON = Detection("person", 0.9, 0.1, 0.1, 0.2, 0.5)


def spec(name: str) -> DetectorSpec:
    return DetectorSpec(name, "1", "Apache-2.0", "test", f"model {name}", f"config {name}", ("person",), 64)


class Sees:
    """A detector that always finds the same."""

    def __init__(self, name: str, *found: Detection) -> None:
        self.spec = spec(name)
        self._found = found
        self.sizes: list[tuple[int, ...]] = []

    def input_size(self, width_px: int, height_px: int) -> tuple[int, int]:
        return (width_px, height_px) if self.spec.name == "whole" else (32, 32)

    def detect(self, pictures: Sequence[Pixels]) -> list[tuple[Detection, ...]]:
        self.sizes += [picture.shape for picture in pictures]
        return [self._found for _ in pictures]


class Watching:
    """A module of key frames: counts what it sees of each camera; knows no odd pictures."""

    def __init__(self) -> None:
        self.spec = {"kind": "keyframe", "every_s": 10, "sha256": "ab"}
        self.seen: dict[str, int] = {}
        self.is_broken = False

    def look(self, batch: Sequence[Glimpse]) -> list[Answer]:
        if self.is_broken:
            raise KeyError("a bug")
        answers = []
        for one in batch:
            self.seen[one.about.stream] = self.seen.get(one.about.stream, 0) + 1
            at_ns = one.about.captured_ns
            answers.append(Answer((), (Score("seen", self.seen[one.about.stream] / 100, at_ns, at_ns),)))
        return answers

    def save(self, stream: str) -> bytes:
        return str(self.seen.get(stream, 0)).encode()

    def restore(self, stream: str, state: bytes) -> None:
        self.seen[stream] = int(state)


def frame() -> Frame:
    return Frame(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24"))


def sight(at_s: float, *modules: str, is_sync: bool = True, stream: str = "cam_a/main") -> Sight:
    ref = UnitRef(StreamId(stream), 1, int(at_s * 10))
    unit = UnitIn(ref, 0, int(at_s * NS_PER_S), is_sync, b"")
    result = FrameResult(ref, unit.captured_ns, (), 64, 48, 0.1, "m", "c", "u", "g", "f", 0)
    return Sight(unit, modules, False, result, frame=frame())


def test_a_programme_is_in_order_and_has_what_its_modules_need() -> None:
    assert programme(["view", "pose", "pose"]) == ("objects", "pose", "view")
    assert programme(["embedding", "people"]) == ("people", "embedding")
    assert programme(["view"]) == ("view",)
    with pytest.raises(Invalid) as caught:
        programme(["objects", "astrology"])
    assert caught.value.code == "module-unknown"


@given(FOUND, FOUND)
def test_merged_detections_are_of_either_best_first_and_each_thing_once(
    first: list[Detection], second: list[Detection]
) -> None:
    kept = merged([first, second])
    assert [one.score for one in kept] == sorted((one.score for one in kept), reverse=True)
    rest = [*first, *second]
    for one in kept:
        rest.remove(one)
    for row, one in enumerate(kept):
        for other in kept[row + 1 :]:
            is_same = one.label == other.label and overlap_of(one, other) > SAME_ABOVE + 1e-5
            assert not is_same or (one in first) == (other in first)
    for gone in rest:
        assert any(
            one.label == gone.label and one.score >= gone.score and overlap_of(one, gone) > SAME_ABOVE - 1e-5
            for one in kept
        )


@given(FOUND)
def test_what_one_detector_finds_alone_stays_and_found_twice_is_there_once(found: list[Detection]) -> None:
    by_score = sorted(found, key=lambda one: -one.score)
    assert list(merged([found, []])) == by_score
    assert sorted(merged([found, found]), key=repr) == sorted(found, key=repr)


def test_detectors_together_have_one_configuration_that_says_which_and_alone_their_own() -> None:
    one, other = spec("a"), spec("b")
    assert merged_spec([one]) == one
    both = merged_spec([one, other])
    assert both.name == "a+b"
    assert both.labels == ("person",)
    assert len({both.config_hash, merged_spec([other, one]).config_hash, one.config_hash}) == 3


def test_each_detector_gets_the_frame_in_its_own_size_and_is_asked_once_for_all_cameras() -> None:
    square, whole = Sees("square", PERSON), Sees("whole", structs.replace(PERSON, score=0.95))
    looker = Looker({"objects": (square,), "people": (whole,)}, ())
    sights = [sight(0, "objects", "people"), sight(0, "objects", stream="cam_b/main")]
    for one in sights:
        together = looker.together(one.modules)
        assert isinstance(together, Together)
        assert one.frame is not None
        one.views = together.views(one.frame.scaled, 64, 48)
    looker.look(sights)
    assert [len(one.result.detections) for one in sights] == [1, 1]
    assert [one.result.detections[0].score for one in sights] == [0.95, 0.9]
    assert square.sizes == [(32, 32, 3)] * 2
    assert whole.sizes == [(48, 64, 3)]
    assert all(one.frame is None and one.took_ns > 0 and one.uses[0].module == "objects" for one in sights)


def test_what_a_thing_looks_like_is_asked_when_it_is_new_when_two_are_close_and_else_each_second() -> None:
    beside = structs.replace(PERSON, x=0.15)
    apart = structs.replace(PERSON, x=0.6)
    asked: list[list[int]] = []
    known: list[Known] = []
    for n, things in enumerate(
        [[PERSON], [PERSON], [PERSON, apart], [PERSON, beside], [PERSON, apart], [PERSON, apart]]
    ):
        known, due = due_of(known, things, n * NS_PER_S // 5)
        asked.append(due)
    assert asked == [[0], [], [1], [0, 1], [0, 1], []]
    assert due_of(known, [PERSON, apart], 3 * NS_PER_S)[1] == [0, 1]


def watching() -> tuple[Watching, Opened, list[Saved]]:
    made = Watching()
    return made, opened(made, "view"), []


def test_a_module_of_key_frames_looks_at_sync_units_no_sooner_than_it_asks_for() -> None:
    _, module, saved = watching()
    looker = Looker({}, (KeyframeStep(module, saved.append),))
    sights = [sight(at_s, "view", is_sync=at_s != 15) for at_s in (0, 5, 10, 15, 20, 29.9)]
    for one in sights:
        looker.asks_for(one)
    looker.look(sights)
    assert [len(one.result.scores) for one in sights] == [1, 0, 1, 0, 1, 0]
    assert sights[0].result.scores[0].module == "view"
    assert [step.module for step in sights[0].result.steps] == ["view"]


def test_again_nothing_is_asked_that_depends_on_what_was_known() -> None:
    _, module, saved = watching()
    looker = Looker({}, (KeyframeStep(module, saved.append),))
    one = sight(0, "view")
    one.is_again = True
    assert not looker.asks_for(one)


def test_what_a_module_knows_of_a_stream_is_saved_and_goes_on_elsewhere() -> None:
    _, module, saved = watching()
    looker = Looker({}, (KeyframeStep(module, saved.append),))
    for at_s in (100, 110, 120):
        one = sight(at_s, "view")
        looker.asks_for(one)
        looker.look([one])
    looker.save("cam_a/main")
    looker.save("cam_a/main")
    assert [one.state for one in saved] == [b"1", b"3"]
    made, other, _ = watching()
    there = Looker({}, (KeyframeStep(other, saved.append),))
    there.restore("cam_a/main", "view", saved[-1].state)
    assert made.seen == {"cam_a/main": 3}
    there.forget("cam_a/main")


def test_a_bug_in_a_module_costs_its_answer_and_is_told() -> None:
    made, module, saved = watching()
    made.is_broken = True
    looker = Looker({"objects": (Sees("whole", PERSON),)}, (KeyframeStep(module, saved.append),))
    one = sight(0, "objects", "view")
    together = looker.together(one.modules)
    assert together is not None
    assert one.frame is not None
    one.views = together.views(one.frame.scaled, 64, 48)
    looker.asks_for(one)
    looker.look([one])
    assert one.result.detections == (PERSON,)
    assert one.result.scores == ()
    assert [(use.module, use.failed) for use in one.uses] == [("objects", 0), ("view", 1)]
    assert "a bug" in one.uses[1].reason
