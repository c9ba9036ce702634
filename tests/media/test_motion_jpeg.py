"""Motion JPEG over HTTP: whatever the camera makes of the framing, its pictures come out as they went in."""

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media.jpeg_scan import MOST_SEGMENTS, JpegScan
from haechi.media.motion_jpeg import MOST_BETWEEN_BYTES, MotionJpeg, Picture, boundary_of
from haechi.media.nal import MAX_UNIT_BYTES
from tests.pictures import QUIRKS, jpeg, plain, with_thumbnail

PICTURES = [jpeg(number) for number in range(5)]
Framing = Callable[[Sequence[bytes]], bytes]


def read(data: bytes, boundary: str = "frame", *, cuts: Sequence[int] = ()) -> list[Picture]:
    """What comes of ``data`` when it arrives in pieces."""
    stream = MotionJpeg(boundary)
    edges = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    return [picture for a, b in itertools.pairwise(edges) for picture in stream.feed(data[a:b])]


@pytest.mark.parametrize("framing", QUIRKS)
@pytest.mark.parametrize("boundary", ["frame", "--frame", "", "another"])
def test_every_framing_gives_the_same_pictures(framing: Framing, boundary: str) -> None:
    found = read(framing(PICTURES), boundary)
    assert [picture.data for picture in found] == PICTURES
    assert {(picture.width_px, picture.height_px, picture.damaged) for picture in found} == {(64, 48, False)}


@given(framing=st.sampled_from(QUIRKS), cuts=st.lists(st.integers(0, 30_000), max_size=40))
def test_it_does_not_matter_how_the_stream_is_cut(framing: Framing, cuts: list[int]) -> None:
    assert [picture.data for picture in read(framing(PICTURES), cuts=cuts)] == PICTURES


def test_a_picture_is_given_out_with_its_last_byte_and_not_with_the_next_boundary() -> None:
    stream, data = MotionJpeg("frame"), plain(PICTURES[:1])
    end = data.index(PICTURES[0]) + len(PICTURES[0])
    assert not list(stream.feed(data[: end - 1]))
    assert [picture.data for picture in stream.feed(data[end - 1 : end])] == PICTURES[:1]


def test_a_thumbnail_inside_a_picture_is_no_picture_of_its_own() -> None:
    outer = with_thumbnail(jpeg(1), jpeg(2, 32, 16))
    found = read(plain([outer]))
    assert [picture.data for picture in found] == [outer]
    assert (found[0].width_px, found[0].height_px) == (64, 48)


def test_progressive_pictures_with_their_many_scans_are_whole() -> None:
    pictures = [jpeg(number, progressive=True) for number in range(3)]
    assert [picture.data for picture in read(plain(pictures))] == pictures


@given(cut=st.integers(4, len(PICTURES[1]) - 3), boundary=st.sampled_from(["frame", ""]))
def test_a_picture_that_breaks_off_is_damaged_and_the_one_after_it_is_whole(cut: int, boundary: str) -> None:
    broken = [PICTURES[0], PICTURES[1][:cut], PICTURES[2]]
    found = read(plain(broken), boundary)
    assert [picture.data for picture in found if not picture.damaged] == [PICTURES[0], PICTURES[2]]
    assert sum(picture.damaged for picture in found) == 1


def test_the_cameras_own_time_is_read_where_it_tells_it() -> None:
    head = b"--frame\r\nX-Timestamp: 1700000000.250000\r\nContent-Type: image/jpeg\r\n\r\n"
    assert [picture.sent_us for picture in read(head + PICTURES[0])] == [1_700_000_000_250_000]


@pytest.mark.parametrize(
    ("text", "boundary"),
    [
        ("multipart/x-mixed-replace; boundary=frame", "frame"),
        ('multipart/x-mixed-replace;boundary="my frame"', "my frame"),
        ("multipart/x-mixed-replace; Boundary=--frame; charset=x", "--frame"),
        ("multipart/x-mixed-replace", ""),
    ],
)
def test_the_boundary_is_found_in_the_content_type(text: str, boundary: str) -> None:
    assert boundary_of(text) == boundary


def test_a_stream_without_pictures_is_given_up() -> None:
    with pytest.raises(PeerError) as caught:
        read(b"<html>" * MOST_BETWEEN_BYTES)
    assert caught.value.code == "mjpeg-no-picture"


@pytest.mark.parametrize("endless", [PICTURES[0][:-2] + bytes(MAX_UNIT_BYTES), b"\xff\xd8" + bytes(MAX_UNIT_BYTES)])
def test_a_picture_without_end_is_given_up(endless: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        read(endless)
    assert caught.value.code == "unit-too-large"


def test_headers_without_end_are_given_up() -> None:
    scan = JpegScan()
    with pytest.raises(PeerError) as caught:
        scan.end(b"\xff\xd8" + b"\xff\xe1\x00\x02" * (MOST_SEGMENTS + 1))
    assert caught.value.code == "bad-jpeg"


@given(noise=st.binary(max_size=400), cuts=st.lists(st.integers(0, 30_000), max_size=8))
def test_noise_between_pictures_costs_nothing_but_what_it_hit(noise: bytes, cuts: list[int]) -> None:
    data = plain(PICTURES[:2]) + noise + plain(PICTURES[2:])
    whole = [picture.data for picture in read(data, cuts=cuts) if not picture.damaged]
    assert whole[:2] == PICTURES[:2]
    assert whole[-2:] == PICTURES[-2:]


@given(st.binary(max_size=2000))
def test_nonsense_gives_nothing_but_the_errors_of_the_house(data: bytes) -> None:
    try:
        read(b"\xff\xd8" + data)
    except PeerError:
        return
