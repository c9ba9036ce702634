"""Zones: polygons in the picture of a camera, drawn by a person, that rules refer to."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection, Row

from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId, ZoneId, new_id
from haechi.store.database import Database
from haechi.vision import tables
from haechi.vision.result import Detection

LEAST_POINTS, MOST_POINTS = 3, 64
MOST_ZONES = 64
LEAST_AREA = 1e-5
"""A tenth of a pixel row of a 720p picture: smaller ones are slips of the hand."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
Point = tuple[float, float]


class Zone(Struct, frozen=True):
    """A polygon.

    Attributes:
        points: x, y in [0, 1] from the top left, at least three, the last joined to the first.
        drawn_ns: In the view of which moment, ns since 1970; see `haechi.vision.view.placing`.
    """

    camera: CameraId
    name: str
    points: tuple[Point, ...]
    colour: str = "#e8590c"
    id: ZoneId = ZoneId("")
    drawn_ns: int = 0

    def contains(self, x: float, y: float) -> bool:
        """Whether the point lies inside (even-odd rule; the upper and left edges belong to the zone)."""
        inside = False
        for (x1, y1), (x2, y2) in _edges(self.points):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                inside = not inside
        return inside

    def holds(self, found: Detection) -> bool:
        """Whether an object stands in the zone: by the middle of the lower edge of its box, where its feet are."""
        return self.contains(found.x + found.w / 2, min(found.y + found.h, 1.0 - 1e-9))


def checked(zone: Zone) -> Zone:
    """``zone`` with a tidy name.

    Raises:
        Invalid: ``bad-zone``: says which point or edge is wrong, counted from 1.
    """
    name = " ".join(zone.name.split())
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise Invalid("a zone needs a name of 1 to 120 printable characters", code="bad-zone")
    if _COLOUR.fullmatch(zone.colour) is None:
        raise Invalid("a colour is written like #e8590c", code="bad-zone")
    _check_points(zone.points)
    return structs.replace(zone, name=name)


class ZoneStore:
    """Zones in the database, and who wants to hear that they changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each change."""
        self._listeners.append(listener)

    async def list(self, camera: CameraId | None = None) -> Sequence[Zone]:
        """The zones of a camera (or of all), by name."""
        query = sa.select(tables.zones).order_by(tables.zones.c.name, tables.zones.c.id)
        if camera is not None:
            query = query.where(tables.zones.c.camera == camera)
        return [_zone(row) for row in await self._database.read(lambda c: c.execute(query).all())]

    async def put(self, camera: CameraId, zones: Iterable[Zone]) -> Sequence[Zone]:
        """Replace the zones of a camera. A zone without an id is new; one with an id is changed.

        Raises:
            Invalid: ``bad-zone``, ``too-many-zones``.
            NotFound: ``zone-not-found``: the camera has no zone with a given id.
        """
        wanted = [structs.replace(checked(zone), camera=camera) for zone in zones]
        given = [zone.id for zone in wanted if zone.id]
        if len(wanted) > MOST_ZONES:
            raise Invalid("a camera has at most 64 zones", code="too-many-zones", limit=MOST_ZONES)
        if len(set(given)) < len(given):
            raise Invalid("two zones have the same id", code="bad-zone")

        def replace(connection: Connection) -> None:
            column = tables.zones.c
            mine = set(connection.execute(sa.select(column.id).where(column.camera == camera)).scalars())
            if not mine.issuperset(given):
                raise NotFound("the camera has no such zone; leave the id out for a new one", code="zone-not-found")
            connection.execute(tables.zones.delete().where(column.camera == camera))
            if wanted:
                connection.execute(tables.zones.insert(), [_columns(zone) for zone in wanted])

        await self._database.write(replace)
        self._changed()
        return await self.list(camera)

    async def forget(self, camera: CameraId) -> None:
        """Remove the zones of a camera that was deleted."""
        statement = tables.zones.delete().where(tables.zones.c.camera == camera)
        await self._database.write(lambda c: c.execute(statement))
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def _check_points(points: Sequence[Point]) -> None:
    if not LEAST_POINTS <= len(points) <= MOST_POINTS:
        raise Invalid("a zone has 3 to 64 points", code="bad-zone", points=len(points))
    for number, (x, y) in enumerate(points, 1):
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1):
            raise Invalid("a point of the zone lies outside the picture", code="bad-zone", point=number)
    for number, (start, end) in enumerate(_edges(points), 1):
        if start == end:
            raise Invalid("two points that follow each other are the same", code="bad-zone", edge=number)
    for (first, a), (second, b) in itertools.combinations(enumerate(_edges(points), 1), 2):
        if _meet(a, b, are_neighbours=second == first + 1 or (first == 1 and second == len(points))):
            raise Invalid(
                f"edge {second} of the zone crosses edge {first}; move one of its points",
                code="bad-zone",
                edge=second,
                other_edge=first,
            )
    if abs(_area(points)) < LEAST_AREA:
        raise Invalid("the zone has no area", code="bad-zone")


def _edges(points: Sequence[Point]) -> Iterable[tuple[Point, Point]]:
    """Each point with the next; edge n runs from point n."""
    return zip(points, (*points[1:], points[0]), strict=True)


def _area(points: Sequence[Point]) -> float:
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in _edges(points)) / 2


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _within(a: Point, b: Point, c: Point) -> bool:
    """Whether ``c``, on the line through ``a`` and ``b``, lies between them."""
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])


def _meet(first: tuple[Point, Point], second: tuple[Point, Point], *, are_neighbours: bool) -> bool:
    """Whether two edges share a point; neighbours may share their common end, and nothing else."""
    (a, b), (c, d) = first, second
    if are_neighbours:
        shared = b if b == c else a
        far, other = (a if shared == b else b), (d if shared == c else c)
        ahead = (far[0] - shared[0]) * (other[0] - shared[0]) + (far[1] - shared[1]) * (other[1] - shared[1])
        return _turn(shared, far, other) == 0 and ahead > 0
    turns = (_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b))
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    touching = ((turns[0], a, b, c), (turns[1], a, b, d), (turns[2], c, d, a), (turns[3], c, d, b))
    return any(turn == 0 and _within(start, end, point) for turn, start, end, point in touching)


def _columns(zone: Zone) -> dict[str, object]:
    return {
        "id": zone.id or new_id("zon"),
        "camera": zone.camera,
        "name": zone.name,
        "points": [list(point) for point in zone.points],
        "colour": zone.colour,
        "drawn_ns": zone.drawn_ns,
    }


def _zone(row: Row[tuple[object, ...]]) -> Zone:
    fields = row._mapping
    return Zone(
        id=ZoneId(fields["id"]),
        camera=CameraId(fields["camera"]),
        name=fields["name"],
        points=tuple((float(x), float(y)) for x, y in fields["points"]),
        colour=fields["colour"],
        drawn_ns=fields["drawn_ns"],
    )
