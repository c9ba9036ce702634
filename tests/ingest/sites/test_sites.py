"""Sites are asked by the real yt-dlp in a process of its own: what is allowed is found and fetched, nothing else."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from haechi.base.errors import HaechiError, Invalid, Unavailable
from haechi.ingest.sites.guard import Guard
from haechi.ingest.sites.messages import Refused, pack, read_reply
from haechi.ingest.sites.site import Sites, SiteWish
from haechi.ingest.sites.worker import found_in, refusal_of
from tests.containers import packets_of, write_film
from tests.pages import Page, Site, serving

HERE = ("127.0.0.1",)
LOOPBACK = ("127.0.0.0/8",)
LIVE = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2,\nseven.ts\n#EXTINF:2,\neight.ts\n"


def asked(site: Sites, url: str) -> HaechiError:
    with pytest.raises(HaechiError) as caught:
        asyncio.run(site.look(url))
    return caught.value


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.org/watch", "site-not-allowed"),
        ("https://notyoutube.com/watch", "site-not-allowed"),
        ("https://youtube.com.evil.example/watch", "site-not-allowed"),
        ("file:///etc/passwd", "bad-url"),
        ("https://me:secret@youtube.com/watch", "bad-url"),
        ("ytsearch:cats", "bad-url"),
        ("https://[half", "bad-url"),
    ],
)
def test_only_sites_of_the_settings_are_asked(url: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        Sites(("youtube.com",)).require(url)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


def test_names_below_an_allowed_site_are_allowed() -> None:
    assert Sites(("youtube.com",)).require(" https://www.youtube.com/watch?v=1 ") == "https://www.youtube.com/watch?v=1"


@pytest.mark.slow
def test_a_film_at_a_page_is_found_and_fetched_bit_by_bit(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", seconds=4)
    target, told = tmp_path / "target.part", list[float]()
    page = b"<html><head><title>Market square</title></head><video src='/film.mp4' type='video/mp4'></video></html>"

    async def work(site: Site) -> None:
        sites = Sites(HERE, LOOPBACK)
        found = await sites.look(site.url("/watch"))
        assert (found.is_live, found.url) == (False, site.url("/film.mp4"))
        assert "Market square" in found.title
        await sites.fetch(SiteWish(site.url("/watch"), target, 1 << 30, sound=False), told.append)

    with serving({"/watch": Page(page), "/film.mp4": Page(film.read_bytes(), "video/mp4")}) as site:
        asyncio.run(work(site))
    assert target.read_bytes() == film.read_bytes()
    assert len(packets_of(target)) == 60


@pytest.mark.slow
def test_a_film_in_pieces_is_fetched_as_one(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.ts", seconds=4).read_bytes()
    half = len(film) // 376 * 188
    target = tmp_path / "target.part"
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXTINF:2,\nb.ts\n#EXT-X-ENDLIST\n"
    pages = {
        "/film.m3u8": Page(playlist, "application/vnd.apple.mpegurl"),
        "/a.ts": Page(film[:half], "video/mp2t"),
        "/b.ts": Page(film[half:], "video/mp2t"),
    }
    with serving(pages) as site:
        wish = SiteWish(site.url("/film.m3u8"), target, 1 << 30, sound=False)
        asyncio.run(Sites(HERE, LOOPBACK).fetch(wish, lambda share: None))
    assert target.read_bytes() == film


@pytest.mark.slow
def test_a_live_picture_is_told_from_a_film(tmp_path: Path) -> None:
    with serving({"/live.m3u8": Page(LIVE, "application/vnd.apple.mpegurl")}) as site:
        found = asyncio.run(Sites(HERE, LOOPBACK).look(site.url("/live.m3u8")))
        assert (found.is_live, found.url) == (True, site.url("/live.m3u8"))
        wish = SiteWish(site.url("/live.m3u8"), tmp_path / "x.part", 1 << 30, sound=False)
        with pytest.raises(Invalid) as caught:
            asyncio.run(Sites(HERE, LOOPBACK).fetch(wish, lambda share: None))
        assert caught.value.code == "site-is-live"


@pytest.mark.slow
def test_a_page_without_a_video_and_one_that_is_not_there_are_told_apart() -> None:
    with serving({"/plain": Page(b"<html>words</html>")}) as site:
        assert asked(Sites(HERE, LOOPBACK), site.url("/plain")).code == "site-no-video"
        gone = asked(Sites(HERE, LOOPBACK), site.url("/gone"))
        assert isinstance(gone, Unavailable)
        assert "404" in gone.message


@pytest.mark.slow
def test_no_address_is_connected_to_that_is_not_public_or_allowed() -> None:
    """The canary: loopback is not allowed here, by name, by number, or by a redirect of a site that is."""
    with serving({"/film.mp4": Page(b"x", "video/mp4")}) as canary:
        for host in ("127.0.0.1", "localhost"):
            url = f"http://{host}:{canary.port}/film.mp4"
            assert asked(Sites((host,)), url).code == "site-address"
        assert canary.asked == []
        moved = {
            "/moved": Page(location=f"http://127.0.0.2:{canary.port}/film.mp4"),
            "/watch": Page(f"<video src='http://169.254.169.254:{canary.port}/film.mp4'>".encode()),
        }
        with serving(moved) as site:
            only_one = Sites(HERE, ("127.0.0.1/32",), ("127.0.0.2/32",))
            assert asked(only_one, site.url("/moved")).code == "site-address"
            wish = SiteWish(site.url("/watch"), Path("/nowhere/x.part"), 1 << 20, sound=False)
            with pytest.raises(HaechiError):
                asyncio.run(only_one.fetch(wish, lambda share: None))
        assert canary.asked == []


@pytest.mark.slow
def test_a_film_larger_than_allowed_is_not_fetched(tmp_path: Path) -> None:
    target = tmp_path / "target.part"
    with serving({"/film.mp4": Page(bytes(3 << 20), "video/mp4")}) as site:
        wish = SiteWish(site.url("/film.mp4"), target, 1 << 20, sound=False)
        with pytest.raises(Invalid) as caught:
            asyncio.run(Sites(HERE, LOOPBACK).fetch(wish, lambda share: None))
    assert caught.value.code == "site-too-large"
    assert not target.exists() or target.stat().st_size <= 1 << 20


@pytest.mark.slow
def test_no_program_is_started_behind_the_guard() -> None:
    """In a process of its own: an audit hook stays for good."""
    script = (
        "import os, subprocess, sys\n"
        "from haechi.ingest.sites.guard import Guard\n"
        "Guard((), ()).hold(1 << 20)\n"
        "held = 0\n"
        "for start in (lambda: subprocess.run(['true']), lambda: os.system('true'), lambda: os.fork(),"
        " lambda: os.posix_spawn('/bin/true', ['true'], {})):\n"
        "    try:\n"
        "        start()\n"
        "    except PermissionError:\n"
        "        held += 1\n"
        "sys.exit(held)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 4


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("10.1.2.3", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("::ffff:10.0.0.1", False),
        ("100.64.0.1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_only_public_addresses_are_reached(host: str, may: bool) -> None:
    assert Guard((), ()).may_reach(host) is may


def test_the_settings_widen_and_narrow_what_is_reached() -> None:
    guard = Guard(("10.1.0.0/16",), ("93.184.216.0/24",))
    assert guard.may_reach("10.1.2.3")
    assert not guard.may_reach("10.2.2.3")
    assert not guard.may_reach("93.184.216.34")


def test_what_a_site_says_is_put_in_words() -> None:
    guard = Guard((), ())
    noisy = RuntimeError("\x1b[0;31mERROR:\x1b[0m [youtube] x: Private video. Sign in; please report this issue on …")
    refused = refusal_of(noisy, guard)
    assert (refused.code, refused.is_passing) == ("site-refused", True)
    assert refused.message == "the site does not give it out: [youtube] x: Private video. Sign in"
    no_format = refusal_of(RuntimeError("ERROR: [x] Requested format is not available. Use --list-formats"), guard)
    assert no_format.code == "site-no-h264"
    assert read_reply(pack(refused)[4:]) == refused


def test_lists_of_videos_and_things_that_have_not_begun_are_none() -> None:
    entries = [{"url": "https://a"}, {"url": "https://b"}]
    for info, code in (
        ({"_type": "playlist", "entries": entries}, "site-no-video"),
        ({"live_status": "is_upcoming"}, "site-not-yet"),
        ({"title": "x"}, "site-no-h264"),
        (None, "site-no-video"),
    ):
        found = found_in(info)
        assert isinstance(found, Refused)
        assert found.code == code
