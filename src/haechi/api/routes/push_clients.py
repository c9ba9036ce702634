"""Clients that push video and get results: who may, what they push now, and which of them are cameras."""

from typing import Annotated

from fastapi import Path

from haechi.api.asked import House, Log
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.shapes.push_clients import (
    PushClientAdd,
    PushClientList,
    PushClientNew,
    PushClientOut,
    PushClientPatch,
)
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.fleet.address import PUSHED
from haechi.fleet.push_clients import PushClient, PushClients
from haechi.ingest.rtp_push.berths import ClientReport

ClientPath = Annotated[str, Path(pattern=r"^psh_[a-z0-9]{3,32}$", examples=["psh_k3v9p2mw8tq4hx7n"])]


async def list_push_clients(house: House) -> PushClientList:
    """Everybody who may push, by name, with what they push now."""
    door, reports = house.ingest.openers.berths.door, _reports(house)
    return PushClientList(
        listening=door is not None,
        host=door.host if door else None,
        port=door.port if door else None,
        pin=door.pin if door else None,
        clients=[PushClientOut.of(client, reports) for client in await _clients(house).list()],
    )


async def add_push_client(body: PushClientAdd, house: House, log: Log) -> PushClientNew:
    """Let a client push."""
    clients = _clients(house)
    added, token = await clients.add(body.name)
    client = await _with_camera(house, added, body.camera_id) if body.camera else added
    log.about(client.id, f"may push{' as ' + client.camera if client.camera else ''}")
    door = house.ingest.openers.berths.door
    return PushClientNew(client=PushClientOut.of(client, []), token=token, pin=door.pin if door else None)


async def change_push_client(client: ClientPath, body: PushClientPatch, house: House, log: Log) -> PushClientOut:
    """Make a client's stream a camera, or have it judged only. The camera before stays, with its recordings."""
    clients = _clients(house)
    before = await clients.get(client)
    if not body.camera:
        await clients.set_camera(client, "")
    elif not before.camera or body.camera_id not in (None, before.camera):
        await _with_camera(house, before, body.camera_id)
    after = await clients.get(client)
    log.about(client, f"is {after.camera or 'judged only'}")
    return PushClientOut.of(after, _reports(house))


async def delete_push_client(client: ClientPath, house: House, log: Log) -> None:
    """Withdraw a client's token; its connections end within seconds. Its camera stays, with its recordings."""
    await _clients(house).remove(client)
    log.about(client, "may push no more")


def register(routes: Routes) -> None:
    """Add the routes."""
    admin, one = Access.ADMIN, "/api/push-clients/{client}"
    routes.add("GET", "/api/push-clients", list_push_clients, access=admin)
    routes.add("POST", "/api/push-clients", add_push_client, access=admin, status=201, problems=(404, 409))
    routes.add("PATCH", one, change_push_client, access=admin, problems=(404, 409))
    routes.add("DELETE", one, delete_push_client, access=admin, status=204, problems=(404, 422))


def _clients(house: Services) -> PushClients:
    return PushClients(house.database, house.clock)


def _reports(house: Services) -> list[ClientReport]:
    server = house.ingest.openers.berths.server
    return server.report() if server is not None else []


async def _with_camera(house: Services, client: PushClient, wanted: str | None) -> PushClient:
    """The client with a camera: ``wanted``, or a new one of its name."""
    clients = _clients(house)
    if wanted is None:
        camera = await house.registry.add(client.name, PUSHED)
    else:
        camera = await house.registry.get(CameraId(wanted))
        if not camera.address.is_pushed:
            raise Invalid("this camera has another source; only one that clients push can be given", code="not-pushed")
    await clients.set_camera(client.id, camera.id)
    return await clients.get(client.id)
