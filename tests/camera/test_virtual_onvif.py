"""The ONVIF device made of software: strict where real ones are, and not to be brought down by its visitors."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable

import pytest

from haechi.base.clock import NS_PER_S, SimulatedClock, SystemClock
from haechi.camera.virtual.__main__ import device_for, parser
from haechi.camera.virtual.onvif.model import Head, Quirks, VirtualProfile
from haechi.camera.virtual.onvif.pulls import MOST_PULL_POINTS
from haechi.camera.virtual.onvif.server import VirtualOnvif
from haechi.camera.virtual.onvif.users import TOKEN_LIFE_S, Users
from haechi.fleet.onvif.soap import envelope, parse_answer, password_digest, security_header
from haechi.fleet.onvif.xml import Node, parse_xml
from haechi.media.rtsp.auth import Credentials
from tests.cameras import StreamFeed
from tests.streams import h264_stream

NOW_NS = 1_760_000_000 * NS_PER_S
WHO = Credentials("me", "secret")
MAIN = VirtualProfile("main", "rtsp://127.0.0.1:8554/yard")
DEVICE, MEDIA, EVENTS = "/onvif/device_service", "/onvif/media_service", "/onvif/event_service"
Ask = Callable[[str, str], Awaitable[tuple[int, Node]]]


def header_for(who: Credentials, at_ns: int, nonce: bytes = b"0123456789abcdef") -> Node | None:
    return parse_answer(envelope("<tds:X/>", security_header(who, nonce, at_ns))).header


def with_device(play: Callable[[VirtualOnvif, Ask], Awaitable[None]], quirks: Quirks = Quirks()) -> None:  # noqa: B008
    async def run() -> None:
        async with VirtualOnvif([MAIN], quirks=quirks) as device:

            async def ask(path: str, body: str) -> tuple[int, Node]:
                data = envelope(body)
                head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                status, answer = await raw(device, head + data)
                return status, parse_xml(answer).children[-1].children[0]

            await play(device, ask)

    asyncio.run(run())


async def raw(device: VirtualOnvif, data: bytes) -> tuple[int, bytes]:
    """Send anything; status and body of what comes back, 0 when nothing does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", device.port)
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


def test_a_token_is_good_once_and_only_while_it_is_fresh_by_the_devices_clock() -> None:
    users = Users(WHO.username, WHO.password)
    assert users.admits(header_for(WHO, NOW_NS), "", NOW_NS)
    assert not users.admits(header_for(WHO, NOW_NS), "", NOW_NS), "a token was taken twice"
    late_ns = NOW_NS + int((TOKEN_LIFE_S + 1) * NS_PER_S)
    assert not users.admits(header_for(WHO, NOW_NS, b"another"), "", late_ns)
    assert not users.admits(header_for(Credentials("me", "wrong"), NOW_NS, b"third"), "", NOW_NS)
    assert not users.admits(None, "", NOW_NS)


@pytest.mark.parametrize(("field", "value"), [("Nonce", "???"), ("Created", "yesterday"), ("Username", "you")])
def test_a_token_with_nonsense_in_it_is_refused(field: str, value: str) -> None:
    created = "2025-10-09T08:53:20.000Z"
    told = {
        "Username": "me",
        "Password": password_digest(b"n", created, "secret"),
        "Nonce": base64.b64encode(b"n").decode(),
        "Created": created,
    }
    token = "".join(f"<{key}>{text}</{key}>" for key, text in {**told, field: value}.items())
    header = parse_xml(f"<H><Security><UsernameToken>{token}</UsernameToken></Security></H>".encode())
    assert not Users("me", "secret").admits(header, "", NOW_NS)


