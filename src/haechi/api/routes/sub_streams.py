"""Where the smaller stream of a camera is; it is fetched while somebody watches it, or a tile that is made of it."""

from haechi.api.asked import AskedCamera, House, Log
from haechi.api.policy import Access, Routes
from haechi.api.shapes.onvif import SubStreamOut
from haechi.api.shapes.sub_streams import SubStreamAddress, SubStreamState
from haechi.base.errors import Unavailable
from haechi.fleet.address import CameraAddress
from haechi.fleet.sub_streams import SubStream, sub_stream_for


async def get_sub_stream(camera: AskedCamera, house: House) -> SubStreamState:
    """Where it is, and what it was when that was last said."""
    found = await house.onvif.links.sub_streams.get(camera.id)
    return SubStreamState(sub=None if found is None else _out(found, camera.address))


async def put_sub_stream(camera: AskedCamera, body: SubStreamAddress, house: House, log: Log) -> SubStreamState:
    """Say where it is. It is tried first: one that gives no picture is not taken."""
    place = sub_stream_for(body.url, camera.address, "", (0, 0), 0.0)
    report = await house.ingest.probe(place.address(camera.address), camera.transport)
    if report.params is None or not report.ok:
        message = f"this address gives no picture: {report.error_message or 'it has no video'}"
        raise Unavailable(message, code=report.error_code or "no-video-track")
    size = (report.params.width_px, report.params.height_px)
    stream = sub_stream_for(body.url, camera.address, report.params.codec.value, size, 0.0)
    await house.onvif.links.sub_streams.put(camera.id, stream)
    log.about(camera.id, "set the smaller stream")
    return SubStreamState(sub=_out(stream, camera.address))


async def delete_sub_stream(camera: AskedCamera, house: House, log: Log) -> None:
    """Forget it: tiles are made of the camera's main stream."""
    await house.onvif.links.sub_streams.put(camera.id, None)
    log.about(camera.id, "forgot the smaller stream")


def register(routes: Routes) -> None:
    """Add the routes."""
    admin, one = Access.CAMERA_ADMIN, "/api/cameras/{camera}/sub-stream"
    routes.add("GET", one, get_sub_stream, access=admin)
    routes.add("PUT", one, put_sub_stream, access=admin, problems=(503,))
    routes.add("DELETE", one, delete_sub_stream, access=admin, status=204)


def _out(stream: SubStream, camera: CameraAddress) -> SubStreamOut:
    url = stream.address(camera).url
    return SubStreamOut(url=url, codec=stream.codec, width=stream.width_px, height=stream.height_px, fps=stream.fps)
