"""Which units of a stream a module's process is given, and which of them the module is shown. Pure."""

from __future__ import annotations

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.media.access_unit import AccessUnit, Codec, VideoParams
from haechi.vision.modules.contract import Spec

EARLY = 0.9
"""A picture is taken when so much of the time between two has passed: cameras jitter."""


class Mark(Struct, frozen=True):
    """How a unit is given; see `haechi.vision.modules.messages.Feed`."""

    is_shown: bool
    is_last: bool


class Sampler:
    """For one stream.

    Args:
        every_picture: Show a plain function or frame module all that there is time for, whatever its ``fps``.
    """

    def __init__(self, spec: Spec, *, every_picture: bool = False) -> None:
        self._kind = spec.kind
        wait_s = spec.every_s if spec.kind == "keyframe" else 1 / spec.fps
        self._wait_ns = 0 if every_picture and spec.kind == "frame" else int(EARLY * wait_s * NS_PER_S)
        self._shown: tuple[int, int] | None = None

    def mark(self, unit: AccessUnit, params: VideoParams) -> Mark | None:
        """How the next unit of the stream is given; None: not at all. A JPEG that is not shown need not be decoded."""
        if self._kind == "track" or (self._kind == "keyframe" and not unit.is_sync):
            return None
        run, at_ns = unit.ref.run, unit.captured_ns
        is_due = self._shown is None or self._shown[0] != run or at_ns - self._shown[1] >= self._wait_ns
        if not is_due and (self._kind == "keyframe" or params.codec is Codec.MJPEG):
            return None
        if is_due:
            self._shown = run, at_ns
        return Mark(is_due, is_last=self._kind == "keyframe")
