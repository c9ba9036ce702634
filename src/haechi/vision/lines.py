"""Lines: drawn across the picture of a camera by a person; who crosses one is counted, and rules refer to them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection, Row

from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId, LineId, new_id
from haechi.store.database import Database
from haechi.vision import tables
from haechi.vision.zones import Point

LEAST_POINTS, MOST_POINTS = 2, 16
MOST_LINES = 32
MOST_LABELS = 16
LEAST_LENGTH = 0.01
"""Seven pixels of a 720p picture: shorter ones are slips of the hand."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class Line(Struct, frozen=True):
    """A line of two or more points.

    Attributes:
        points: x, y in [0, 1] from the top left, in the order in which they were drawn.
        forward: What it is called when somebody crosses from the left of the line to its right, as seen when walking
            from its first point to the last one: "in", for example.
        backward: The other way.
        labels: Classes that are counted without any rule; none: the line counts nothing by itself.
        drawn_ns: In the view of which moment, ns since 1970; see `haechi.vision.view.placing`.
    """

    camera: CameraId
    name: str
    points: tuple[Point, ...]
    forward: str = "in"
    backward: str = "out"
    labels: tuple[str, ...] = ("person",)
    colour: str = "#3aa0ff"
    id: LineId = LineId("")
    drawn_ns: int = 0


def checked(line: Line) -> Line:
    """``line`` with tidy names.

    Raises:
        Invalid: ``bad-line``: says which point is wrong, counted from 1.
    """
    name = " ".join(line.name.split())
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise Invalid("a line needs a name of 1 to 120 printable characters", code="bad-line")
    ways = [" ".join(way.split()) for way in (line.forward, line.backward)]
    if not all(1 <= len(way) <= 40 and way.isprintable() for way in ways):
        raise Invalid("each direction of a line needs a name of 1 to 40 printable characters", code="bad-line")
    if ways[0] == ways[1]:
        raise Invalid("the two directions of a line need different names", code="bad-line")
    if _COLOUR.fullmatch(line.colour) is None:
        raise Invalid("a colour is written like #e8590c", code="bad-line")
    labels = tuple(dict.fromkeys(line.labels))
    if len(labels) > MOST_LABELS or not all(1 <= len(label) <= 40 and label.isprintable() for label in labels):
        raise Invalid("a line counts at most 16 classes, for example person", code="bad-line")
    _check_points(line.points)
    return structs.replace(line, name=name, forward=ways[0], backward=ways[1], labels=labels)


class LineStore:
    """Lines in the database, and who wants to hear that they changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each change."""
        self._listeners.append(listener)

    async def list(self, camera: CameraId | None = None) -> Sequence[Line]:
        """The lines of a camera (or of all), by name."""
        query = sa.select(tables.lines).order_by(tables.lines.c.name, tables.lines.c.id)
        if camera is not None:
            query = query.where(tables.lines.c.camera == camera)
        return [_line(row) for row in await self._database.read(lambda c: c.execute(query).all())]

    async def put(self, camera: CameraId, lines: Iterable[Line]) -> Sequence[Line]:
        """Replace the lines of a camera. A line without an id is new; one with an id is changed.

        Raises:
            Invalid: ``bad-line``, ``too-many-lines``.
            NotFound: ``line-not-found``: the camera has no line with a given id.
        """
        wanted = [structs.replace(checked(line), camera=camera) for line in lines]
        given = [line.id for line in wanted if line.id]
        if len(wanted) > MOST_LINES:
            raise Invalid("a camera has at most 32 lines", code="too-many-lines", limit=MOST_LINES)
        if len(set(given)) < len(given):
            raise Invalid("two lines have the same id", code="bad-line")

        def replace(connection: Connection) -> None:
            column = tables.lines.c
            mine = set(connection.execute(sa.select(column.id).where(column.camera == camera)).scalars())
            if not mine.issuperset(given):
                raise NotFound("the camera has no such line; leave the id out for a new one", code="line-not-found")
            connection.execute(tables.lines.delete().where(column.camera == camera))
            if wanted:
                connection.execute(tables.lines.insert(), [_columns(line) for line in wanted])

        await self._database.write(replace)
        self._changed()
        return await self.list(camera)

    async def forget(self, camera: CameraId) -> None:
        """Remove the lines of a camera that was deleted."""
        statement = tables.lines.delete().where(tables.lines.c.camera == camera)
        await self._database.write(lambda c: c.execute(statement))
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def _check_points(points: Sequence[Point]) -> None:
    if not LEAST_POINTS <= len(points) <= MOST_POINTS:
        raise Invalid("a line has 2 to 16 points", code="bad-line", points=len(points))
    for number, (x, y) in enumerate(points, 1):
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1):
            raise Invalid("a point of the line lies outside the picture", code="bad-line", point=number)
    for number, (start, end) in enumerate(pairwise(points), 1):
        if start == end:
            raise Invalid("two points that follow each other are the same", code="bad-line", point=number + 1)
    if sum(math.dist(start, end) for start, end in pairwise(points)) < LEAST_LENGTH:
        raise Invalid("the line is too short for anybody to cross it", code="bad-line")


def _columns(line: Line) -> dict[str, object]:
    return {
        "id": line.id or new_id("lin"),
        "camera": line.camera,
        "name": line.name,
        "points": [list(point) for point in line.points],
        "forward": line.forward,
        "backward": line.backward,
        "labels": list(line.labels),
        "colour": line.colour,
        "drawn_ns": line.drawn_ns,
    }


def _line(row: Row[tuple[object, ...]]) -> Line:
    fields = row._mapping
    return Line(
        id=LineId(fields["id"]),
        camera=CameraId(fields["camera"]),
        name=fields["name"],
        points=tuple((float(x), float(y)) for x, y in fields["points"]),
        forward=fields["forward"],
        backward=fields["backward"],
        labels=tuple(fields["labels"]),
        colour=fields["colour"],
        drawn_ns=fields["drawn_ns"],
    )
