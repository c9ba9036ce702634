"""Read tokens as JSON, and the addresses at which a camera is watched."""

from pydantic import Field

from haechi.api.auth.read_tokens import LONGEST_NAME, ReadToken
from haechi.api.shapes.fields import Input, Ms, Shape
from haechi.api.shapes.people import CameraIds
from haechi.base.clock import NS_PER_MS


class ReadTokenOut(Shape):
    """A token. ``cameras`` is null where it shows all that its user may see; ``id`` is the user name for RTSP."""

    id: str
    name: str
    user_id: str
    user: str
    cameras: list[str] | None
    created_ms: int
    expires_ms: int | None
    used_ms: int | None

    @classmethod
    def of(cls, token: ReadToken) -> "ReadTokenOut":
        """From the store's own."""
        return cls(
            id=token.id,
            name=token.name,
            user_id=token.user,
            user=token.user_name,
            cameras=None if token.cameras is None else [str(one) for one in token.cameras],
            created_ms=token.created_ns // NS_PER_MS,
            expires_ms=token.expires_ns // NS_PER_MS or None,
            used_ms=token.used_ns // NS_PER_MS or None,
        )


class ReadTokenList(Shape):
    """One's own; everybody's for administrators."""

    read_tokens: list[ReadTokenOut]


class ReadTokenAdd(Input):
    """A new token. Without ``cameras`` it shows all that one may see at each time; without ``expires_ms`` it lasts."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    cameras: CameraIds | None = None
    expires_ms: Ms | None = None


class AddressesOut(Shape):
    """Where a camera is watched, without the token. ``rtsp`` is null while nobody listens; its other streams are at
    ``/sub``, ``/tile`` and ``/h264`` below it. The others are paths on this server."""

    rtsp: str | None
    hls: str
    mjpeg: str
    whep: str
    still: str


class ReadTokenNew(Shape):
    """A new token: its text is shown here and never again."""

    read_token: ReadTokenOut
    token: str
