"""Cameras in this machine."""

import asyncio

from haechi.api.policy import Access, Routes
from haechi.api.shapes.webcams import WebcamList, WebcamOut
from haechi.ingest.webcam.devices import devices


async def list_webcams() -> WebcamList:
    """Which cameras this machine has, and what they code themselves."""
    return WebcamList(webcams=[WebcamOut.of(device) for device in await asyncio.to_thread(devices)])


def register(routes: Routes) -> None:
    """Add the route."""
    routes.add("GET", "/api/webcams", list_webcams, access=Access.ADMIN)
