"""Read tokens: with what players and other systems watch."""

from urllib.parse import urlsplit

from haechi.api.asked import AskedCamera, AskedReadToken, Caller, Door, From, House, Log
from haechi.api.auth.read_tokens import TokenDraft
from haechi.api.policy import Access, Routes
from haechi.api.shapes.read_tokens import AddressesOut, ReadTokenAdd, ReadTokenList, ReadTokenNew, ReadTokenOut
from haechi.base.clock import NS_PER_MS
from haechi.base.ids import CameraId


async def list_read_tokens(house: House, caller: Caller) -> ReadTokenList:
    """One's own tokens, by name; administrators see everybody's."""
    found = await house.auth.read_tokens.list(None if caller.is_admin else caller.user.id)
    return ReadTokenList(read_tokens=[ReadTokenOut.of(token) for token in found])


async def add_read_token(body: ReadTokenAdd, house: House, caller: Caller, door: Door, log: Log) -> ReadTokenNew:
    """Make a token of one's own. Its text is in this answer and nowhere else."""
    cameras = (
        None if body.cameras is None else tuple([(await door.camera(caller, CameraId(c))).id for c in body.cameras])
    )
    draft = TokenDraft(body.name, cameras, (body.expires_ms or 0) * NS_PER_MS)
    made, token = await house.auth.read_tokens.add(caller.user, draft)
    log.about(made.id, "may watch")
    return ReadTokenNew(read_token=ReadTokenOut.of(made), token=token)


async def delete_read_token(asked: AskedReadToken, house: House, log: Log) -> None:
    """Revoke a token; what is watched with it ends within 5 s."""
    await house.auth.read_tokens.remove(asked.id)
    log.about(asked.id, "may watch no more")


async def get_addresses(camera: AskedCamera, house: House, peer: From) -> AddressesOut:
    """Where players and other systems find this camera."""
    host = urlsplit(f"//{peer.host}").hostname or "localhost"
    shown = f"[{host}]" if ":" in host else host
    return AddressesOut(
        rtsp=f"rtsp://{shown}:{house.rtsp.port}/{camera.id}" if house.rtsp.port else None,
        hls=f"/{camera.id}/index.m3u8",
        mjpeg=f"/{camera.id}/live.mjpeg",
        whep=f"/{camera.id}/whep",
        still=f"/api/cameras/{camera.id}/latest.jpg",
    )


def register(routes: Routes) -> None:
    """Add the routes."""
    mine = Access.SIGNED_IN
    routes.add("GET", "/api/cameras/{camera}/addresses", get_addresses, access=Access.CAMERA_VIEW)
    routes.add("GET", "/api/read-tokens", list_read_tokens, access=mine)
    routes.add("POST", "/api/read-tokens", add_read_token, access=mine, status=201, problems=(404, 409))
    routes.add("DELETE", "/api/read-tokens/{read_token}", delete_read_token, access=Access.READ_TOKEN, status=204)
