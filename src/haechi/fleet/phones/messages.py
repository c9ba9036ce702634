"""What is said on the signalling sockets, as JSON: docs/ref/phones.md has each message with an example.

Session descriptions and candidates are passed on as they were understood, and nothing else is: a field that is not
named here goes no further.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from haechi.base.errors import Invalid

T = TypeVar("T")
LONGEST_BYTES = 64 * 1024
LONGEST_SDP = 48 * 1024
Peer = Annotated[str, Meta(max_length=16)]
Short = Annotated[str, Meta(max_length=200)]
Share = Annotated[float, Meta(ge=0, le=1)]


class SessionDescription(Struct, frozen=True):
    """An ``RTCSessionDescription`` as browsers write it."""

    type: Literal["offer", "answer"]
    sdp: Annotated[str, Meta(max_length=LONGEST_SDP)]


class IceCandidate(Struct, frozen=True, omit_defaults=True):
    """An ``RTCIceCandidate`` as browsers write it."""

    candidate: Annotated[str, Meta(max_length=1024)]
    sdpMid: Annotated[str, Meta(max_length=64)] | None = None  # noqa: N815 - the browsers' name
    sdpMLineIndex: Annotated[int, Meta(ge=0, le=64)] | None = None  # noqa: N815 - the browsers' name
    usernameFragment: Annotated[str, Meta(max_length=256)] | None = None  # noqa: N815 - the browsers' name


class PhoneState(Struct, frozen=True):
    """How the phone is.

    Attributes:
        battery: A share of 1; None: the browser does not say.
        private: Its shutter is closed: no picture and no sound leave it.
        loud: Whether it is loud around the phone; None: it was not asked to listen for that.
    """

    battery: Share | None = None
    charging: bool | None = None
    network: Annotated[str, Meta(max_length=20, pattern="^[a-z0-9-]*$")] = "unknown"
    torch: bool | None = None
    can_torch: bool = False
    muted: bool = False
    facing: Literal["user", "environment"] = "environment"
    dimmed: bool = False
    hidden: bool = False
    private: bool = False
    loud: bool | None = None


class IceServer(Struct, frozen=True, omit_defaults=True):
    """An ``RTCIceServer`` as browsers take it."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""


class PhoneSettings(Struct, frozen=True):
    """What the owner has switched.

    Attributes:
        record: Whether the phone is to publish to this server as well, where it is recorded.
        enabled: Whether the camera is on. One that is switched off has no viewers.
    """

    record: bool = False
    enabled: bool = True


# -- both ways; ``peer`` names the viewer ------------------------------------------------------------------------------
class Description(Struct, frozen=True, tag="description"):
    """A session description for the other side."""

    description: SessionDescription
    peer: Peer = ""


class Candidate(Struct, frozen=True, tag="candidate"):
    """A candidate for the other side; None: there are no more."""

    candidate: IceCandidate | None
    peer: Peer = ""


class Bye(Struct, frozen=True, tag="bye"):
    """The connection with this peer is over."""

    peer: Peer = ""
    reason: Short = ""


# -- from the phone ----------------------------------------------------------------------------------------------------
class Hello(Struct, frozen=True, tag="hello"):
    """The first message of a phone: who it is."""

    token: Annotated[str, Meta(max_length=128)]


class StateToldByPhone(Struct, frozen=True, tag="state"):
    """How it is now."""

    state: PhoneState


# -- to the phone ------------------------------------------------------------------------------------------------------
class WelcomePhone(Struct, frozen=True, tag="welcome"):
    """Who it is to us."""

    camera: str
    name: str
    settings: PhoneSettings
    ice_servers: tuple[IceServer, ...]


class ViewerCame(Struct, frozen=True, tag="viewer"):
    """Somebody wants to watch: make an offer. ``may_speak``: whether the phone is to let them be heard."""

    peer: str
    name: str
    may_speak: bool
    ice_servers: tuple[IceServer, ...]


