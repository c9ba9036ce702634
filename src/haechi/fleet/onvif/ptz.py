"""Moves a camera: pan, tilt and zoom, in the generic spaces of ONVIF PTZ (ver20, section 5.7)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from haechi.base.errors import Invalid
from haechi.fleet.onvif.media import is_token, number
from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.xml import Node, escape, inert

MOST_PRESETS = 64
LONGEST_MOVE_S = 10.0


class Vector(Struct, frozen=True):
    """Right, up and closer are positive. A speed or a translation lies in [-1, 1]; the zoom of a place in [0, 1]."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0

    def __post_init__(self) -> None:
        if not all(-1.0 <= value <= 1.0 for value in (self.pan, self.tilt, self.zoom)):
            raise Invalid("pan, tilt and zoom lie between -1 and 1", code="bad-ptz")


class Preset(Struct, frozen=True):
    """A place that the device remembers."""

    token: str
    name: str


class PtzStatus(Struct, frozen=True):
    """Where a camera looks. ``is_moving`` is None when it does not say."""

    position: Vector
    is_moving: bool | None


class Ptz:
    """Moves the camera of one profile.

    Raises, in all methods:
        HaechiError: What `Session.call` raises.
    """

    def __init__(self, session: Session, profile: str) -> None:
        self._session = session
        self._profile = f"<tptz:ProfileToken>{escape(profile)}</tptz:ProfileToken>"

    async def move(self, speed: Vector, seconds: float) -> None:
        """Move until told otherwise, at most ``seconds``. Not all devices heed the limit: `stop` in time."""
        limit = f"PT{min(max(seconds, 0.1), LONGEST_MOVE_S):.1f}S"
        await self._do("ContinuousMove", f"{_vector('Velocity', speed)}<tptz:Timeout>{limit}</tptz:Timeout>")

    async def stop(self) -> None:
        """Stand still."""
        await self._do("Stop", "<tptz:PanTilt>true</tptz:PanTilt><tptz:Zoom>true</tptz:Zoom>")

    async def step(self, by: Vector) -> None:
        """Move by so much."""
        await self._do("RelativeMove", _vector("Translation", by))

    async def go(self, to: Vector) -> None:
        """Move to a place."""
        await self._do("AbsoluteMove", _vector("Position", to))

    async def presets(self) -> Sequence[Preset]:
        """The places that it remembers, at most `MOST_PRESETS`."""
        answer = await self._do("GetPresets")
        found = [
            Preset(node.attributes["token"], inert(node.text_at("Name"), 60) or inert(node.attributes["token"]))
            for node in answer.all("Preset")
            if is_token(node.attributes.get("token", ""))
        ]
        return found[:MOST_PRESETS]

    async def go_to_preset(self, token: str) -> None:
        """Move to a remembered place."""
        await self._do("GotoPreset", f"<tptz:PresetToken>{escape(token)}</tptz:PresetToken>")

    async def remember(self, name: str) -> str:
        """Remember where it looks now; the token of the new preset."""
        answer = await self._do("SetPreset", f"<tptz:PresetName>{escape(name)}</tptz:PresetName>")
        return answer.text_at("PresetToken")

    async def status(self) -> PtzStatus:
        """Where it looks now."""
        answer = await self._do("GetStatus")
        place, moving = answer.find("PTZStatus", "Position"), answer.find("PTZStatus", "MoveStatus")
        states = [child.text.upper() for child in moving.children] if moving is not None else []
        return PtzStatus(_position(place), any(one == "MOVING" for one in states) if states else None)

    async def _do(self, name: str, body: str = "") -> Node:
        return await self._session.call("ptz", f"<tptz:{name}>{self._profile}{body}</tptz:{name}>")


def _vector(name: str, value: Vector) -> str:
    """Both parts always: a camera with no zoom passes over a zoom of 0, and some refuse a message without it."""
    return (
        f'<tptz:{name}><tt:PanTilt x="{value.pan:.3f}" y="{value.tilt:.3f}"/>'
        f'<tt:Zoom x="{value.zoom:.3f}"/></tptz:{name}>'
    )


def _position(node: Node | None) -> Vector:
    turn = node.find("PanTilt") if node is not None else None
    zoom = node.find("Zoom") if node is not None else None
    return Vector(
        pan=number(turn.attributes.get("x", ""), 1.0, -1.0) if turn is not None else 0.0,
        tilt=number(turn.attributes.get("y", ""), 1.0, -1.0) if turn is not None else 0.0,
        zoom=number(zoom.attributes.get("x", ""), 1.0) if zoom is not None else 0.0,
    )
