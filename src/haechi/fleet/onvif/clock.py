"""Sets a device's clock (ONVIF Core section 8.3.6): its time zone and its daylight saving stay as they are."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import PeerError
from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.xml import escape, inert


class ClockSet(Struct, frozen=True):
    """What came of it, in seconds that the device's clock is ahead of ours; None: it does not say.

    Attributes:
        was_ntp: It took its time from a server before, and does not any more.
    """

    before_s: float | None
    after_s: float | None
    was_ntp: bool


async def set_clock(session: Session, clock: Clock) -> ClockSet:
    """Set the clock of a device to ours. ONVIF carries whole seconds, so it is set when one begins.

    Raises:
        HaechiError: What `Session.call` raises.
    """
    before_s = session.clock_difference_s
    told = (await session.call("device", "<tds:GetSystemDateAndTime/>")).find("SystemDateAndTime")
    zone = inert(told.text_at("TimeZone", "TZ"), 80) if told is not None else ""
    is_saving = told is not None and told.text_at("DaylightSavings").lower() == "true"
    was_ntp = told is not None and told.text_at("DateTimeType").upper() == "NTP"
    try:
        await _set(session, clock, zone, is_saving=is_saving)
    except PeerError as error:
        if not zone or error.code != "onvif-fault":
            raise
        await _set(session, clock, "", is_saving=is_saving)  # some refuse the very zone that they tell
    await session.reach()
    return ClockSet(before_s, session.clock_difference_s, was_ntp)


async def _set(session: Session, clock: Clock, zone: str, *, is_saving: bool) -> None:
    await clock.sleep((-clock.wall_ns() % NS_PER_S) / NS_PER_S)
    now = datetime.fromtimestamp(round(clock.wall_ns() / NS_PER_S), UTC)
    named = f"<tds:TimeZone><tt:TZ>{escape(zone)}</tt:TZ></tds:TimeZone>" if zone else ""
    await session.call(
        "device",
        "<tds:SetSystemDateAndTime><tds:DateTimeType>Manual</tds:DateTimeType>"
        f"<tds:DaylightSavings>{str(is_saving).lower()}</tds:DaylightSavings>{named}<tds:UTCDateTime>"
        f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
        f"</tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>"
        "</tt:Date></tds:UTCDateTime></tds:SetSystemDateAndTime>",
    )
