"""What the machine has to look at and how much more it could; and which cameras are looked at."""

import asyncio

from haechi.api.asked import AskedCamera, House, Log
from haechi.api.policy import Access, Routes
from haechi.api.shapes.capacity import CapacityOut, InspectionIn, InspectionOut
from haechi.base.machine import cores, memory_of
from haechi.vision.capacity import WorkerLoad


async def get_capacity(house: House) -> CapacityOut:
    """Each worker, each camera by its cost, and how many more fit; how that is computed: docs/design/vision.md."""
    capacity = house.vision.capacity()
    names = {str(camera.id): camera.name for camera in await house.registry.list()}
    memory = await asyncio.to_thread(_memory, capacity.workers)
    return CapacityOut.of(capacity, memory, names, (cores(), house.vision.idle_cores()))


async def get_inspection(camera: AskedCamera, house: House) -> InspectionOut:
    """Whether a camera is looked at."""
    return InspectionOut(on=await house.inspection.is_on(camera.id))


async def put_inspection(camera: AskedCamera, body: InspectionIn, house: House, log: Log) -> InspectionOut:
    """Look at a camera, or do not: then nothing of it is decoded for that, what goes on ends, and no rule sees it.
    Recording, live pictures and stills are as before.
    """
    await house.inspection.switch(camera.id, on=body.on)
    log.about(camera.id, "started inspection" if body.on else "stopped inspection")
    return InspectionOut(on=body.on)


def register(routes: Routes) -> None:
    """Add the routes."""
    one = "/api/cameras/{camera}/inspection"
    routes.add("GET", "/api/capacity", get_capacity, access=Access.ADMIN)
    routes.add("GET", one, get_inspection, access=Access.CAMERA_VIEW)
    routes.add("PUT", one, put_inspection, access=Access.CAMERA_ADMIN)


def _memory(workers: tuple[WorkerLoad, ...]) -> dict[int, int | None]:
    return {worker.number: memory_of(worker.pid) for worker in workers if worker.pid is not None}
