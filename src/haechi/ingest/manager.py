"""Keeps exactly one intake per enabled camera, as the list of cameras changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Protocol

from haechi.base.clock import Clock
from haechi.base.ids import CameraId, StreamId
from haechi.base.supervise import supervise
from haechi.bus.frames import FrameBus, GapCause
from haechi.ingest.camera import CameraIngest, IngestStatus, Numbers, StampFloor, SubIngest
from haechi.ingest.openers import Openers
from haechi.ingest.probe import ProbeReport, probe_source
from haechi.ingest.runs import RunNumbers
from haechi.ingest.session import no_note
from haechi.ingest.wish import CameraPlace, CameraWish, Trial
from haechi.store.database import Database

SAMPLE_S = 2.0


class CameraList(Protocol):
    """Where the wishes come from (`haechi.fleet.cameras.CameraRegistry` has it)."""

    def watch(self) -> AsyncIterator[Sequence[CameraWish]]: ...


async def _no_floor(_stream: StreamId) -> int:
    return 0


class IngestManager:
    """All intakes of this process.

    Args:
        floor: Newest ``captured_ns`` that is recorded of a stream (0: none). Stamps go on from there even when the
            clock was set back.
        openers: Who opens which kind of camera; RTSP both ways when left out.
    """

    def __init__(
        self,
        cameras: CameraList,
        bus: FrameBus,
        clock: Clock,
        database: Database,
        *,
        floor: StampFloor = _no_floor,
        openers: Openers | None = None,
    ) -> None:
        self._cameras = cameras
        self._bus = bus
        self._clock = clock
        self._runs = RunNumbers(database)
        self._floor = floor
        self.openers = openers or Openers(clock)
        self.lines = self.openers.lines
        self._newest: dict[StreamId, int] = {}
        self._intakes: dict[CameraId, tuple[object, CameraIngest, asyncio.Task[None]]] = {}
        self._disabled: dict[CameraId, int] = {}

    async def run(self) -> None:
        """Follow the list of cameras until cancelled. While the list cannot be read, what runs goes on (D4)."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sample())
            await supervise("camera list", partial(self._follow, group), clock=self._clock)

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        async for cameras in self._cameras.watch():
            await self._reconcile(cameras, group)

    def status(self, camera: CameraId) -> IngestStatus:
        """What the intake of ``camera`` does; ``disabled`` where there is none."""
        entry = self._intakes.get(camera)
        if entry is not None:
            return entry[1].status()
        return IngestStatus(state="disabled", since_ns=self._disabled.get(camera, 0))

    async def probe(self, place: CameraPlace, transport: str = "auto") -> ProbeReport:
        """Try to get a picture, hop by hop, without touching any camera that is configured.

        Raises:
            Invalid: It is of a kind that cannot be tried from here, or that nobody here opens.
        """
        opener = self.openers.of(place)
        return await probe_source(partial(opener.trial, Trial(place, transport)), self._clock)

    async def _reconcile(self, cameras: Sequence[CameraWish], group: asyncio.TaskGroup) -> None:
        wanted = {camera.id: camera for camera in cameras if camera.enabled}
        known = {camera.id for camera in cameras}
        stopped = []
        for camera_id, (key, intake, task) in list(self._intakes.items()):
            wish = wanted.get(camera_id)
            if wish is None or _key(wish) != key:
                is_wanted = wish is not None and self.openers.of(wish.address).intake.takes_in
                intake.stop_cause = GapCause.NOT_RUNNING if is_wanted else GapCause.DISABLED
                task.cancel()
                stopped.append(task)
                del self._intakes[camera_id]
        await asyncio.gather(*stopped, return_exceptions=True)
        self._disabled = {
            camera_id: self._disabled.get(camera_id, self._clock.wall_ns()) for camera_id in known - wanted.keys()
        }
        for camera_id, wish in wanted.items():
            if camera_id not in self._intakes:
                intake = self._intake(wish)
                self._intakes[camera_id] = (_key(wish), intake, group.create_task(intake.run()))
        for stream in self._bus.streams():
            if CameraId(stream.partition("/")[0]) not in known:
                self._bus.remove(stream)

    def _intake(self, wish: CameraWish) -> CameraIngest:
        numbers = Numbers(self._runs, self._stamp_floor, self.openers.memories)
        opener = self.openers.of(wish.address)
        make = partial(opener.open, wish, no_note)
        return opener.intake(wish.id, make, self._bus, self._clock, numbers=numbers, audio=wish.audio)

    def sub_intake(self, wish: CameraWish) -> SubIngest:
        """An intake for the smaller stream of a camera, at the address that ``wish`` names. Who asks has it run."""
        numbers = Numbers(self._runs, self._stamp_floor)
        make = partial(self.openers.of(wish.address).open, wish, no_note)
        return SubIngest(wish.id, make, self._bus, self._clock, numbers=numbers)

    async def _stamp_floor(self, stream: StreamId) -> int:
        last = self._bus.channel(stream).last
        return max(await self._floor(stream), last.captured_ns if last is not None else 0)

    async def _sample(self) -> None:
        while True:
            await self._clock.sleep(SAMPLE_S)
            for _, intake, _ in self._intakes.values():
                intake.sample_rates()


def _key(wish: CameraWish) -> object:
    return wish.address, wish.transport, wish.audio
