"""The demo scenes: who walks where and when, in which room, and what the rule of each camera watches for.

Coordinates are normalised, (0, 0) upper left, (1, 1) lower right. A foot at height ``y`` gives a person a height of
``grow * (y - horizon)``, as perspective does.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from msgspec import Struct

from haechi.base.errors import NotFound
from haechi.camera.virtual.people import GAIT, Figure, astronaut, photographer
from haechi.camera.virtual.rooms import ZONE

FPS = 15
WIDTH_PX = 1280
HEIGHT_PX = 720


class Step(Struct, frozen=True):
    """At ``at_s`` the person's feet are at (``x``, ``y``)."""

    at_s: float
    x: float
    y: float


class Actor(Struct, frozen=True):
    """Someone who follows ``steps`` in straight lines, and is not there before the first or after the last.

    Attributes:
        figure: Makes the person; a function, because cutting a photograph takes a moment.
        walks: Whether the legs move. Who does not walk slides, so let something cover the feet.
    """

    figure: Callable[[], Figure]
    steps: tuple[Step, ...]
    walks: bool = True


class Placed(Struct, frozen=True):
    """A person in one picture: feet at (x, y), ``height`` of the picture's height tall, in a phase of walking."""

    actor: Actor
    x: float
    y: float
    height: float
    phase: int


class Watch(Struct, frozen=True):
    """The rule that the demo sets up for a camera: an object of ``label`` in the zone for ``min_duration_s``."""

    name: str
    zone_name: str
    zone: tuple[tuple[float, float], ...]
    label: str = "person"
    min_duration_s: float = 1.0
    severity: str = "alarm"


class Scene(Struct, frozen=True):
    """A loop of moving pictures.

    Attributes:
        room: Which of `haechi.camera.virtual.rooms`.
        light: Colour of the light on people, as factors of red, green, blue.
    """

    name: str
    title: str
    room: str
    seconds: int
    actors: tuple[Actor, ...]
    horizon: float
    grow: float
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def frames(self) -> int:
        return self.seconds * FPS

    def placed(self, frame: int) -> list[Placed]:
        """Who is in picture ``frame`` (0 to `frames` - 1), the farthest first."""
        at_s = (frame % self.frames) / FPS
        there = [p for actor in self.actors if (p := self._place(actor, at_s)) is not None]
        return sorted(there, key=lambda p: p.y)

    def _place(self, actor: Actor, at_s: float) -> Placed | None:
        times = [step.at_s for step in actor.steps]
        if not times[0] <= at_s <= times[-1]:
            return None
        x = float(np.interp(at_s, times, [step.x for step in actor.steps]))
        y = float(np.interp(at_s, times, [step.y for step in actor.steps]))
        index = min(int(np.searchsorted(times, at_s, side="right")), len(times) - 1)
        before, after = actor.steps[index - 1], actor.steps[index]
        is_moving = (before.x, before.y) != (after.x, after.y)
        phase = int(at_s * 0.95 * GAIT) % GAIT if actor.walks and is_moving else 0
        return Placed(actor, x, y, self.grow * (y - self.horizon), phase)


class DemoCamera(Struct, frozen=True):
    """One camera of `haechi demo`."""

    name: str
    scene: str
    watch: Watch


def _blue() -> Figure:
    return astronaut(100)


def _green() -> Figure:
    return astronaut(62)


_CLERK = Actor(_green, (Step(0, 0.785, 0.85), Step(13, 0.785, 0.85), Step(15, 0.75, 0.85), Step(22, 0.75, 0.85),
                        Step(24, 0.785, 0.85), Step(30, 0.785, 0.85)), walks=False)  # fmt: skip
_CUSTOMER = Actor(astronaut, (Step(1, 0.475, 0.575), Step(5, 0.44, 0.72), Step(9, 0.5, 0.93), Step(17, 0.5, 0.93),
                              Step(20, 0.37, 0.8), Step(24, 0.45, 0.66), Step(28, 0.48, 0.575)))  # fmt: skip
_SHOPPER = Actor(_blue, (Step(0, 0.46, 0.56), Step(9, 0.42, 0.9), Step(12, 0.42, 0.9), Step(15, 0.62, 0.82),
                         Step(18, 0.62, 0.82), Step(29.9, 0.5, 0.55)))  # fmt: skip
_OTHER_SHOPPER = Actor(_green, (Step(4, 0.56, 0.52), Step(8, 0.545, 0.6), Step(22, 0.545, 0.6), Step(27, 0.56, 0.52)))
_PHOTOGRAPHER = Actor(photographer, (Step(6, -0.12, 0.9), Step(11, 0.24, 0.9), Step(21, 0.24, 0.9),
                                     Step(28, -0.12, 0.9)), walks=False)  # fmt: skip
_DRIVER = Actor(_blue, (Step(0, 0.56, 0.64), Step(6, 0.6, 0.78), Step(16, 0.6, 0.78), Step(22, 0.52, 0.66),
                        Step(29.9, 0.56, 0.64)))  # fmt: skip
_INTRUDER = Actor(astronaut, (Step(10, 1.08, 0.72), Step(15, 0.62, 0.74), Step(17, 0.5, 0.8), Step(21, 0.44, 0.84),
                              Step(23, 0.52, 0.82), Step(25, 0.64, 0.76), Step(30, 1.08, 0.72)))  # fmt: skip
_WORKER = Actor(_green, (Step(36, -0.08, 0.66), Step(41, 0.16, 0.64), Step(48, 0.16, 0.64), Step(54, -0.08, 0.66)))

SCENES = (
    Scene("entrance", "SHOP ENTRANCE", "entrance", 30, (_CLERK, _CUSTOMER), horizon=0.27, grow=1.02),
    Scene("aisle", "AISLE 3-4", "aisle", 30, (_SHOPPER, _OTHER_SHOPPER), horizon=0.26, grow=0.98),
    Scene("yard", "YARD", "yard", 30, (_DRIVER, _PHOTOGRAPHER), horizon=0.3, grow=0.92, light=(1.0, 0.9, 0.76)),
    Scene("stock-room", "STOCK ROOM", "stock-room", 60, (_INTRUDER, _WORKER), horizon=0.2, grow=0.86),
)


def scene(name: str) -> Scene:
    """The scene called ``name``.

    Raises:
        NotFound: There is none of that name.
    """
    for known in SCENES:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in SCENES)
    raise NotFound(f"there is no scene of that name; there are {names}", code="no-such-scene", name=name)


@cache
def demo_cameras() -> tuple[DemoCamera, ...]:
    """The cameras that `haechi demo` sets up, each with one zone and one rule."""
    door = ((0.33, 0.42), (0.66, 0.42), (0.70, 0.98), (0.22, 0.98))
    shelf = ((0.36, 0.52), (0.64, 0.52), (0.86, 0.98), (0.12, 0.98))
    wall = ((0.02, 0.55), (0.50, 0.55), (0.52, 0.97), (0.01, 0.97))
    return (
        DemoCamera(
            "Shop entrance", "entrance", Watch("Customer", "Entrance", door, min_duration_s=3.0, severity="info")
        ),
        DemoCamera("Aisle", "aisle", Watch("Lingering", "Aisle", shelf, min_duration_s=8.0, severity="info")),
        DemoCamera("Yard", "yard", Watch("Someone at the wall", "Wall", wall, min_duration_s=2.0, severity="warning")),
        DemoCamera("Stock room (forbidden zone)", "stock-room", Watch("Forbidden zone", "No entry", ZONE)),
    )
