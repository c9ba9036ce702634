"""Motion JPEG over HTTP as a source: real sockets, cameras of many habits, and what is said when it is none."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from haechi.base.clock import SystemClock
from haechi.base.errors import HaechiError
from haechi.fleet.address import parse_address
from haechi.ingest.probe import ProbeReport, probe_source
from haechi.ingest.web.source import MOST_DAMAGED, PictureUnits, WebSource
from haechi.media.access_unit import TICKS_PER_S, Codec, RawUnit, VideoParams
from haechi.media.motion_jpeg import Picture
from haechi.media.rtsp.auth import Challenge
from tests.pictures import QUIRKS, jpeg, plain
from tests.reach import HERE
from tests.web import Basket, Site, page, stream

CLOCK = SystemClock()
PICTURES = [jpeg(number) for number in range(4)]
TYPE = "multipart/x-mixed-replace; boundary=frame"


async def taken(site: Site, enough: int) -> Basket:
    """What comes of a camera until it ends the stream or there is enough."""
    basket = Basket(enough)
    async with site.open():
        source = WebSource(parse_address(f"{site.base}/video"), CLOCK, reach=HERE)
        run = asyncio.create_task(source.run(basket))
        full = asyncio.create_task(basket.full.wait())
        await asyncio.wait({run, full}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        for task in (run, full):
            task.cancel()
        outcome, _ = await asyncio.gather(run, full, return_exceptions=True)
    if isinstance(outcome, HaechiError):
        raise outcome
    return basket


def test_pictures_come_as_they_were_sent_each_one_a_sync_unit() -> None:
    basket = asyncio.run(taken(Site({"/video": stream([plain(PICTURES)], TYPE)}), 100))
    units = basket.of(0)
    assert [unit.data for unit in units] == PICTURES
    assert all(unit.is_sync and not unit.damaged for unit in units)
    assert [unit.params for unit in units] == [VideoParams(Codec.MJPEG, 64, 48), None, None, None]
    assert [track.codec for track in basket.tracks] == [Codec.MJPEG]
    ticks = [unit.rtp_ticks for unit in units]
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize("framing", QUIRKS)
def test_cameras_of_every_habit_are_taken_in(framing: Callable[[Sequence[bytes]], bytes]) -> None:
    site = Site({"/video": stream([framing(PICTURES)], "multipart/x-mixed-replace;boundary=--frame", forever=True)})
    basket = asyncio.run(taken(site, len(PICTURES)))
    assert [unit.data for unit in basket.of(0)] == PICTURES


def test_a_chunked_answer_is_read_as_well() -> None:
    async def chunked(writer: asyncio.StreamWriter, _request: str) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        data = plain(PICTURES)
        for at in range(0, len(data), 700):
            part = data[at : at + 700]
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
        writer.write(b"0\r\n\r\n")

    assert [unit.data for unit in asyncio.run(taken(Site({"/video": chunked}), 100)).of(0)] == PICTURES


def test_another_size_is_told_with_the_first_picture_that_has_it() -> None:
    pictures = [jpeg(0), jpeg(1, 32, 16), jpeg(2, 32, 16)]
    units = asyncio.run(taken(Site({"/video": stream([plain(pictures)], TYPE)}), 100)).of(0)
    assert [unit.params for unit in units] == [VideoParams(Codec.MJPEG, 64, 48), VideoParams(Codec.MJPEG, 32, 16), None]


def test_a_picture_that_breaks_off_is_damaged_and_tells_no_parameters() -> None:
    data = plain([PICTURES[0][: len(PICTURES[0]) // 2], PICTURES[1]])
    units = asyncio.run(taken(Site({"/video": stream([data], TYPE)}), 100)).of(0)
    assert [(unit.damaged, unit.params is None) for unit in units] == [(True, True), (False, False)]


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"<html>", "text/html; charset=utf-8", "http-page"),
        (PICTURES[0], "image/jpeg", "http-one-picture"),
        (b"{}", "application/json", "http-no-video"),
    ],
)
def test_what_is_no_stream_is_called_what_it_is(body: bytes, kind: str, code: str) -> None:
    with pytest.raises(HaechiError) as caught:
        asyncio.run(taken(Site({"/video": page(body, kind)}), 1))
    assert caught.value.code == code


def test_nothing_but_broken_pictures_ends_the_connection() -> None:
    units = PictureUnits()
    for number in range(MOST_DAMAGED):
        assert units.unit(Picture(b"x", damaged=True), number).damaged
    with pytest.raises(HaechiError) as caught:
        units.unit(Picture(b"x", damaged=True), MOST_DAMAGED)
    assert caught.value.code == "bad-jpeg"


def times(sent_us: Sequence[int], arrived_ns: Sequence[int]) -> list[int]:
    units = PictureUnits()
    made: list[RawUnit] = [
        units.unit(Picture(b"x", 1, 1, sent_us=sent), arrived)
        for sent, arrived in zip(sent_us, arrived_ns, strict=True)
    ]
    return [unit.rtp_ticks - made[0].rtp_ticks for unit in made]


def test_the_cameras_own_times_are_kept_where_it_tells_them_and_the_network_does_not_shake_them() -> None:
    arrived = [0, 40_000_000, 95_000_000, 120_000_000]
    assert times([1_000_000, 1_040_000, 1_080_000, 1_120_000], arrived) == [0, 3600, 7200, 10_800]
    assert times([0, 0, 0, 0], arrived) == [0, 3600, 8550, 10_800]


def test_a_camera_whose_times_stand_still_is_timed_by_arrival() -> None:
    arrived = [0, 40_000_000, 80_000_000, 120_000_000]
    assert times([7, 7, 7, 7], arrived) == [0, 3600, 7200, 10_800]


def test_two_pictures_in_one_read_have_two_times() -> None:
    assert times([0, 0, 0], [5, 5, 5]) == [0, 1, 2]


def tried(site: Site, password: str = "") -> ProbeReport:
    async def run() -> ProbeReport:
        async with site.open():
            place = parse_address(f"{site.base}/video")
            place = place.with_credentials("ann", password) if password else place
            return await probe_source(lambda note: WebSource(place, CLOCK, reach=HERE, note=note), CLOCK)

    return asyncio.run(run())


def test_a_test_of_the_connection_walks_hop_by_hop_to_a_picture() -> None:
    report = tried(Site({"/video": stream([plain(PICTURES)], TYPE, forever=True)}))
    assert report.ok
    assert [hop.hop for hop in report.hops] == ["dns", "tcp", "http", "picture"]
    assert report.params == VideoParams(Codec.MJPEG, 64, 48)
    assert [unit.data for unit in report.gop] == PICTURES[:1]
    assert TICKS_PER_S == 90_000


def test_a_wrong_password_fails_the_hop_of_the_log_in() -> None:
    report = tried(Site({"/video": page(b"")}, Challenge("basic", "camera")), "wrong")
    assert [(hop.hop, hop.ok) for hop in report.hops] == [("dns", True), ("tcp", True), ("auth", False)]
    assert report.error_code == "http-unauthorized"
