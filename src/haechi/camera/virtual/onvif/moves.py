"""Questions to the PTZ service."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from haechi.camera.virtual.onvif.answers import Fault, Reply
from haechi.camera.virtual.onvif.model import Model
from haechi.fleet.onvif.soap import xml_time
from haechi.fleet.onvif.xml import Node, escape

MOST_PRESETS = 32
LONGEST_S = 60.0
_SPACES = "http://www.onvif.org/ver10/tptz"


def _continuous(model: Model, _base: str, asked: Node) -> str:
    _require_profile(model, asked)
    speed = _vector(asked.find("Velocity"), 1.0)
    model.head.move(speed, _seconds(asked.text_at("Timeout")))
    return "<tptz:ContinuousMoveResponse/>"


def _relative(model: Model, _base: str, asked: Node) -> str:
    _require_profile(model, asked)
    by = _vector(asked.find("Translation"), 2.0)
    at = model.head.position
    model.head.go((at[0] + by[0], at[1] + by[1], at[2] + by[2]))
    return "<tptz:RelativeMoveResponse/>"


def _absolute(model: Model, _base: str, asked: Node) -> str:
    _require_profile(model, asked)
    model.head.go(_vector(asked.find("Position"), 1.0))
    return "<tptz:AbsoluteMoveResponse/>"


def _stop(model: Model, _base: str, asked: Node) -> str:
    _require_profile(model, asked)
    model.head.stop()
    return "<tptz:StopResponse/>"


def _presets(model: Model, _base: str, asked: Node) -> str:
    _require_profile(model, asked)
    each = "".join(
        f'<tptz:Preset token="{escape(token)}"><tt:Name>{escape(name)}</tt:Name>{_position(at)}</tptz:Preset>'
        for token, (name, at) in model.head.presets.items()
    )
    return f"<tptz:GetPresetsResponse>{each}</tptz:GetPresetsResponse>"


def _set_preset(model: Model, _base: str, asked: Node) -> str:
    _require_profile(model, asked)
    if len(model.head.presets) >= MOST_PRESETS:
        raise Fault("ter:TooManyPresets", "no room for another preset")
    token = model.head.remember(asked.text_at("PresetName"))
    return f"<tptz:SetPresetResponse><tptz:PresetToken>{token}</tptz:PresetToken></tptz:SetPresetResponse>"


def _go_to_preset(model: Model, _base: str, asked: Node) -> str:
    _require_profile(model, asked)
    found = model.head.presets.get(asked.text_at("PresetToken"))
    if found is None:
        raise Fault("ter:NoToken", "no such preset")
    model.head.go(found[1])
    return "<tptz:GotoPresetResponse/>"


def _status(model: Model, _base: str, asked: Node) -> str:
    _require_profile(model, asked)
    state = "MOVING" if model.head.is_moving else "IDLE"
    return (
        f"<tptz:GetStatusResponse><tptz:PTZStatus>{_position(model.head.position, 'tt:Position')}"
        f"<tt:MoveStatus><tt:PanTilt>{state}</tt:PanTilt><tt:Zoom>{state}</tt:Zoom></tt:MoveStatus>"
        f"<tt:UtcTime>{xml_time(model.now_ns())}</tt:UtcTime></tptz:PTZStatus></tptz:GetStatusResponse>"
    )


def _nodes(_model: Model, _base: str, _asked: Node) -> str:
    line = "<tt:Min>-1</tt:Min><tt:Max>1</tt:Max>"
    plane = f"<tt:XRange>{line}</tt:XRange><tt:YRange>{line}</tt:YRange>"
    zoom = "<tt:XRange><tt:Min>0</tt:Min><tt:Max>1</tt:Max></tt:XRange>"
    return (
        '<tptz:GetNodesResponse><tptz:PTZNode token="node"><tt:Name>node</tt:Name><tt:SupportedPTZSpaces>'
        f"{_space('AbsolutePanTiltPositionSpace', 'PanTiltSpaces/PositionGenericSpace', plane)}"
        f"{_space('AbsoluteZoomPositionSpace', 'ZoomSpaces/PositionGenericSpace', zoom)}"
        f"{_space('RelativePanTiltTranslationSpace', 'PanTiltSpaces/TranslationGenericSpace', plane)}"
        f"{_space('ContinuousPanTiltVelocitySpace', 'PanTiltSpaces/VelocityGenericSpace', plane)}"
        f"</tt:SupportedPTZSpaces><tt:MaximumNumberOfPresets>{MOST_PRESETS}</tt:MaximumNumberOfPresets>"
        "<tt:HomeSupported>false</tt:HomeSupported></tptz:PTZNode></tptz:GetNodesResponse>"
    )


def _space(tag: str, name: str, ranges: str) -> str:
    return f"<tt:{tag}><tt:URI>{_SPACES}/{name}</tt:URI>{ranges}</tt:{tag}>"


def _position(at: tuple[float, float, float], tag: str = "tt:PTZPosition") -> str:
    return f'<{tag}><tt:PanTilt x="{at[0]:.4f}" y="{at[1]:.4f}"/><tt:Zoom x="{at[2]:.4f}"/></{tag}>'


def _vector(node: Node | None, most: float) -> tuple[float, float, float]:
    turn = node.find("PanTilt") if node is not None else None
    zoom = node.find("Zoom") if node is not None else None
    if turn is None and zoom is None:
        raise Fault("ter:InvalidArgVal", "a move needs pan and tilt, or zoom")
    told = [
        *((turn.attributes.get("x", ""), turn.attributes.get("y", "")) if turn is not None else ("0", "0")),
        zoom.attributes.get("x", "") if zoom is not None else "0",
    ]
    try:
        pan, tilt, near = (float(text) for text in told)
    except ValueError as error:
        raise Fault("ter:InvalidArgVal", "no number") from error
    if not all(math.isfinite(one) and abs(one) <= most for one in (pan, tilt, near)):
        raise Fault("ter:InvalidPosition", "beyond the range")
    return pan, tilt, near


def _seconds(text: str) -> float | None:
    """An xs:duration of seconds; None when there is none."""
    if not text:
        return None
    found = re.fullmatch(r"PT(\d{1,4}(?:\.\d{1,3})?)S", text)
    if found is None or float(found[1]) > LONGEST_S:
        raise Fault("ter:InvalidArgVal", "no such duration")
    return float(found[1])


def _require_profile(model: Model, asked: Node) -> None:
    model.head.commands.append(asked.name)
    if asked.text_at("ProfileToken") not in {one.token for one in model.profiles}:
        raise Fault("ter:NoProfile", "no such profile")


PTZ: Mapping[str, Reply] = {
    "ContinuousMove": _continuous,
    "RelativeMove": _relative,
    "AbsoluteMove": _absolute,
    "Stop": _stop,
    "GetPresets": _presets,
    "SetPreset": _set_preset,
    "GotoPreset": _go_to_preset,
    "GetStatus": _status,
    "GetNodes": _nodes,
}
