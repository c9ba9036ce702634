"""Session descriptions over HTTP, as WHIP (RFC 9725) and WHEP carry them."""

from collections.abc import Mapping

from fastapi import Request

from haechi.base.errors import Invalid
from haechi.media.webrtc.description import MAX_BYTES

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"


async def description_in(request: Request, media_type: str) -> bytes:
    """The body, which must be of this type.

    Raises:
        Invalid: ``not-sdp``, ``bad-offer``.
    """
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != media_type:
        raise Invalid(f"send {media_type}", code="not-sdp", got=said[:80])
    body = await request.body()
    if len(body) > MAX_BYTES:
        raise Invalid("this is longer than any session description", code="bad-offer", limit=MAX_BYTES)
    return body


def tagged(etag: str, cache: str) -> Mapping[str, str]:
    """Headers of an answer that names the present state of ICE."""
    return {"ETag": f'"{etag}"', "Cache-Control": cache}


def reached_at(request: Request) -> str:
    """The address of ours at which the connection arrived: what is good for HTTP is good for media, most often."""
    server = request.scope.get("server")
    return str(server[0]) if server else ""
