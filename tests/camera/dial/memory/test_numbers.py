"""A camera's own numbers."""

from collections.abc import Iterator

from haechi.camera.dial.memory.numbers import Numbering
from haechi.camera.virtual.units import FeedUnit
from haechi.media.access_unit import AudioParams, Codec
from haechi.media.reverse.edge import EdgeId, EdgeRun
from tests.streams import h264_stream

PARAMS = h264_stream(frames=1)[0]
SOUND = AudioParams(Codec.PCMA, 8000, 1, b"", "alaw")


def numbering() -> Numbering:
    runs: Iterator[EdgeRun] = map(EdgeRun, range(1, 100))
    return Numbering(lambda: next(runs))


def picture(number: int, ticks: int | None = None) -> FeedUnit:
    return FeedUnit(0, b"x", number * 3600 if ticks is None else ticks, number / 25, number % 25 == 0)


def test_each_track_counts_from_nought_and_time_begins_with_its_first_unit() -> None:
    counted = numbering()
    found = [counted.next(picture(n, 5000 + n * 3600), PARAMS, n) for n in range(3)]
    found += [counted.next(FeedUnit(1, b"y", 80_000 + n * 160, n / 50, True), SOUND, n) for n in range(3)]
    assert [(one.role, one.edge) for one in found] == [
        *(("main", EdgeId(EdgeRun(1), n)) for n in range(3)),
        *(("audio", EdgeId(EdgeRun(1), n)) for n in range(3)),
    ]
    assert [one.pts for one in found] == [0, 3600, 7200, 0, 1800, 3600]
    assert [one.dts for one in found] == [one.pts for one in found]


def test_when_media_time_begins_anew_so_do_the_numbers_of_all_tracks() -> None:
    counted = numbering()
    counted.next(picture(0), PARAMS, 0)
    counted.next(FeedUnit(1, b"y", 0, 0.0, True), SOUND, 0)
    again = counted.next(picture(1, 90_000 * 3600), PARAMS, 1)
    assert again.edge == EdgeId(EdgeRun(2), 0)
    assert counted.next(FeedUnit(1, b"y", 160, 0.02, True), SOUND, 1).edge == EdgeId(EdgeRun(2), 0)


def test_a_pause_of_the_source_is_no_new_beginning() -> None:
    counted = numbering()
    counted.next(picture(0), PARAMS, 0)
    late = FeedUnit(0, b"x", 90_000 * 60, 60.0, False)
    assert counted.next(late, PARAMS, 1).edge == EdgeId(EdgeRun(1), 1)


def test_pictures_that_are_reordered_get_decode_times_that_increase() -> None:
    counted = numbering()
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    found = [counted.next(FeedUnit(0, b"x", at * 3600, n / 25, n == 0), PARAMS, n) for n, at in enumerate(order)]
    times = [one.dts for one in found]
    assert times == sorted(set(times))