class ViewerLeft(Struct, frozen=True, tag="left"):
    """Somebody does not watch any more, or may not: end the connection."""

    peer: str


class SettingsChanged(Struct, frozen=True, tag="settings"):
    """The owner switched something."""

    settings: PhoneSettings


class Ended(Struct, frozen=True, tag="ended"):
    """This page is no camera any more. ``unpaired``: for good; ``replaced``: another page of this phone is."""

    reason: Literal["unpaired", "replaced"]


# -- to a viewer -------------------------------------------------------------------------------------------------------
class WelcomeViewer(Struct, frozen=True, tag="welcome"):
    """Who it is to the phone, and whether that is there. ``since_ms``: since when it is there, or is not; None: it
    never was. ``state_ms``: when it told its state. ``paired``: whether there is a phone that may come at all.
    """

    peer: str
    name: str
    online: bool
    since_ms: int | None
    state: PhoneState | None
    state_ms: int | None
    may_speak: bool
    ice_servers: tuple[IceServer, ...]
    paired: bool = True


class Online(Struct, frozen=True, tag="online"):
    """The phone is there: its offer follows, and begins a new connection."""


class Offline(Struct, frozen=True, tag="offline"):
    """The phone is not there."""

    since_ms: int


class PairingChanged(Struct, frozen=True, tag="pairing"):
    """Not ``paired``: the phone was unpaired, on it or here, and does not come back by itself."""

    paired: bool


class StateForViewer(Struct, frozen=True, tag="state"):
    """How the phone is now."""

    state: PhoneState


class NoLonger(Struct, frozen=True, tag="denied"):
    """This is over: ``forbidden`` (no right, or no camera, any more), ``signed-out``, ``too-many-viewers``,
    ``too-many-messages``.
    """

    reason: Literal["forbidden", "signed-out", "too-many-viewers", "too-many-messages"]


FromPhone = StateToldByPhone | Description | Candidate | Bye
FromViewer = Description | Candidate | Bye
ToPhone = WelcomePhone | ViewerCame | ViewerLeft | SettingsChanged | Ended | Description | Candidate | Bye
ToViewer = WelcomeViewer | Online | Offline | PairingChanged | StateForViewer | NoLonger | Description | Candidate | Bye
Said = ToPhone | ToViewer

_HELLO = msgspec.json.Decoder(Hello)
_FROM_PHONE: msgspec.json.Decoder[FromPhone] = msgspec.json.Decoder(FromPhone)
_FROM_VIEWER: msgspec.json.Decoder[FromViewer] = msgspec.json.Decoder(FromViewer)
_STATE = msgspec.json.Decoder(PhoneState)
_ENCODER = msgspec.json.Encoder()


def parse_hello(text: str) -> Hello:
    """The first message of a phone.

    Raises:
        Invalid: ``bad-message``. What was said is not repeated.
    """
    return _parsed(_HELLO, text)


def parse_from_phone(text: str) -> FromPhone:
    """Any later one. Raises as `parse_hello` does."""
    return _parsed(_FROM_PHONE, text)


def parse_from_viewer(text: str) -> FromViewer:
    """What a viewer says. Raises as `parse_hello` does."""
    return _parsed(_FROM_VIEWER, text)


def parse_state(stored: bytes) -> PhoneState | None:
    """A state as it was stored; None: there is none, or one of a version that says it otherwise."""
    try:
        return _STATE.decode(stored) if stored else None
    except msgspec.MsgspecError:
        return None


def encode(message: Struct) -> bytes:
    """As it is sent, and stored."""
    return _ENCODER.encode(message)


def _parsed(decoder: msgspec.json.Decoder[T], text: str) -> T:
    data = text.encode("utf-8", "replace")
    if len(data) > LONGEST_BYTES:
        raise Invalid("the message is too long", code="bad-message", limit=LONGEST_BYTES)
    try:
        return decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise Invalid("not a message of this protocol", code="bad-message") from error
