"""What became of a camera's units, minute by minute."""

from haechi.api.asked import AskedCamera, House
from haechi.api.policy import Access, Routes
from haechi.api.routes.footage import EndMs, StartMs
from haechi.api.shapes.fields import Shape
from haechi.base.clock import NS_PER_MS
from haechi.base.errors import Invalid
from haechi.base.ids import stream_of
from haechi.bus.ledger import Entry, Minute

LONGEST_MS = 31 * 86_400_000


class CountsOut(Shape):
    """Units. ``expected`` is ``received`` and what is missing of it before it came; ``missing`` tells why, by cause."""

    expected: int
    received: int
    stored: int
    decoded: int
    missing: dict[str, int]


class MinuteOut(CountsOut):
    """One minute."""

    start_ms: int


class AccountsOut(Shape):
    """The minutes in which something is missing, and the sums of all minutes of the range."""

    minutes: list[MinuteOut]
    totals: CountsOut


async def accounts(camera: AskedCamera, house: House, start_ms: StartMs, end_ms: EndMs) -> AccountsOut:
    """Minutes with a loss, and the sums of the whole range."""
    if not 0 < end_ms - start_ms <= LONGEST_MS:
        raise Invalid("end_ms must be after start_ms, by at most 31 days", code="bad-range")
    found = await house.index.minutes(stream_of(camera.id), start_ms * NS_PER_MS, end_ms * NS_PER_MS)
    totals = Entry()
    for minute in found:
        totals.add(minute)
    minutes = [
        MinuteOut(start_ms=one.start_ns // NS_PER_MS, **_counts(one)) for one in found if any(one.missing.values())
    ]
    return AccountsOut(minutes=minutes, totals=CountsOut(**_counts(totals)))


def register(routes: Routes) -> None:
    """Add the routes."""
    path = "/api/cameras/{camera}/accounts"
    routes.add("GET", path, accounts, access=Access.CAMERA_VIEW, problems=(422,))


def _counts(one: Entry | Minute) -> dict[str, object]:
    return {
        "expected": one.expected,
        "received": one.received,
        "stored": one.stored,
        "decoded": one.decoded,
        "missing": one.missing,
    }
