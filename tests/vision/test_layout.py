"""Pictures side by side: each in its cell, in its shape, and nothing that is no picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.errors import HaechiError, Invalid
from haechi.vision.layout import laid_out
from haechi.vision.messages import Layout
from haechi.vision.runtime import Pixels


def jpeg(grey: int, width: int, height: int) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), grey, np.uint8))[1].tobytes()


def seen(layout: Layout) -> Pixels:
    picture = cv2.imdecode(np.frombuffer(laid_out(layout), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture.astype(np.uint8)


def test_every_picture_lies_in_its_cell_and_an_empty_one_leaves_it_black() -> None:
    greys = [40, 0, 90, 140, 190, 240]
    held = tuple(jpeg(grey, 160, 90) if grey else b"" for grey in greys)
    sheet = seen(Layout(1, held, 3, 160, 90, 90))
    assert sheet.shape == (180, 480, 3)
    for number, grey in enumerate(greys):
        top, left = number // 3 * 90, number % 3 * 160
        assert abs(float(sheet[top + 10 : top + 80, left + 10 : left + 150].mean()) - grey) < 4


def test_a_picture_of_another_shape_is_fitted_in_without_being_stretched() -> None:
    sheet = seen(Layout(1, (jpeg(200, 160, 90), jpeg(200, 90, 160)), 2, 160, 90, 90))
    row = sheet[45, 160:, 0]
    bright = np.flatnonzero(row > 100)
    assert abs(len(bright) - 90 * 90 / 160) < 4
    assert abs(bright.mean() - 80) < 2


def test_one_alone_is_made_smaller_in_its_shape_and_never_larger() -> None:
    assert seen(Layout(1, (jpeg(90, 1280, 720),), 1, 240, 0, 80)).shape == (135, 240, 3)
    assert seen(Layout(1, (jpeg(90, 320, 180),), 1, 900, 0, 80)).shape == (180, 320, 3)


def test_a_sheet_without_any_picture_is_refused() -> None:
    with pytest.raises(Invalid):
        laid_out(Layout(1, (b"", b""), 2, 160, 90, 80))


@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=1, max_size=400), cut=st.integers(1, 600))
def test_nonsense_is_an_error_and_never_anything_else(data: bytes, cut: int) -> None:
    for spoiled in (data, jpeg(90, 64, 48)[:cut] + data):
        try:
            assert laid_out(Layout(1, (spoiled,), 1, 64, 0, 80)).startswith(b"\xff\xd8")
        except HaechiError:
            continue
