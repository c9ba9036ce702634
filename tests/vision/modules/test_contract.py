"""What a module may say, and what is made of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Invalid, NotFound
from haechi.media.push.wire import CLIENT_LIMITS, Deframer
from haechi.media.push.words import MOST_BOXES, Box, Result, read, say
from haechi.vision.modules.contract import factory_of, read_findings

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
