"""Recorded spans, gaps and days as JSON."""

from haechi.api.shapes.events import EventOut
from haechi.api.shapes.fields import Shape
from haechi.base.clock import NS_PER_MS
from haechi.base.redact import redact_text
from haechi.record.index.spans import Gap


class SpanOut(Shape):
    """Recorded without a hole."""

    start_ms: int
    end_ms: int

    @classmethod
    def of(cls, start_ns: int, end_ns: int) -> "SpanOut":
        """Rounded outwards: what is recorded is never shown shorter than it is."""
        return cls(start_ms=start_ns // NS_PER_MS, end_ms=-(-end_ns // NS_PER_MS))


class GapOut(Shape):
    """Not recorded, and why."""

    start_ms: int
    end_ms: int
    cause: str
    detail: str

    @classmethod
    def of(cls, gap: Gap) -> "GapOut":
        """From the index's own."""
        return cls(
            start_ms=gap.start_ns // NS_PER_MS,
            end_ms=-(-gap.end_ns // NS_PER_MS),
            cause=str(gap.cause),
            detail=redact_text(gap.detail),
        )


class Timeline(Shape):
    """What there is of a camera in a range."""

    spans: list[SpanOut]
    gaps: list[GapOut]
    events: list[EventOut]


class DayList(Shape):
    """Days such as ``2026-11-21``, oldest first."""

    days: list[str]
