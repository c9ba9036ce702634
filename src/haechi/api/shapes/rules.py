"""Zones, lines, rules and counts as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.fields import Input, Ms, Name, Point, Severity, Shape
from haechi.base.ids import CameraId, LineId, RuleId, ZoneId
from haechi.base.week import Hours, Week
from haechi.events.rules import Ground, Kind, Rule, Way
from haechi.vision.lines import Line
from haechi.vision.zones import Zone

Id = Annotated[str, Field(max_length=40)]
Label = Annotated[str, Field(min_length=1, max_length=40)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
WayName = Annotated[str, Field(min_length=1, max_length=40)]
Metres = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
MOST_ZONES = 64
MOST_ZONE_POINTS = 64
MOST_LINES = 32
MOST_LINE_POINTS = 16
MOST_LABELS = 16
MOST_RULES = 64
MOST_HOURS = 28


class ZoneShape(Input):
    """A polygon in the picture. Without ``id`` it is a new one."""

    id: Id | None = None
    name: Name
    points: Annotated[list[Point], Field(min_length=3, max_length=MOST_ZONE_POINTS)]
    colour: Colour = "#e8590c"

    @classmethod
    def of(cls, zone: Zone) -> "ZoneShape":
        """From vision's own."""
        return cls(id=zone.id, name=zone.name, points=list(zone.points), colour=zone.colour)

    def zone(self, camera: CameraId) -> Zone:
        """As vision knows it."""
        return Zone(camera, self.name, tuple(self.points), self.colour, ZoneId(self.id or ""))


class ZoneList(Input):
    """All zones of a camera."""

    zones: Annotated[list[ZoneShape], Field(max_length=MOST_ZONES)]


class LineShape(Input):
    """A line across the picture. Without ``id`` it is a new one.

    ``forward`` and ``backward`` are what the two directions are called: forward leads from the left of the line to its
    right, as seen when walking from its first point to the last. ``labels``: classes that are counted without a rule.
    """

    id: Id | None = None
    name: Name
    points: Annotated[list[Point], Field(min_length=2, max_length=MOST_LINE_POINTS)]
    forward: WayName = "in"
    backward: WayName = "out"
    labels: Annotated[list[Label], Field(max_length=MOST_LABELS, default_factory=lambda: ["person"])]
    colour: Colour = "#3aa0ff"

    @classmethod
    def of(cls, line: Line) -> "LineShape":
        """From vision's own."""
        return cls(
            id=line.id,
            name=line.name,
            points=list(line.points),
            forward=line.forward,
            backward=line.backward,
            labels=list(line.labels),
            colour=line.colour,
        )

    def line(self, camera: CameraId) -> Line:
        """As vision knows it."""
        return Line(
            camera,
            self.name,
            tuple(self.points),
            self.forward,
            self.backward,
            tuple(self.labels),
            self.colour,
            LineId(self.id or ""),
        )


class LineList(Input):
    """All lines of a camera."""

    lines: Annotated[list[LineShape], Field(max_length=MOST_LINES)]


class HoursShape(Input):
    """From one time of the day to another, in minutes since midnight, on some days (0 is Monday). An end that is not
    after the start lies on the next day.
    """

    days: Annotated[list[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1, max_length=7)]
    start_min: Annotated[int, Field(ge=0, le=1439)]
    end_min: Annotated[int, Field(ge=0, le=1440)]


class WeekShape(Input):
    """Hours of the week by the clock of the site; ``outside``: all the others."""

    hours: Annotated[list[HoursShape], Field(min_length=1, max_length=MOST_HOURS)]
    outside: bool = False

    @classmethod
    def of(cls, week: Week) -> "WeekShape":
        """From our own."""
        rows = [HoursShape(days=list(row.days), start_min=row.start_min, end_min=row.end_min) for row in week.hours]
        return cls(hours=rows, outside=week.outside)

    def week(self) -> Week:
        """As our own."""
        return Week(tuple(Hours(tuple(row.days), row.start_min, row.end_min) for row in self.hours), self.outside)


