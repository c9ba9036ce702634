"""Listening to a device on a real socket, and reading what devices tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S, SimulatedClock, SystemClock
from haechi.base.errors import PeerError
from haechi.camera.virtual.onvif.model import TOPICS, Quirks, VirtualProfile
from haechi.camera.virtual.onvif.server import VirtualOnvif
from haechi.camera.virtual.onvif.users import Users
from haechi.fleet.onvif.events import LEAST_PULL_S, OLDEST_NS, DeviceEvent, events, parse_events
from haechi.fleet.onvif.place import Place
from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.soap import NAMESPACES, xml_time
from haechi.fleet.onvif.topics import KINDS, kind_of, topics_of
from haechi.fleet.onvif.xml import Node, escape, parse_xml
from haechi.media.rtsp.auth import Credentials
from tests.reach import resolve

MAIN = VirtualProfile("main", "rtsp://127.0.0.1:8554/yard")
WHO = Credentials("operator", "canary-camera-password")
CLOCK = SystemClock()
NOW_NS = 1_760_000_000 * NS_PER_S


def users() -> Users:
    return Users(WHO.username, WHO.password)


def with_session(play: Callable[[VirtualOnvif, Session], Awaitable[None]], quirks: Quirks = Quirks()) -> None:  # noqa: B008
    async def run() -> None:
        async with VirtualOnvif([MAIN], users=users(), quirks=quirks) as device:
            session = Session(Place.parse(device.url), WHO, resolve, CLOCK)
            await session.reach()
            await session.open()
            await play(device, session)

    asyncio.run(run())


async def heard(stream: AsyncGenerator[DeviceEvent | None]) -> DeviceEvent:
    """The next event, past the answers that had none."""
    while (event := await anext(stream)) is None:
        pass
    return event


@pytest.mark.parametrize(
    "quirks", [Quirks(), Quirks(inner_host="10.255.255.1"), Quirks(clock_off_s=-5000), Quirks(numbered_pulls=True)]
)
def test_what_a_camera_notices_is_told_with_its_state_first(quirks: Quirks) -> None:
    async def play(device: VirtualOnvif, session: Session) -> None:
        stream = events(session, CLOCK)
        first = await heard(stream)
        assert (first.topic, first.operation, first.is_on) == (
            "RuleEngine/CellMotionDetector/Motion", "Initialized", False,
        )  # fmt: skip
        later = asyncio.ensure_future(heard(stream))
        device.notice(is_on=True)
        device.notice(is_on=False)
        told = [await later, await heard(stream)]
        assert [one.is_on for one in told] == [True, False]
        assert all(one.kind == "motion" and one.operation == "Changed" for one in told)
        assert abs(told[0].at_ns - CLOCK.wall_ns()) < 30 * NS_PER_S
        assert len(device.pulls.open) == 1
        await stream.aclose()
        assert len(device.pulls.open) == 0

    with_session(play, quirks)


def test_who_goes_on_listening_renews_the_subscription_makes_another_when_it_lapsed_and_is_told_when_it_is_gone() -> (
    None
):
    clock = SimulatedClock()

    async def play() -> None:
        async with VirtualOnvif([MAIN], users=users(), clock=clock) as device:
            session = Session(Place.parse(device.url), WHO, resolve, clock)
            await session.reach()
            await session.open()
            stream = events(session, clock)
            await heard(stream)
            for is_on in (True, False, True):
                clock.advance(40 * NS_PER_S)
                device.notice(is_on=is_on)
                assert (await heard(stream)).is_on is is_on
            assert device.asked.count("Renew") == 3
            clock.advance(120 * NS_PER_S)
            assert ((await heard(stream)).operation, device.asked.count("CreatePullPointSubscription")) == (
                "Initialized", 2,
            )  # fmt: skip
            device.pulls.forget()
            clock.advance(NS_PER_S)
            with pytest.raises(PeerError) as caught:
                await heard(stream)
            assert caught.value.code == "onvif-fault"

    asyncio.run(play())


def test_a_device_that_cannot_renew_is_subscribed_to_anew_and_holds_one_subscription() -> None:
    clock = SimulatedClock()

    async def play() -> None:
        async with VirtualOnvif([MAIN], users=users(), clock=clock, quirks=Quirks(no_renew=True)) as device:
            session = Session(Place.parse(device.url), WHO, resolve, clock)
            await session.reach()
            await session.open()
            stream = events(session, clock)
            await heard(stream)
            clock.advance(40 * NS_PER_S)
            device.notice(is_on=True)
            again = await heard(stream)
            assert (again.operation, again.is_on) == ("Initialized", True)
            assert device.asked.count("CreatePullPointSubscription") == 2
            assert len(device.pulls.open) == 1

    asyncio.run(play())


class Pausing(SimulatedClock):
    """A clock on which pauses are over at once, and are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.slept_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.advance(round(seconds * NS_PER_S))


