"""What is kept and for how long, what is on the disks, bookmarks: as JSON."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.fields import Input, Ms, Shape
from haechi.base.clock import NS_PER_MS
from haechi.base.ids import CameraId
from haechi.record.index.policies import Keep, Kept, Policy
from haechi.record.retention.bookmarks import Bookmark
from haechi.record.retention.choice import Why
from haechi.record.retention.forecast import Forecast
from haechi.record.retention.plan import CameraPlan, ClassPlan, RetentionPlan

Days = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]
Bytes = Annotated[int, Field(gt=0, le=2**60)]
Purpose = Annotated[str, Field(max_length=500)]
Class = Literal["continuous", "motion", "event", "protected"]
Note = Annotated[str, Field(max_length=500)]


class KeepShape(Input):
    """How long footage is kept where a camera has no setting of its own.

    A recording with motion is continuous footage as well, and one of an event is both: it stays as long as the longest
    of these. ``max_bytes`` is of one camera; null: as much as there is room for.
    """

    continuous_days: Days
    motion_days: Days
    event_days: Days
    max_bytes: Bytes | None = None
    purpose: Purpose = ""
    audio: bool = False


class PolicyIn(Input):
    """Of one camera; null: as the installation."""

    continuous_days: Days | None = None
    motion_days: Days | None = None
    event_days: Days | None = None
    max_bytes: Bytes | None = None
    purpose: Purpose = ""
    audio: bool | None = None
    enabled: bool | None = None

    def policy(self) -> Policy:
        """As the recorder's own."""
        return Policy(
            self.enabled,
            self.continuous_days,
            self.motion_days,
            self.event_days,
            self.max_bytes,
            self.purpose.strip(),
            self.audio,
        )


class PolicyOut(PolicyIn):
    """Of one camera as it was set, and what that comes to (``effective``)."""

    effective: KeepShape

    @classmethod
    def of(cls, policy: Policy, default: KeepShape) -> "PolicyOut":
        """From the recorder's own."""
        keep = policy.keep(Keep(default.continuous_days, default.motion_days, default.event_days, default.max_bytes))
        return cls(
            enabled=policy.enabled,
            continuous_days=policy.continuous_days,
            motion_days=policy.motion_days,
            event_days=policy.event_days,
            max_bytes=policy.max_bytes,
            purpose=policy.purpose,
            audio=policy.audio,
            effective=KeepShape(
                continuous_days=keep.continuous_days,
                motion_days=keep.motion_days,
                event_days=keep.event_days,
                max_bytes=keep.max_bytes,
                purpose=policy.purpose or default.purpose,
                audio=default.audio if policy.audio is None else policy.audio,
            ),
        )


class PlanIn(PolicyIn):
    """A wished policy: of one camera, or (null) of all that have none of their own. Absent: as it is now."""

    camera: Annotated[str, Field(max_length=40)] | None = None


class ClassPlanOut(Shape):
    """What would go of one class. ``why``: for its age, for the size of the camera's footage, for want of space."""

    kept_as: Annotated[Class, Field(serialization_alias="class")]
    recordings: int
    bytes: int
    oldest_ms: int
    newest_ms: int
    why: list[Literal["age", "size", "space"]]

    @classmethod
    def of(cls, rows: list[ClassPlan]) -> "ClassPlanOut":
        """From all rows of one class."""
        return cls(
            kept_as=class_of(rows[0].kept),
            recordings=sum(row.recordings for row in rows),
            bytes=sum(row.bytes for row in rows),
            oldest_ms=min(row.oldest_ns for row in rows) // NS_PER_MS,
            newest_ms=max(row.newest_ns for row in rows) // NS_PER_MS,
            why=[why.value for why in Why if any(row.why is why for row in rows)],
        )


class CameraPlanOut(Shape):
    """What would go of one camera; ``name`` is empty when it was deleted."""

    camera: str
    name: str
    classes: list[ClassPlanOut]

    @classmethod
    def of(cls, plan: CameraPlan, name: str) -> "CameraPlanOut":
        """From retention's own."""
        classes = [[row for row in plan.classes if row.kept is kept] for kept in Kept]
        return cls(camera=plan.camera, name=name, classes=[ClassPlanOut.of(rows) for rows in classes if rows])