class GroundShape(Input):
    """Two points on the ground, ``width_m`` apart; or the four corners of a rectangle on it, in order around it, the
    first two ``width_m`` apart, the second and third ``length_m``.
    """

    points: Annotated[list[Point], Field(min_length=2, max_length=4)]
    width_m: Metres
    length_m: Metres = 0.0

    @classmethod
    def of(cls, ground: Ground) -> "GroundShape":
        """From the rule's own."""
        return cls(points=list(ground.points), width_m=ground.width_m, length_m=ground.length_m)

    def ground(self) -> Ground:
        """As the rule knows it."""
        return Ground(tuple(self.points), self.width_m, self.length_m)


class RuleShape(Input):
    """What to wait for; ``zone`` null is the whole picture.

    ``kind``: ``object`` (one of class ``label`` stands in the zone for ``min_duration_s``), ``crossing`` (one crosses
    ``line`` in the direction ``way``), ``dwell`` (one spends ``min_duration_s`` in the zone in all), ``crowd``
    (``count`` at once for ``min_duration_s``), ``speed`` (one is ``speed_kmh`` fast, measured with ``ground``),
    ``fall`` (one who stood lies for ``min_duration_s``), ``left`` and ``taken`` (a thing appeared, or vanished, with a
    person near it, and has been alone or gone for ``min_duration_s``). ``hours``: when it is in force; null: always.
    """

    id: Id | None = None
    name: Name
    zone: Id | None = None
    label: Label
    min_score: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    min_duration_s: Annotated[float, Field(ge=0, le=300, allow_inf_nan=False)] = 1.0
    cooldown_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 10.0
    severity: Severity = "alert"
    enabled: bool = True
    kind: Kind = "object"
    line: Id | None = None
    way: Way = "both"
    count: Annotated[int, Field(ge=2, le=200)] = 2
    speed_kmh: Annotated[float, Field(ge=1, le=300, allow_inf_nan=False)] = 30.0
    ground: GroundShape | None = None
    hours: WeekShape | None = None

    @classmethod
    def of(cls, rule: Rule) -> "RuleShape":
        """From the event stage's own."""
        return cls(
            id=rule.id,
            name=rule.name,
            zone=rule.zone,
            label=rule.label,
            min_score=rule.min_score,
            min_duration_s=rule.min_duration_s,
            cooldown_s=rule.cooldown_s,
            severity=rule.severity,
            enabled=rule.enabled,
            kind=rule.kind,
            line=rule.line,
            way=rule.way,
            count=rule.count,
            speed_kmh=rule.speed_kmh,
            ground=None if rule.ground is None else GroundShape.of(rule.ground),
            hours=None if rule.hours is None else WeekShape.of(rule.hours),
        )

    def rule(self, camera: CameraId) -> Rule:
        """As the event stage knows it."""
        return Rule(
            id=RuleId(self.id or ""),
            camera=camera,
            name=self.name,
            zone=None if self.zone is None else ZoneId(self.zone),
            label=self.label,
            min_score=self.min_score,
            min_duration_s=self.min_duration_s,
            cooldown_s=self.cooldown_s,
            severity=self.severity,
            enabled=self.enabled,
            kind=self.kind,
            line=None if self.line is None else LineId(self.line),
            way=self.way,
            count=self.count,
            speed_kmh=self.speed_kmh,
            ground=None if self.ground is None else self.ground.ground(),
            hours=None if self.hours is None else self.hours.week(),
        )


class RuleList(Input):
    """All rules of a camera."""

    rules: Annotated[list[RuleShape], Field(max_length=MOST_RULES)]


class CountQuery(Input):
    """From when to when; the quarters of an hour that these lie in count as a whole."""

    start_ms: Ms
    end_ms: Ms
    bucket: Literal["quarter", "hour", "day"] = "hour"


class LabelCounts(Shape):
    """How many of a class crossed in each bucket."""

    label: str
    forward: list[int]
    backward: list[int]


class LineCounts(Shape):
    """A line and who crossed it. ``inside``: how many more went forwards than backwards in all of the range."""

    line: str
    name: str
    colour: str
    forward: str
    backward: str
    forward_total: int
    backward_total: int
    inside: int
    labels: list[LabelCounts]


class CountsOut(Shape):
    """``starts_ms`` are where the buckets begin, by the clock of the site; the last one ends at ``end_ms``."""

    time_zone: str
    bucket: Literal["quarter", "hour", "day"]
    starts_ms: list[int]
    end_ms: int
    lines: list[LineCounts]
