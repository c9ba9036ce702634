"""HLS pull from servers on loopback: live and finished streams, at media time, and where a playlist may not lead."""

import asyncio
import itertools

import pytest

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import HaechiError
from haechi.fleet.address import parse_address
from haechi.ingest.probe import ProbeReport, probe_source
from haechi.ingest.web import hls, source
from haechi.ingest.web.source import WebSource
from haechi.media.access_unit import AudioParams, Codec, VideoParams
from tests.cameras import FastClock
from tests.hls import TYPES, Streamed, streamed
from tests.reach import HERE
from tests.web import Answer, Basket, Canary, Site, page

LIST = TYPES[".m3u8"]


@pytest.fixture(scope="module")
def ts(tmp_path_factory: pytest.TempPathFactory) -> Streamed:
    return streamed(tmp_path_factory.mktemp("ts"), seconds=6)


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Streamed:
    return streamed(tmp_path_factory.mktemp("mp4"), seconds=6, hls_segment_type="fmp4", hls_flags="single_file")


async def taken(
    site: Site, enough: int = 1_000_000, path: str = "/live.m3u8", clock: SystemClock | None = None
) -> Basket:
    """What comes of a stream until its end, or until there is enough."""
    basket = Basket(enough)
    async with site.open():
        pull = WebSource(parse_address(site.base + path), clock or FastClock(10), reach=HERE)
        run = asyncio.create_task(pull.run(basket))
        full = asyncio.create_task(basket.full.wait())
        await asyncio.wait({run, full}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        for task in (run, full):
            task.cancel()
        outcome, _ = await asyncio.gather(run, full, return_exceptions=True)
    if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
        raise outcome
    return basket


def refusal(site: Site, path: str = "/live.m3u8") -> str:
    with pytest.raises(HaechiError) as caught:
        asyncio.run(taken(site, path=path))
    return caught.value.code


@pytest.mark.parametrize("kind", ["ts", "mp4"])
def test_a_finished_stream_is_played_once_from_its_beginning(kind: str, request: pytest.FixtureRequest) -> None:
    stream: Streamed = request.getfixturevalue(kind)
    basket = asyncio.run(taken(Site(stream.answers())))
    assert [unit.data for unit in basket.of(0)] == list(stream.pictures)
    assert [track.codec for track in basket.tracks] == [Codec.H264, Codec.AAC]
    assert isinstance(basket.of(0)[0].params, VideoParams)
    assert isinstance(basket.of(1)[0].params, AudioParams)


def test_units_leave_at_media_time_and_not_in_bursts(ts: Streamed) -> None:
    basket = asyncio.run(taken(Site(ts.answers())))
    arrived = [at_ns for track, _, at_ns in basket.units if track == 0]
    assert arrived[-1] - arrived[0] >= 5.5 * NS_PER_S
    early = [at - arrived[0] < (number - 3) * NS_PER_S // 10 for number, at in enumerate(arrived)]
    assert not any(early)


class LiveList:
    """A playlist of which every look shows the window one segment later."""

    def __init__(self, stream: Streamed, window: int) -> None:
        lines = (stream.folder / "live.m3u8").read_text().splitlines()
        self._rows = [(lines[at], lines[at + 1]) for at in range(len(lines)) if lines[at].startswith("#EXTINF")]
        self._window = window
        self.looks = 0

    async def __call__(self, writer: asyncio.StreamWriter, request: str) -> None:
        first = min(self.looks, len(self._rows) - self._window)
        self.looks += 1
        rows = [line for row in self._rows[first : first + self._window] for line in row]
        head = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        await page("\n".join([*head, *rows, ""]).encode(), LIST)(writer, request)


def test_a_live_stream_is_begun_near_its_end_and_followed_without_a_hole(ts: Streamed) -> None:
    answers: dict[str, Answer] = {**ts.answers(), "/live.m3u8": LiveList(ts, window=4)}
    basket = asyncio.run(taken(Site(answers), enough=50))
    found = [unit.data for unit in basket.of(0)]
    assert found[:50] == list(ts.pictures[10:60])


def test_a_live_stream_with_nothing_new_has_stalled(ts: Streamed) -> None:
    answers: dict[str, Answer] = {**ts.answers(), "/live.m3u8": LiveList(ts, window=6)}
    assert refusal(Site(answers)) == "camera-stalled"


def test_what_was_taken_before_the_connection_broke_is_not_taken_again(ts: Streamed) -> None:
    """A stalled server lists its last segments for ever: they are no new pictures, however often it is asked."""

    async def twice() -> tuple[Basket, Basket, str]:
        listed = LiveList(ts, window=3)
        site, bookmark = Site({**ts.answers(), "/live.m3u8": listed}), hls.Bookmark()
        first, second, codes = Basket(), Basket(), []
        async with site.open():
            for basket in (first, second):
                place = parse_address(site.base + "/live.m3u8")
                pull = WebSource(place, FastClock(10), reach=HERE, bookmark=bookmark)
                with pytest.raises(HaechiError) as caught:
                    await pull.run(basket)
                codes.append(caught.value.code)
        return first, second, codes[1]

    first, second, code = asyncio.run(twice())
    assert [unit.data for unit in first.of(0)] == list(ts.pictures)
    assert (second.of(0), code) == ([], "camera-stalled")


def test_a_stream_that_began_anew_is_connected_to_anew(ts: Streamed) -> None:
    first = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:900\n#EXTINF:1\nlive0.ts\n"
    looks = [0]

    async def turning(writer: asyncio.StreamWriter, request: str) -> None:
        looks[0] += 1
        await page(first if looks[0] == 1 else first.replace(b"900", b"1"), LIST)(writer, request)

    assert refusal(Site({**ts.answers(), "/live.m3u8": turning})) == "hls-behind"


def test_of_a_master_playlist_the_best_variant_is_followed(ts: Streamed) -> None:
    master = (
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=160x120\nsmall.m3u8\n"
        b"#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=320x240\nlive.m3u8\n"
    )
    site = Site({**ts.answers(), "/all": page(master, "text/plain")})
    basket = asyncio.run(taken(site, path="/all"))
    assert [unit.data for unit in basket.of(0)] == list(ts.pictures)
    assert "/small.m3u8" not in site.asked


def test_a_server_that_is_busy_for_a_moment_is_asked_again(ts: Streamed) -> None:
    answers = ts.answers()
    good, tries = answers["/live1.ts"], [0]

    async def busy(writer: asyncio.StreamWriter, request: str) -> None:
        tries[0] += 1
        await (good if tries[0] > 1 else page(b"", status="503 Busy"))(writer, request)

    basket = asyncio.run(taken(Site({**answers, "/live1.ts": busy})))
    assert [unit.data for unit in basket.of(0)] == list(ts.pictures)
    assert tries[0] == 2


@pytest.mark.parametrize("slow", ["/live.m3u8", "/live1.ts"])
def test_a_server_that_trickles_is_given_up(ts: Streamed, slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hls, "LONGEST_FETCH_S", 0.5)
    monkeypatch.setattr(source, "STALL_S", 0.5)

    async def trickle(writer: asyncio.StreamWriter, _request: str) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {LIST}\r\nContent-Length: 90000\r\n\r\n#EXTM3U".encode())
        while True:
            writer.write(b"#")
            await writer.drain()
            await asyncio.sleep(0.05)

    assert refusal(Site({**ts.answers(), slow: trickle})) == "camera-stalled"


def test_at_a_break_the_coding_is_told_again_and_time_goes_on(ts: Streamed) -> None:
    text = listing("#EXTINF:1", "live3.ts", "#EXT-X-DISCONTINUITY", "#EXTINF:1", "live0.ts", "#EXT-X-ENDLIST")
    basket = asyncio.run(taken(Site({**ts.answers(), "/live.m3u8": text})))
    assert [unit.data for unit in basket.of(0)] == [*ts.pictures[30:40], *ts.pictures[:10]]
    ticks = sorted(unit.rtp_ticks for unit in basket.of(0))
    assert max(after - before for before, after in itertools.pairwise(ticks)) < 45_000
    assert sum(unit.params is not None for unit in basket.of(0)) == 2


def listing(*lines: str) -> Answer:
    return page("\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:1", *lines, ""]).encode(), LIST)


