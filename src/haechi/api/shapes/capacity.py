"""What the machine has to look at, and how much more it could, as JSON; and whether a camera is looked at."""

from typing import Literal

from haechi.api.shapes.fields import Input, Shape
from haechi.base.ids import camera_of
from haechi.vision.capacity import PROMISED_SHARE, Capacity, Room, StreamLoad, WorkerLoad
from haechi.vision.strain import Level

MS_PER_S = 1000
_LEVELS: dict[Level, Literal["all", "half", "quarter", "sync"]] = {
    Level.NOTHING: "all",
    Level.HALF: "half",
    Level.QUARTER: "quarter",
    Level.SYNC: "sync",
}


class InspectionIn(Input):
    """Whether a camera is to be looked at."""

    on: bool


class InspectionOut(Shape):
    """Whether a camera is looked at."""

    on: bool


class WorkerOut(Shape):
    """A process that decodes and looks.

    ``used``: share of its time that work took of late. ``wanted``: share that it would be if nothing were given up.
    ``late_s``: from the arrival of a picture to its result, 95th percentile of the last 10 s. ``memory_bytes``: null
    where the system does not tell. ``restarts``: how often it had to be started again.
    """

    number: int
    ready: bool
    streams: int
    used: float
    wanted: float
    late_s: float
    memory_bytes: int | None
    restarts: int

    @classmethod
    def of(cls, load: WorkerLoad, memory_bytes: int | None) -> "WorkerOut":
        """The shape of a worker."""
        return cls(
            number=load.number,
            ready=load.is_ready,
            streams=load.streams,
            used=round(load.used, 4),
            wanted=round(load.wanted, 4),
            late_s=round(load.late_s, 3),
            memory_bytes=memory_bytes,
            restarts=max(0, load.starts - 1),
        )


class CameraLoadOut(Shape):
    """A camera that is followed, or that is not to be looked at (``on`` is false, and nothing is known).

    ``cost_ms_s``: milliseconds of a worker per second that it would take if nothing were given up; null: not known yet.
    ``used_ms_s``: what it takes. Units are decoded, looks are made in some of them; both per second. ``level``: what is
    looked at of what is asked for: all of it, half, a quarter, or key frames only.
    """

    camera: str
    name: str
    on: bool
    worker: int | None = None
    cost_ms_s: float | None = None
    used_ms_s: float = 0
    wanted_units_s: float = 0
    given_units_s: float = 0
    wanted_looks_s: float = 0
    given_looks_s: float = 0
    shed_units: int = 0
    thinned_looks: int = 0
    level: Literal["all", "half", "quarter", "sync"] = "all"

    @classmethod
    def of(cls, load: StreamLoad, name: str) -> "CameraLoadOut":
        """The shape of a stream's load."""
        rates = load.rates
        return cls(
            camera=camera_of(load.stream),
            name=name,
            on=True,
            worker=load.worker,
            cost_ms_s=None if load.wanted is None else round(load.wanted * MS_PER_S, 2),
            used_ms_s=round(rates.used * MS_PER_S, 2),
            wanted_units_s=round(rates.wanted_units, 2),
            given_units_s=round(rates.given_units, 2),
            wanted_looks_s=round(rates.wanted_looks, 2),
            given_looks_s=round(rates.given_looks, 2),
            shed_units=load.shed_units,
            thinned_looks=load.thinned_looks,
            level=_LEVELS[load.level],
        )


class MoreOut(Shape):
    """How many more cameras this machine can look at: like the mean of those that it has, and like the dearest of
    them. Null: none was measured yet."""

    like_mean: int | None
    like_dearest: int | None

    @classmethod
    def of(cls, room: Room) -> "MoreOut":
        """The shape of what room there is."""
        return cls(like_mean=room.like_mean, like_dearest=room.like_dearest)


class CapacityOut(Shape):
    """All of it.

    ``cores``: processors that this server may use; ``idle_cores``: how many of them had nothing to do of late, null
    where the system does not tell. ``promised``: share of a worker's time up to which cameras are promised to it.
    """

    cores: float
    idle_cores: float | None
    promised: float
    workers: list[WorkerOut]
    cameras: list[CameraLoadOut]
    more: MoreOut

    @classmethod
    def of(
        cls,
        capacity: Capacity,
        memory: dict[int, int | None],
        names: dict[str, str],
        machine: tuple[float, float | None],
    ) -> "CapacityOut":
        """The shape of what there is to do.

        Args:
            memory: Of each worker, by its number.
            names: Of the cameras, by their id; others are left out.
            machine: Processors that there are, and how many were idle.
        """
        cores, idle = machine
        loads = [
            CameraLoadOut.of(one, names[camera_of(one.stream)]) for one in capacity.streams if _is_named(one, names)
        ]
        known = {load.camera for load in loads}
        off = [camera_of(stream) for stream in capacity.stopped]
        loads += [
            CameraLoadOut(camera=one, name=names[one], on=False) for one in off if one in names and one not in known
        ]
        return cls(
            cores=round(cores, 2),
            idle_cores=None if idle is None else round(idle, 2),
            promised=PROMISED_SHARE,
            workers=[WorkerOut.of(one, memory.get(one.number)) for one in capacity.workers],
            cameras=sorted(loads, key=lambda load: (-(load.cost_ms_s or 0), load.name, load.camera)),
            more=MoreOut.of(capacity.room(idle, cores)),
        )


def _is_named(load: StreamLoad, names: dict[str, str]) -> bool:
    return camera_of(load.stream) in names
