"""Builds the web application: every route through the gate, every answer with its headers, every error a problem."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from fastapi import FastAPI

from haechi.api import pages, phone_sockets, problems, sockets
from haechi.api.clips import ClipShelf
from haechi.api.headers import SecurityHeaders
from haechi.api.limits import LimitBody
from haechi.api.metrics import CountRequests, Metrics
from haechi.api.policy import Gate, Routes, require_policies
from haechi.api.problems import Problem
from haechi.api.push import Push
from haechi.api.rights import KnownCameras, OpenSessions, Viewings
from haechi.api.routes import (
    accounts,
    audit,
    bookmarks,
    cameras,
    capacity,
    dialling,
    events,
    exports,
    films,
    footage,
    hls,
    layouts,
    mjpeg,
    modules,
    onvif,
    phones,
    previews,
    push_clients,
    read_tokens,
    reel,
    renditions,
    retention,
    rules,
    search,
    session,
    sub_streams,
    system,
    talk,
    timeline,
    users,
    views,
    webcams,
    whep,
    whip,
)
from haechi.api.services import Services
from haechi.api.snapshots import Snapshots
from haechi.api.stills import Stills
from haechi.api.talk_gauges import TalkNumbers
from haechi.api.viewer_gauges import ViewerNumbers
from haechi.base.clock import SystemClock
from haechi.base.faults import CONDITIONS
from haechi.base.supervise import supervise
from haechi.ingest.talk import Talk
from haechi.live.llhls.room import HlsRoom


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The description. Routes refer to the shape of problems; it is added here, once for all of them."""
        if self.openapi_schema is None:
            description = super().openapi()
            shape = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            nested = shape.pop("$defs", {})
            description["components"]["schemas"] |= {"Problem": shape, **nested}
        return super().openapi()


def build_app(services: Services) -> FastAPI:
    """The application over a house.

    Raises:
        TypeError: A route has no policy.
    """
    app = _App(
        title="Haechi",
        version=services.config.version,
        description="Self-hosted AI security-camera platform. Errors are RFC 9457 problem details.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    gate = Gate(services)
    metrics = Metrics(services)
    app.state.services = services
    app.state.gate = gate
    app.state.metrics = metrics
    app.state.clips = ClipShelf(services.clock)
    app.state.stills = Stills(services)
    app.state.snapshots = Snapshots(services)
    app.state.known_cameras = KnownCameras(services)
    app.state.viewings = Viewings(services, app.state.known_cameras)
    app.state.open_sessions = OpenSessions(services)
    app.state.offers = whip.offers_throttle(services)
    app.state.push = Push(services, metrics)
    app.state.phones = phone_sockets.PhoneRoom(services, metrics.registry)
    app.state.talk = Talk(services.ingest.openers, services.clock)
    TalkNumbers(app.state.talk, metrics.registry)
    app.state.hls = HlsRoom(services.live, services.clock)
    app.state.mjpeg = mjpeg.MotionJpegRoom()
    ViewerNumbers(app.state.hls, app.state.mjpeg, metrics.registry)
    app.state.assets = pages.load_assets(services.config.static)
    problems.install(app)
    routes = Routes(app, gate)
    rooms = (
        session,
        cameras,
        rules,
        dialling,
        whep,
        whip,
        webcams,
        onvif,
        sub_streams,
        phones,
        footage,
        hls,
        mjpeg,
        modules,
        views,
        reel,
        previews,
        timeline,
        accounts,
        search,
        events,
        retention,
        exports,
        films,
        bookmarks,
        push_clients,
        read_tokens,
        layouts,
        users,
        audit,
        system,
        capacity,
        renditions,
        talk,
    )
    for room in (*rooms, sockets, phone_sockets, pages):
        room.register(routes)
    require_policies(app)
    app.add_middleware(LimitBody)
    app.add_middleware(CountRequests, metrics=metrics, clock=SystemClock())
    app.add_middleware(SecurityHeaders)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        keep = partial(supervise, clock=SystemClock(), expected=CONDITIONS, faults=app.state.services.live.faults)
        rooms = {"push": app.state.push, "phones": app.state.phones, "hls": app.state.hls}
        tasks = [group.create_task(keep(name, room.run)) for name, room in rooms.items()]
        yield
        for task in tasks:
            task.cancel()
        app.state.clips.close()
