"""Publishers without a session: an encoder, or a phone, with the bearer token of one camera (RFC 9725 section 4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from starlette.requests import HTTPConnection

from haechi.api.auth.log_in import require_room
from haechi.base.errors import Denied
from haechi.base.ids import CameraId
from haechi.base.throttle import Allowance, Throttle, address_key

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
