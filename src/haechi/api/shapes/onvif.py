"""Cameras that are found on the network, what they are, and how they are moved, as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.cameras import Credential
from haechi.api.shapes.fields import Fault, Input, Severity, Shape
from haechi.base.clock import NS_PER_MS
from haechi.base.redact import redact_text
from haechi.events.reported.room import Listening
from haechi.events.reported.wishes import LEAST_COOLDOWN_S, MOST_COOLDOWN_S, Wish
from haechi.fleet.onvif.control import Standing
from haechi.fleet.onvif.device import Description, Device, Step
from haechi.fleet.onvif.topics import KINDS, Kind

OnvifUrl = Annotated[str, Field(min_length=1, max_length=1024, examples=["http://192.0.2.20/onvif/device_service"])]
Token = Annotated[str, Field(min_length=1, max_length=64)]
Speed = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class DiscoverIn(Input):
    """How long to wait for answers."""

    seconds: Annotated[float, Field(ge=1, le=15, allow_inf_nan=False)] = 5.0


class DescribeIn(Input):
    """A device to ask. ``url`` may be a bare host name or address."""

    url: OnvifUrl
    username: Credential = ""
    password: Credential = ""


class OnvifHop(Shape):
    """One step of the way to a description."""

    hop: Literal["dns", "tcp", "tls", "onvif", "auth", "profiles", "stream"]
    ok: bool
    ms: float
    detail: str

    @classmethod
    def of(cls, step: Step) -> "OnvifHop":
        """From the client's own."""
        return cls.model_validate({"hop": step.hop, "ok": step.ok, "ms": step.ms, "detail": redact_text(step.detail)})


class OnvifProfile(Shape):
    """A stream that a device offers. ``url`` is empty when it told no address that can be used."""

    token: str
    name: str
    codec: str
    width: int
    height: int
    fps: float
    bitrate_bps: int
    url: str


class OnvifDevice(Shape):
    """What a device says of itself. ``clock_difference_s``: its clock less ours; null: it did not say."""

    url: str
    manufacturer: str
    model: str
    firmware: str
    serial: str
    ptz: bool
    events: bool
    clock_difference_s: float | None
    profiles: list[OnvifProfile]

    @classmethod
    def of(cls, device: Device) -> "OnvifDevice":
        """From the client's own."""
        return cls(
            url=device.place.url,
            manufacturer=device.manufacturer,
            model=device.model,
            firmware=device.firmware,
            serial=device.serial,
            ptz=device.has_ptz,
            events=device.has_events,
            clock_difference_s=rounded(device.clock_difference_s),
            profiles=[
                OnvifProfile(
                    token=one.token,
                    name=one.name,
                    codec=one.codec,
                    width=one.width_px,
                    height=one.height_px,
                    fps=one.fps,
                    bitrate_bps=one.bitrate_bps,
                    url=one.uri,
                )
                for one in device.profiles
            ],
        )


class DescribeOut(Shape):
    """What came of asking, hop by hop."""

    ok: bool
    hops: list[OnvifHop]
    error: Fault | None
    device: OnvifDevice | None

    @classmethod
    def of(cls, description: Description) -> "DescribeOut":
        """From the client's own."""
        error = description.error
        return cls(
            ok=error is None,
            hops=[OnvifHop.of(step) for step in description.steps],
            error=None if error is None else Fault(code=error.code, message=redact_text(error.message)),
            device=None if description.device is None else OnvifDevice.of(description.device),
        )


class SubStreamIn(Input):
    """A smaller stream of the same camera, on the same host, as the device told of it."""

    url: Annotated[str, Field(min_length=1, max_length=2048)]
    codec: Annotated[str, Field(max_length=16, pattern=r"^[a-z0-9]*$")] = ""
    width: Annotated[int, Field(ge=0, le=16_384)] = 0
    height: Annotated[int, Field(ge=0, le=16_384)] = 0
    fps: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 0.0


class LinkIn(Input):
    """Where a camera speaks ONVIF, which of its profiles is the stream that is taken, and its smaller stream if any."""

    url: OnvifUrl
    profile: Token
    sub: SubStreamIn | None = None


