"""A live picture of a site as a camera: the site says where its playlist is, and that is played like any other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from haechi.app.sources import openers_over
from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid
from haechi.fleet.address import parse_address
from haechi.ingest.probe import ProbeReport, probe_source
from haechi.ingest.reach import LOOPBACK
from haechi.ingest.sites.site import Sites
from haechi.ingest.wish import Trial
from tests.containers import write_film
from tests.pages import Page, serving
from tests.reach import HERE

pytestmark = pytest.mark.slow

LIVE = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n" + "".join(
    f"#EXTINF:2.0,\n{name}.ts\n" for name in ("seven", "eight", "nine")
)


def tried(url: str) -> ProbeReport:
    place = parse_address(f"site:{url}")
    openers = openers_over(SystemClock(), HERE, Sites(("127.0.0.1",), LOOPBACK))
    opener = openers.of(place)
    return asyncio.run(probe_source(lambda note: opener.trial(Trial(place), note), SystemClock()))


def test_a_live_picture_of_a_site_is_tried_hop_by_hop(tmp_path: Path) -> None:
    segment = Page(write_film(tmp_path / "seven.ts").read_bytes(), "video/mp2t")
    page = b"<html><head><title>Harbour</title></head><video src='/live.m3u8' type='application/x-mpegURL'></video>"
    pages = {f"/{name}.ts": segment for name in ("seven", "eight", "nine")}
    pages |= {"/watch": Page(page), "/live.m3u8": Page(LIVE.encode(), "application/vnd.apple.mpegurl")}
    with serving(pages) as site:
        report = tried(site.url("/watch"))
    assert report.ok, report
    hops = [hop.hop for hop in report.hops]
    assert (hops[0], hops[-1]) == ("site", "picture")
    assert {"tcp", "http"} <= set(hops)
    assert report.params is not None
    assert report.params.width_px == 320


def test_a_video_is_no_live_picture(tmp_path: Path) -> None:
    film = Page(write_film(tmp_path / "film.mp4").read_bytes(), "video/mp4")
    with serving({"/film.mp4": film}) as site:
        report = tried(site.url("/film.mp4"))
    assert (report.ok, report.error_code) == (False, "site-not-live")
    assert [(hop.hop, hop.ok) for hop in report.hops] == [("site", False)]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("site:https://www.youtube.com/watch?v=1", "site:https://www.youtube.com/watch?v=1"),
        (" SITE:https://youtu.be/1 ", "site:https://youtu.be/1"),
        ("upload:flm_aaaaaaaaaaaaaaaa", "upload:flm_aaaaaaaaaaaaaaaa"),
    ],
)
def test_addresses_of_sites_and_films_are_read(text: str, url: str) -> None:
    place = parse_address(text)
    assert (place.url, place.secret_url()) == (url, url)


@pytest.mark.parametrize("text", ["site:", "site:file:///etc", "site:https://a:b@youtu.be/1", "upload:", "upload:../x"])
def test_addresses_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_address(text)
    assert caught.value.code == "bad-url"


def test_films_and_sites_have_no_log_in() -> None:
    with pytest.raises(Invalid):
        parse_address("site:https://youtu.be/1").with_credentials("me", "secret")
