"""Tells by which clock the rules of the site have their hours."""

from haechi.api.services import Services


async def follow_site_clock(house: Services) -> None:
    """Pass the time zone of the settings on, now and after each change."""
    async for live in house.settings.watch():
        house.events.set_time_zone(live.time_zone)
