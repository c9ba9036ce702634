"""What happened: an event, and what it can be filtered by."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec import Struct

from haechi.base.ids import CameraId, EventId, RuleId, StreamId, ZoneId
from haechi.media.access_unit import UnitRef

Severity = Literal["alert", "detection"]
Box = tuple[float, float, float, float]
"""Left, top, width, height in [0, 1] of the picture, from the top left."""


REPORTED = RuleId("reported")
"""The rule of an event that the camera itself reported: there is no other."""


class Event(Struct, frozen=True):
    """An object did what a rule waits for; or the camera reported something (`is_reported`): then the rule is called as
    the camera calls it, the box is the whole picture, and no model decided.

    Names of the rule and the zone (or the line) are as they were then: both may have been changed or deleted since.

    Attributes:
        score: The best score of the object.
        start_ns, end_ns: First and last moment in which the condition held, by the capture time of the frames; an event
            without an end goes on.
        first_ref, last_ref, best_ref: The frames of its start, of its end so far, and of the best score.
        is_cut: It ended because the camera, the rule or the server went away, not because the object left.
        best_ns, best_box: When the best frame was taken, and where the object is in it.
        kind: What kind of rule it was, as in `haechi.events.rules.Kind`.
        detail: How many, how fast, or which way, where the kind has such.
    """

    id: EventId
    camera: CameraId
    stream: StreamId
    rule: RuleId
    rule_name: str
    zone: ZoneId | None
    zone_name: str
    label: str
    severity: Severity
    score: float
    start_ns: int
    last_ns: int
    end_ns: int | None
    first_ref: UnitRef
    last_ref: UnitRef
    best_ref: UnitRef
    best_ns: int
    best_box: Box
    model_name: str
    model_hash: str
    config_hash: str
    reviewed: bool = False
    is_cut: bool = False
    kind: str = "object"
    detail: str = ""

    @property
    def is_reported(self) -> bool:
        """Whether the camera noticed it, and not we."""
        return self.rule == REPORTED


class Report(Struct, frozen=True):
    """What a camera said when it reported an event: topic, names and values, and when by our clock."""

    topic: str
    items: tuple[tuple[str, str], ...]
    at_ns: int


class EventFilter(Struct, frozen=True):
    """Which events to list; None: any. ``cameras`` is also how a person's grants are applied.

    Attributes:
        after_ns, before_ns: Events that start at or after, and before.
    """

    cameras: Collection[CameraId] | None = None
    label: str | None = None
    severity: Severity | None = None
    reviewed: bool | None = None
    after_ns: int | None = None
    before_ns: int | None = None
    limit: int = 50


class EventPage(Struct, frozen=True):
    """Events, newest first; where the next page begins (None: there is none); how many are not reviewed in all."""

    events: tuple[Event, ...]
    next_before_ns: int | None
    unreviewed: int


class ReplayReport(Struct, frozen=True):
    """What came of making a stored decision again.

    Attributes:
        stage: The first stage that differs: ``bytes`` (the recording does not hold what the decoder was given),
            ``decode`` (the same bytes gave another picture), ``detector`` (the same picture gave other detections, or
            the detector is another), ``pose``, ``embedding``, ``scores`` (what looked after the detector says another
            thing, or is another), ``rules`` (the same detections led to another decision). None: identical.
        compared, differing: Frames that were compared, and those that differ at that stage.
        ref: The first frame that differs.
        message: One sentence for a person.
    """

    identical: bool
    stage: Literal["bytes", "decode", "detector", "pose", "embedding", "scores", "rules"] | None
    compared: int
    differing: int
    ref: UnitRef | None
    message: str
