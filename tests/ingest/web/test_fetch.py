"""Asking an HTTP server: log-in, what each refusal is called, what is told to whom, and bounds."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from haechi.base.errors import HaechiError
from haechi.ingest.reach import LOOPBACK, Reach
from haechi.ingest.session import no_note
from haechi.ingest.web.fetch import Web
from haechi.media.rtsp.auth import Challenge, Credentials
from haechi.media.url import HTTP_PORTS, Url, target_of
from tests.ingest.test_rtsps import certificate
from tests.reach import HERE
from tests.web import Canary, Site, page

WHO = Credentials("ann", "canary-web-password")
DIGEST = Challenge("digest", "camera", "abcdef", "SHA-256", "", "auth")
BASIC = Challenge("basic", "camera")
MOST_BYTES = 100_000


async def ask(
    url: str, who: Credentials = WHO, reach: Reach = HERE, note: Callable[[str], None] = no_note, home: str = ""
) -> bytes:
    web = Web(Url.parse(home or url, HTTP_PORTS), who, reach, note)
    async with web.get(Url.parse(url, HTTP_PORTS)) as body:
        return await body.read(MOST_BYTES)


def asked(site: Site, path: str = "/live", who: Credentials = WHO) -> bytes:
    async def run() -> bytes:
        async with site.open():
            return await ask(site.base + path, who)

    return asyncio.run(run())


def refusal(site: Site, path: str = "/live", who: Credentials = WHO) -> HaechiError:
    with pytest.raises(HaechiError) as caught:
        asked(site, path, who)
    return caught.value


@pytest.mark.parametrize("challenge", [DIGEST, Challenge("digest", "camera", "abcdef", "MD5", "", "auth"), BASIC])
def test_the_log_in_that_the_camera_asks_for_is_answered(challenge: Challenge) -> None:
    site = Site({"/live": page(b"here")}, challenge)
    assert asked(site, "/live?channel=1&x=%20") == b"here"
    assert site.asked == ["/live?channel=1&x=%20"] * 2
    assert "uthorization" not in site.requests[0]


@pytest.mark.parametrize("challenge", [DIGEST, BASIC])
def test_a_wrong_password_is_tried_once(challenge: Challenge) -> None:
    site = Site({"/live": page(b"here")}, challenge)
    error = refusal(site, who=Credentials("ann", "wrong"))
    assert (error.code, type(error).__name__) == ("http-unauthorized", "Denied")
    assert len(site.asked) == 2


def test_without_a_password_there_is_nothing_to_try() -> None:
    site = Site({"/live": page(b"here")}, DIGEST)
    assert refusal(site, who=Credentials("", "")).code == "http-unauthorized"
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("403 Forbidden", "http-unauthorized"),
        ("404 Not Found", "http-not-found"),
        ("503 Service Unavailable", "http-busy"),
        ("500 Oops", "http-refused"),
    ],
)
def test_each_refusal_has_a_name(status: str, code: str) -> None:
    assert refusal(Site({"/live": page(b"", status=status)})).code == code


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_told_and_not_followed(status: str) -> None:
    async def run() -> tuple[HaechiError, int, int]:
        async with Canary().open() as canary:
            place = f"http://ann:canary-web-password@127.0.0.1:{canary.port}/there"
            site = Site({"/live": page(b"", "text/html", status, f"Location: {place}")})
            async with site.open():
                with pytest.raises(HaechiError) as caught:
                    await ask(f"{site.base}/live")
            return caught.value, canary.touched, canary.port

    error, touched, port = asyncio.run(run())
    assert error.code == "http-redirect"
    assert f"to http://127.0.0.1:{port}/there" in error.message
    assert "canary-web-password" not in error.message
    assert touched == 0


def test_a_redirect_within_the_camera_is_told_as_an_address_that_can_be_used() -> None:
    async def run() -> tuple[str, str]:
        site = Site({"/live": page(b"", "text/html", "302 Found", "Location: /other?a=1")})
        async with site.open():
            with pytest.raises(HaechiError) as caught:
                await ask(f"{site.base}/live")
            return caught.value.message, site.base

    message, base = asyncio.run(run())
    assert f"to {base}/other?a=1" in message


def test_what_answers_without_http_is_said() -> None:
    async def nonsense(writer: asyncio.StreamWriter, _request: str) -> None:
        writer.write(b"RTSP/1.0 400 Bad Request\r\n\r\n")

    assert refusal(Site({"/live": nonsense})).code == "http-not-http"


def test_a_header_without_end_is_given_up() -> None:
    async def endless(writer: asyncio.StreamWriter, _request: str) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000)

    assert refusal(Site({"/live": endless})).code == "http-not-http"


def test_an_answer_that_is_too_large_is_given_up() -> None:
    assert refusal(Site({"/live": page(bytes(MOST_BYTES + 1))})).code == "http-too-large"


def test_an_answer_that_breaks_off_is_an_error_and_not_a_shorter_answer() -> None:
    async def torn(writer: asyncio.StreamWriter, _request: str) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

    assert refusal(Site({"/live": torn})).code == "connection-lost"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_https_is_asked_and_its_hops_are_told(loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path) -> None:
    context: ssl.SSLContext = certificate(tmp_path)
    hops: list[str] = []

    async def run() -> bytes:
        async with Site({"/live": page(b"here")}, BASIC, context=context).open() as site:
            return await ask(f"{site.base}/live", note=hops.append)

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(run()) == b"here"
    assert hops == ["dns", "tcp", "tls", "http"]


def test_no_tls_where_it_is_asked_for_is_said() -> None:
    async def run() -> str:
        async with Site({"/live": page(b"here")}).open() as site:
            with pytest.raises(HaechiError) as caught:
                await ask(f"https://127.0.0.1:{site.port}/live")
            return caught.value.code

    assert asyncio.run(run()) == "tls-failed"


def public_by_name(**numbers: str) -> Reach:
    """A resolver that says what a test wants; 127/8 may be reached."""

    async def lookup(host: str, port: int) -> list[str]:
        return [numbers.get(host, host)]

    return Reach(LOOPBACK, lookup=lookup)


def test_another_server_is_not_asked_for_a_private_camera_and_never_told_who_we_are() -> None:
    async def run() -> tuple[str, int]:
        async with Canary().open() as canary, Site({"/live": page(b"x")}).open() as site:
            with pytest.raises(HaechiError) as caught:
                await ask(f"http://127.0.0.1:{canary.port}/x", home=f"{site.base}/live")
            with pytest.raises(HaechiError):
                await ask(f"http://other:{canary.port}/x", reach=public_by_name(other="127.0.0.1"), home=site.base)
            return caught.value.code, canary.touched

    assert asyncio.run(run()) == ("http-elsewhere", 0)


def test_a_public_server_cannot_send_us_into_a_private_network() -> None:
    async def run() -> tuple[str, int]:
        async with Canary().open() as canary:
            reach = public_by_name(site="8.8.8.8", inside="127.0.0.1")
            with pytest.raises(HaechiError) as caught:
                await ask(f"http://inside:{canary.port}/x", reach=reach, home="http://site/live")
            return caught.value.code, canary.touched

    assert asyncio.run(run()) == ("http-elsewhere", 0)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h", "/"),
        ("http://h?a=1", "/?a=1"),
        ("http://h/x?a=/b#there", "/x?a=/b"),
        ("http://h:8080/a/b", "/a/b"),
    ],
)
def test_the_request_line_has_path_and_query_and_nothing_else(url: str, target: str) -> None:
    assert target_of(Url.parse(url, HTTP_PORTS)) == target
