"""The timeline of several cameras as JSON: small enough for a month of all of them."""

from typing import Annotated

from pydantic import Field

from haechi.api.shapes.fields import Input, Ms, Severity, Shape, row

CAMERAS_MOST = 25

SpanRow = Annotated[tuple[int, int], row("start_ms, end_ms", "integer")]
GapRow = Annotated[tuple[int, int, str, str], row("start_ms, end_ms, cause, detail", "integer", "string")]
Bytes = Annotated[str, Field(description="Base64, one byte for each bucket")]


class LanesQuery(Input):
    """What is asked for."""

    cameras: Annotated[
        str, Field(min_length=1, max_length=40 * CAMERAS_MOST, description="Ids with commas between them, 25 at most")
    ]
    start_ms: Ms
    end_ms: Ms
    buckets: Annotated[int, Field(ge=1, le=2000, description="How many are wanted; there may be fewer")] = 500


class MarkOut(Shape):
    """An event as it is drawn."""

    id: str
    start_ms: int
    end_ms: int
    label: str
    severity: Severity


class LaneOut(Shape):
    """One camera. Gaps are drawn one bucket wide at least; spans are what lies between them."""

    camera: str
    spans: list[SpanRow]
    gaps: list[GapRow]
    motion: Annotated[str, Field(description="Largest share of the picture that moved: base64, a byte for each bucket")]
    score: Annotated[str, Field(description="Best score of a detection: base64, a byte for each bucket")]
    loss: Annotated[
        str, Field(description="Units lost of those expected, in 1/250: base64, a byte for each bucket; 255: unknown")
    ]
    events: Annotated[list[MarkOut] | None, Field(description="null: too many to list; see event_counts")]
    event_counts: Annotated[str, Field(description="Events that begin: base64, a byte for each bucket, 255 at most")]


class LanesOut(Shape):
    """All that were asked for, in the order in which they were."""

    start_ms: int
    end_ms: int
    bucket_ms: int
    cameras: list[LaneOut]
