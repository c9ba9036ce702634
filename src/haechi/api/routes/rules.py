"""What is drawn on a camera's picture, the rules that refer to it, and what was counted."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Response

from haechi.api.asked import AskedCamera, House
from haechi.api.csv_rows import CSV, csv_text
from haechi.api.headers import NO_STORE
from haechi.api.media import attachment
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.settings import time_zone
from haechi.api.shapes.fields import LATEST_MS
from haechi.api.shapes.rules import (
    CountQuery,
    CountsOut,
    LabelCounts,
    LineCounts,
    LineList,
    LineShape,
    RuleList,
    RuleShape,
    ZoneList,
    ZoneShape,
)
from haechi.base.clock import NS_PER_MS
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.events.counts.buckets import Totals, bucket_starts, summed
from haechi.events.counts.counter import SLOT_S
from haechi.fleet.cameras import Camera
from haechi.vision.lines import Line
from haechi.vision.view.placing import redrawn, shown

_SLOT_MS = SLOT_S * 1000
At = Annotated[int | None, Query(ge=0, le=LATEST_MS, description="Milliseconds since 1970")]
LONGEST_DAYS = {"quarter": 7, "hour": 31, "day": 400}
COLUMNS = ("start", "line", "class", "direction", "count")


async def get_zones(camera: AskedCamera, house: House, at: At = None) -> ZoneList:
    """The zones of a camera, where they lie in its picture now, or in that of the time ``at``."""
    course = await house.views.book.course(camera.id)
    zones = [shown(course, zone, _ns(at)) for zone in await house.zones.list(camera.id)]
    return ZoneList(zones=[ZoneShape.of(zone) for zone in zones])


async def put_zones(camera: AskedCamera, body: ZoneList, house: House) -> ZoneList:
    """Replace the zones of a camera. Those with an ``id`` are changed, those without are new."""
    course, before = await house.views.book.course(camera.id), await house.zones.list(camera.id)
    zones = redrawn(course, before, [shape.zone(camera.id) for shape in body.zones], house.clock.wall_ns())
    after = await house.zones.put(camera.id, zones)
    return ZoneList(zones=[ZoneShape.of(shown(course, zone)) for zone in after])


async def get_lines(camera: AskedCamera, house: House, at: At = None) -> LineList:
    """The lines of a camera, where they lie in its picture now, or in that of the time ``at``."""
    course = await house.views.book.course(camera.id)
    lines = [shown(course, line, _ns(at)) for line in await house.lines.list(camera.id)]
    return LineList(lines=[LineShape.of(line) for line in lines])


async def put_lines(camera: AskedCamera, body: LineList, house: House) -> LineList:
    """Replace the lines of a camera. Those with an ``id`` are changed and keep their counts, those without are new."""
    course, before = await house.views.book.course(camera.id), await house.lines.list(camera.id)
    lines = redrawn(course, before, [shape.line(camera.id) for shape in body.lines], house.clock.wall_ns())
    after = await house.lines.put(camera.id, lines)
    return LineList(lines=[LineShape.of(shown(course, line)) for line in after])


async def get_rules(camera: AskedCamera, house: House) -> RuleList:
    """The rules of a camera."""
    return RuleList(rules=[RuleShape.of(rule) for rule in await house.rules.list(camera.id)])


async def put_rules(camera: AskedCamera, body: RuleList, house: House) -> RuleList:
    """Replace the rules of a camera. Those with an ``id`` are changed, those without are new."""
    rules = await house.rules.put(camera.id, [shape.rule(camera.id) for shape in body.rules])
    return RuleList(rules=[RuleShape.of(rule) for rule in rules])


async def get_counts(camera: AskedCamera, house: House, asked: Annotated[CountQuery, Query()]) -> CountsOut:
    """Who crossed the lines of a camera: in each hour (or day, or quarter of an hour) of the site's clock."""
    return await _counts(house, camera.id, asked)


async def get_counts_csv(camera: AskedCamera, house: House, asked: Annotated[CountQuery, Query()]) -> Response:
    """The same as a table: a row for each bucket, line, class and direction in which somebody crossed."""
    found = await _counts(house, camera.id, asked)
    headers = {"Content-Disposition": attachment(_file_name(camera)), "Cache-Control": NO_STORE}
    return Response(csv_text([COLUMNS, *_rows(found)]), media_type="text/csv", headers=headers)


def register(routes: Routes) -> None:
    """Add the routes."""
    view, admin, one = Access.CAMERA_VIEW, Access.CAMERA_ADMIN, "/api/cameras/{camera}"
    routes.add("GET", f"{one}/zones", get_zones, access=view)
    routes.add("PUT", f"{one}/zones", put_zones, access=admin, problems=(404,))
    routes.add("GET", f"{one}/lines", get_lines, access=view)
    routes.add("PUT", f"{one}/lines", put_lines, access=admin, problems=(404,))
    routes.add("GET", f"{one}/rules", get_rules, access=view)
    routes.add("PUT", f"{one}/rules", put_rules, access=admin, problems=(404,))
    routes.add("GET", f"{one}/counts", get_counts, access=view, problems=(422,))
    routes.add("GET", f"{one}/counts.csv", get_counts_csv, access=view, problems=(422,), responses=CSV)


def _ns(at_ms: int | None) -> int | None:
    return None if at_ms is None else at_ms * NS_PER_MS


async def _counts(house: Services, camera: CameraId, asked: CountQuery) -> CountsOut:
    longest = LONGEST_DAYS[asked.bucket]
    if not 0 < asked.end_ms - asked.start_ms <= longest * 86_400_000:
        raise Invalid(f"end_ms must be after start_ms, by at most {longest} days", code="bad-range")
    name = (await house.settings.get()).time_zone
    first, after = asked.start_ms // _SLOT_MS, -(-asked.end_ms // _SLOT_MS)
    starts = bucket_starts(first, after, asked.bucket, time_zone(name))
    totals = summed(await house.counts.list(camera, first, after), starts)
    return CountsOut(
        time_zone=name,
        bucket=asked.bucket,
        starts_ms=[start * 1000 for start in starts],
        end_ms=after * _SLOT_MS,
        lines=[_line(line, totals, len(starts)) for line in await house.lines.list(camera)],
    )


def _line(line: Line, totals: Totals, count: int) -> LineCounts:
    nothing = [0] * count
    labels = [*line.labels, *sorted({label for of, label, _ in totals if of == line.id} - set(line.labels))]
    rows = [
        LabelCounts(
            label=label,
            forward=totals.get((line.id, label, "forward"), nothing),
            backward=totals.get((line.id, label, "backward"), nothing),
        )
        for label in labels
    ]
    forward, backward = (
        sum(sum(cells) for cells in way) for way in ([r.forward for r in rows], [r.backward for r in rows])
    )
    return LineCounts(
        line=line.id,
        name=line.name,
        colour=line.colour,
        forward=line.forward,
        backward=line.backward,
        forward_total=forward,
        backward_total=backward,
        inside=forward - backward,
        labels=rows,
    )


def _rows(found: CountsOut) -> list[Sequence[object]]:
    zone = time_zone(found.time_zone)
    times = [datetime.fromtimestamp(start / 1000, UTC).astimezone(zone).isoformat() for start in found.starts_ms]
    return [
        (times[at], line.name, row.label, name, number)
        for at in range(len(times))
        for line in found.lines
        for row in line.labels
        for name, cells in ((line.forward, row.forward), (line.backward, row.backward))
        if (number := cells[at])
    ]


def _file_name(camera: Camera) -> str:
    return f"haechi_counts_{camera.id}.csv"