def test_a_head_moves_with_time_and_stands_still_at_its_ends_and_limits() -> None:
    clock = SimulatedClock()
    head = Head(clock)

    def is_moving() -> bool:
        return head.is_moving

    head.move((0.5, -0.5, 0.0), 1.0)
    clock.advance(NS_PER_S // 2)
    assert head.position == pytest.approx((0.125, -0.125, 0.0))
    clock.advance(10 * NS_PER_S)
    assert head.position == pytest.approx((0.25, -0.25, 0.0))
    assert not is_moving()
    head.move((1.0, 0.0, 1.0), None)
    clock.advance(60 * NS_PER_S)
    assert head.position == pytest.approx((1.0, -0.25, 1.0))
    assert is_moving()
    head.stop()
    assert not is_moving()


def test_what_it_does_not_know_is_a_fault() -> None:
    async def play(_device: VirtualOnvif, ask: Ask) -> None:
        for path, body in (
            (DEVICE, "<tds:Reboot/>"),
            ("/nowhere", "<tds:GetServices/>"),
            (MEDIA, "<trt:GetStreamUri><trt:ProfileToken>other</trt:ProfileToken></trt:GetStreamUri>"),
            (MEDIA, "<trt:GetSnapshotUri><trt:ProfileToken>main</trt:ProfileToken></trt:GetSnapshotUri>"),
            ("/onvif/ptz_service", "<tptz:Stop/>"),
            ("/onvif/pull/none", "<wsnt:Unsubscribe/>"),
        ):
            status, answer = await ask(path, body)
            assert (status, answer.name) == (400, "Fault"), body

    with_device(play)


def test_it_tells_its_scopes_network_and_encoders() -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        device.model.snapshot = b"\xff\xd8\xff\xd9"
        told = [(await ask(DEVICE, f"<tds:{name}/>"))[1] for name in ("GetScopes", "GetNetworkInterfaces")]
        assert any("name/Virtual" in one.text for one in told[0].anywhere("ScopeItem"))
        assert told[1].text_at("NetworkInterfaces", "IPv4", "Config", "Manual", "Address") == "127.0.0.1"
        source = (await ask(MEDIA, "<trt:GetVideoSources/>"))[1]
        assert source.text_at("VideoSources", "Resolution", "Height") == "720"
        all_of_them = (await ask(MEDIA, "<trt:GetVideoEncoderConfigurations/>"))[1]
        assert [one.text_at("Resolution", "Width") for one in all_of_them.children] == ["1280"]
        wanted = "<trt:ConfigurationToken>encoder-main</trt:ConfigurationToken>"
        single = (await ask(MEDIA, f"<trt:GetVideoEncoderConfiguration>{wanted}</trt:GetVideoEncoderConfiguration>"))[1]
        assert single.text_at("Configuration", "Encoding") == "H264"
        question = "<trt:GetSnapshotUri><trt:ProfileToken>main</trt:ProfileToken></trt:GetSnapshotUri>"
        uri = (await ask(MEDIA, question))[1].text_at("MediaUri", "Uri")
        path = uri.removeprefix(device.base)
        assert await raw(device, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) == (200, device.model.snapshot)

    with_device(play)


def test_it_holds_few_subscriptions_and_says_so() -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        statuses = [(await ask(EVENTS, "<tev:CreatePullPointSubscription/>"))[0] for _ in range(MOST_PULL_POINTS + 1)]
        assert statuses == [200] * MOST_PULL_POINTS + [400]
        assert len(device.pulls.open) == MOST_PULL_POINTS

    with_device(play)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\xff" * 500, b"GET / HTTP/1.1\r\n\r\n", b"POST /onvif/device_service HTTP/1.1\r\nHost: x\r\n\r\n<a"],
)
def test_nonsense_gets_no_answer_or_a_refusal_and_the_device_lives_on(data: bytes) -> None:
    async def play(device: VirtualOnvif, ask: Ask) -> None:
        status, _ = await raw(device, data)
        assert status in (0, 400)
        assert (await ask(DEVICE, "<tds:GetSystemDateAndTime/>"))[0] == 200

    with_device(play)


def test_on_the_command_line_each_feed_can_be_a_device() -> None:
    options = parser().parse_args(["--onvif", "8655", "--user", "me", "--password", "secret"])
    feed = StreamFeed(h264_stream(frames=2, gop=2), 5)
    device = device_for("rtsp://127.0.0.1:8654/yard", feed, options, options.onvif)
    assert device.url == "http://127.0.0.1:8655/onvif/device_service"
    (profile,) = device.model.profiles
    params = feed.tracks()[0]
    assert (profile.uri, profile.codec) == ("rtsp://127.0.0.1:8654/yard", "H264")
    assert (profile.width_px, profile.height_px) == (getattr(params, "width_px", 0), getattr(params, "height_px", 0))
    assert device.model.identity.name == "yard"
    assert abs(device.model.now_ns() - SystemClock().wall_ns()) < 60 * NS_PER_S
