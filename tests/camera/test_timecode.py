"""The burned-in time code is read back from any picture of the stream, or not at all."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Invalid
from haechi.camera.virtual.timecode import TimeCode, burn, cells, read_timecode

codes = st.builds(TimeCode, st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1))


def luma_with(code: TimeCode, width: int = 1280, height: int = 720) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    luma = np.full((height, width), 120, np.uint8)
    burn(luma, code)
    return luma


@given(codes)
def test_what_is_burned_is_read(code: TimeCode) -> None:
    assert read_timecode(luma_with(code)) == code


@pytest.mark.parametrize("size", [(1920, 1080), (960, 540), (854, 480), (640, 360), (426, 240), (320, 180)])
@pytest.mark.parametrize("way", [cv2.INTER_AREA, cv2.INTER_LINEAR])
def test_scaling_does_not_harm_it(size: tuple[int, int], way: int) -> None:
    code = TimeCode(0x5A00FF, 0x00F0A5)
    scaled = np.asarray(cv2.resize(luma_with(code), size, interpolation=way), np.uint8)
    assert read_timecode(scaled) == code


@given(codes, st.integers(0, 2**32 - 1))
def test_noise_does_not_harm_it(code: TimeCode, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 14, (720, 1280))
    noisy = np.clip(luma_with(code) + noise, 0, 255).astype(np.uint8)
    assert read_timecode(noisy) == code


def test_the_pixels_of_a_canvas_are_read() -> None:
    code = TimeCode(187, 12_466)
    rgba = np.dstack([luma_with(code)] * 3 + [np.full((720, 1280), 255, np.uint8)])
    assert read_timecode(rgba) == code


@given(st.integers(0, 2**32 - 1))
def test_a_picture_without_a_time_code_gives_none(seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    with pytest.raises(Invalid, match="time code"):
        read_timecode(picture)


@given(codes, st.integers(4, 59))
def test_a_single_wrong_cell_is_noticed(code: TimeCode, cell: int) -> None:
    luma = luma_with(code)
    left = cell * 10
    luma[-10:, left : left + 10] = 16 if cells(code)[cell] else 235
    with pytest.raises(Invalid, match="damaged"):
        read_timecode(luma)


def test_a_picture_that_is_too_small_is_refused() -> None:
    with pytest.raises(Invalid, match="too small"):
        read_timecode(np.zeros((90, 160), np.uint8))
