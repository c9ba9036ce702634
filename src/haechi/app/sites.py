"""Lets films come from sites: what fetches is ingest's, what records is record's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from haechi.ingest.sites.site import Sites, SiteWish
from haechi.record.films.runner import Fetch
from haechi.record.films.store import Film


def fetch_over(sites: Sites) -> Fetch:
    """See `haechi.record.films.runner.Fetch`."""

    async def fetch(film: Film, path: Path, max_bytes: int, note: Callable[[float], None]) -> None:
        await sites.fetch(SiteWish(film.origin, path, max_bytes, film.sound), note)

    return fetch
