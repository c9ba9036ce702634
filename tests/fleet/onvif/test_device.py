"""The client against a device on a real socket, with everything that devices do wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import HaechiError, Invalid, PeerError, Unavailable
from haechi.camera.virtual.onvif.model import Identity, Quirks, VirtualProfile
from haechi.camera.virtual.onvif.server import VirtualOnvif
from haechi.camera.virtual.onvif.users import Demand, Users
from haechi.fleet.onvif.device import Description, describe
from haechi.fleet.onvif.http import post
from haechi.fleet.onvif.place import Place
from haechi.fleet.onvif.ptz import Ptz, Vector
from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.soap import envelope
from haechi.media.rtsp.auth import Credentials
from tests.cameras import scripted_server
from tests.reach import resolve

MAIN = VirtualProfile("main", "rtsp://127.0.0.1:8554/yard", width_px=1920, height_px=1080, fps=25, kbps=4096)
SUB = VirtualProfile("sub", "rtsp://127.0.0.1:8554/yard-small", width_px=640, height_px=360)
WHO = Credentials("operator", "canary-camera-password")
CLOCK = SystemClock()


def users(demand: Demand = "either", algorithm: str = "MD5") -> Users:
    return Users(WHO.username, WHO.password, demand, algorithm)


async def asked(device: VirtualOnvif, who: Credentials = WHO) -> Description:
    return await describe(Place.parse(device.url), who, resolve, CLOCK)


def told_by(quirks: Quirks = Quirks(), *, who: Credentials = WHO, by: Users | None = None) -> Description:  # noqa: B008
    async def play() -> Description:
        async with VirtualOnvif([SUB, MAIN], users=by or users(), quirks=quirks) as device:
            return await asked(device, who)

    return asyncio.run(play())


def with_session(play: Callable[[VirtualOnvif, Session], Awaitable[None]], quirks: Quirks = Quirks()) -> None:  # noqa: B008
    async def run() -> None:
        async with VirtualOnvif([MAIN, SUB], users=users(), quirks=quirks) as device:
            session = Session(Place.parse(device.url), WHO, resolve, CLOCK)
            await session.reach()
            await session.open()
            await play(device, session)

    asyncio.run(run())


def test_a_device_tells_what_it_is_and_its_streams_the_largest_first() -> None:
    description = told_by()
    assert [step.hop for step in description.steps] == ["dns", "tcp", "onvif", "auth", "profiles", "stream"]
    assert all(step.ok for step in description.steps)
    device = description.device
    assert device is not None
    assert (device.manufacturer, device.model, device.firmware, device.serial) == (
        "Haechi", "Virtual camera", "1.0", "V0001",
    )  # fmt: skip
    main, sub = device.profiles
    assert (main.token, main.codec, main.width_px, main.height_px, main.fps, main.bitrate_bps) == (
        "main", "h264", 1920, 1080, 25.0, 4_096_000,
    )  # fmt: skip
    assert (main.uri, sub.uri) == ("rtsp://127.0.0.1:8554/yard", "rtsp://127.0.0.1:8554/yard-small")
    assert device.has_ptz
    assert device.has_events
    assert device.clock_difference_s is not None
    assert abs(device.clock_difference_s) < 30


@pytest.mark.parametrize("demand", ["either", "digest", "token"])
@pytest.mark.parametrize("off_s", [0.0, -7 * 3600.0, 86_400.0 * 300])
def test_every_way_to_log_in_works_however_wrong_the_devices_clock_is(demand: Demand, off_s: float) -> None:
    device = told_by(Quirks(clock_off_s=off_s), by=users(demand)).device
    assert device is not None
    assert device.clock_difference_s is not None
    assert abs(device.clock_difference_s - off_s) < 30


def test_digest_with_sha_256_works() -> None:
    assert told_by(by=users("digest", "SHA-256")).device is not None


def test_a_token_by_our_own_clock_would_be_refused_by_such_a_device() -> None:
    async def play() -> None:
        async with VirtualOnvif([MAIN], users=users("token"), quirks=Quirks(clock_off_s=3600)) as device:
            session = Session(Place.parse(device.url), WHO, resolve, CLOCK)
            await session.reach()
            session.clock_difference_s = 0.0
            with pytest.raises(HaechiError) as caught:
                await session.call("device", "<tds:GetDeviceInformation/>")
            assert caught.value.code == "onvif-unauthorized"

    asyncio.run(play())


@pytest.mark.parametrize("demand", ["either", "digest", "token"])
@pytest.mark.parametrize(
    "who", [Credentials("operator", "wrong"), Credentials("nobody", WHO.password), Credentials("", "")]
)
def test_a_wrong_user_is_told_apart_from_a_camera_that_is_not_there(demand: Demand, who: Credentials) -> None:
    description = told_by(who=who, by=users(demand))
    assert description.error is not None
    assert description.error.code == "onvif-unauthorized"
    assert [(step.hop, step.ok) for step in description.steps][-1] == ("auth", False)


def test_a_device_that_asks_for_no_user_works_without_one() -> None:
    assert told_by(who=Credentials("", ""), by=Users("", "")).device is not None


@pytest.mark.parametrize("inner_port", [0, 80, 65_535])
def test_behind_nat_everything_is_asked_at_the_host_and_port_that_were_reached(inner_port: int) -> None:
    device = told_by(Quirks(inner_host="10.255.255.1", inner_port=inner_port)).device
    assert device is not None
    assert [one.uri for one in device.profiles] == ["rtsp://127.0.0.1:8554/yard", "rtsp://127.0.0.1:8554/yard-small"]


@pytest.mark.parametrize("quirks", [Quirks(hostless_uri=True), Quirks(secret_uri=True), Quirks(unknown_is_400=True)])
def test_addresses_that_are_odd_are_mended_and_old_devices_are_asked_the_old_way(quirks: Quirks) -> None:
    device = told_by(quirks).device
    assert device is not None
    assert device.profiles[0].uri == "rtsp://127.0.0.1:8554/yard"


def test_what_a_device_lacks_is_not_offered() -> None:
    device = told_by(Quirks(no_sub=True, no_ptz=True, no_events=True)).device
    assert device is not None
    assert len(device.profiles) == 1
    assert not device.has_ptz
    assert not device.has_events


def test_a_slow_device_is_waited_for() -> None:
    device = told_by(Quirks(slow_s=0.2)).device
    assert device is not None


def test_an_answer_without_end_is_cut_and_named() -> None:
    description = told_by(Quirks(huge=True))
    assert description.error is not None
    assert description.error.code == "onvif-too-large"


def test_an_answer_that_drips_is_given_up() -> None:
    """The time counts for the whole answer, not for each byte of it."""

    async def play() -> None:
        async with VirtualOnvif([MAIN], quirks=Quirks(drip_s=0.05)) as device:
            place = Place.parse(device.url)
            with pytest.raises(Unavailable) as caught:
                await post(place, "127.0.0.1", envelope("<tds:GetSystemDateAndTime/>"), seconds=0.5)
            assert caught.value.code == "onvif-silent"
            description = await describe(place, WHO, resolve, CLOCK, 0.5)
            assert description.error is not None
            assert description.error.code == "onvif-silent"
            assert [(step.hop, step.ok) for step in description.steps][-1] == ("onvif", False)

    asyncio.run(play())


@pytest.mark.parametrize("quirks", [Quirks(garbage=True), Quirks(entities=True)])
def test_what_is_no_onvif_is_said_to_be_none(quirks: Quirks) -> None:
    description = told_by(quirks)
    assert description.error is not None
    assert description.error.code == "onvif-nothing"
    assert [(step.hop, step.ok) for step in description.steps][-1] == ("onvif", False)


def test_a_redirect_is_not_followed() -> None:
    async def play() -> None:
        heard: list[bytes] = []
        async with scripted_server([b""], heard=heard) as port:
            quirks = Quirks(redirect=f"http://127.0.0.1:{port}/")
            async with VirtualOnvif([MAIN], quirks=quirks) as device:
                description = await asked(device)
        assert description.error is not None
        assert description.error.code == "onvif-nothing"
        assert heard == []

    asyncio.run(play())


def test_the_password_goes_to_no_host_that_a_device_names() -> None:
    """A canary listens where the device says that its services are."""

    async def play() -> None:
        heard: list[bytes] = []

        async def canary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read(100))
            writer.close()

        async with VirtualOnvif([MAIN], users=users(), quirks=Quirks(inner_host="127.0.0.9")) as device:
            server = await asyncio.start_server(canary, "127.0.0.9", device.port)
            async with server:
                description = await asked(device)
        assert description.device is not None
        assert heard == []

    asyncio.run(play())


@pytest.mark.parametrize("host", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "[fd00:ec2::254]"])
def test_addresses_where_no_camera_lives_are_not_connected_to(host: str) -> None:
    description = asyncio.run(describe(Place.parse(f"http://{host}/"), WHO, resolve, CLOCK))
    assert isinstance(description.error, Invalid)
    assert description.error.code == "address-forbidden"
    assert [step.hop for step in description.steps] == ["dns"]


def test_nobody_there_is_a_hop_of_its_own() -> None:
    async def play() -> Description:
        async with VirtualOnvif([MAIN]) as device:
            gone = device.url
        return await describe(Place.parse(gone), WHO, resolve, CLOCK)

    description = asyncio.run(play())
    assert [(step.hop, step.ok) for step in description.steps] == [("dns", True), ("tcp", False)]
    assert description.error is not None
    assert description.error.code == "tcp-refused"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "onvif-not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b" " * 600_000, "onvif-too-large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<a", "connection-lost"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000 + b"\r\n", "onvif-not-http"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "onvif-nothing"),
    ],
)
def test_whatever_answers_there_is_bounded_and_named(answer: bytes, code: str) -> None:
    async def play() -> Description:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"</s:Envelope>")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await describe(Place("127.0.0.1", port), WHO, resolve, CLOCK)

    description = asyncio.run(play())
    assert description.error is not None
    assert description.error.code in (code, "connection-lost" if code == "onvif-not-http" else code)


def test_names_from_a_device_are_inert() -> None:
    async def play() -> Description:
        identity = Identity(manufacturer="<script>alert(1)</script>", model="a\nb\u202e" + "x" * 500)
        async with VirtualOnvif([MAIN], identity=identity) as device:
            return await asked(device, Credentials("", ""))

    device = asyncio.run(play()).device
    assert device is not None
    assert device.manufacturer == "<script>alert(1)</script>"
    assert device.model.startswith("a b")
    assert device.model.isprintable()
    assert len(device.model) <= 80


def test_a_camera_moves_and_stops_when_it_is_told() -> None:
    async def play(device: VirtualOnvif, session: Session) -> None:
        ptz = Ptz(session, "main")
        await ptz.move(Vector(0.5, -0.25, 0.0), 5.0)
        assert (await ptz.status()).is_moving
        await ptz.stop()
        status = await ptz.status()
        assert status.is_moving is False
        assert status.position.pan > 0 > status.position.tilt
        assert list(device.model.head.commands) == ["ContinuousMove", "GetStatus", "Stop", "GetStatus"]

    with_session(play)


def test_a_camera_goes_to_places_and_remembers_them() -> None:
    async def play(device: VirtualOnvif, session: Session) -> None:
        ptz = Ptz(session, "main")
        await ptz.go(Vector(0.5, -0.5, 0.25))
        await ptz.step(Vector(0.1, 0.0, 0.0))
        token = await ptz.remember("Gate & <yard>")
        assert [(one.token, one.name) for one in await ptz.presets()] == [(token, "Gate & <yard>")]
        await ptz.go(Vector())
        await ptz.go_to_preset(token)
        assert device.model.head.position == pytest.approx((0.6, -0.5, 0.25))

    with_session(play)


def test_a_preset_that_is_not_there_is_a_fault() -> None:
    async def play(_device: VirtualOnvif, session: Session) -> None:
        with pytest.raises(PeerError) as caught:
            await Ptz(session, "main").go_to_preset("nowhere")
        assert caught.value.code == "onvif-fault"

    with_session(play)


def test_a_camera_that_cannot_move_says_so() -> None:
    async def play(_device: VirtualOnvif, session: Session) -> None:
        with pytest.raises(PeerError) as caught:
            await Ptz(session, "main").stop()
        assert caught.value.code == "onvif-unsupported"

    with_session(play, Quirks(no_ptz=True))


@pytest.mark.parametrize("value", [1.01, -1.01, float("nan"), float("inf")])
def test_speeds_beyond_the_range_are_refused(value: float) -> None:
    with pytest.raises(Invalid):
        Vector(pan=value)


def test_the_clock_of_a_device_can_be_set() -> None:
    async def play(device: VirtualOnvif, session: Session) -> None:
        await session.call(
            "device",
            "<tds:SetSystemDateAndTime><tds:DateTimeType>Manual</tds:DateTimeType><tds:DaylightSavings>false"
            "</tds:DaylightSavings><tds:UTCDateTime><tt:Time><tt:Hour>1</tt:Hour><tt:Minute>2</tt:Minute>"
            "<tt:Second>3</tt:Second></tt:Time><tt:Date><tt:Year>2024</tt:Year><tt:Month>2</tt:Month><tt:Day>29</tt:Day>"
            "</tt:Date></tds:UTCDateTime></tds:SetSystemDateAndTime>",
        )
        assert 0 <= device.model.now_ns() / NS_PER_S - 1_709_168_523 < 60
        session_after = Session(session.place, WHO, resolve, CLOCK)
        await session_after.reach()
        assert session_after.clock_difference_s is not None
        assert session_after.clock_difference_s < -365 * 86_400

    with_session(play)
