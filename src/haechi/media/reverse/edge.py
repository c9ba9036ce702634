"""What a camera remembers of its own stream: units numbered at the edge, from the moment they were taken there."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from haechi.media.access_unit import CodecParams, EdgeId, EdgeMark, EdgeRun

__all__ = ["MOST_EDGE_RUN", "MOST_SEQ", "EdgeId", "EdgeMark", "EdgeRun", "EdgeUnit", "Role"]

MOST_EDGE_RUN = (1 << 63) - 1
"""A database keeps it as a signed number of 64 bits."""
MOST_SEQ = (1 << 48) - 1
"""A thousand units a second for 8,900 years."""

Role = Literal["main", "audio"]
"""Which track; the name of its stream below the camera."""


class EdgeUnit(Struct, frozen=True, gc=False):
    """A unit out of the camera's memory.

    Attributes:
        pts, dts: As in `haechi.media.access_unit.AccessUnit`, from the start of the edge run, 90 kHz.
        wall_ns: The camera's own wall clock when the unit was taken, ns since 1970. Nobody promises that it is right
            or that it never leaps; within a run ``dts`` is what tells units apart.
        is_sync, data: As in `haechi.media.access_unit.AccessUnit`.
        params: What its decoder must know.
    """

    edge: EdgeId
    role: Role
    pts: int
    dts: int
    wall_ns: int
    is_sync: bool
    params: CodecParams
    data: bytes
