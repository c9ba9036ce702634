"""When something moved in a part of a camera's picture: found in what was noted live, told as it is found."""

from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from statistics import median
from typing import Annotated

import msgspec
from fastapi import Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from haechi.api.asked import AskedCamera, House
from haechi.api.headers import NO_STORE
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.shapes.fields import Input, Ms, Point, Unit
from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.ids import StreamId, stream_of
from haechi.record.index.spans import Span
from haechi.vision.activity import Looked
from haechi.vision.hours import MINUTES
from haechi.vision.search import CORNERS_MOST, Hit, Wish, cells_in

LONGEST_MS = 31 * 86_400_000
HITS_MOST = 10_000
NDJSON = "application/x-ndjson"
_MINUTE_NS = 60 * NS_PER_S


class SearchIn(Input):
    """What is looked for, and when."""

    start_ms: Ms
    end_ms: Ms
    region: Annotated[list[Point], Field(min_length=3, max_length=CORNERS_MOST, description="Corners of a polygon")]
    min_cells: Annotated[int, Field(ge=1, le=576, description="Of 32 x 18 cells, so many in the region at once")] = 1
    min_share: Annotated[Unit, Field(description="Share of the region's cells that move at once")] = 0.0


async def motion_search(body: SearchIn, camera: AskedCamera, house: House) -> Response:
    """Lines of JSON: ``progress``, ``hit`` and at the end ``done``. Whoever closes the connection ends the search.

    Found is what the decode worker saw live: usually one picture each GOP, more while something moved. ``skipped_s`` of
    the recording were not looked at (detection was off, or the machine too busy); ``step_ms`` is the usual time between
    two pictures that were.
    """
    if not 0 < body.end_ms - body.start_ms <= LONGEST_MS:
        raise Invalid("end_ms must be after start_ms, by at most 31 days", code="bad-range")
    wish = Wish(tuple(body.region), body.min_cells, body.min_share)
    cells_in(wish.region)
    stream, start_ns, end_ns = stream_of(camera.id), body.start_ms * NS_PER_MS, body.end_ms * NS_PER_MS
    lines = _lines(house, stream, start_ns, end_ns, wish)
    return StreamingResponse(lines, headers={"Cache-Control": NO_STORE}, media_type=NDJSON)


def register(routes: Routes) -> None:
    """Add the routes."""
    path = "/api/cameras/{camera}/motion-search"
    content = {"content": {NDJSON: {"schema": {"type": "string"}}}}
    routes.add("POST", path, motion_search, access=Access.CAMERA_VIEW, responses={200: content})


async def _lines(house: Services, stream: StreamId, start_ns: int, end_ns: int, wish: Wish) -> AsyncIterator[bytes]:
    tally = Tally(await house.index.spans(stream, start_ns, end_ns), start_ns)
    async for looked in house.activity.search(stream, start_ns, end_ns, wish):
        for hit in looked.hits:
            if tally.takes(hit):
                yield _line({"type": "hit", **_hit(hit)})
        tally.note(looked)
        yield _line({"type": "progress", "done": looked.done, "total": looked.total, "skipped": tally.skipped_s()})
        if tally.hits >= HITS_MOST:
            break
    yield _line({"type": "done", "hits": tally.hits, "skipped_s": tally.skipped_s(), "step_ms": tally.step_ms()})


class Tally:
    """What a search has come to so far."""

    def __init__(self, spans: Sequence[Span], start_ns: int) -> None:
        self.hits = 0
        self._spans = spans
        self._starts = [span.start_ns for span in spans]
        self._hour = start_ns // (MINUTES * _MINUTE_NS)
        self._until_ns = start_ns
        self._judged: dict[int, int] = {}

    def takes(self, hit: Hit) -> bool:
        """Whether there is footage of a hit: one that cannot be seen is of no use."""
        row = bisect_right(self._starts, hit.end_ns) - 1
        is_there = row >= 0 and self._spans[row].end_ns > hit.start_ns
        self.hits += is_there
        return is_there

    def note(self, looked: Looked) -> None:
        """More was searched."""
        self._judged |= looked.judged
        self._until_ns = (self._hour + looked.done) * MINUTES * _MINUTE_NS

    def skipped_s(self) -> int:
        """Seconds of the recording, as far as it was searched, in whose minute no picture was judged."""
        skipped_ns = 0
        for span in self._spans:
            end_ns = min(span.end_ns, self._until_ns)
            for minute in range(span.start_ns // _MINUTE_NS, -(-end_ns // _MINUTE_NS)):
                if minute not in self._judged:
                    begins_ns = max(span.start_ns, minute * _MINUTE_NS)
                    skipped_ns += max(0, min(end_ns, (minute + 1) * _MINUTE_NS) - begins_ns)
        return skipped_ns // NS_PER_S

    def step_ms(self) -> int | None:
        """The usual time between two pictures that were judged; None: none was."""
        return round(60_000 / median(self._judged.values())) if self._judged else None


def _hit(hit: Hit) -> dict[str, object]:
    return {
        "start_ms": hit.start_ns // NS_PER_MS,
        "end_ms": -(-hit.end_ns // NS_PER_MS),
        "peak": round(hit.peak, 4),
        "at_ms": hit.at_ns // NS_PER_MS,
    }


def _line(message: dict[str, object]) -> bytes:
    return msgspec.json.encode(message) + b"\n"