def test_what_is_encrypted_is_said(ts: Streamed) -> None:
    answer = listing('#EXT-X-KEY:METHOD=AES-128,URI="k"', "#EXTINF:1", "live0.ts", "#EXT-X-ENDLIST")
    site = Site({**ts.answers(), "/live.m3u8": answer})
    assert refusal(site) == "hls-encrypted"
    assert "/k" not in site.asked


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["#EXTINF:1", "{bad}/a.ts"], "http-elsewhere"),
        (['#EXT-X-MAP:URI="{bad}/init.mp4"', "#EXTINF:1", "live0.ts"], "http-elsewhere"),
        (["#EXT-X-STREAM-INF:BANDWIDTH=1", "{bad}/v.m3u8"], "http-elsewhere"),
        (['#EXT-X-KEY:METHOD=AES-128,URI="{bad}/k"', "#EXTINF:1", "live0.ts"], "hls-encrypted"),
        (["#EXTINF:1", "file:///etc/passwd"], "hls-bad-playlist"),
        (["#EXTINF:1", "redirect"], "http-redirect"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
def test_a_playlist_leads_nobody_to_where_it_should_not(lines: list[str], code: str, host: str, ts: Streamed) -> None:
    async def play() -> tuple[str, int]:
        async with Canary().open() as canary:
            bad = f"http://{host}:{canary.port}"
            answers = {
                **ts.answers(),
                "/live.m3u8": listing(*(line.format(bad=bad) for line in lines)),
                "/redirect": page(b"", "text/html", "302 Found", f"Location: {bad}/x"),
            }
            with pytest.raises(HaechiError) as caught:
                await taken(Site(answers))
            return caught.value.code, canary.touched

    assert asyncio.run(play()) == (code, 0)


def test_a_test_of_the_connection_names_the_hops_of_a_stream(ts: Streamed) -> None:
    async def run() -> ProbeReport:
        async with Site(ts.answers()).open() as site:
            place = parse_address(f"{site.base}/live.m3u8")
            clock = SystemClock()
            return await probe_source(lambda note: WebSource(place, clock, reach=HERE, note=note), clock)

    report = asyncio.run(run())
    assert report.ok
    assert [hop.hop for hop in report.hops] == ["dns", "tcp", "http", "playlist", "segment", "picture"]
    assert report.params is not None
    assert report.params.codec is Codec.H264
    assert report.gop[0].data == ts.pictures[0]
