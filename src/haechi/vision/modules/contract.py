"""What a module is: made once by a factory, then called with pictures. Documented in docs/ref/modules.md.

A package offers one by an entry point of the group ``haechi.modules``: its name is what clients ask for, its value the
factory. Nothing of Haechi needs to be imported for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from haechi.base.errors import Invalid, NotFound
from haechi.media.push.words import MOST_BOXES, Box, Point
from haechi.vision.runtime import Pixels

GROUP = "haechi.modules"
OWN = frozenset({"objects", "pose", "echo"})
"""Names that are ours."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class About(Struct, frozen=True):
    """Which picture a module is shown.

    Attributes:
        stream, run, seq: The access unit that it was decoded from.
        pts: Presentation time in 90 kHz ticks since the start of the run.
        captured_ns: Our estimate of when it was taken, ns since 1970.
        width_px, height_px: Its size.
    """

    stream: str
    run: int
    seq: int
    pts: int
    captured_ns: int
    width_px: int
    height_px: int


Look = Callable[[Pixels, About], Iterable[Mapping[str, Any]]]
"""A module: a picture (height x width x 3, uint8, BGR) in, what is in it out; see `read_findings`."""


MOST_TRACK = 2**53
"""Beyond it not every reader of a result can tell one number from the next (RFC 8259 section 6)."""


class _Finding(Struct, frozen=True):
    """One thing in a picture, as a module says it. ``box``: left, top, width, height."""

    label: str
    score: float = 1.0
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    track: Annotated[int, Meta(ge=-MOST_TRACK, le=MOST_TRACK)] | None = None
    points: tuple[tuple[float, float, float], ...] = ()


def read_findings(said: object) -> tuple[Box, ...]:
    """What a module returned. Numbers beyond the picture are cut to it.

    Raises:
        Invalid: ``module-answer``: it is not what a module returns; the message says what is wrong.
    """
    try:
        found = msgspec.convert(said, tuple[_Finding, ...], strict=False)
        boxes = tuple(_box(one) for one in found[: MOST_BOXES + 1])
        if len(boxes) > MOST_BOXES:
            raise Invalid(f"more than {MOST_BOXES} things in one picture", code="module-answer")
        return msgspec.convert(boxes, tuple[Box, ...])
    except (msgspec.ValidationError, OverflowError) as error:
        raise Invalid(f"the module's answer cannot be read: {error}", code="module-answer") from error


def _box(found: _Finding) -> Box:
    left, top, width, height = found.box
    x, y = _share(left), _share(top)
    right, bottom = _share(left + width), _share(top + height)
    points = tuple(Point(_share(px), _share(py), _share(score)) for px, py, score in found.points)
    box = Box(
        found.label[:80], _share(found.score), x, y, max(0.0, right - x), max(0.0, bottom - y), found.track, points
    )
    return msgspec.convert(msgspec.to_builtins(box), Box)


def _share(value: float) -> float:
    """Cut to [0, 1]; what is no number is 0."""
    return min(1.0, max(0.0, value)) if value == value else 0.0  # noqa: PLR0124 - NaN alone differs from itself


def installed() -> dict[str, EntryPoint]:
    """The modules that are installed beside us, by name. None of their code is run."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    return {name: found[name] for name in sorted(found) if _NAME.fullmatch(name) and name not in OWN}


def factory_of(name: str, value: str) -> Callable[[], Look]:
    """Load a module's factory: this runs its code.

    Raises:
        NotFound: ``module-broken``: it cannot be imported.
    """
    try:
        factory = EntryPoint(name, value, GROUP).load()
    except (ImportError, AttributeError, SyntaxError) as error:
        raise NotFound(f"the module cannot be imported: {error}", code="module-broken", module=name) from error
    if not callable(factory):
        raise NotFound("the module's entry point is no factory", code="module-broken", module=name)
    made: Callable[[], Look] = factory
    return made
