"""What a module may say, and what is made of it."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Invalid, NotFound
from haechi.media.push.wire import CLIENT_LIMITS, Deframer
from haechi.media.push.words import MOST_BOXES, Box, Result, read, say
from haechi.vision.modules.contract import (
    MOST_STATE_BYTES,
    About,
    Answer,
    Glimpse,
    Score,
    Spec,
    Thing,
    factory_of,
    opened,
    read_answers,
    read_findings,
    read_spec,
)
from haechi.vision.result import FrameResult

NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(10**40), 10**40)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=200) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
FINDING = st.fixed_dictionaries(
    {"label": st.text(max_size=200)},
    optional={
        "score": NUMBERS,
        "box": st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),
        "track": st.none() | st.integers(),
        "points": st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=140),
    },
)
SCORE = st.fixed_dictionaries(
    {"name": st.text(max_size=60), "value": NUMBERS, "t0_ns": st.integers(), "t1_ns": st.integers()},
    optional={"reasons": st.lists(st.text(max_size=300), max_size=20), "module": st.text(max_size=5)},
)
ANSWER = st.fixed_dictionaries({}, optional={"things": st.lists(FINDING), "scores": st.lists(SCORE, max_size=3)})
BLACK = np.zeros((16, 16, 3), np.uint8)
ABOUT = About("cam_a/main", 1, 2, 3, 4, 16, 16)
GLIMPSE = Glimpse(ABOUT, (BLACK,), (ABOUT,))


class Counting:
    """A module of somebody else: counts the pictures of each camera, in words of its own."""

    def __init__(self) -> None:
        self.spec = {"kind": "keyframe", "every_s": 10, "version": "3"}
        self.seen: dict[str, int] = {}

    def look(self, batch: Sequence[Glimpse]) -> Any:
        for one in batch:
            self.seen[one.about.stream] = self.seen.get(one.about.stream, 0) + 1
            number = np.float32(self.seen[one.about.stream] / 10)
            yield {"scores": [{"name": "seen", "value": number, "t0_ns": 1, "t1_ns": one.about.captured_ns}]}

    def save(self, stream: str) -> bytes:
        return str(self.seen.get(stream, "")).encode()

    def restore(self, stream: str, state: bytes) -> None:
        self.seen[stream] = int(state)

    def forget(self, stream: str) -> None:
        self.seen.pop(stream, None)


def test_a_module_that_knows_nothing_of_us_is_read_in_its_own_words() -> None:
    module = opened(Counting(), "counting")
    assert module.spec == Spec("counting", version="3", kind="keyframe", every_s=10.0)
    first, second = module.look([GLIMPSE, GLIMPSE])
    assert [round(one.scores[0].value, 3) for one in (first, second)] == [0.1, 0.2]
    assert first.scores[0].module == "counting"


def test_what_a_module_knows_of_a_camera_moves_along() -> None:
    before, after = opened(Counting(), "counting"), opened(Counting(), "counting")
    before.look([GLIMPSE])
    after.restore("cam_a/main", before.save("cam_a/main"))
    assert round(after.look([GLIMPSE])[0].scores[0].value, 3) == 0.2
    after.forget("cam_a/main")
    assert after.save("cam_a/main") == b""


def test_a_plain_function_is_a_module_of_frames_without_state() -> None:
    module = opened(lambda picture, about: [{"label": "x", "score": picture.mean()}], "plain")
    assert module.spec == Spec("plain")
    assert module.look([GLIMPSE]) == (Answer((Thing("x", 0.0),)),)
    assert not module.has_state
    assert module.save("cam_a/main") == b""


@pytest.mark.parametrize(
    "spec",
    [{"kind": "odd"}, {"fps": 0}, {"frames": 2, "stride": 3}, {"needs": ["money"]}, {"size_px": [1, 1]}, 5, None],
    ids=["kind", "fps", "stride", "needs", "size", "number", "nothing"],
)
def test_a_spec_that_cannot_be_read_is_told(spec: object) -> None:
    with pytest.raises(Invalid) as caught:
        read_spec(spec, "x")
    assert caught.value.code == "module-spec"


def test_what_is_no_module_is_told() -> None:
    with pytest.raises(Invalid) as caught:
        opened(5, "x")
    assert caught.value.code == "module-spec"


@given(ANYTHING | st.lists(ANSWER, max_size=3))
def test_whatever_a_module_answers_is_an_error_or_sound(said: Any) -> None:
    try:
        answers = read_answers(said, len(said) if isinstance(said, list) else 1, "x")
    except Invalid:
        return
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(answers), type=tuple[Answer, ...]) == answers
    assert all(score.is_sound() and score.module == "x" for one in answers for score in one.scores)


def test_an_answer_too_few_is_told() -> None:
    with pytest.raises(Invalid) as caught:
        read_answers([], 1, "x")
    assert caught.value.code == "module-answer"


def test_a_state_beyond_the_limit_is_told() -> None:
    counting = Counting()
    counting.save = lambda stream: bytes(MOST_STATE_BYTES + 1)  # type: ignore[method-assign]
    with pytest.raises(Invalid) as caught:
        opened(counting, "x").save("cam_a/main")
    assert caught.value.code == "module-state"


def test_results_of_old_are_still_read() -> None:
    hashes = ("", "", "", "", "")
    old = {
        "ref": {"stream": "cam_a/main", "run": 1, "seq": 2},
        "captured_ns": 1,
        "detections": [{"label": "cat", "score": 0.5, "x": 0.0, "y": 0.0, "w": 1.0, "h": 1.0, "track": 4}],
        "width_px": 16,
        "height_px": 16,
        "motion": 0.5,
        **dict(zip(("model_hash", "config_hash", "unit_sha256", "gop_sha256", "frame_sha256"), hashes, strict=True)),
        "sync_seq": 0,
    }
    result = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=FrameResult)
    assert (result.scores, result.steps, result.detections[0].points) == ((), (), ())


def test_a_score_out_of_bounds_is_not_sound() -> None:
    good = Score("moved", 0.5, 1, 2)
    assert good.is_sound()
    odd = [
        Score("moved", float("nan"), 1, 2),
        Score("moved", 1.5, 1, 2),
        Score("moved", 0.5, 3, 2),
        Score("m" * 41, 0.5, 1, 2),
        Score("moved", 0.5, 1, 2, ("r",) * 17),
    ]
    assert not any(one.is_sound() for one in odd)


def test_a_label_is_enough_and_the_rest_has_defaults() -> None:
    assert read_findings([{"label": "fire"}]) == (Box("fire", 1.0, 0.0, 0.0, 1.0, 1.0),)


def test_a_box_beyond_the_picture_is_cut_to_it() -> None:
    (box,) = read_findings([{"label": "cat", "score": 2, "box": [-0.5, 0.5, 1.0, 1.0], "points": [[2, -1, 0.5]]}])
    assert (box.x, box.y, box.w, box.h, box.score) == (0.0, 0.5, 0.5, 0.5, 1.0)
    assert (box.points[0].x, box.points[0].y) == (1.0, 0.0)


@pytest.mark.parametrize(
    "said",
    [5, [5], [{}], [{"label": 5}], [{"label": "a", "box": "everywhere"}], [{"label": "a"}] * (MOST_BOXES + 1)],
    ids=["number", "numbers", "no label", "label", "box", "too many"],
)
def test_what_is_no_answer_is_an_error_that_says_why(said: object) -> None:
    with pytest.raises(Invalid) as caught:
        read_findings(said)
    assert caught.value.code == "module-answer"


@given(ANYTHING | st.lists(FINDING, max_size=5))
def test_whatever_a_module_says_is_an_error_or_can_be_sent_to_a_client(said: Any) -> None:
    try:
        boxes = read_findings(said)
    except Invalid:
        return
    (frame,) = Deframer(CLIENT_LIMITS).feed(say(Result("x", 0, 0, boxes)))
    assert read(frame, Result).boxes == boxes


@pytest.mark.parametrize("value", ["no_such_package:make", "haechi.base.ids:no_such_name", "haechi.base.ids:CameraIds"])
def test_a_factory_that_cannot_be_imported_is_told(value: str) -> None:
    with pytest.raises(NotFound) as caught:
        factory_of("x", value)
    assert caught.value.code == "module-broken"
