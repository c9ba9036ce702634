"""What a device is: maker, streams, abilities, and whether its clock is right; learnt hop by hop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from haechi.base.clock import NS_PER_MS, Clock
from haechi.base.errors import Denied, HaechiError, Unavailable
from haechi.fleet.onvif.http import Resolve
from haechi.fleet.onvif.media import Profile, profiles_of, with_addresses
from haechi.fleet.onvif.place import Place
from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.xml import Node, inert
from haechi.media.rtsp.auth import Credentials

DESCRIBE_S = 60.0
"""A camera that thinks for seconds before each answer may be asked some forty things."""
HOPS = ("dns", "tcp", "tls", "onvif", "auth", "profiles", "stream")


class Device(Struct, frozen=True):
    """What a device says of itself, made inert. Larger pictures come first in ``profiles``."""

    place: Place
    manufacturer: str
    model: str
    firmware: str
    serial: str
    profiles: tuple[Profile, ...]
    has_ptz: bool
    has_events: bool
    clock_difference_s: float | None


class Step(Struct, frozen=True):
    """One hop of the way: see `HOPS`."""

    hop: str
    ok: bool
    ms: float
    detail: str = ""


class Description(Struct, frozen=True):
    """What came of asking. ``device`` is None when a hop failed; then ``error`` says why."""

    steps: tuple[Step, ...]
    device: Device | None = None
    error: HaechiError | None = None


class Steps:
    """Notes hops with their times. A hop that begins again is the same one: its times add up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent_ns: dict[str, int] = {}
        self._hop, self._since_ns = "", 0
        self._pinned = False

    def begin(self, hop: str) -> None:
        """A hop of the network, as `post` tells it; while a later one is pinned its time is that one's."""
        if not self._pinned:
            self._turn(hop)

    def pin(self, hop: str) -> None:
        """From now on everything is part of this hop."""
        self._pinned = True
        self._turn(hop)

    def done(self, failure: HaechiError | None = None) -> tuple[Step, ...]:
        """All hops; the last one failed when there is a failure."""
        self._turn("")
        steps = [Step(hop, True, round(spent / NS_PER_MS, 1)) for hop, spent in self._spent_ns.items()]
        if failure is not None and steps:
            hop = "auth" if isinstance(failure, Denied) else steps[-1].hop
            steps = [step for step in steps[:-1] if step.hop != hop] + [
                replace(steps[-1], hop=hop, ok=False, detail=failure.message)
            ]
        return tuple(steps)

    def _turn(self, hop: str) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._hop:
            self._spent_ns[self._hop] = self._spent_ns.get(self._hop, 0) + now_ns - self._since_ns
        self._hop, self._since_ns = hop, now_ns


async def describe(
    place: Place, who: Credentials, resolve: Resolve, clock: Clock, seconds: float = DESCRIBE_S
) -> Description:
    """Ask a device for everything that is needed to add it. A failure is told with its hop and does not raise."""
    steps = Steps(clock)
    session = Session(place, who, resolve, clock, note=steps.begin)
    try:
        async with asyncio.timeout(seconds):
            device = await _asked(session, steps)
    except HaechiError as error:
        return Description(steps.done(error), error=error)
    except TimeoutError:
        silent = Unavailable("the camera answers too slowly over ONVIF", code="onvif-silent", host=place.host)
        return Description(steps.done(silent), error=silent)
    return Description(steps.done(), device)


async def _asked(session: Session, steps: Steps) -> Device:
    await session.reach()
    steps.pin("auth")
    info = await session.call("device", "<tds:GetDeviceInformation/>")
    await session.open()
    steps.pin("profiles")
    profiles = await profiles_of(session)
    steps.pin("stream")
    return _device(session, info, await with_addresses(session, profiles))


def _device(session: Session, info: Node, profiles: Sequence[Profile]) -> Device:
    return Device(
        place=session.place,
        manufacturer=inert(info.text_at("Manufacturer"), 80),
        model=inert(info.text_at("Model"), 80),
        firmware=inert(info.text_at("FirmwareVersion"), 80),
        serial=inert(info.text_at("SerialNumber"), 80),
        profiles=tuple(sorted(profiles, key=lambda one: -one.width_px * one.height_px)),
        has_ptz="ptz" in session.services and any(one.is_movable for one in profiles),
        has_events="events" in session.services,
        clock_difference_s=session.clock_difference_s,
    )
