"""Renditions, as JSON."""

from msgspec import structs

from haechi.api.shapes.fields import Shape
from haechi.live.renditions.room import Rendition, Report


class RenditionOut(Shape):
    """One that is made at present.

    ``kind``: ``tile`` (small) or ``h264`` (full size). ``source``: which of the camera's streams it is made of, and
    ``codec`` how that is coded. ``is_passed``: it goes out as it came, and costs nothing. ``cores``: processor time of
    the last ten seconds, as a share of one core. ``shed``: pictures that were left out for want of time.
    """

    camera: str
    kind: str
    source: str
    codec: str
    is_passed: bool
    width_px: int
    height_px: int
    viewers: int
    fps: float
    cores: float
    cpu_s: float
    shed: int
    damaged: int

    @classmethod
    def of(cls, rendition: Rendition) -> "RenditionOut":
        """The shape of a rendition."""
        return cls(**structs.asdict(rendition))


class RenditionList(Shape):
    """All of them. ``used`` and ``limit`` count small ones; one in full size is four."""

    renditions: list[RenditionOut]
    used: int
    limit: int
    processes: int
    cpu_s: float
    shed: int
    quarantined: int

    @classmethod
    def of(cls, report: Report) -> "RenditionList":
        """The shape of what is made."""
        return cls(
            renditions=[RenditionOut.of(one) for one in report.renditions],
            used=report.used,
            limit=report.limit,
            processes=report.processes,
            cpu_s=round(report.cpu_s, 2),
            shed=report.shed,
            quarantined=report.quarantined,
        )
