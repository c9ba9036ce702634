"""A frame that is being looked at, and what looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct, field, structs

from haechi.vision.decode import Frame
from haechi.vision.detectors.together import Views
from haechi.vision.messages import UnitIn, Use
from haechi.vision.result import Detection, FrameResult, Step
from haechi.vision.runtime import Pixels

PICTURE_PX = 1280
"""Width at which people and things are cut out of a frame: a wider one is reduced first, once for all modules."""


class Sight(Struct, eq=False):
    """A frame on its way through the modules of its stream.

    Attributes:
        views: What the detectors want of it.
        wanted_by: Modules after the detectors that look at it.
        frame: Kept as long as one of them needs it.
        is_again: It was looked at before; `haechi.vision.messages.Work.is_again`.
        took_ns: Time of all that looked at it.
    """

    unit: UnitIn
    modules: tuple[str, ...]
    is_again: bool
    result: FrameResult
    views: Views = ()
    wanted_by: tuple[str, ...] = ()
    frame: Frame | None = None
    took_ns: int = 0
    uses: list[Use] = field(default_factory=list)
    scaled: Pixels | None = None

    def picture(self) -> Pixels | None:
        """The frame in BGR, `PICTURE_PX` wide at most; None when it was not kept."""
        if self.scaled is None and self.frame is not None:
            width = min(self.frame.width_px, PICTURE_PX)
            height = max(1, round(self.frame.height_px * width / self.frame.width_px))
            self.scaled = self.frame.scaled(width, height)
        return self.scaled

    def saw(self, detections: Sequence[Detection], step: Step | None = None) -> None:
        """What is known of the frame's things now, and by which step."""
        steps = self.result.steps if step is None else (*self.result.steps, step)
        self.result = structs.replace(self.result, detections=tuple(detections), steps=steps)

    def drop(self) -> None:
        """Nobody looks at it any more: pictures are large."""
        self.views, self.frame, self.scaled = (), None, None


class Looking(Protocol):
    """A module of the live worker that looks after the detectors.

    Attributes:
        name: As programmes call it.
        deadline_s: A look that takes longer is counted as missed.
    """

    name: str
    deadline_s: float

    def wants(self, sight: Sight) -> bool:
        """Whether it looks at this frame; asked once, before anything is detected."""

    def look(self, sights: Sequence[Sight]) -> str:
        """Look at frames that it wanted, of any streams. Gives why it could not; empty: it could."""

    def forget(self, key: str) -> None:
        """The stream is gone."""
