"""What players that feed their own decoder get, as JSON. Lists stand for objects where there are thousands of them."""

from typing import Annotated

from pydantic import Field

from haechi.api.shapes.fields import Shape, row
from haechi.api.shapes.footage import SpanOut

PieceRow = Annotated[
    tuple[int, int, int, int, int, bool, int],
    row("recording, offset, size, first_us, duration_us, is_sync, media_us", "integer", "boolean"),
]
UnitRow = Annotated[
    tuple[int, int, bool, int, int, int],
    row("captured_us, duration_us, is_sync, seq, run, shown_us", "integer", "boolean"),
]


class InitOut(Shape):
    """What comes before the pieces of a recording: its first ``bytes`` bytes. ``key`` is the same for the same."""

    recording: int
    bytes: int
    key: str
    codec: Annotated[str, Field(description="RFC 6381, for MediaSource; empty where no player has a name for it")]
    width: int
    height: int


class PiecesOut(Shape):
    """Fragments to fetch and append in order.

    ``first_us`` is the wall time at which ``media_us`` of the fragment is shown: ``timestampOffset`` is the difference.
    """

    inits: list[InitOut]
    pieces: list[PieceRow]
    next_ms: Annotated[int | None, Field(description="Ask again from here; null: there is no more in the range")]


class SoundSpans(Shape):
    """Where sound is recorded: the first 2,000 stretches."""

    spans: list[SpanOut]
