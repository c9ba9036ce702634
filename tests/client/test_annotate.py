"""Boxes on the pictures that they belong to."""

from pathlib import Path

import av
import numpy as np
import pytest

from haechi.base.errors import Invalid
from haechi.base.ids import StreamId
from haechi.client.annotate import Annotator, Picture, VideoFile, draw
from haechi.client.sending import Seen
from haechi.media.access_unit import RawUnit, UnitRef
from haechi.media.push.words import Box, Point
from tests.streams import h264_stream

BOX = Box("cat", 0.9, 0.25, 0.25, 0.5, 0.5, 3)


def seen(ticks: int, seq: int, *boxes: Box) -> Seen:
    return Seen(UnitRef(StreamId("psh_a/1"), 1, seq), "detect", ticks, 0, boxes, 320, 240, 0, 0, 0)


def units(frames: int = 6, bframes: int = 0) -> list[RawUnit]:
    params, coded = h264_stream(frames, bframes=bframes)
    return [RawUnit(u.pts, u.is_sync, u.data, params if n == 0 else None) for n, u in enumerate(coded)]


def is_boxed(picture: Picture) -> bool:
    return bool((picture[60:180, 80] == picture[100, 80]).all() and (picture[100, 80] != picture[100, 84]).any())


@pytest.mark.parametrize("bframes", [0, 2])
def test_pictures_come_in_order_each_with_the_boxes_of_its_own_result(bframes: int) -> None:
    given: list[tuple[int, bool]] = []
    annotator = Annotator(lambda picture, ticks: given.append((ticks, is_boxed(picture))))
    sent = units(9, bframes)
    for unit in sent:
        annotator.sent(unit)
    ticks = sorted(unit.rtp_ticks for unit in sent)
    annotator.judged(seen(ticks[0], 0))
    annotator.judged(seen(ticks[4], 4, BOX))
    annotator.finish()
    assert [tick for tick, _ in given] == ticks
    assert [boxed for _, boxed in given][:5] == [False] * 4 + [True]


def test_a_result_of_an_unknown_picture_changes_nothing() -> None:
    given: list[int] = []
    annotator = Annotator(lambda _, ticks: given.append(ticks))
    annotator.judged(seen(999, 1, BOX))
    annotator.finish()
    assert given == []


def test_a_box_at_the_edge_and_a_name_in_another_script_can_be_drawn() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    draw(picture, (Box("고양이", 1.0, 0, 0, 1, 1), Box("x" * 80, 0.1, 0.99, 0.99, 0.01, 0.01)))
    assert picture.any()


@pytest.mark.parametrize("size", [(120, 160), (121, 161)], ids=["even", "odd"])
def test_the_annotated_video_can_be_played_and_has_all_pictures_at_their_times(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "out.mp4"
    file = VideoFile(path, 15.0)
    for number in range(20):
        file.add(np.full((*size, 3), number * 10, np.uint8), number * 6000)
    file.close()
    with av.open(str(path)) as container:
        times = [round(float(frame.time or 0) * 15) for frame in container.decode(video=0)]
    assert times == list(range(20))


@pytest.mark.parametrize("name", ["out.txt", "nowhere/out.mp4"])
def test_where_no_video_can_be_written_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        VideoFile(tmp_path / name, 25)
    assert caught.value.code == "bad-out-file"


def test_joints_that_are_sure_are_drawn_where_they_are() -> None:
    picture = np.zeros((180, 320, 3), np.uint8)
    points = (Point(0.5, 0.5, 0.9), Point(0.75, 0.5, 0.1))
    draw(picture, (Box("person", 0.9, 0.25, 0.25, 0.6, 0.6, None, points),), is_own=False)
    assert picture[90, 160].any()
    assert not picture[90, 240].any()
