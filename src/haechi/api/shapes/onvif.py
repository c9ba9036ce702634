"""Cameras that are found on the network, what they are, and how they are moved, as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.cameras import Credential
from haechi.api.shapes.fields import Fault, Input, Shape
from haechi.base.redact import redact_text
from haechi.fleet.onvif.control import Standing
from haechi.fleet.onvif.device import Description, Device, Step

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


class LinkIn(Input):
    """Where a camera speaks ONVIF, and which of its profiles is the stream that is taken."""

    url: OnvifUrl
    profile: Token


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
