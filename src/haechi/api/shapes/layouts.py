"""Layouts of the live wall as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.layouts import LONGEST_NAME, LONGEST_TURN_S, MOST_CAMERAS, SHORTEST_TURN_S, Layout, LayoutDraft
from haechi.api.shapes.fields import Input, Shape
from haechi.base.clock import NS_PER_MS
from haechi.base.ids import CameraId

Size = Literal["auto", "1", "4", "9", "16", "25", "36", "64", "100"]
Id = Annotated[str, Field(max_length=40)]


class LayoutIn(Input):
    """A layout: which cameras in which order, and how many on a page.

    ``cameras`` null: all that one may see. ``focus`` is the camera whose tile is twice as wide and high. ``turn_s``:
    how long a page stays while pages turn by themselves. Of one's layouts at most one is ``is_default``: it is opened
    where no other is asked for.
    """

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    size: Size = "auto"
    cameras: Annotated[list[Id], Field(min_length=1, max_length=MOST_CAMERAS)] | None = None
    focus: Id | None = None
    turn_s: Annotated[int, Field(ge=SHORTEST_TURN_S, le=LONGEST_TURN_S)] = 10
    is_default: bool = False

    def draft(self) -> LayoutDraft:
        """As the store's own."""
        cameras = None if self.cameras is None else tuple(CameraId(one) for one in self.cameras)
        focus = None if self.focus is None else CameraId(self.focus)
        return LayoutDraft(self.name, self.size, cameras, focus, self.turn_s, self.is_default)


class LayoutOut(Shape):
    """A layout of one's own. Cameras that one may see no more are left out; there may be none left."""

    id: str
    name: str
    size: Size
    cameras: list[str] | None
    focus: str | None
    turn_s: int
    is_default: bool
    changed_ms: int

    @classmethod
    def of(cls, layout: Layout) -> "LayoutOut":
        """From the store's own."""
        return cls.model_validate(
            {
                "id": layout.id,
                "name": layout.name,
                "size": layout.size,
                "cameras": None if layout.cameras is None else list(layout.cameras),
                "focus": layout.focus,
                "turn_s": layout.turn_s,
                "is_default": layout.is_default,
                "changed_ms": layout.changed_ns // NS_PER_MS,
            }
        )


class LayoutList(Shape):
    """One's own, by name."""

    layouts: list[LayoutOut]
