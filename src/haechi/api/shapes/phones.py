"""Phones as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.fields import Input, Name, Shape
from haechi.base.clock import NS_PER_MS
from haechi.fleet.phones.messages import PhoneState
from haechi.fleet.phones.signalling import Booth
from haechi.fleet.phones.store import Pairing, Phone

Code = Annotated[str, Field(min_length=1, max_length=40, examples=["ACDE-FGHJ"])]


class PairingIn(Input):
    """A phone that is to be a camera: a new one of this ``name``, or anew the one that ``camera`` is."""

    name: Name | None = None
    camera: Annotated[str, Field(max_length=40)] | None = None


class PairingOut(Shape):
    """How a pairing stands. ``camera`` is what came of it."""

    id: str
    name: str
    state: Literal["waiting", "paired", "expired"]
    expires_ms: int
    camera: str | None

    @classmethod
    def of(cls, pairing: Pairing) -> "PairingOut":
        """From the store's own."""
        return cls(
            id=pairing.id,
            name=pairing.name,
            state=pairing.state,
            expires_ms=pairing.expires_ns // NS_PER_MS,
            camera=pairing.camera or None,
        )


class NewPairing(PairingOut):
    """A new pairing. The code is shown here and never again; ``url`` is the camera page with the code in its fragment,
    ``qr_svg`` the same, with the address under which you reach this server, as a picture.
    """

    code: str
    url: str
    qr_svg: str


class PairIn(Input):
    """What a phone sends to become a camera. ``name`` counts where nobody named it."""

    code: Code
    name: Name | None = None


class PairOut(Shape):
    """What it gets. The token is shown here and never again."""

    camera: str
    token: str
    name: str


class PhoneStateOut(Shape):
    """How the phone is, as it told last. ``battery`` is a share of 1. ``private``: its shutter is closed. ``loud``:
    whether it is loud around it; null: it was not asked to listen for that.
    """

    battery: float | None
    charging: bool | None
    network: str
    torch: bool | None
    can_torch: bool
    muted: bool
    facing: Literal["user", "environment"]
    dimmed: bool
    hidden: bool
    private: bool
    loud: bool | None

    @classmethod
    def of(cls, state: PhoneState) -> "PhoneStateOut":
        """From the protocol's own."""
        return cls.model_validate(state, from_attributes=True)


class PhoneOut(Shape):
    """A camera that is a phone.

    ``online``: its page is open and connected; ``since_ms``: since when it is, or is not. ``record``: it publishes to
    this server as well. ``viewers`` watch it, or wait for it.
    """

    camera: str
    name: str
    enabled: bool
    paired: bool
    paired_ms: int | None
    record: bool
    online: bool
    since_ms: int | None
    viewers: int
    state: PhoneStateOut | None
    state_ms: int | None

    @classmethod
    def of(cls, phone: Phone, booth: Booth) -> "PhoneOut":
        """From the store's, and from what the switchboard knows now."""
        return cls(
            camera=phone.camera.id,
            name=phone.camera.name,
            enabled=phone.camera.enabled,
            paired=bool(phone.token_sha256),
            paired_ms=phone.paired_ns // NS_PER_MS or None,
            record=phone.settings.record,
            online=booth.phone is not None,
            since_ms=booth.since_ns // NS_PER_MS or None,
            viewers=len(booth.calls),
            state=PhoneStateOut.of(booth.state) if booth.state is not None else None,
            state_ms=booth.state_ns // NS_PER_MS or None,
        )


class WhoAmI(Shape):
    """What a phone with a good token is."""

    camera: str
    name: str


class PhoneList(Shape):
    """The phones that one may see."""

    phones: list[PhoneOut]


class PhonePatch(Input):
    """What to change: whether the phone publishes to this server as well, to be recorded and looked at."""

    record: bool
