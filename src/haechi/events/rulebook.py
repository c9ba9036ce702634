"""Rules in the database."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec
import sqlalchemy as sa
from msgspec import structs
from sqlalchemy import Connection, Row

from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId, LineId, RuleId, ZoneId, new_id
from haechi.base.week import Week, checked_week
from haechi.events import tables
from haechi.events.rules import KINDS, Ground, Rule
from haechi.events.rules.ground import checked_ground
from haechi.store.database import Database
from haechi.vision.tables import lines, zones

MOST_RULES = 64
MOST_DURATION_S = 300.0
MOST_COOLDOWN_S = 86_400.0
LEAST_COUNT, MOST_COUNT = 2, 200
LEAST_KMH, MOST_KMH = 1.0, 300.0


class RuleStore:
    """Rules, and who wants to hear that they changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each change."""
        self._listeners.append(listener)

    async def list(self, camera: CameraId | None = None) -> Sequence[Rule]:
        """The rules of a camera (or of all), by name."""
        query = sa.select(tables.rules).order_by(tables.rules.c.name, tables.rules.c.id)
        if camera is not None:
            query = query.where(tables.rules.c.camera == camera)
        return [_rule(row) for row in await self._database.read(lambda c: c.execute(query).all())]

    async def put(self, camera: CameraId, rules: Iterable[Rule]) -> Sequence[Rule]:
        """Replace the rules of a camera. A rule without an id is new; one with an id is changed.

        Raises:
            Invalid: ``bad-rule``, ``bad-ground``, ``bad-hours``, ``too-many-rules``.
            NotFound: ``rule-not-found``, ``zone-not-found``, ``line-not-found``: the camera has none with that id.
        """
        wanted = [structs.replace(checked(rule), camera=camera) for rule in rules]
        given = [rule.id for rule in wanted if rule.id]
        if len(wanted) > MOST_RULES:
            raise Invalid("a camera has at most 64 rules", code="too-many-rules", limit=MOST_RULES)
        if len(set(given)) < len(given):
            raise Invalid("two rules have the same id", code="bad-rule")

        def replace(connection: Connection) -> None:
            column = tables.rules.c
            mine = set(connection.execute(sa.select(column.id).where(column.camera == camera)).scalars())
            if not mine.issuperset(given):
                raise NotFound("the camera has no such rule; leave the id out for a new one", code="rule-not-found")
            its_zones = set(connection.execute(sa.select(zones.c.id).where(zones.c.camera == camera)).scalars())
            if not its_zones.issuperset(rule.zone for rule in wanted if rule.zone is not None):
                raise NotFound("the camera has no such zone", code="zone-not-found")
            its_lines = set(connection.execute(sa.select(lines.c.id).where(lines.c.camera == camera)).scalars())
            if not its_lines.issuperset(rule.line for rule in wanted if rule.line is not None):
                raise NotFound("the camera has no such line", code="line-not-found")
            connection.execute(tables.rules.delete().where(column.camera == camera))
            if wanted:
                connection.execute(tables.rules.insert(), [_columns(rule) for rule in wanted])

        await self._database.write(replace)
        self._changed()
        return await self.list(camera)

    async def forget(self, camera: CameraId) -> None:
        """Remove the rules of a camera that was deleted."""
        statement = tables.rules.delete().where(tables.rules.c.camera == camera)
        await self._database.write(lambda c: c.execute(statement))
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def checked(rule: Rule) -> Rule:
    """``rule`` with a tidy name.

    Raises:
        Invalid: ``bad-rule``, ``bad-ground``, ``bad-hours``: says what is wrong.
    """
    name = " ".join(rule.name.split())
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise Invalid("a rule needs a name of 1 to 120 printable characters", code="bad-rule")
    if not 1 <= len(rule.label) <= 40 or not rule.label.isprintable():
        raise Invalid("a rule needs the label of a class, for example person", code="bad-rule")
    if not 0 < rule.min_score <= 1:
        raise Invalid("the least score of a rule lies between 0 and 1", code="bad-rule")
    if not _is_within(rule.min_duration_s, MOST_DURATION_S):
        raise Invalid("the least duration of a rule is 0 to 300 seconds", code="bad-rule")
    if not _is_within(rule.cooldown_s, MOST_COOLDOWN_S):
        raise Invalid("the cool-down of a rule is 0 to 86,400 seconds", code="bad-rule")
    hours = None if rule.hours is None else checked_week(rule.hours)
    _check_kind(rule)
    is_crossing = rule.kind == "crossing"
    return structs.replace(
        rule,
        name=name,
        hours=hours,
        zone=None if is_crossing else rule.zone,
        line=rule.line if is_crossing else None,
        ground=rule.ground if rule.kind == "speed" else None,
    )


def _check_kind(rule: Rule) -> None:
    """What the kind of the rule needs is there."""
    if rule.kind not in KINDS:
        raise Invalid("there is no such kind of rule", code="bad-rule", kind=rule.kind)
    if rule.kind == "crossing" and rule.line is None:
        raise Invalid("choose the line that somebody has to cross", code="bad-rule")
    if rule.kind == "crowd" and not LEAST_COUNT <= rule.count <= MOST_COUNT:
        raise Invalid("a crowd is 2 to 200 at once", code="bad-rule")
    if rule.kind == "speed" and not LEAST_KMH <= rule.speed_kmh <= MOST_KMH:
        raise Invalid("a speed is 1 to 300 km/h", code="bad-rule")
    if rule.kind == "speed" and rule.ground is None:
        raise Invalid("mark a distance on the ground, or speed cannot be measured", code="bad-rule")
    if rule.ground is not None:
        checked_ground(rule.ground)
    if rule.kind in ("left", "taken") and rule.label == "person":
        raise Invalid("choose a thing that is left or taken: a backpack, for example", code="bad-rule")


def _is_within(seconds: float, most_s: float) -> bool:
    return math.isfinite(seconds) and 0 <= seconds <= most_s


def _columns(rule: Rule) -> dict[str, object]:
    built = {"ground": msgspec.to_builtins(rule.ground), "hours": msgspec.to_builtins(rule.hours)}
    return {**structs.asdict(rule), **built, "id": rule.id or new_id("rul")}


def _rule(row: Row[tuple[object, ...]]) -> Rule:
    fields = row._mapping
    zone, line = fields["zone"], fields["line"]
    return Rule(
        id=RuleId(fields["id"]),
        camera=CameraId(fields["camera"]),
        zone=None if zone is None else ZoneId(zone),
        name=fields["name"],
        label=fields["label"],
        min_score=fields["min_score"],
        min_duration_s=fields["min_duration_s"],
        cooldown_s=fields["cooldown_s"],
        severity=fields["severity"],
        enabled=bool(fields["enabled"]),
        kind=fields["kind"],
        line=None if line is None else LineId(line),
        way=fields["way"],
        count=fields["count"],
        speed_kmh=fields["speed_kmh"],
        ground=msgspec.convert(fields["ground"], Ground | None),
        hours=msgspec.convert(fields["hours"], Week | None),
    )
