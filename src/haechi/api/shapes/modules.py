"""Modules, where they look and when, and what they say, as JSON."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.fields import Input, Shape
from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.week import MOST_HOURS, Hours, Week
from haechi.vision.models import ModelState
from haechi.vision.modules.choices import MOST_MODULES
from haechi.vision.modules.contract import Kind, Score
from haechi.vision.modules.room import AtCamera, Known, State, Where
from haechi.vision.modules.scores import Series

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", examples=["objects"])]


class HoursShape(Input):
    """From one time of the day to another, on some days; minutes since midnight. An end that is not after the start
    lies on the next day."""

    days: Annotated[list[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1, max_length=7)]
    start_min: Annotated[int, Field(ge=0, lt=1440, examples=[480])]
    end_min: Annotated[int, Field(ge=0, le=1440, examples=[1080])]


class ScheduleShape(Input):
    """Some hours of the week by the site's clock, or (``outside``) all the others."""

    hours: Annotated[list[HoursShape], Field(min_length=1, max_length=MOST_HOURS)]
    outside: bool = False

    @classmethod
    def of(cls, week: Week) -> "ScheduleShape":
        rows = [HoursShape(days=list(one.days), start_min=one.start_min, end_min=one.end_min) for one in week.hours]
        return cls(hours=rows, outside=week.outside)

    def week(self) -> Week:
        """As the house has it."""
        return Week(tuple(Hours(tuple(one.days), one.start_min, one.end_min) for one in self.hours), self.outside)


class ModuleOut(Shape):
    """A module that there is.

    ``where``: ``worker``: ours, beside the decoder; ``process``: somebody else's, in a process of its own. ``weights``:
    files that it needs, by their names in ``haechi models list``; ``has_weights``: whether they are here.
    """

    name: str
    version: str
    licence: str
    where: Where
    kind: Kind
    fps: float
    needs: list[str]
    weights: list[str]
    has_weights: bool
    is_loaded: bool
    error: str
    cameras: int
    looks: int
    late: int
    missed: int
    failures: dict[str, int]
    quarantined: int

    @classmethod
    def of(cls, known: Known, states: Mapping[str, ModelState]) -> "ModuleOut":
        """``states``: of all model files, by name: what our own modules are made of says what they are."""
        spec = known.spec
        mine = [states[name] for name in known.weights if name in states]
        version = ", ".join(f"{one.artefact.name} {one.artefact.version}" for one in mine)
        licence = ", ".join(sorted({one.artefact.licence for one in mine}))
        return cls(
            name=known.name,
            version=spec.version or version,
            licence=spec.licence or licence,
            where=known.where,
            kind=spec.kind,
            fps=spec.fps,
            needs=sorted(spec.needs),
            weights=list(known.weights),
            has_weights=all(one.ready for one in mine),
            is_loaded=known.is_loaded,
            error=known.error,
            cameras=known.cameras,
            looks=known.looks,
            late=known.late,
            missed=known.missed,
            failures=dict(known.failures),
            quarantined=known.quarantined,
        )


class ModuleList(Shape):
    """All modules of this server."""

    modules: list[ModuleOut]


class CameraModuleOut(Shape):
    """A module at a camera.

    ``state``: ``off``; ``resting``: on, outside its hours; ``starting``; ``running``; ``failing``: given up for half a
    minute, see ``error``; ``missing``: not installed any more. ``cost_ms``: of a second; null: nobody measured.
    """

    name: str
    enabled: bool
    schedule: ScheduleShape | None
    state: State
    error: str
    cost_ms: float | None

    @classmethod
    def of(cls, at: AtCamera) -> "CameraModuleOut":
        choice = at.choice
        return cls(
            name=choice.module,
            enabled=choice.enabled,
            schedule=None if choice.week is None else ScheduleShape.of(choice.week),
            state=at.state,
            error=at.error,
            cost_ms=None if at.cost_ns is None else round(at.cost_ns / NS_PER_MS, 2),
        )


class CameraModules(Shape):
    """All modules, as they are at one camera."""

    modules: list[CameraModuleOut]


class CameraModuleIn(Input):
    """Whether a module looks at a camera, and when; ``schedule`` null: at all hours."""

    name: Name
    enabled: bool
    schedule: ScheduleShape | None = None


class CameraModulesIn(Input):
    """Modules that are not named stay as they are."""

    modules: Annotated[list[CameraModuleIn], Field(min_length=1, max_length=MOST_MODULES)]


class SeriesOut(Shape):
    """What a module said under one name. ``points``: seconds since 1970 and a value in [0, 1], oldest first."""

    module: str
    name: str
    points: list[tuple[float, float]]
    reasons: list[str]

    @classmethod
    def of(cls, series: Series) -> "SeriesOut":
        points = [(at_ns / NS_PER_S, round(value, 4)) for at_ns, value in series.points]
        return cls(module=series.module, name=series.name, points=points, reasons=list(series.reasons))


class ScoresOut(Shape):
    """The last five minutes. ``now_s``: the server's clock, seconds since 1970."""

    now_s: float
    series: list[SeriesOut]


class ScoreOut(Shape):
    """How far something holds from ``t0_s`` to ``t1_s``, seconds since 1970."""

    name: str
    value: float
    t0_s: float
    t1_s: float
    reasons: list[str]

    @classmethod
    def of(cls, score: Score) -> "ScoreOut":
        return cls(
            name=score.name,
            value=round(score.value, 4),
            t0_s=score.t0_ns / NS_PER_S,
            t1_s=score.t1_ns / NS_PER_S,
            reasons=list(score.reasons),
        )


class ScoresMessage(Shape):
    """On ``/api/ws``: what a module says of a camera that the page watches for ``scores``."""

    type: Literal["scores"] = "scores"
    camera: str
    module: str
    scores: list[ScoreOut]
