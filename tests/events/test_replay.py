"""The first stage that differs is named, whichever module it is."""

from __future__ import annotations

import pytest
from msgspec import structs

from haechi.base.ids import StreamId
from haechi.events.replay import compare, modules_of
from haechi.media.access_unit import UnitRef
from haechi.vision.result import Detection, FrameResult, Score, Step

BODY = tuple((n / 30, n / 40, 0.9) for n in range(26))
PERSON = Detection("person", 0.9, 0.1, 0.1, 0.2, 0.5, track=7, points=BODY, embedding=b"\0\0\0?look")
BEHIND = Detection("person", 0.7, 0.6, 0.1, 0.1, 0.3, track=8, points=BODY)
GUEST = Detection("smoke", 0.8, 0.0, 0.0, 1.0, 1.0, track=9, by="smoke")
STEPS = (Step("pose", "a1"), Step("embedding", "b2"), Step("view", "c3"))
REF = UnitRef(StreamId("cam_a/main"), 2, 9)
MOVED = Score("moved", 0.4, 5, 5, module="view")
THEN = FrameResult(REF, 5, (PERSON, BEHIND, GUEST), 640, 360, 0.1, "m", "c", "u", "g", "f", 0, (MOVED,), STEPS)
SEEN = tuple(structs.replace(one, track=None, embedding=b"\0\0\0?look") for one in (PERSON, BEHIND))
NOW = structs.replace(THEN, detections=SEEN, scores=(), steps=STEPS[:2], motion=1.0)


def other(**changes: object) -> tuple[Detection, ...]:
    return (structs.replace(SEEN[0], **changes), SEEN[1])


def test_what_is_not_asked_again_does_not_count() -> None:
    assert compare(THEN, NOW) is None
    plain = structs.replace(THEN, detections=(), scores=(), steps=())
    assert compare(plain, structs.replace(plain, motion=0.5)) is None


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({"unit_sha256": "x", "frame_sha256": "x"}, "bytes"),
        ({"gop_sha256": "x"}, "bytes"),
        ({"frame_sha256": "x", "config_hash": "x"}, "decode"),
        ({"model_hash": "x"}, "detector"),
        ({"config_hash": "x"}, "detector"),
        ({"detections": other(score=0.9000000001)}, "detector"),
        ({"detections": SEEN[:1]}, "detector"),
        ({"detections": other(points=((0.1, 0.1, 0.9), *BODY[1:]))}, "pose"),
        ({"steps": (Step("pose", "a2"), STEPS[1])}, "pose"),
        ({"detections": other(embedding=b"\0\0\0?lock")}, "embedding"),
        ({"steps": (STEPS[0], Step("embedding", "b3"))}, "embedding"),
        ({"scores": (MOVED,)}, "scores"),
    ],
)
def test_the_first_stage_that_differs_is_named(changes: dict[str, object], stage: str) -> None:
    difference = compare(THEN, structs.replace(NOW, **changes))
    assert difference is not None
    assert difference.stage == stage
    assert difference.ref == REF


def test_a_unit_that_decodes_to_nothing_differs_at_decoding() -> None:
    difference = compare(THEN, None)
    assert difference is not None
    assert difference.stage == "decode"


def test_it_is_looked_at_again_with_the_modules_of_then_but_for_those_of_key_frames() -> None:
    assert modules_of(THEN) == ("pose", "embedding", "objects")
    assert modules_of(structs.replace(THEN, steps=(Step("people", ""), STEPS[2]))) == ("people",)
    assert modules_of(structs.replace(THEN, steps=(STEPS[2],), config_hash="", model_hash="")) == ()
    assert modules_of(structs.replace(THEN, steps=())) == ("objects",)
