"""Text in pictures: every picture once, at its time, with the text that was asked for, made by a locked-in process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest

from haechi.base.errors import Unavailable
from haechi.media.access_unit import VideoParams
from haechi.media.nal import split_lengths
from haechi.vision.burn.burner import BurnedUnit, burn
from haechi.vision.burn.messages import BurnUnit
from haechi.vision.burn.worker import draw
from haechi.vision.decode import GopDecoder
from haechi.vision.runtime import Pixels
from tests.streams import CodedUnit, h264_stream, h265_stream, mjpeg_stream

pytestmark = pytest.mark.slow


def in_gops(units: Sequence[CodedUnit], texts: Sequence[str]) -> list[tuple[BurnUnit, ...]]:
    gops: list[list[BurnUnit]] = []
    for unit, text in zip(units, texts, strict=True):
        if unit.is_sync:
            gops.append([])
        gops[-1].append(BurnUnit(unit.pts, unit.data, text))
    return [tuple(gop) for gop in gops]


def burned(params: VideoParams, gops: list[tuple[BurnUnit, ...]]) -> list[BurnedUnit]:
    async def each() -> AsyncIterator[tuple[BurnUnit, ...]]:
        for gop in gops:
            yield gop

    async def collect() -> list[BurnedUnit]:
        return [unit async for unit in burn(params, each())]

    return asyncio.run(collect())


def pictures(units: Sequence[BurnedUnit]) -> list[Pixels]:
    """Decoded by libav on its own."""
    context = av.CodecContext.create("h264", "r")
    found: list[Pixels] = []
    for unit in units:
        sets = unit.params.sets if unit.params is not None else ()
        data = b"".join(b"\0\0\0\1" + nal for nal in (*sets, *split_lengths(unit.data)))
        found += (np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in context.decode(av.Packet(data)))
    return found + [np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in context.decode(None)]


def bar_of(picture: Pixels) -> Pixels:
    return picture[-30:, :200]


@pytest.mark.parametrize("stream", [h264_stream, h265_stream, mjpeg_stream])
def test_every_picture_comes_back_once_at_its_time_with_its_text(stream: object) -> None:
    params, units = stream(frames=30, gop=10) if stream is not mjpeg_stream else stream(frames=10)  # type: ignore[operator]
    texts = [f"2026-11-21 14:03:{n:02d}.000 +09:00" for n in range(len(units))]
    coded = burned(params, in_gops(units, texts))
    assert [unit.pts for unit in coded] == [unit.pts for unit in units]
    assert coded[0].is_sync
    assert coded[0].params is not None
    assert (coded[0].params.width_px, coded[0].params.height_px) == (params.width_px, params.height_px)
    shown = pictures(coded)
    assert len(shown) == len(units)
    for number, picture in enumerate(shown):
        wanted = np.full_like(picture, 60)
        draw(wanted, texts[number])
        other = np.full_like(picture, 60)
        draw(other, "2031-01-01 00:00:00.000 +00:00")
        white, black = bar_of(wanted) > 200, (bar_of(wanted) < 40) & (bar_of(other) < 40)
        assert bar_of(picture)[white].mean() > 170, f"no text in picture {number}"
        assert bar_of(picture)[black].mean() < 90


def test_pictures_that_are_reordered_come_back_in_the_order_in_which_they_are_shown() -> None:
    params, units = h264_stream(frames=30, gop=15, bframes=2)
    coded = burned(params, in_gops(units, ["12:00"] * 30))
    assert [unit.pts for unit in coded] == sorted(unit.pts for unit in units)


def test_units_without_text_are_decoded_for_the_others_and_left_out() -> None:
    params, units = h264_stream(frames=30, gop=15)
    texts = ["" if n < 22 else "12:00" for n in range(30)]
    coded = burned(params, in_gops(units, texts))
    assert [unit.pts for unit in coded] == [unit.pts for unit in units[22:]]
    assert coded[0].is_sync
    context = GopDecoder(params)
    plain = [d.frame.scaled(320, 240) for n, u in enumerate(units[15:]) for d in context.feed(n, u.pts, u.data)]
    top = slice(0, 150)
    error = np.abs(pictures(coded)[-1][top].astype(int) - plain[-1][top].astype(int)).mean()
    assert error < 6, "above its text a picture is what the camera saw"


def test_the_units_can_be_told_apart_for_a_clip_by_their_sync_units() -> None:
    params, units = h264_stream(frames=150, fps=15, gop=150)
    coded = burned(params, in_gops(units, ["12:00"] * 150))
    syncs = [n for n, unit in enumerate(coded) if unit.is_sync]
    assert syncs[0] == 0
    assert all(later - earlier <= 60 for earlier, later in pairwise(syncs))


def test_what_cannot_be_decoded_is_a_clear_error() -> None:
    params, units = h264_stream(frames=10, gop=10)
    junk = tuple(BurnUnit(unit.pts, (4).to_bytes(4, "big") + b"\x65abc", "12:00") for unit in units)
    with pytest.raises(Unavailable, match="could not be written"):
        burned(params, [junk])


def test_a_long_text_fits_into_a_narrow_picture() -> None:
    picture = np.full((120, 160, 3), 255, np.uint8)
    draw(picture, "2026-11-21 14:03:22.123 +09:00")
    edges = cv2.cvtColor(picture[-8:], cv2.COLOR_BGR2GRAY)
    assert edges[:, -1].min() > 200 or edges[:, -1].max() < 90, "no letter is cut off at the right"
