"""Phones as cameras: pairing, and what is known of them. The sockets are in `haechi.api.phone_sockets`."""

from __future__ import annotations

import io
from typing import Annotated

from fastapi import Path, Request

from haechi.api.asked import AskedCamera, Caller, Door, From, Log
from haechi.api.auth.log_in import require_room
from haechi.api.bearers import bearer_of
from haechi.api.peer import Peer
from haechi.api.phone_sockets import PhoneRoom
from haechi.api.policy import Access, Routes
from haechi.api.shapes.phones import (
    NewPairing,
    PairIn,
    PairingIn,
    PairingOut,
    PairOut,
    PhoneList,
    PhoneOut,
    PhonePatch,
    WhoAmI,
)
from haechi.base.errors import Denied, Invalid
from haechi.base.ids import CameraId
from haechi.base.throttle import address_key
from haechi.fleet.cameras import Camera
from haechi.fleet.phones.store import Phone

PairingPath = Annotated[str, Path(pattern=r"^pair_[a-z0-9]{3,32}$", examples=["pair_k3v9p2mw8tq4hx7n"])]


async def begin_pairing(body: PairingIn, request: Request, door: Door, caller: Caller, log: Log) -> NewPairing:
    """Make a code for a phone that is to be a camera. It is good for ten minutes, and once."""
    room = _room(request)
    known = await door.camera(caller, CameraId(body.camera)) if body.camera is not None else None
    name = body.name or (known.name if known is not None else "")
    if not name:
        raise Invalid("give the camera a name", code="bad-camera-name")
    pairing, code = await room.store.begin(name, known)
    log.about(known.id if known is not None else pairing.id, "code for a phone")
    path = f"/phone#code={code}"
    origin = request.headers.get("origin") or request.state.peer.origin
    out = PairingOut.of(pairing)
    return NewPairing(**out.model_dump(), code=code, url=path, qr_svg=_qr(origin + path))


async def get_pairing(pairing: PairingPath, request: Request) -> PairingOut:
    """How a pairing stands."""
    return PairingOut.of(await _room(request).store.pairing(pairing))


async def pair(body: PairIn, request: Request, peer: From, log: Log) -> PairOut:
    """Become a camera, with a code."""
    room, key = _room(request), address_key(peer.address)
    require_room(room.codes, key)
    paired = await room.store.pair(body.code, body.name or "")
    room.codes.give_back(key)
    room.board.unpaired(paired.camera.id, room.now_ns())
    room.board.paired(paired.camera.id)
    log.about(paired.camera.id, f"phone paired, from {peer.address}")
    return PairOut(camera=paired.camera.id, token=paired.token, name=paired.camera.name)


async def who_am_i(request: Request, peer: From) -> WhoAmI:
    """What the phone is whose token is shown, as bearer token."""
    phone = await _bearer(request, peer)
    return WhoAmI(camera=phone.camera.id, name=phone.camera.name)


async def leave(request: Request, peer: From, log: Log) -> None:
    """The phone wants to be a camera no more: its own token ends. The camera stays, with its footage."""
    room = _room(request)
    phone = await _bearer(request, peer)
    await room.store.unpair(phone.camera.id)
    room.board.unpaired(phone.camera.id, room.now_ns())
    log.about(phone.camera.id, f"phone unpaired on the phone, from {peer.address}")


async def list_phones(request: Request, caller: Caller) -> PhoneList:
    """The phones that one may see."""
    room = _room(request)
    phones = [phone for phone in await room.store.list() if caller.may_view(phone.camera.id)]
    return PhoneList(phones=[_out(room, phone) for phone in phones])


async def get_phone(camera: AskedCamera, request: Request) -> PhoneOut:
    """One of them."""
    return await _one(request, camera)


async def change_phone(camera: AskedCamera, body: PhonePatch, request: Request, log: Log) -> PhoneOut:
    """Have a phone record to this server, or not any more."""
    room = _room(request)
    await room.store.phone(camera)
    changed = await room.store.record(camera.id, is_on=body.record)
    log.about(camera.id, f"recording {'on' if body.record else 'off'}")
    return await _one(request, changed)


async def unpair(camera: AskedCamera, request: Request, log: Log) -> PhoneOut:
    """The phone is no camera any more from now on. The camera stays, with its footage; another phone may become it."""
    room = _room(request)
    await room.store.phone(camera)
    await room.store.unpair(camera.id)
    room.board.unpaired(camera.id, room.now_ns())
    log.about(camera.id, "phone unpaired")
    return await _one(request, camera)


def register(routes: Routes) -> None:
    """Add the routes."""
    one = "/api/phones/{camera}"
    pairings = "/api/phones/pairings"
    routes.add("POST", pairings, begin_pairing, access=Access.ADMIN, status=201, problems=(404, 409))
    routes.add("GET", f"{pairings}/{{pairing}}", get_pairing, access=Access.ADMIN, problems=(404, 422))
    routes.add("POST", "/api/phones/pair", pair, access=Access.PUBLIC, status=201, problems=(404, 409, 429))
    routes.add("GET", "/api/phones/own/pairing", who_am_i, access=Access.PUBLIC, problems=(401, 429))
    routes.add("DELETE", "/api/phones/own/pairing", leave, access=Access.PUBLIC, status=204, problems=(401, 429))
    routes.add("GET", "/api/phones", list_phones, access=Access.SIGNED_IN)
    routes.add("GET", one, get_phone, access=Access.CAMERA_VIEW, problems=(404,))
    routes.add("PATCH", one, change_phone, access=Access.CAMERA_ADMIN, problems=(404,))
    routes.add("POST", f"{one}/unpair", unpair, access=Access.CAMERA_ADMIN, problems=(404,))


async def _bearer(request: Request, peer: Peer) -> Phone:
    """The phone whose token is shown.

    Raises:
        Denied: ``wrong-phone-token``.
    """
    room, key = _room(request), address_key(peer.address)
    require_room(room.wrong, key)
    phone = await room.store.admits(bearer_of(request) or "")
    if phone is None:
        raise Denied("this token is no phone's, or the phone was unpaired", code="wrong-phone-token")
    room.wrong.give_back(key)
    return phone


def _room(request: Request) -> PhoneRoom:
    room: PhoneRoom = request.app.state.phones
    return room


async def _one(request: Request, camera: Camera) -> PhoneOut:
    room = _room(request)
    return _out(room, await room.store.phone(camera))


def _out(room: PhoneRoom, phone: Phone) -> PhoneOut:
    return PhoneOut.of(phone, room.board.booth(phone.camera.id) or phone.booth())


def _qr(address: str) -> str:
    """As a picture that scales, dark on white also where the page is dark: what cameras read best."""
    import segno

    picture = io.BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(picture, kind="svg", border=4, dark="#000", light="#fff", omitsize=True, xmldecl=False, nl=False)
    return picture.getvalue().decode()
