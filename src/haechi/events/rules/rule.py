"""What a rule waits for."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from haechi.base.ids import CameraId, LineId, RuleId, ZoneId
from haechi.base.week import Week
from haechi.events.event import Severity
from haechi.vision.lines import Line
from haechi.vision.zones import Point, Zone

Kind = Literal["object", "crossing", "dwell", "crowd", "speed", "fall", "left", "taken"]
"""``object``: one stands in the zone. ``crossing``: one crosses the line. ``dwell``: one spends so long in the zone,
short absences left out. ``crowd``: so many at once. ``speed``: one is as fast. ``fall``: one who stood lies. ``left``,
``taken``: a thing appears, or vanishes, with a person near it."""
KINDS: tuple[Kind, ...] = get_args(Kind)
Way = Literal["both", "forward", "backward"]


class Ground(Struct, frozen=True):
    """Where the ground is in the picture, and how large.

    Attributes:
        points: Four corners of a rectangle on the ground, in order around it: then perspective is taken into account.
            Or the two ends of a stretch on the ground: then a metre is the same everywhere, which holds only where
            people pass at one distance from the camera.
        width_m: From the first point to the second, in metres.
        length_m: From the second to the third; 0 of two points.
    """

    points: tuple[Point, ...]
    width_m: float
    length_m: float = 0.0


class Rule(Struct, frozen=True):
    """What to wait for. ``zone`` None is the whole picture.

    Attributes:
        min_duration_s: For how long it has to hold. Of ``dwell`` the time in the zone, of ``left`` and ``taken`` how
            long the thing has been alone or gone; ``crossing`` and ``speed`` take no notice of it.
        line, way: Of ``crossing``: which line, and in which direction.
        count: Of ``crowd``: how many at least.
        speed_kmh, ground: Of ``speed``: how fast at least, and how that is measured.
        hours: When it is in force, by the clock of the site; None: always.
    """

    camera: CameraId
    name: str
    label: str
    zone: ZoneId | None = None
    min_score: float = 0.5
    min_duration_s: float = 1.0
    cooldown_s: float = 10.0
    severity: Severity = "alert"
    enabled: bool = True
    id: RuleId = RuleId("")
    kind: Kind = "object"
    line: LineId | None = None
    way: Way = "both"
    count: int = 2
    speed_kmh: float = 30.0
    ground: Ground | None = None
    hours: Week | None = None


class Watch(Struct, frozen=True):
    """A rule together with its zone or line as it is now, and the time zone of the site."""

    rule: Rule
    zone: Zone | None
    line: Line | None = None
    time_zone: str = "UTC"
