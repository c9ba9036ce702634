"""What a camera notices by itself: notifications of a pull point (ONVIF Core section 9.2, WS-BaseNotification)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

import structlog
from msgspec import Struct
from msgspec.structs import replace

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, PeerError
from haechi.fleet.onvif.http import ANSWER_S
from haechi.fleet.onvif.place import Place
from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.topics import Kind, kind_of
from haechi.fleet.onvif.xml import Node, inert, written

log = structlog.get_logger(__name__)

PULL_S = 10.0
"""A device holds an answer back for so long while it has nothing to say."""
LEAST_PULL_S = 0.25
"""One that answers at once, whatever it has to say, is not asked more often."""
LIFE_S = 60
FAREWELL_S = 1.5
OLDEST_NS = 300 * NS_PER_S
"""What a device tells of longer ago, or of the future, happened now: its clock was set in between."""
MOST_AT_ONCE = 100
MOST_ITEMS = 16
MOST_PARAMETERS = 4
_ACTION = "http://www.onvif.org/ver10/events/wsdl"
_WSN = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager"
Items = tuple[tuple[str, str], ...]


class DeviceEvent(Struct, frozen=True):
    """One notification.

    Attributes:
        topic: Path without prefixes, such as ``RuleEngine/CellMotionDetector/Motion``.
        operation: ``Initialized`` (a state as it is at the beginning), ``Changed``, ``Deleted``, or empty.
        at_ns: When, by our clock: now, less the time that passed on the device's clock since; now when it told none.
        source, data: Names and values as the device sent them, made inert. What names the thing that it is about
            (tt:Key) counts as source.
    """

    topic: str
    operation: str
    at_ns: int
    source: Items
    data: Items

    @property
    def kind(self) -> Kind | None:
        """See `kind_of`."""
        return kind_of(self.topic)

    @property
    def is_on(self) -> bool | None:
        """The state that it reports; None when it is not about a state that is on or off."""
        if self.operation == "Deleted":
            return False
        return next((state for one in self.data if (state := _state(*one)) is not None), None)


def _state(name: str, value: str) -> bool | None:
    """``1`` is a state in ``State``, ``LogicalState``, ``IsMotion``, and an object's number in ``ObjectId``."""
    plain, is_state = value.lower(), name.lower().startswith("is") or "state" in name.lower()
    if plain in ("true", "false"):
        return plain == "true"
    return (
        plain in ("1", "on", "active") if is_state and plain in ("0", "1", "on", "off", "active", "inactive") else None
    )


async def events(session: Session, clock: Clock) -> AsyncGenerator[DeviceEvent | None]:
    """Everything that the device notices, until the caller ends it (``aclose``) or the device fails; None whenever it
    answered that there is nothing.

    Raises:
        HaechiError: What `Session.call` raises.
    """
    here = await _subscribe(session, clock)
    try:
        while True:
            asked_ns = clock.monotonic_ns()
            if asked_ns > here.expires_ns - LIFE_S * NS_PER_S // 2:
                here = await _renew(session, here, clock)
            found = await _pull(session, here, clock)
            for event in found or (None,):
                yield event
            spent_s = (clock.monotonic_ns() - asked_ns) / NS_PER_S
            if spent_s < LEAST_PULL_S:
                await clock.sleep(LEAST_PULL_S - spent_s)
    finally:
        await _leave(session, here)


class _Subscription(Struct, frozen=True):
    """A pull point. ``header`` is what the device wants to see in questions to it (WS-Addressing 1.0, section 3.3)."""

    place: Place
    header: str
    expires_ns: int


async def _subscribe(session: Session, clock: Clock) -> _Subscription:
    body = (
        "<tev:CreatePullPointSubscription><tev:InitialTerminationTime>"
        f"PT{LIFE_S}S</tev:InitialTerminationTime></tev:CreatePullPointSubscription>"
    )
    action = f"{_ACTION}/EventPortType/CreatePullPointSubscriptionRequest"
    answer = await session.call("events", body, action=action)
    address = answer.text_at("SubscriptionReference", "Address")
    if not address:
        raise PeerError("the camera told no place for its events", offset=0, code="onvif-fault", said="")
    given = answer.find("SubscriptionReference", "ReferenceParameters")
    header = "".join(written(one) for one in given.children[:MOST_PARAMETERS]) if given is not None else ""
    return _Subscription(session.place.told(address), header, clock.monotonic_ns() + LIFE_S * NS_PER_S)


async def _pull(session: Session, here: _Subscription, clock: Clock) -> Sequence[DeviceEvent]:
    body = (
        f"<tev:PullMessages><tev:Timeout>PT{PULL_S:.0f}S</tev:Timeout>"
        f"<tev:MessageLimit>{MOST_AT_ONCE}</tev:MessageLimit></tev:PullMessages>"
    )
    action = f"{_ACTION}/PullPointSubscription/PullMessagesRequest"
    answer = await session.call(here.place, body, action=action, header=here.header, seconds=PULL_S + ANSWER_S)
    return parse_events(answer, round((session.clock_difference_s or 0.0) * NS_PER_S), clock.wall_ns())


async def _renew(session: Session, here: _Subscription, clock: Clock) -> _Subscription:
    """Go on listening: under the same subscription, or a new one where the device cannot renew."""
    body = f"<wsnt:Renew><wsnt:TerminationTime>PT{LIFE_S}S</wsnt:TerminationTime></wsnt:Renew>"
    try:
        await session.call(here.place, body, action=f"{_WSN}/RenewRequest", header=here.header)
    except PeerError as error:
        log.debug("a camera renews no subscription", code=error.code)
        await _leave(session, here)
        return await _subscribe(session, clock)
    return replace(here, expires_ns=clock.monotonic_ns() + LIFE_S * NS_PER_S)


async def _leave(session: Session, here: _Subscription) -> None:
    """Say good-bye: devices hold few subscriptions. One that does not hear it lets it lapse."""
    action = f"{_WSN}/UnsubscribeRequest"
    try:
        async with asyncio.timeout(FAREWELL_S):
            await session.call(here.place, "<wsnt:Unsubscribe/>", action=action, header=here.header)
    except (HaechiError, TimeoutError) as error:
        log.debug("a camera kept its subscription", reason=type(error).__name__)


def parse_events(answer: Node, ahead_ns: int, now_ns: int) -> list[DeviceEvent]:
    """The notifications in an answer to PullMessages, at most `MOST_AT_ONCE`.

    Args:
        ahead_ns: The device's clock less ours, for answers that do not tell the device's time.
        now_ns: Our time.
    """
    found = []
    theirs_ns = _time_ns(answer.text_at("CurrentTime"))
    if theirs_ns is None:
        theirs_ns = now_ns + ahead_ns
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
                at_ns=now_ns - _age_ns(theirs_ns, told_ns),
                source=(*_items(message.find("Source")), *_items(message.find("Key")))[:MOST_ITEMS],
                data=_items(message.find("Data")),
            )
        )
    return found[:MOST_AT_ONCE]


def _age_ns(theirs_ns: int, told_ns: int | None) -> int:
    age_ns = theirs_ns - told_ns if told_ns is not None else 0
    return age_ns if 0 <= age_ns <= OLDEST_NS else 0


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
