"""Pictures of events in the width that somebody wants: made smaller once, however many look at the list."""

import hashlib
from collections import OrderedDict

import structlog

from haechi.api.services import Services
from haechi.base.errors import Invalid, Unavailable
from haechi.base.ids import EventId
from haechi.events.snapshots import WIDTH_PX

log = structlog.get_logger(__name__)

MOST_BYTES = 16 * 1024 * 1024
QUALITY = 80
_Key = tuple[EventId, int, bytes]


class Snapshots:
    """Reads the stored picture each time, for it may be gone, and keeps the small ones under its hash."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._made: OrderedDict[_Key, bytes] = OrderedDict()
        self._total = 0

    async def of(self, event: EventId, width_px: int | None) -> bytes:
        """The JPEG, ``width_px`` wide at most; as it is stored where nobody can make it smaller at the moment.

        Raises:
            NotFound: ``snapshot-missing``, or the event is not there.
        """
        stored = await self._services.events.snapshot(event)
        if width_px is None or width_px >= WIDTH_PX:
            return stored
        key = (event, width_px, hashlib.blake2b(stored, digest_size=16).digest())
        known = self._made.get(key)
        if known is not None:
            self._made.move_to_end(key)
            return known
        try:
            small = await self._services.vision.laid_out((stored,), 1, (width_px, 0), QUALITY)
        except (Invalid, Unavailable) as error:
            log.debug("a picture is not made smaller", code=error.code)
            return stored
        self._keep(key, small)
        return small

    def _keep(self, key: _Key, small: bytes) -> None:
        self._total += len(small) - len(self._made.pop(key, b""))
        self._made[key] = small
        while self._total > MOST_BYTES:
            self._total -= len(self._made.popitem(last=False)[1])
