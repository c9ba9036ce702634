"""Scripted people: where everybody is at each moment, as a tracker would tell it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import CameraId, LineId, RuleId, StreamId, ZoneId
from haechi.events.rules import Closed, Decision, Opened, Rule, RuleState, Watch, Went, decide, finish
from haechi.media.access_unit import UnitRef
from haechi.vision.lines import Line
from haechi.vision.result import Detection, FrameResult
from haechi.vision.zones import Zone

CAMERA, STREAM = CameraId("cam_door"), StreamId("cam_door/main")
START_NS = 1_700_000_000 * NS_PER_S
LEFT = Zone(CAMERA, "left", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)), id=ZoneId("zon_left"))
GATE = Line(CAMERA, "gate", ((0.5, 0.0), (0.5, 1.0)), id=LineId("lin_gate"))
"""Drawn downwards: who walks to the left goes forwards."""


def person(x: float, y: float, track: int | None = 1, *, height: float = 0.3, score: float = 0.9) -> Detection:
    """Somebody whose feet are at (x, y)."""
    width = height / 4
    return Detection("person", score, x - width / 2, y - height, width, height, track)


def thing(label: str, x: float, y: float, track: int | None = 7, score: float = 0.8) -> Detection:
    """Something small that stands at (x, y)."""
    return Detection(label, score, x - 0.02, y - 0.06, 0.04, 0.06, track)


def frame(at_ms: int, *found: Detection) -> FrameResult:
    """What is seen in a picture of 16:9."""
    at_ns = START_NS + at_ms * NS_PER_MS
    return FrameResult(UnitRef(STREAM, 1, at_ms), at_ns, found, 1280, 720, 0.1, "m", "c", "u", "g", "f", 0)


def rule(kind: str, **fields: object) -> Rule:
    """A rule of that kind for persons, without a cool-down."""
    given = {"min_duration_s": 1.0, "cooldown_s": 0.0, "id": RuleId("rul_one"), **fields}
    label = given.pop("label", "person")
    return Rule(CAMERA, "a rule", label, kind=kind, **given)  # type: ignore[arg-type]


def play(
    watch: Watch, frames: Iterable[FrameResult], state: RuleState | None = None
) -> tuple[list[tuple[int, Decision]], RuleState]:
    """Decisions with the time in ms of the frame that led to them, without the progress in between."""
    state = state or RuleState()
    out: list[tuple[int, Decision]] = []
    for one in frames:
        state, decisions = decide(watch, state, one)
        out += [(one.ref.seq, decision) for decision in decisions if not isinstance(decision, Went)]
    return out, state


def opened(watch: Watch, frames: Sequence[FrameResult]) -> list[tuple[float, Opened]]:
    """When events begin, in seconds after the start, and their beginnings."""
    found, state = play(watch, frames)
    assert not any(isinstance(decision, Opened) for decision in finish(state)[1])
    return [((one.start_ns - START_NS) / NS_PER_S, one) for _, one in found if isinstance(one, Opened)]


def closed(watch: Watch, frames: Sequence[FrameResult]) -> list[float]:
    """When events end."""
    found, _ = play(watch, frames)
    return [(one.end_ns - START_NS) / NS_PER_S for _, one in found if isinstance(one, Closed)]
