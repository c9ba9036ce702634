"""The contract of a detector, on every adapter and runtime that reads it."""

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from haechi.base.errors import NotFound, Unavailable
from haechi.vision.detectors import Detector, DetectorSetup, open_detector
from haechi.vision.detectors.boxes import overlap, suppress
from haechi.vision.result import Detection
from haechi.vision.runtime import Pixels, RuntimeName
from haechi.vision.settings import VisionSettings, detector_setup
from tests.vision.scenes import models, photograph, shop, shop_with

CASES: list[tuple[str, RuntimeName, int]] = [
    ("picodet-s", "openvino", 1),
    ("picodet-s", "openvino", 4),
    ("yolox-tiny", "openvino", 1),
    ("yolox-tiny", "onnxruntime", 1),
]


def setup_of(name: str, runtime: RuntimeName) -> DetectorSetup:
    return detector_setup(models(name), VisionSettings(detector=name, runtime=runtime))


@cache
def opened(name: str, runtime: RuntimeName, batch: int) -> Detector:
    setup = setup_of(name, runtime)
    return open_detector(
        DetectorSetup(**{field: getattr(setup, field) for field in setup.__struct_fields__} | {"batch": batch})
    )


@pytest.fixture(params=CASES, ids=lambda case: "-".join(str(part) for part in case))
def detector(request: pytest.FixtureRequest) -> Detector:
    return opened(*request.param)


def look(detector: Detector, *pictures: Pixels) -> list[tuple[Detection, ...]]:
    """Scale as the worker does, and detect."""
    scaled = []
    for picture in pictures:
        size = detector.input_size(picture.shape[1], picture.shape[0])
        scaled.append(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))
    return detector.detect(scaled)


@pytest.mark.parametrize("name", ["astronaut", "camera"])
def test_a_person_is_found(detector: Detector, name: str) -> None:
    best = look(detector, photograph(name))[0][0]
    assert best.label == "person"
    assert best.score > 0.9


def test_a_person_in_a_drawn_shop_is_found_where_she_stands(detector: Detector) -> None:
    best = look(detector, shop_with("astronaut", 300, 90, 270))[0][0]
    assert best.label == "person"
    assert 0.4 < best.x < 0.6
    assert 0.7 < best.x + best.w < 0.95
    assert best.y + best.h == pytest.approx(1.0, abs=0.05)


def test_an_empty_shop_holds_nobody(detector: Detector) -> None:
    assert not [found for found in look(detector, shop())[0] if found.label == "person" and found.score > 0.45]


def test_boxes_lie_in_the_picture_and_come_best_first(detector: Detector) -> None:
    for found in look(detector, photograph("astronaut"), photograph("camera"), shop_with("camera", -80, 0, 400)):
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        for one in found:
            assert 0 <= one.x < one.x + one.w <= 1 + 1e-6
            assert 0 <= one.y < one.y + one.h <= 1 + 1e-6
            assert one.label in detector.spec.labels


def test_what_is_found_does_not_depend_on_the_company_and_repeats_bit_for_bit(detector: Detector) -> None:
    pictures = [photograph("astronaut"), photograph("camera"), shop_with("astronaut", 250, 90, 270), shop(), shop()]
    alone = [look(detector, picture)[0] for picture in pictures]
    assert look(detector, *pictures) == alone
    assert look(detector, *reversed(pictures)) == alone[::-1]


def test_no_picture_gives_no_answer(detector: Detector) -> None:
    assert detector.detect([]) == []


def test_runtimes_agree_on_the_same_network() -> None:
    first, second = (
        look(opened("yolox-tiny", name, 1), photograph("astronaut"))[0] for name in ("openvino", "onnxruntime")
    )
    assert [one.label for one in first] == [one.label for one in second]
    for one, other in zip(first, second, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-3)
        assert one.x == pytest.approx(other.x, abs=1e-3)


def test_the_cat_is_a_cat() -> None:
    best = look(opened("picodet-s", "openvino", 1), photograph("chelsea"))[0][0]
    assert (best.label, best.score > 0.95) == ("cat", True)


def test_whatever_decides_the_result_changes_the_configuration_hash() -> None:
    specs = [opened(*case).spec for case in CASES]
    assert len({spec.config_hash for spec in specs}) == len(CASES)
    assert len({spec.model_hash for spec in specs}) == 2


def test_a_runtime_that_cannot_read_a_model_says_so() -> None:
    with pytest.raises(Unavailable) as error:
        open_detector(structs.replace(setup_of("picodet-s", "openvino"), runtime="onnxruntime"))
    assert error.value.code == "model-unreadable"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(NotFound) as error:
        open_detector(DetectorSetup("x", "x", "1", "", "", {}))
    assert error.value.code == "detector-unknown"


boxes = st.lists(
    st.tuples(*(st.floats(0, 1, width=32) for _ in range(4)), st.floats(0, 1, width=32)), min_size=1, max_size=40
)


@given(boxes)
def test_suppression_keeps_the_best_and_nothing_that_overlaps_a_better_one(rows: list[tuple[float, ...]]) -> None:
    raw = np.array(rows, np.float32)
    corners = np.concatenate([np.minimum(raw[:, :2], raw[:, 2:4]), np.maximum(raw[:, :2], raw[:, 2:4])], axis=1)
    scores = raw[:, 4]
    kept = suppress(corners, scores, 0.5)
    assert scores[kept[0]] == scores.max()
    for place, row in enumerate(kept):
        assert (overlap(corners[row], corners[kept[:place]]) <= 0.5).all()
    for row in set(range(len(rows))) - set(kept.tolist()):
        assert any(scores[k] >= scores[row] and overlap(corners[k], corners[row : row + 1])[0] > 0.5 for k in kept)
