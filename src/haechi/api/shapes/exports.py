"""Exports and the audit log as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.audit import Entry, Verdict
from haechi.api.shapes.fields import Fault, Input, Ms, Shape
from haechi.base.clock import NS_PER_MS
from haechi.record.exports.store import Export
from haechi.record.playback.estimate import Estimate


class ExportIn(Input):
    """What to export. ``name`` is that of the file, without ``.mp4``; absent: camera, time and offset. ``sound``: with
    the camera's sound where some is recorded."""

    camera: Annotated[str, Field(max_length=40)]
    start_ms: Ms
    end_ms: Ms
    burn_in: bool = False
    sound: bool = True
    name: Annotated[str, Field(max_length=120)] | None = None


class ExportPartOut(Shape):
    """One file: ``file.mp4?part=number``. A new one begins each hour, and where the camera changed its coding."""

    number: int
    bytes: int
    start_ms: int
    end_ms: int


class ExportOut(Shape):
    """An export. ``ends_ms``: up to where there is footage in it; null until it is done. ``sound``: the camera's sound
    goes with it: it was asked for, and some is recorded."""

    id: str
    camera: str
    name: str
    start_ms: int
    end_ms: int
    ends_ms: int | None
    burn_in: bool
    sound: bool
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float
    bytes: int | None
    parts: list[ExportPartOut]
    error: Fault | None
    created_ms: int
    expires_ms: int | None

    @classmethod
    def of(cls, export: Export) -> "ExportOut":
        """From the recorder's own."""
        return cls(
            id=export.id,
            camera=export.camera,
            name=export.name,
            start_ms=export.start_ns // NS_PER_MS,
            end_ms=export.end_ns // NS_PER_MS,
            ends_ms=export.parts[-1].end_ns // NS_PER_MS if export.parts else None,
            burn_in=export.burn_in,
            sound=export.sound,
            state=export.state,
            progress=round(export.progress, 3),
            bytes=export.bytes if export.parts else None,
            parts=[
                ExportPartOut(
                    number=number,
                    bytes=part.bytes,
                    start_ms=part.start_ns // NS_PER_MS,
                    end_ms=part.end_ns // NS_PER_MS,
                )
                for number, part in enumerate(export.parts, 1)
            ],
            error=Fault(code=export.error_code, message=export.error_message) if export.error_code else None,
            created_ms=export.created_ns // NS_PER_MS,
            expires_ms=None if export.expires_ns is None else export.expires_ns // NS_PER_MS,
        )


class ExportList(Shape):
    """Exports, newest first."""

    exports: list[ExportOut]


class ExportMessage(Shape):
    """On ``/api/ws``: an export of one's own moved on."""

    type: Literal["export"] = "export"
    export: ExportOut


class EstimateOut(Shape):
    """What a clip of a range will be.

    ``bytes`` is within 1 % (the payload is exact, the boxes around it are estimated), without sound; ``sound_bytes`` is
    what sound adds (0: none is recorded in the range), for G.711 at most; ``duration_ms`` is within a picture;
    ``start_ms`` and ``end_ms`` are where there is footage in the range; ``files``: how many an export of it becomes.
    """

    bytes: int
    duration_ms: int
    units: int
    start_ms: int
    end_ms: int
    files: int
    sound_bytes: int

    @classmethod
    def of(cls, estimate: Estimate) -> "EstimateOut":
        """From the recorder's own."""
        return cls(
            bytes=estimate.bytes,
            duration_ms=round(estimate.duration_ns / NS_PER_MS),
            units=estimate.units,
            start_ms=estimate.start_ns // NS_PER_MS,
            end_ms=-(-estimate.end_ns // NS_PER_MS),
            files=estimate.files,
            sound_bytes=estimate.sound_bytes,
        )


class AuditQuery(Input):
    """Which entries. ``user`` is a name or an id; ``before``: only lower numbers, for the next page."""

    after_ms: Ms | None = None
    before_ms: Ms | None = None
    user: Annotated[str, Field(max_length=64)] | None = None
    action: Annotated[str, Field(max_length=24)] | None = None
    before: Annotated[int, Field(ge=1)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class AuditEntryOut(Shape):
    """One line of the audit log; ``hash`` covers it and all lines before it."""

    number: int
    at_ms: int
    user: str
    action: str
    object: str
    detail: str
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> "AuditEntryOut":
        """From the log's own."""
        return cls(
            number=entry.number,
            at_ms=entry.at_ns // NS_PER_MS,
            user=entry.user,
            action=entry.action,
            object=entry.object,
            detail=entry.detail,
            hash=entry.hash.hex(),
        )


class AuditPage(Shape):
    """Entries, newest first; ``next_before`` asks for the next page, null at the end."""

    entries: list[AuditEntryOut]
    next_before: int | None


class VerdictOut(Shape):
    """Whether the log is what was written. ``broken_at``: the first line that is not."""

    ok: bool
    entries: int
    broken_at: int | None
    hash: str

    @classmethod
    def of(cls, verdict: Verdict) -> "VerdictOut":
        """From the log's own."""
        return cls(ok=verdict.ok, entries=verdict.entries, broken_at=verdict.broken_at, hash=verdict.hash.hex())
