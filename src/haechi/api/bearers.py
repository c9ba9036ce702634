"""Who comes without a session: publishers with the token of a camera (RFC 9725), and players with a read token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from msgspec import Struct
from starlette.requests import HTTPConnection

from haechi.api.auth.log_in import require_room
from haechi.base.errors import Denied
from haechi.base.ids import CameraId
from haechi.base.throttle import Allowance, Throttle, address_key
from haechi.media.rtsp.auth import basic_password

if TYPE_CHECKING:
    from haechi.api.services import Services
    from haechi.fleet.cameras import Camera

log = structlog.get_logger(__name__)

WRONG = Allowance(burst=20, refill_s=30)
"""Wrong tokens from one address. A token cannot be guessed; this keeps the log and the CPU."""
LONGEST_TOKEN = 256


def bearer_of(connection: HTTPConnection) -> str | None:
    """What the request says after ``Authorization: Bearer``; None: it says nothing like that."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class Presented(Struct, frozen=True):
    """A read token that came with a request. ``is_basic``: a browser may have added it by itself."""

    token: str
    is_basic: bool

    def __repr__(self) -> str:
        return "Presented(***)"


def presented(connection: HTTPConnection) -> Presented | None:
    """The read token of a request: as bearer, as the password of Basic (RFC 7617), or as ``?token=``; None: none."""
    token = bearer_of(connection)
    if token is not None:
        return Presented(token, is_basic=False)
    token = basic_password(connection.headers.get("authorization", ""))
    if token is not None:
        return Presented(token, is_basic=True)
    token = connection.query_params.get("token")
    return None if token is None else Presented(token, is_basic=False)


def challenge_of(connection: HTTPConnection) -> str:
    """What a player is asked for. A browser is not: it would put a window of its own before our page."""
    is_browser = connection.headers.get("user-agent", "").startswith("Mozilla/")
    return "" if is_browser else 'Basic realm="Haechi", charset="UTF-8"'


def wrong_token() -> Denied:
    """The one answer to a token that is wrong, old, of another camera, or of one that there is not."""
    return Denied("this token does not publish this camera; make a new one", code="wrong-publish-token")


class Bearers:
    """Checks the tokens of publishers. One per server: it holds the buckets."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wrong = Throttle(WRONG, services.clock)

    async def camera(self, camera: CameraId, token: str, address: str) -> Camera:
        """The camera whose token this is.

        Raises:
            Denied: ``wrong-publish-token``: whether there is such a camera shows in nothing.
            Unavailable: ``throttled``.
        """
        from haechi.fleet.publishing import PublishTokens, digest_of

        key = address_key(address)
        require_room(self._wrong, key)
        tokens = PublishTokens(self._services.database, self._services.clock)
        if len(token) > LONGEST_TOKEN or not await tokens.admits(camera, digest_of(token)):
            log.warning("publishing refused: a wrong token", camera=camera[:40], address=key)
            raise wrong_token()
        self._wrong.give_back(key)
        return await self._services.registry.get(camera)
