"""What is decoded and coded anew for viewers, and what it costs."""

from fastapi import Request

from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.shapes.renditions import RenditionList


async def list_renditions(request: Request) -> RenditionList:
    """Small pictures and H.264 that this server makes at present, since somebody watches them."""
    services: Services = request.app.state.services
    return RenditionList.of(services.live.renditions.report())


def register(routes: Routes) -> None:
    """Add the route."""
    routes.add("GET", "/api/renditions", list_renditions, access=Access.ADMIN)
