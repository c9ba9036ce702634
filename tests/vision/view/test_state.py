"""What is known of a view, as bytes, and what is found of it, as scores."""

from contextlib import suppress

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from haechi.base.errors import Invalid
from haechi.base.ids import StreamId
from haechi.media.access_unit import UnitRef
from haechi.vision.result import Score
from haechi.vision.view.align import Estimate
from haechi.vision.view.follow import Ask, Asked, Course, Moved, Settled
from haechi.vision.view.geometry import IDENTITY, Transform
from haechi.vision.view.health import Hold, Usual
from haechi.vision.view.judge import Finding, Referenced, Sick, ViewJudge, Well
from haechi.vision.view.module import make
from haechi.vision.view.reference import Reference
from haechi.vision.view.state import MOST_BYTES, ViewState, accepted, jpeg, kept, kept_at, packed, read, restored
from haechi.vision.view.words import Said, said, scored

SHIFTED: Transform = (1.0, 0.0, 0.05, 0.0, 1.0, -0.02, 0.0, 0.0, 1.0)
REF = UnitRef(StreamId("cam_a/main"), 3, 90)
ESTIMATE = Estimate(SHIFTED, 120, 0.6, 0.8, 0.4)


def state() -> ViewState:
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 255, (90, 160)).astype(np.uint8)
    mask = np.where(grey > 40, 255, 0).astype(np.uint8)
    reference = kept(Reference(grey, mask), SHIFTED, 10**18)
    course = Course(SHIFTED, IDENTITY, (SHIFTED,), 5, 0, 0, Ask("far", SHIFTED))
    return ViewState(1, "day", course, {"day": reference}, {"day": Usual(0, 1.0, 2.0, 0.5)}, {"black": Hold(True)})


def test_a_state_survives_being_written_and_read() -> None:
    before = state()
    after = read(packed(before))
    assert after == before
    reference = restored(after.references["day"])
    assert np.array_equal(reference.grey, restored(before.references["day"]).grey)
    assert set(np.unique(reference.mask)) == {0, 255}
    assert jpeg(after.references["day"]).startswith(b"\xff\xd8")


@given(st.binary(max_size=400), st.integers(0, 4000), st.integers(0, 255))
def test_no_bytes_break_the_reader(noise: bytes, at: int, value: int) -> None:
    data = bytearray(packed(state()))
    data[at % len(data)] = value
    for one in (noise, bytes(data)):
        with suppress(Invalid):
            ViewJudge(read(one))


@pytest.mark.parametrize(
    "wrong",
    [
        structs.replace(state(), course=Course((1.0, 0.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 1.0))),
        structs.replace(state(), references={"day": structs.replace(state().references["day"], width=161)}),
        structs.replace(state(), references={"day": structs.replace(state().references["day"], width=4000)}),
        structs.replace(state(), references={"day": structs.replace(state().references["day"], grey=b"no")}),
        structs.replace(state(), usual={"day": Usual(20, 1.0, 1.0, 1.0, (1.0,), b"x")}),
    ],
    ids=["mirror", "another width", "too wide", "no picture", "another shape"],
)
def test_a_state_that_cannot_be_is_refused(wrong: ViewState) -> None:
    with pytest.raises(Invalid):
        read(packed(wrong))


def test_a_state_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(Invalid):
        read(b"\x00" * (MOST_BYTES + 1))


def test_who_accepts_a_proposal_keeps_what_was_learnt_and_who_refuses_starts_anew() -> None:
    agreed = accepted(state(), SHIFTED)
    assert (agreed.course, agreed.references) == (Course(SHIFTED, SHIFTED), state().references)
    refused = kept_at(state(), IDENTITY)
    assert (refused.course, refused.references) == (Course(IDENTITY, IDENTITY), {})


@pytest.mark.parametrize(
    "finding",
    [
        Referenced("night"),
        Sick("covered"),
        Well("covered"),
        Moved(SHIFTED, ESTIMATE),
        Asked(Ask("far", SHIFTED), ESTIMATE),
        Asked(Ask("lost")),
        Settled(),
    ],
)
def test_a_finding_is_told_as_a_score_and_read_again(finding: Finding) -> None:
    score = scored(finding, 10**18, REF, (640, 360))
    assert score.is_sound()
    found = said(msgspec.msgpack.decode(msgspec.msgpack.encode(score), type=Score))
    assert found is not None
    assert (found.at_ns, found.ref) == (10**18, REF)
    if isinstance(finding, Moved):
        assert found == Said("moved", 10**18, "moved", SHIFTED, 0.4, 120, REF)
    if isinstance(finding, Sick | Well):
        assert found.detail == "covered"


@pytest.mark.parametrize(
    "score",
    [
        Score("moved", 1.0, 1, 1, ("moved",)),
        Score("moved", 1.0, 1, 1, ("moved", "transform 1 2 3")),
        Score("moved", 1.0, 1, 1, ("moved", "transform 1 0 0 0 -1 0 0 0 1")),
        Score("moved", 1.0, 1, 1, ("moved", "transform 1 0 0 0 nan 0 0 0 1")),
        Score("sick", 1.0, 1, 1, ("<script>",)),
        Score("asked", 1.0, 1, 1, ("far", "inliers -4")),
    ],
)
def test_a_worker_that_says_what_cannot_be_is_not_believed(score: Score) -> None:
    with pytest.raises(Invalid):
        said(score)


def test_a_score_of_anything_else_is_no_finding() -> None:
    assert said(Score("drift", 0.1, 1, 1)) is None


def test_a_module_without_a_camera_has_nothing_to_save() -> None:
    module = make()
    assert module.save("cam_a/main") == b""
    module.restore("cam_a/main", b"nonsense")
    assert module.save("cam_a/main") == b""
    module.restore("cam_a/main", packed(state()))
    assert read(module.save("cam_a/main")).course == state().course
    module.forget("cam_a/main")
    assert module.save("cam_a/main") == b""
