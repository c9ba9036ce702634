"""Events as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.fields import Box, Input, Ms, Nanoseconds, Severity, Shape
from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.events.event import Event
from haechi.vision.result import Detection, FrameResult

MOST_AT_ONCE = 500


class EventFrame(Shape):
    """The frame in which the object was seen best."""

    ref: Annotated[str, Field(description="The access unit, as stream:run:seq")]
    captured_ns: Nanoseconds
    box: Box


class EventOut(Shape):
    """An event. ``rule`` and ``zone`` (or line) are the names at the time; ``end_ms`` is null while it lasts.

    ``kind`` is that of the rule; ``detail`` says how many, how fast, or which way, where it has such.

    ``source``: who noticed it. Of what the ``camera`` reported by itself, ``rule`` is the camera's own word for it, the
    score says nothing and the box is the whole picture.
    """

    id: str
    source: Literal["vision", "camera"]
    camera: str
    camera_name: str
    rule: str
    zone: str | None
    kind: str
    detail: str
    label: str
    severity: Severity
    score: float
    start_ms: int
    end_ms: int | None
    reviewed: bool
    has_clip: bool
    frame: EventFrame

    @classmethod
    def of(cls, event: Event, camera_name: str) -> "EventOut":
        """From the event stage's own."""
        return cls(**event_fields(event, camera_name))


class BoxOut(Shape):
    """Something seen in a frame. ``points``: its joints, where they were looked for: x, y, score, in [0, 1]."""

    label: str
    score: float
    box: Box
    track: int | None
    points: list[tuple[float, float, float]]

    @classmethod
    def of(cls, found: Detection) -> "BoxOut":
        """From vision's own."""
        box = (found.x, found.y, found.w, found.h)
        return cls(label=found.label, score=found.score, box=box, track=found.track, points=list(found.points))


class FrameBoxes(Shape):
    """All that was seen in one frame; ``clip_s`` is where the frame is in the clip."""

    ref: str
    captured_ns: Nanoseconds
    clip_s: float
    boxes: list[BoxOut]

    @classmethod
    def of(cls, result: FrameResult, clip_start_ns: int) -> "FrameBoxes":
        """From vision's own."""
        return cls(
            ref=str(result.ref),
            captured_ns=str(result.captured_ns),
            clip_s=(result.captured_ns - clip_start_ns) / NS_PER_S,
            boxes=[BoxOut.of(found) for found in result.detections],
        )


class ModelRef(Shape):
    """Which weights decided."""

    name: str
    hash: str


class ClipSpan(Shape):
    """What the clip covers."""

    start_ms: int
    end_ms: int


class ReportOut(Shape):
    """What a camera said: its topic, and names and values as it sent them."""

    topic: str
    items: list[tuple[str, str]]


class EventDetail(EventOut):
    """An event with what it takes to check it. ``report``: what the camera said, of an event that it reported."""

    model: ModelRef
    config_hash: str
    clip: ClipSpan | None
    report: ReportOut | None
    detections: list[FrameBoxes]


class EventPage(Shape):
    """Newest first. ``unreviewed`` counts all that one may see; go on with ``before_ms=next_before_ms``."""

    events: list[EventOut]
    next_before_ms: int | None
    unreviewed: int


class EventQuery(Input):
    """Which events."""

    camera: Annotated[str, Field(max_length=40)] | None = None
    label: Annotated[str, Field(max_length=40)] | None = None
    severity: Severity | None = None
    reviewed: bool | None = None
    before_ms: Ms | None = None
    after_ms: Ms | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class ReviewIn(Input):
    """Whether somebody looked at it."""

    reviewed: bool


class ReviewManyIn(Input):
    """The same for several events, all or none."""

    ids: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=MOST_AT_ONCE)]
    reviewed: bool


class ReplayOut(Shape):
    """Whether the recording gives the same detections again, and the stage that differs if not."""

    identical: bool
    stage: str | None
    compared: int
    differing: int
    message: str


class EventMessage(Shape):
    """On ``/api/ws``: an event began, changed or ended."""

    type: Literal["event"] = "event"
    event: EventOut


class DetectionsMessage(Shape):
    """On ``/api/ws``: what is seen in a frame of a camera that one watches."""

    type: Literal["detections"] = "detections"
    camera: str
    ref: str
    captured_ns: Nanoseconds
    boxes: list[BoxOut]


class ActivityMessage(Shape):
    """On ``/api/ws``: something moves before a camera, or (``tracked``) a detector sees an object there; each ten
    seconds while it goes on."""

    type: Literal["activity"] = "activity"
    camera: str
    tracked: bool = False


def event_fields(event: Event, camera_name: str) -> dict[str, object]:
    """The fields that every form of an event has."""
    return {
        "id": event.id,
        "source": "camera" if event.is_reported else "vision",
        "camera": event.camera,
        "camera_name": camera_name,
        "rule": event.rule_name,
        "zone": event.zone_name or None,
        "kind": event.kind,
        "detail": event.detail,
        "label": event.label,
        "severity": event.severity,
        "score": event.score,
        "start_ms": event.start_ns // NS_PER_MS,
        "end_ms": None if event.end_ns is None else -(-event.end_ns // NS_PER_MS),
        "reviewed": event.reviewed,
        "has_clip": event.end_ns is not None,
        "frame": EventFrame(ref=str(event.best_ref), captured_ns=str(event.best_ns), box=event.best_box),
    }