class FindIn(Input):
    """Where to ask; empty: where the camera answers a search, and at the usual ports of its host."""

    url: Annotated[str, Field(max_length=1024)] = ""


class ClockOut(Shape):
    """What came of setting a camera's clock: how far it was ahead of ours, and is. ``was_ntp``: it asked a time server
    before, and does not any more.
    """

    before_s: float | None
    after_s: float | None
    was_ntp: bool


class SubStreamOut(Shape):
    """The smaller stream that is known of a camera."""

    url: str
    codec: str
    width: int
    height: int
    fps: float


class OnvifPreset(Shape):
    """A place that a camera remembers."""

    token: str
    name: str


class StandingOut(Shape):
    """A camera over ONVIF as it is now. Not ``linked``: it was not added over ONVIF. ``error``: it does not answer."""

    linked: bool
    error: Fault | None = None
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    ptz: bool = False
    presets: list[OnvifPreset] = Field(default_factory=list)
    clock_difference_s: float | None = None
    url: str = ""
    sub: SubStreamOut | None = None

    @classmethod
    def of(cls, standing: Standing) -> "StandingOut":
        """From the room's own."""
        return cls(
            linked=True,
            manufacturer=standing.manufacturer,
            model=standing.model,
            firmware=standing.firmware,
            serial=standing.serial,
            ptz=standing.has_ptz,
            presets=[OnvifPreset(token=one.token, name=one.name) for one in standing.presets],
            clock_difference_s=rounded(standing.clock_difference_s),
        )


class PtzIn(Input):
    """``move``: with this speed, for two seconds unless said again; ``step``: by so much; ``preset``: go there."""

    action: Literal["move", "stop", "step", "preset"]
    pan: Speed = 0.0
    tilt: Speed = 0.0
    zoom: Speed = 0.0
    preset: Annotated[str, Field(max_length=64)] = ""


class PresetIn(Input):
    """What the place is called where the camera looks now."""

    name: Annotated[str, Field(min_length=1, max_length=60)]


def rounded(seconds: float | None) -> float | None:
    """Tenths: a device tells whole seconds."""
    return None if seconds is None else round(seconds, 1)


class ReportsIn(Input):
    """Whether what a camera notices by itself becomes events here, what of it, and how."""

    enabled: bool
    kinds: Annotated[list[Kind], Field(max_length=len(KINDS))]
    severity: Severity = "detection"
    cooldown_s: Annotated[float, Field(ge=LEAST_COOLDOWN_S, le=MOST_COOLDOWN_S, allow_inf_nan=False)] = 30.0

    def wish(self) -> Wish:
        """As the event stage's own."""
        return Wish(self.enabled, tuple(self.kinds), self.severity, self.cooldown_s)


class ReportsOut(Shape):
    """The same, and how it stands: ``unlinked``: the camera is not linked over ONVIF. ``last``: the newest report."""

    enabled: bool
    kinds: list[Kind]
    severity: Severity
    cooldown_s: float
    state: Literal["off", "unlinked", "connecting", "listening", "failed"]
    since_ms: int
    error: Fault | None
    heard: int
    last_ms: int | None
    last_topic: str

    @classmethod
    def of(cls, wish: Wish, now: Listening) -> "ReportsOut":
        """From the event stage's own."""
        failed = Fault(code=now.error_code, message=redact_text(now.error_message)) if now.error_code else None
        return cls(
            enabled=wish.enabled,
            kinds=list(wish.kinds),
            severity=wish.severity,
            cooldown_s=wish.cooldown_s,
            state=now.state,
            since_ms=now.since_ns // NS_PER_MS,
            error=failed,
            heard=now.heard,
            last_ms=now.last_ns // NS_PER_MS if now.last_ns else None,
            last_topic=now.last_topic,
        )


class ReportTopic(Shape):
    """Something that a camera can notice, as it calls it. ``kind`` null: nothing that becomes an event."""

    topic: str
    kind: Kind | None


class TopicsOut(Shape):
    """What a camera says that it can notice. ``error``: it does not answer, or knows of no events."""

    topics: list[ReportTopic]
    error: Fault | None = None
