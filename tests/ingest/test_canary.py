"""A listener where no camera may be is never connected to, whichever way an address leads there (CONTRACT S6)."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

import pytest

from haechi.base.clock import SystemClock
from haechi.base.errors import HaechiError
from haechi.fleet.address import parse_address
from haechi.fleet.onvif.device import describe
from haechi.fleet.onvif.place import Place
from haechi.ingest.manager import IngestManager
from haechi.ingest.openers import Openers
from haechi.ingest.reach import Reach
from haechi.ingest.source import Source
from haechi.ingest.web.opener import WebOpener
from haechi.ingest.wish import Trial
from haechi.media.rtsp.auth import Credentials
from tests.web import Basket, Canary, Site, page, stream

CLOCK = SystemClock()
Play = Callable[[Canary], Awaitable[str]]

SPELLINGS = ["127.0.0.1", "localhost", "0x7f000001", "0177.0.0.1", "2130706433", "127.1", "[::1]", "[::ffff:127.0.0.1]"]


class Rebinding:
    """A resolver for names that turn: each name's answers in order, the last for ever. Numbers are themselves."""

    def __init__(self, **names: Sequence[str]) -> None:
        self._names = {name: list(numbers) for name, numbers in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._names.get(host, [host])
        return [answers.pop(0) if len(answers) > 1 else answers[0]]


def source(url: str, reach: Reach) -> Source:
    """As the server makes it for a camera that somebody added."""
    wish = Trial(parse_address(url))
    openers = Openers(CLOCK, {"http": WebOpener(CLOCK, reach)}, reach=reach)
    return openers.of(wish.address).open(wish, lambda _hop: None)


async def code_of(url: str, reach: Reach) -> str:
    """Run a source to its end; the code of the error that it came to."""
    try:
        await asyncio.wait_for(source(url, reach).run(Basket()), 20)
    except HaechiError as error:
        return error.code
    return ""


async def untouched(play: Play) -> str:
    async with Canary().open() as canary:
        code = await play(canary)
        assert canary.touched == 0
        return code


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
@pytest.mark.parametrize("host", SPELLINGS)
def test_loopback_by_any_spelling_and_scheme(scheme: str, host: str) -> None:
    code = asyncio.run(untouched(lambda canary: code_of(f"{scheme}://{host}:{canary.port}/x", Reach())))
    assert code in ("address-not-allowed", "dns-failed")


def test_udp_is_not_tried_either() -> None:
    async def play(canary: Canary) -> str:
        place = parse_address(f"rtsp://127.0.0.1:{canary.port}/x")
        wish = Trial(place, "udp")
        with pytest.raises(HaechiError) as caught:
            await Openers(CLOCK).of(place).open(wish, lambda _hop: None).run(Basket())
        return caught.value.code

    assert asyncio.run(untouched(play)) == "address-not-allowed"


def test_the_machines_own_address_on_its_network() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        if probe.connect_ex(("192.0.2.1", 9)):  # nothing is sent: the kernel only says which address it would send from
            pytest.skip("this machine has no route out, so the kernel names no address of its own but loopback")
        own = probe.getsockname()[0]

    async def play() -> tuple[str, int]:
        async with Canary().open(own) as canary:
            return await code_of(f"http://{own}:{canary.port}/x", Reach()), canary.touched

    assert asyncio.run(play()) == ("address-not-allowed", 0)


def test_a_private_range_that_is_shut_out() -> None:
    reach = Reach(("127.0.0.0/8",), ("127.0.0.1/32",))
    code = asyncio.run(untouched(lambda canary: code_of(f"http://127.0.0.1:{canary.port}/x", reach)))
    assert code == "address-not-allowed"


def test_an_onvif_device_at_loopback_is_not_asked() -> None:
    async def play(canary: Canary) -> str:
        place = Place("127.0.0.1", canary.port)
        description = await describe(place, Credentials("ann", "x"), Reach().resolve, CLOCK)
        return description.error.code if description.error else ""

    assert asyncio.run(untouched(play)) == "address-not-allowed"


def test_a_test_of_the_connection_obeys_as_well() -> None:
    async def play(canary: Canary) -> str:
        manager = IngestManager(None, None, CLOCK, None, openers=Openers(CLOCK))  # type: ignore[arg-type]
        report = await manager.probe(parse_address(f"rtsp://127.0.0.1:{canary.port}/x"))
        return report.error_code

    assert asyncio.run(untouched(play)) == "address-not-allowed"


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/x", "http://localhost:{port}/x", "file:///etc/passwd"])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary"])
def test_redirects_lead_nowhere(target: str, status: str) -> None:
    async def play(canary: Canary) -> str:
        location = f"Location: {target.format(port=canary.port)}"
        async with Site({"/live": page(b"", "text/html", status, location)}).open() as site:
            return await code_of(f"{site.base}/live", Reach(("127.0.0.0/8",)))

    assert asyncio.run(untouched(play)) == "http-redirect"


def test_a_list_of_files_for_ffmpeg_is_no_stream() -> None:
    async def play(canary: Canary) -> str:
        listed = f"ffconcat version 1.0\nfile 'http://127.0.0.1:{canary.port}/x'\n".encode()
        answers = {"/a": page(listed, "text/plain"), "/b": stream([listed], "multipart/x-mixed-replace; boundary=x")}
        async with Site(answers).open() as site:
            codes = [await code_of(f"{site.base}/{one}", Reach(("127.0.0.0/8",))) for one in "ab"]
            return " ".join(codes)

    assert asyncio.run(untouched(play)) == "http-no-video "


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_name_that_turns_after_it_was_checked_is_not_looked_up_again(scheme: str) -> None:
    """The camera is at 127.0.0.2, which may be; at the second look its name says 127.0.0.1, where the canary is."""

    async def play(canary: Canary) -> str:
        turning = Rebinding(camera=["127.0.0.2", "127.0.0.1"])
        reach = Reach(("127.0.0.2/32",), lookup=turning)
        first = await code_of(f"{scheme}://camera:{canary.port}/x", reach)
        assert turning.asked == ["camera"]
        second = await code_of(f"{scheme}://camera:{canary.port}/x", reach)
        return f"{first} {second}"

    assert asyncio.run(untouched(play)) == "tcp-refused address-not-allowed"