class PlanOut(Shape):
    """What a pass of retention would delete now."""

    cameras: list[CameraPlanOut]
    total_recordings: int
    total_bytes: int

    @classmethod
    def of(cls, plan: RetentionPlan, names: Mapping[CameraId, str]) -> "PlanOut":
        """From retention's own."""
        return cls(
            cameras=[CameraPlanOut.of(one, names.get(one.camera, "")) for one in plan.cameras],
            total_recordings=plan.total_recordings,
            total_bytes=plan.total_bytes,
        )


class TierOut(Shape):
    """Where footage lies. ``url`` holds no secret; ``failure`` is null while all is well."""

    name: str
    kind: str
    url: str
    recordings: int
    bytes: int
    free_bytes: int | None
    oldest_ms: int | None
    newest_ms: int | None
    waiting_bytes: int
    oldest_waiting_ms: int | None
    failure: str | None
    since_ms: int | None


class CameraForecastOut(Shape):
    """What a camera has, and what comes in each day; ``name`` is empty when it was deleted."""

    camera: str
    name: str
    bytes: int
    bytes_per_day: int
    oldest_ms: int | None


class ForecastOut(Shape):
    """Where it goes: full (from then on footage goes before its time), or a steady state. One of both is null."""

    bytes_per_day: int
    full_at_ms: int | None
    steady_bytes: int | None
    cameras: list[CameraForecastOut]

    @classmethod
    def of(cls, forecast: Forecast, names: Mapping[CameraId, str]) -> "ForecastOut":
        """From retention's own."""
        return cls(
            bytes_per_day=forecast.bytes_per_day,
            full_at_ms=None if forecast.full_ns is None else forecast.full_ns // NS_PER_MS,
            steady_bytes=forecast.steady_bytes,
            cameras=[
                CameraForecastOut(
                    camera=one.camera,
                    name=names.get(one.camera, ""),
                    bytes=one.bytes,
                    bytes_per_day=one.bytes_per_day,
                    oldest_ms=one.oldest_ns // NS_PER_MS,
                )
                for one in forecast.cameras
            ],
        )


class StorageReportOut(Shape):
    """All of it. ``alarm``: the disk is full, and all that is left is protected: nothing new can be recorded."""

    tiers: list[TierOut]
    forecast: ForecastOut
    protected_bytes: int
    alarm: Literal["only-protected"] | None


class BookmarkIn(Input):
    """A moment (``end_ms`` null) or a range to come back to; with ``keep`` its footage is never deleted."""

    camera: Annotated[str, Field(max_length=40)]
    start_ms: Ms
    end_ms: Ms | None = None
    note: Note = ""
    keep: bool = False


class BookmarkPatch(Input):
    """What to change; absent fields stay."""

    note: Note | None = None
    keep: bool | None = None


class BookmarkOut(Shape):
    """A bookmark; ``by`` is the name of who made it."""

    id: str
    camera: str
    start_ms: int
    end_ms: int | None
    note: str
    by: str
    keep: bool
    created_ms: int

    @classmethod
    def of(cls, bookmark: Bookmark) -> "BookmarkOut":
        """From the recorder's own."""
        return cls(
            id=bookmark.id,
            camera=bookmark.camera,
            start_ms=bookmark.start_ns // NS_PER_MS,
            end_ms=None if bookmark.end_ns is None else bookmark.end_ns // NS_PER_MS,
            note=bookmark.note,
            by=bookmark.made_by_name,
            keep=bookmark.keep,
            created_ms=bookmark.created_ns // NS_PER_MS,
        )


class BookmarkList(Shape):
    """Bookmarks, newest moment first."""

    bookmarks: list[BookmarkOut]


def class_of(kept: Kept) -> Class:
    """The class by its name."""
    names: tuple[Class, ...] = ("continuous", "motion", "event", "protected")
    return names[kept.value]
