"""What the device is and how it stands: identity, streams, clock, where it looks, what moves in its picture."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock

MOST_NOTICES = 256
TRAVEL_S = 4.0
"""Seconds from one end of pan or tilt to the other at full speed, divided by two: speed 1 is so much a second."""


class Identity(Struct, frozen=True):
    """What it says it is."""

    manufacturer: str = "Haechi"
    model: str = "Virtual camera"
    firmware: str = "1.0"
    serial: str = "V0001"
    name: str = "Virtual"
    location: str = "here"
    endpoint: str = "urn:uuid:6a1d5c2e-7f04-4c3b-9d6a-0a5f0c9e1b27"


class VirtualProfile(Struct, frozen=True):
    """A stream that it offers; ``uri`` is where an RTSP server really serves it."""

    token: str
    uri: str
    codec: Literal["H264", "H265", "JPEG"] = "H264"
    width_px: int = 1280
    height_px: int = 720
    fps: int = 15
    kbps: int = 2048


class Quirks(Struct, frozen=True):
    """How it misbehaves, each as seen in real cameras (the last two: in hostile ones).

    Attributes:
        inner_host: Host that it tells in addresses, as behind NAT; empty: the real one.
        inner_port: Port that it tells with it, as behind a router that maps ports; 0: the real one.
        no_sub, no_ptz, no_events, no_media1, no_media2: It lacks these.
        half_media2: It tells of a Media2 service, which refuses everything.
        unicast_only: Its Media2 service does not know the protocol RTSP, only RtspUnicast.
        slow_s: Thinks so long before each answer.
        drip_s: Sends its answers byte by byte, with so long between them.
        huge: Its answers do not end.
        garbage: Answers with something that is no XML.
        clock_off_s: Its clock less the true time.
        unknown_is_400: What it does not know gets a bare HTTP 400 in place of a SOAP fault, GetServices included.
        hostless_uri: The stream's address has a port, but no host.
        ignores_limit: A continuous move goes on until it is told to stop.
        secret_uri: The stream's address has user name and password in it.
        no_renew: It does not know how to renew a subscription.
        hasty_pulls: It answers at once when it is asked what is new, though nothing is.
        numbered_pulls: Its subscriptions have one address, and a number that belongs into the header.
        entities: Answers with a document type that grows without bound.
        redirect: Sends every question there.
    """

    inner_host: str = ""
    inner_port: int = 0
    no_sub: bool = False
    no_ptz: bool = False
    no_events: bool = False
    no_media1: bool = False
    no_media2: bool = False
    half_media2: bool = False
    unicast_only: bool = False
    slow_s: float = 0.0
    drip_s: float = 0.0
    huge: bool = False
    garbage: bool = False
    clock_off_s: float = 0.0
    unknown_is_400: bool = False
    hostless_uri: bool = False
    ignores_limit: bool = False
    secret_uri: bool = False
    no_renew: bool = False
    hasty_pulls: bool = False
    numbered_pulls: bool = False
    entities: bool = False
    redirect: str = ""


Pairs = tuple[tuple[str, str], ...]
MOTION = "RuleEngine/CellMotionDetector/Motion"
TOPICS: Mapping[str, str] = {
    MOTION: "IsMotion",
    "RuleEngine/TamperDetector/Tamper": "IsTamper",
    "RuleEngine/LineDetector/Crossed": "",
    "RuleEngine/FieldDetector/ObjectsInside": "IsInside",
    "Device/Trigger/DigitalInput": "LogicalState",
    "Monitoring/ProcessorUsage": "",
}
"""What it can notice, and the name of the state where it is one."""


class Notice(Struct, frozen=True):
    """Something was noticed. ``number`` counts them."""

    number: int
    at_ns: int
    topic: str
    data: Pairs
    source: Pairs = (("VideoSourceConfigurationToken", "source"),)


class Head:
    """Where the camera looks: a position that moves with a velocity, read as of now.

    Attributes:
        commands: Names of the commands taken, in order.
        presets: Token to name and place.
    """

    def __init__(self, clock: Clock, *, ignores_limit: bool = False) -> None:
        self.commands: deque[str] = deque(maxlen=256)
        self.presets: dict[str, tuple[str, tuple[float, float, float]]] = {}
        self._clock = clock
        self._ignores_limit = ignores_limit
        self._from = (0.0, 0.0, 0.0)
        self._speed = (0.0, 0.0, 0.0)
        self._since_ns = clock.monotonic_ns()
        self._until_ns: int | None = None

    @property
    def position(self) -> tuple[float, float, float]:
        """Pan and tilt in [-1, 1], zoom in [0, 1]."""
        end_ns = self._clock.monotonic_ns()
        if self._until_ns is not None:
            end_ns = min(end_ns, self._until_ns)
        spent_s = (end_ns - self._since_ns) / NS_PER_S * 2 / TRAVEL_S
        pan, tilt, zoom = (at + speed * spent_s for at, speed in zip(self._from, self._speed, strict=True))
        return _within(pan, -1), _within(tilt, -1), _within(zoom, 0)

    @property
    def is_moving(self) -> bool:
        is_over = self._until_ns is not None and self._clock.monotonic_ns() >= self._until_ns
        return any(self._speed) and not is_over

    def move(self, speed: tuple[float, float, float], limit_s: float | None) -> None:
        """Begin to move; at the end of the limit it stands still."""
        self._set(self.position, speed)
        if limit_s is not None and not self._ignores_limit:
            self._until_ns = self._since_ns + round(limit_s * NS_PER_S)

    def go(self, to: tuple[float, float, float]) -> None:
        """Be there at once."""
        self._set(to, (0.0, 0.0, 0.0))

    def stop(self) -> None:
        """Stand still where it is."""
        self._set(self.position, (0.0, 0.0, 0.0))

    def remember(self, name: str) -> str:
        """Keep this place; its token."""
        token = f"preset{len(self.presets) + 1}"
        self.presets[token] = (name, self.position)
        return token

    def _set(self, at: tuple[float, float, float], speed: tuple[float, float, float]) -> None:
        self._from = (_within(at[0], -1), _within(at[1], -1), _within(at[2], 0))
        self._speed, self._since_ns, self._until_ns = speed, self._clock.monotonic_ns(), None


class Model:
    """A device as it stands.

    Attributes:
        clock_off_ns: Its clock less the true time; SetSystemDateAndTime changes it.
        notices: The last things that it noticed.
        states: Of each topic that is a state the notice that holds now.
        snapshot: A JPEG that it gives as its picture; empty: it gives none.
    """

    def __init__(self, profiles: Sequence[VirtualProfile], clock: Clock, identity: Identity, quirks: Quirks) -> None:
        self.identity = identity
        self.quirks = quirks
        self.profiles = tuple(profiles[:1] if quirks.no_sub else profiles)
        self.head = Head(clock, ignores_limit=quirks.ignores_limit)
        self.clock_off_ns = round(quirks.clock_off_s * NS_PER_S)
        self.notices: deque[Notice] = deque(maxlen=MOST_NOTICES)
        self.states: dict[str, Notice] = {MOTION: Notice(0, clock.wall_ns(), MOTION, (("IsMotion", "false"),))}
        self.snapshot = b""
        self._clock = clock
        self._count = 0

    def now_ns(self) -> int:
        """The time by the device's own clock."""
        return self._clock.wall_ns() + self.clock_off_ns

    def set_time(self, at_ns: int) -> None:
        """Set the device's clock."""
        self.clock_off_ns = at_ns - self._clock.wall_ns()

    def notice(self, *, is_on: bool) -> None:
        """Something begins or ceases to move in the picture."""
        self.report(MOTION, (("IsMotion", str(is_on).lower()),))

    def report(self, topic: str, data: Pairs) -> None:
        """It notices something of one of `TOPICS`."""
        self._count += 1
        self.notices.append(Notice(self._count, self.now_ns(), topic, data))
        if TOPICS[topic]:
            self.states[topic] = self.notices[-1]

    @property
    def newest(self) -> int:
        """The number of the last notice."""
        return self._count


def _within(value: float, least: float) -> float:
    return min(max(value, least), 1.0)
