"""What a camera notices by itself: notifications of a pull point (ONVIF Core section 9.2, WS-BaseNotification)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, PeerError
from haechi.fleet.onvif.http import ANSWER_S
from haechi.fleet.onvif.place import Place
from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.xml import Node, inert

log = structlog.get_logger(__name__)

PULL_S = 10.0
"""A device holds an answer back for so long while it has nothing to say."""
LIFE_S = 60
MOST_AT_ONCE = 100
MOST_ITEMS = 16
_ACTION = "http://www.onvif.org/ver10/events/wsdl"
_WSN = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager"
_MOTION = ("motion", "cellmotiondetector", "motionalarm")

Items = tuple[tuple[str, str], ...]


class DeviceEvent(Struct, frozen=True):
    """One notification.

    Attributes:
        topic: Path without prefixes, such as ``RuleEngine/CellMotionDetector/Motion``.
        operation: ``Initialized`` (a state as it is at the beginning), ``Changed``, ``Deleted``, or empty.
        at_ns: When, by our clock: the device's time less its difference, or now when it told none.
        source, data: Names and values as the device sent them, made inert.
    """

    topic: str
    operation: str
    at_ns: int
    source: Items
    data: Items

    @property
    def is_motion(self) -> bool:
        """Whether it is about something that moves."""
        return any(word in self.topic.lower() for word in _MOTION)

    @property
    def is_on(self) -> bool | None:
        """The state that it reports; None when it is not about a state that is on or off."""
        states = {"true": True, "1": True, "false": False, "0": False}
        found = [states[value.lower()] for _, value in self.data if value.lower() in states]
        return found[0] if found else None


async def events(session: Session, clock: Clock) -> AsyncGenerator[DeviceEvent]:
    """Everything that the device notices, until the caller ends it (``aclose``) or the device fails.

    Raises:
        HaechiError: What `Session.call` raises.
    """
    here, expires_ns = await _subscribe(session, clock)
    try:
        while True:
            if clock.monotonic_ns() > expires_ns - LIFE_S * NS_PER_S // 2:
                expires_ns = await _renew(session, here, clock)
            for event in await _pull(session, here, clock):
                yield event
    finally:
        await _leave(session, here)


async def _subscribe(session: Session, clock: Clock) -> tuple[Place, int]:
    body = (
        "<tev:CreatePullPointSubscription><tev:InitialTerminationTime>"
        f"PT{LIFE_S}S</tev:InitialTerminationTime></tev:CreatePullPointSubscription>"
    )
    action = f"{_ACTION}/EventPortType/CreatePullPointSubscriptionRequest"
    answer = await session.call("events", body, action=action)
    address = answer.text_at("SubscriptionReference", "Address")
    if not address:
        raise PeerError("the camera told no place for its events", offset=0, code="onvif-fault", said="")
    return session.place.told(address), clock.monotonic_ns() + LIFE_S * NS_PER_S


async def _pull(session: Session, here: Place, clock: Clock) -> Sequence[DeviceEvent]:
    body = (
        f"<tev:PullMessages><tev:Timeout>PT{PULL_S:.0f}S</tev:Timeout>"
        f"<tev:MessageLimit>{MOST_AT_ONCE}</tev:MessageLimit></tev:PullMessages>"
    )
    action = f"{_ACTION}/PullPointSubscription/PullMessagesRequest"
    answer = await session.call(here, body, action=action, seconds=PULL_S + ANSWER_S)
    return parse_events(answer, round((session.clock_difference_s or 0.0) * NS_PER_S), clock.wall_ns())


async def _renew(session: Session, here: Place, clock: Clock) -> int:
    body = f"<wsnt:Renew><wsnt:TerminationTime>PT{LIFE_S}S</wsnt:TerminationTime></wsnt:Renew>"
    await session.call(here, body, action=f"{_WSN}/RenewRequest")
    return clock.monotonic_ns() + LIFE_S * NS_PER_S


async def _leave(session: Session, here: Place) -> None:
    """Say good-bye: devices hold few subscriptions. One that does not hear it lets it lapse."""
    try:
        await session.call(here, "<wsnt:Unsubscribe/>", action=f"{_WSN}/UnsubscribeRequest")
    except HaechiError as error:
        log.debug("a camera kept its subscription", code=error.code)


def parse_events(answer: Node, ahead_ns: int, now_ns: int) -> list[DeviceEvent]:
    """The notifications in an answer to PullMessages, at most `MOST_AT_ONCE`.

    Args:
        ahead_ns: The device's clock less ours.
        now_ns: Our time, for notifications without one.
    """
    found = []
    for node in answer.all("NotificationMessage"):
        message = node.find("Message", "Message")
        topic = "/".join(part.rpartition(":")[2] for part in inert(node.text_at("Topic"), 200).split("/"))
        if message is None or not topic:
            continue
        told_ns = _time_ns(message.attributes.get("UtcTime", ""))
        found.append(
            DeviceEvent(
                topic=topic,
                operation=inert(message.attributes.get("PropertyOperation", ""), 20),
                at_ns=told_ns - ahead_ns if told_ns is not None else now_ns,
                source=_items(message.find("Source")),
                data=_items(message.find("Data")),
            )
        )
    return found[:MOST_AT_ONCE]


def _items(node: Node | None) -> Items:
    if node is None:
        return ()
    simple = [one.attributes for one in node.all("SimpleItem")]
    return tuple((inert(one.get("Name", ""), 60), inert(one.get("Value", ""))) for one in simple[:MOST_ITEMS])


def _time_ns(text: str) -> int | None:
    try:
        when = datetime.fromisoformat(text[:40])
        return round(when.timestamp() * NS_PER_S) if when.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
