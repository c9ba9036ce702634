"""How long footage is kept, what would go, what is on the disks."""

import asyncio
import shutil

from haechi.api.asked import AskedCamera, Caller, House, Log
from haechi.api.policy import Access, Routes, camera_not_found
from haechi.api.routes.events import camera_names
from haechi.api.services import Services
from haechi.api.settings import LiveSettings, SettingsChange
from haechi.api.shapes.keeping import (
    ForecastOut,
    KeepShape,
    PlanIn,
    PlanOut,
    PolicyIn,
    PolicyOut,
    StorageReportOut,
    TierOut,
)
from haechi.base.clock import NS_PER_MS
from haechi.base.ids import CameraId
from haechi.record.index.policies import Keep, Policy
from haechi.record.tiers.report import TierReport


async def get_default(house: House) -> KeepShape:
    """What holds for cameras without a setting of their own."""
    return _shape(await house.settings.get())


async def put_default(body: KeepShape, house: House, log: Log) -> KeepShape:
    """Change that; it counts from the next pass on, within a minute."""
    change = SettingsChange(
        retention_days=body.continuous_days,
        motion_days=body.motion_days,
        event_days=body.event_days,
        camera_max_bytes=body.max_bytes or 0,
        purpose=body.purpose.strip(),
        record_audio=body.audio,
    )
    log.about("", _told(body))
    return _shape(await house.settings.change(change))


async def get_camera(camera: AskedCamera, house: House) -> PolicyOut:
    """What was set for a camera, and what that comes to."""
    policy = (await house.index.policies()).get(camera.id, Policy())
    return PolicyOut.of(policy, _shape(await house.settings.get()))


async def put_camera(camera: AskedCamera, body: PolicyIn, house: House, log: Log) -> PolicyOut:
    """Change that. Recording of sound follows within seconds."""
    await house.index.set_policy(camera.id, body.policy())
    log.about(camera.id, _told(body))
    return PolicyOut.of(body.policy(), _shape(await house.settings.get()))


async def post_plan(house: House, body: PlanIn | None = None) -> PlanOut:
    """What a pass of retention would delete now: as things are, or under a wished policy. Deletes nothing."""
    retention = house.keeping.retention
    if body is None:
        plan = await retention.plan()
    elif body.camera is not None:
        camera = CameraId(body.camera)
        if camera not in await camera_names(house):
            raise camera_not_found()
        plan = await retention.plan(cameras={camera: body.policy()})
    else:
        now = (await house.settings.get()).keep
        plan = await retention.plan(
            default=body.policy().keep(Keep(now.continuous_days, now.motion_days, now.event_days))
        )
    return PlanOut.of(plan, await camera_names(house))


async def get_storage(house: House, caller: Caller) -> StorageReportOut:
    """What is where, and where that goes. A viewer gets the cameras that they may see, and no addresses."""
    forecast = await house.keeping.outlook.forecast()
    tiers = [await _tier(house, one, show_url=caller.is_admin) for one in await house.keeping.tiers.report()]
    out = ForecastOut.of(forecast, await camera_names(house))
    if not caller.is_admin:
        out = out.model_copy(update={"cameras": [one for one in out.cameras if caller.may_view(CameraId(one.camera))]})
    return StorageReportOut(
        tiers=tiers,
        forecast=out,
        protected_bytes=forecast.protected_bytes,
        alarm="only-protected" if house.keeping.retention.last.only_protected else None,
    )


def register(routes: Routes) -> None:
    """Add the routes."""
    one = "/api/cameras/{camera}/retention"
    routes.add("GET", "/api/retention", get_default, access=Access.ADMIN)
    routes.add("PUT", "/api/retention", put_default, access=Access.ADMIN)
    routes.add("GET", one, get_camera, access=Access.CAMERA_VIEW)
    routes.add("PUT", one, put_camera, access=Access.CAMERA_ADMIN)
    routes.add("POST", "/api/retention/plan", post_plan, access=Access.ADMIN, problems=(404,))
    routes.add("GET", "/api/storage", get_storage, access=Access.SIGNED_IN, problems=(503,))


def _shape(settings: LiveSettings) -> KeepShape:
    keep = settings.keep
    return KeepShape(
        continuous_days=keep.continuous_days,
        motion_days=keep.motion_days,
        event_days=keep.event_days,
        max_bytes=keep.max_bytes,
        purpose=settings.purpose,
        audio=settings.record_audio,
    )


def _told(body: KeepShape | PolicyIn) -> str:
    """What was set, for the log: all of it but the words of the purpose."""
    fields = body.model_dump(exclude={"purpose"})
    return "retention " + " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)


async def _tier(house: Services, tier: TierReport, *, show_url: bool) -> TierOut:
    path = house.config.record_path if tier.kind == "folder" and tier.url == str(house.config.record_path) else None
    usage = await asyncio.to_thread(shutil.disk_usage, path) if path is not None and path.exists() else None
    return TierOut(
        name=tier.name,
        kind=tier.kind,
        url=tier.url if show_url else "",
        recordings=tier.recordings,
        bytes=tier.bytes,
        free_bytes=usage.free if usage else None,
        oldest_ms=_ms(tier.oldest_ns),
        newest_ms=_ms(tier.newest_ns),
        waiting_bytes=tier.waiting_bytes,
        oldest_waiting_ms=_ms(tier.oldest_waiting_ns),
        failure=tier.failure or None,
        since_ms=_ms(tier.since_ns or None),
    )


def _ms(at_ns: int | None) -> int | None:
    return None if at_ns is None else at_ns // NS_PER_MS
