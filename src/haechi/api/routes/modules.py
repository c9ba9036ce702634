"""Modules: what there is, which of them look at a camera and when, and what they said in the last five minutes."""

import asyncio

from haechi.api.asked import AskedCamera, House, Log
from haechi.api.policy import Access, Routes
from haechi.api.shapes.modules import (
    CameraModuleOut,
    CameraModules,
    CameraModulesIn,
    ModuleList,
    ModuleOut,
    ScoresOut,
    SeriesOut,
)
from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId
from haechi.vision.modules.choices import Choice


async def list_modules(house: House) -> ModuleList:
    """Every module that this server has, ours first."""
    states = await asyncio.to_thread(house.models.list)
    by_name = {state.artefact.name: state for state in states}
    return ModuleList(modules=[ModuleOut.of(known, by_name) for known in house.modules.known()])


async def get_camera_modules(camera: AskedCamera, house: House) -> CameraModules:
    """All modules, as they are at this camera."""
    return await _at(camera.id, house)


async def put_camera_modules(camera: AskedCamera, body: CameraModulesIn, house: House, log: Log) -> CameraModules:
    """Switch modules on or off, and say at which hours; those that are not named stay as they are."""
    choices = [
        Choice(camera.id, one.name, one.enabled, None if one.schedule is None else one.schedule.week())
        for one in body.modules
    ]
    await house.modules.put(camera.id, choices)
    told = ", ".join(f"{one.name} {'on' if one.enabled else 'off'}" for one in body.modules)
    log.about(camera.id, f"modules: {told}"[:200])
    return await _at(camera.id, house)


async def get_scores(camera: AskedCamera, house: House) -> ScoresOut:
    """What modules said of this camera in the last five minutes; what they say from now on comes by ``/api/ws``."""
    series = [SeriesOut.of(one) for one in house.modules.scores.of(camera.id)]
    return ScoresOut(now_s=house.clock.wall_ns() / NS_PER_S, series=series)


def register(routes: Routes) -> None:
    """Add the routes."""
    view, one = Access.CAMERA_VIEW, "/api/cameras/{camera}"
    routes.add("GET", "/api/modules", list_modules, access=Access.SIGNED_IN)
    routes.add("GET", f"{one}/modules", get_camera_modules, access=view)
    routes.add("PUT", f"{one}/modules", put_camera_modules, access=Access.CAMERA_ADMIN)
    routes.add("GET", f"{one}/scores", get_scores, access=view)


async def _at(camera: CameraId, house: House) -> CameraModules:
    return CameraModules(modules=[CameraModuleOut.of(at) for at in await house.modules.at(camera)])
