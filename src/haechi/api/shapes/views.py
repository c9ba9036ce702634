"""Views of cameras as JSON: whether a picture is healthy, and where it moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from haechi.api.shapes.fields import Ms, Shape
from haechi.base.clock import NS_PER_MS
from haechi.vision.view.book import Kind, Status, View
from haechi.vision.view.geometry import IDENTITY, Transform, composed, inverse, shift_of
from haechi.vision.view.health import Trouble

SIZE = (1280, 720)
"""Lengths and angles that people are told are those of such a picture."""


class ShiftOut(Shape):
    """How the picture moved: ``x``, ``y`` in pixels of a picture 1280 wide, as things in it moved; ``degrees``
    clockwise; ``scale``: how many times larger things are."""

    x: float
    y: float
    degrees: float
    scale: float


class ViewOut(Shape):
    """An entry of a camera's history. ``shift`` is what it is beside the entry in force before it, and so is ``step``.

    ``kind``: ``moved`` (zones followed), ``asked`` (a person has to say), ``renewed`` (a person said that the picture
    is as it should be). ``status``: ``applied``, ``open`` (not answered), ``accepted``, ``undone``, ``settled`` (it
    went away by itself). ``reason`` of one that is asked: ``far`` (by more than is followed unasked; ``transform`` is
    what is proposed) or ``lost`` (it cannot be told). ``transform``: 3 x 3, row by row, from the camera's first view to
    this one, in shares of width and height. ``error_px``: how far off a corner may be, of a picture 768 wide.
    ``newest``: whether it can still be accepted or undone.
    """

    id: str
    kind: Kind
    status: Status
    at_ms: Ms
    reason: str
    transform: Transform | None
    step: Transform | None
    shift: ShiftOut | None
    error_px: float
    inliers: int
    decided_by: str
    decided_ms: Ms | None
    newest: bool

    @classmethod
    def of(cls, view: View, before: Transform, *, newest: bool) -> ViewOut:
        """From vision's own."""
        step = None if view.transform is None else composed(view.transform, inverse(before))
        return cls(
            id=view.id,
            kind=view.kind,
            status=view.status,
            at_ms=view.at_ns // NS_PER_MS,
            reason=view.reason,
            transform=view.transform,
            step=step,
            shift=None if step is None else _shift(step),
            error_px=round(view.error_px, 2),
            inliers=view.inliers,
            decided_by=view.decided_by,
            decided_ms=view.decided_ns // NS_PER_MS if view.decided_ns else None,
            newest=newest,
        )


class TroubleOut(Shape):
    """Something that is wrong with a picture now."""

    trouble: Trouble
    since_ms: Ms


class ViewsOut(Shape):
    """What is known of the view of a camera. ``views``: newest first. ``transform``: where it lies now."""

    transform: Transform
    troubles: list[TroubleOut]
    views: list[ViewOut]


class ViewAlarm(Shape):
    """Something about a camera's view that people should see to: a trouble of its picture, a question, or a move that
    nobody has looked at."""

    camera: str
    name: str
    kind: Literal["trouble", "asked", "moved"]
    detail: str
    since_ms: Ms


class ViewAlarms(Shape):
    """Of all cameras that one may see."""

    alarms: list[ViewAlarm]


def troubles_out(troubles: Mapping[Trouble, int]) -> list[TroubleOut]:
    """The longest first."""
    found = sorted(troubles.items(), key=lambda one: one[1])
    return [TroubleOut(trouble=trouble, since_ms=since_ns // NS_PER_MS) for trouble, since_ns in found]


def views_out(views: list[View]) -> list[ViewOut]:
    """Newest first, each beside what was in force before it."""
    result: list[ViewOut] = []
    before = IDENTITY
    newest = next((one.id for one in views if one.is_in_force or one.status == "open"), "")
    for view in reversed(views):
        result.append(ViewOut.of(view, before, newest=view.id == newest))
        if view.is_in_force and view.transform is not None:
            before = view.transform
    return result[::-1]


def _shift(transform: Transform) -> ShiftOut:
    found = shift_of(transform, SIZE)
    return ShiftOut(
        x=round(found.x * SIZE[0], 1),
        y=round(found.y * SIZE[1], 1),
        degrees=round(found.degrees, 2),
        scale=round(found.scale, 4),
    )