def test_a_device_that_answers_at_once_whatever_there_is_is_asked_four_times_a_second_at_most() -> None:
    clock = Pausing()

    async def play() -> None:
        async with VirtualOnvif([MAIN], users=users(), clock=clock, quirks=Quirks(hasty_pulls=True)) as device:
            session = Session(Place.parse(device.url), WHO, resolve, clock)
            await session.reach()
            await session.open()
            clock.slept_s.clear()
            stream = events(session, clock)
            await heard(stream)
            assert [await anext(stream) for _ in range(8)] == [None] * 8
            assert device.asked.count("PullMessages") == 9
            assert sum(clock.slept_s) == pytest.approx(8 * LEAST_PULL_S)

    asyncio.run(play())


def test_a_device_tells_what_it_can_notice() -> None:
    async def play(_device: VirtualOnvif, session: Session) -> None:
        assert list(await topics_of(session)) == list(TOPICS)

    with_session(play)


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("RuleEngine/CellMotionDetector/Motion", "motion"),
        ("VideoSource/MotionAlarm", "motion"),
        ("VideoSource/GlobalSceneChange/ImagingService", "tamper"),
        ("VideoSource/ImageTooDark/AnalyticsService", "tamper"),
        ("RuleEngine/LineDetector/Crossed", "line"),
        ("RuleEngine/FieldDetector/ObjectsInside", "intrusion"),
        ("Device/Trigger/DigitalInput", "input"),
        ("RuleEngine/MyRuleDetector/PeopleDetect", "person"),
        ("RuleEngine/MyRuleDetector/VehicleDetect", "vehicle"),
        ("RuleEngine/MyRuleDetector/DogCatDetect", "animal"),
        ("AudioAnalytics/Audio/DetectedSound", "sound"),
        ("Device/Trigger/Relay", None),
        ("Monitoring/ProcessorUsage", None),
        ("RecordingConfig/JobState", None),
        ("RuleEngine/Scarf/Knitted", None),
    ],
)
def test_topics_fall_into_few_kinds(topic: str, kind: str | None) -> None:
    assert kind_of(topic) == kind


@given(st.text(max_size=80))
def test_any_topic_has_a_kind_or_none(topic: str) -> None:
    assert kind_of(topic) is None or kind_of(topic) in KINDS


def answer(messages: str, current: str = "") -> Node:
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    told = f"<tev:CurrentTime>{current}</tev:CurrentTime>" if current else ""
    return parse_xml(f"<tev:PullMessagesResponse {declared}>{told}{messages}</tev:PullMessagesResponse>".encode())


def message(topic: str, data: tuple[str, str], at: str = "", operation: str = "Changed", key: str = "") -> str:
    item = f'<tt:SimpleItem Name="{escape(data[0])}" Value="{escape(data[1])}"/>'
    about = f'<tt:Key><tt:SimpleItem Name="ObjectId" Value="{key}"/></tt:Key>' if key else ""
    return (
        f"<wsnt:NotificationMessage><wsnt:Topic>tns1:{topic}</wsnt:Topic><wsnt:Message>"
        f'<tt:Message UtcTime="{at}" PropertyOperation="{operation}">{about}<tt:Data>{item}</tt:Data></tt:Message>'
        "</wsnt:Message></wsnt:NotificationMessage>"
    )


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (("IsMotion", "true"), True),
        (("IsMotion", "1"), True),
        (("State", "0"), False),
        (("LogicalState", "active"), True),
        (("Value", "false"), False),
        (("ObjectId", "1"), None),
        (("Count", "0"), None),
        (("State", "busy"), None),
    ],
)
def test_a_number_is_a_state_only_where_a_state_is_told(data: tuple[str, str], state: bool | None) -> None:
    (event,) = parse_events(answer(message("VideoSource/MotionAlarm", data)), 0, NOW_NS)
    assert event.is_on is state


def test_what_is_deleted_is_off_and_keys_tell_things_apart() -> None:
    topic = "RuleEngine/FieldDetector/ObjectsInside"
    both = message(topic, ("IsInside", "true"), key="7") + message(topic, ("IsInside", "true"), operation="Deleted")
    first, second = parse_events(answer(both), 0, NOW_NS)
    assert (first.is_on, second.is_on) == (True, False)
    assert first.source == (("ObjectId", "7"),)


@pytest.mark.parametrize("off_s", [0, -86_400 * 300, 7200])
def test_when_it_was_is_counted_on_the_devices_own_clock(off_s: int) -> None:
    """Whatever our idea of its clock was: it may have been set since."""
    theirs_ns = NOW_NS + off_s * NS_PER_S
    told = message("VideoSource/MotionAlarm", ("State", "true"), xml_time(theirs_ns - 3 * NS_PER_S))
    (event,) = parse_events(answer(told, xml_time(theirs_ns)), 12345, NOW_NS)
    assert event.at_ns == NOW_NS - 3 * NS_PER_S


@given(st.integers(-(10**19), 10**19))
def test_no_event_lies_in_the_future_or_long_ago(told_ns: int) -> None:
    told = message("VideoSource/MotionAlarm", ("State", "true"), xml_time(told_ns))
    (event,) = parse_events(answer(told, xml_time(NOW_NS)), 0, NOW_NS)
    assert NOW_NS - OLDEST_NS <= event.at_ns <= NOW_NS
