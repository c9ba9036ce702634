"""Films as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.fields import Fault, Input, Ms, Name, Shape
from haechi.base.clock import NS_PER_MS
from haechi.base.redact import redact_text
from haechi.ingest.sites.messages import Found
from haechi.record.films.store import Film

PageUrl = Annotated[str, Field(min_length=1, max_length=2048, examples=["https://www.youtube.com/watch?v=…"])]


class FilmIn(Input):
    """A film to take in: a file of ``size_bytes`` that is sent next, or the video of the page at ``url``.

    ``filmed_ms``: when its first picture was taken; absent: as the file says, else so that it ends now.
    """

    name: Name
    size_bytes: Annotated[int, Field(ge=1, le=1 << 50)] | None = None
    url: PageUrl | None = None
    sound: bool = False
    filmed_ms: Ms | None = None


class FilmOut(Shape):
    """A film. ``received_bytes``: so much of its file is here; ``progress``: of what it does now, 0 to 1."""

    id: str
    camera: str | None
    name: str
    url: str | None
    state: Literal["uploading", "fetching", "waiting", "importing", "done", "failed"]
    size_bytes: int
    received_bytes: int
    sound: bool
    progress: float
    error: Fault | None
    start_ms: int | None
    end_ms: int | None
    units: int
    damaged: int
    created_ms: int

    @classmethod
    def of(cls, film: Film) -> "FilmOut":
        """From the recorder's own."""
        error = Fault(code=film.error_code, message=redact_text(film.error_message)) if film.error_code else None
        is_there = film.end_ns > film.start_ns
        return cls(
            id=film.id,
            camera=film.camera or None,
            name=film.name,
            url=film.origin or None,
            state=film.state,
            size_bytes=film.size_bytes,
            received_bytes=film.received_bytes,
            sound=film.sound,
            progress=round(film.progress, 3),
            error=error,
            start_ms=film.start_ns // NS_PER_MS if is_there else None,
            end_ms=film.end_ns // NS_PER_MS if is_there else None,
            units=film.units,
            damaged=film.damaged,
            created_ms=film.created_ns // NS_PER_MS,
        )


class FilmList(Shape):
    """Films, newest first."""

    films: list[FilmOut]


class PageIn(Input):
    """A page of a web site."""

    url: PageUrl


class PageOut(Shape):
    """What is at a page. ``live``: it can be a camera (``site:`` and the address); else it is a film."""

    title: str
    live: bool
    duration_s: float

    @classmethod
    def of(cls, found: Found) -> "PageOut":
        """From the site's own."""
        return cls(title=redact_text(found.title), live=found.is_live, duration_s=found.duration_s)
