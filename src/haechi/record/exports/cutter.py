"""Cuts files out of the footage: one at a time, in a thread, with a word on how far it is."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from secrets import token_hex

from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.errors import NotFound
from haechi.base.ids import StreamId
from haechi.record.disk.volume import sync_folder
from haechi.record.exports.burned import Burning, burn_clip
from haechi.record.exports.store import ExportPart
from haechi.record.index.spans import RecordIndex
from haechi.record.playback.clips import (
    CLIP_MOST_NS,
    ClipPlan,
    check_range,
    make_clip,
    plan_clip,
    sound_track,
    source_of,
)
from haechi.record.playback.estimate import Estimate, Found, estimate_clip
from haechi.record.playback.pieces import pieces_between
from haechi.record.playback.sound import NO_RECODING, Recoding, sound_of, sound_pieces
from haechi.record.tiers.vault import Vault

EXPORT_MOST_NS = 24 * 3600 * NS_PER_S
Progress = Callable[[float], None]
"""Told the share that is done, 0 to 1, from a thread; may raise to stop the work."""


class Style(Struct, frozen=True):
    """What goes into the files: the time in the pictures, the camera's sound where it is recorded."""

    burn_in: bool = False
    sound: bool = True


PLAIN = Style()


class Cutter:
    """Makes the parts of exports, and says beforehand how large they get.

    Args:
        burning: Who writes the time into pictures, and the time zone as it is now.
        recoding: Who makes sound playable that has no place in an MP4.
    """

    def __init__(
        self,
        index: RecordIndex,
        vault: Vault,
        burning: Callable[[], Awaitable[Burning]],
        recoding: Recoding = NO_RECODING,
    ) -> None:
        self._index = index
        self._vault = vault
        self._burning = burning
        self._recoding = recoding

    async def estimate(self, stream: StreamId, start_ns: int, end_ns: int) -> Estimate:
        """How large a clip of a range gets, and how long.

        Raises:
            Invalid: ``bad-range``: backwards, or longer than a day.
            NotFound: ``clip-empty``.
            DataLoss: The footage is damaged.
        """
        check_range(start_ns, end_ns, EXPORT_MOST_NS)

        def read(connection: Connection) -> Found:
            beside = sound_of(stream)
            sound = [] if beside is None else sound_pieces(connection, beside, start_ns, end_ns)
            return Found(pieces_between(connection, stream, start_ns, end_ns), sound)

        found = await self._index.database.read(read)
        return await asyncio.to_thread(estimate_clip, self._vault, found, (start_ns, end_ns), self._recoding)

    async def newest_ns(self, stream: StreamId) -> int:
        """Up to where there is footage."""
        return await self._index.newest_captured_ns(stream)

    async def cut(
        self, stream: StreamId, span: tuple[int, int], path: Path, progress: Progress, style: Style = PLAIN
    ) -> ExportPart | None:
        """Write the next part of ``span``: an hour at most, of one coding. None: nothing is left of it.

        Raises:
            DataLoss: The footage is damaged.
            Invalid: It cannot be a clip.
            OSError: The file cannot be written.
        """
        start_ns, end_ns = span
        while start_ns < end_ns:
            until_ns = min(end_ns, start_ns + CLIP_MOST_NS)
            find = partial(source_of, stream=stream, start_ns=start_ns, end_ns=until_ns, sound=style.sound)
            found = await self._index.database.read(find)
            try:
                plan = await asyncio.to_thread(plan_clip, self._vault, found, start_ns, until_ns)
            except NotFound:
                start_ns = until_ns
                continue
            return await self._cut(plan, path, progress, burn_in=style.burn_in)
        return None

    async def _cut(self, plan: ClipPlan, path: Path, progress: Progress, *, burn_in: bool) -> ExportPart:
        part, units = path.with_name(f"{path.name}.{token_hex(4)}.part"), plan.units

        def note(done: int) -> None:
            progress(done / units)

        if burn_in:
            track = partial(sound_track, self._vault, plan, self._recoding)
            units = await burn_clip(self._vault, plan, part, await self._burning(), note, track)
        else:
            await asyncio.to_thread(make_clip, self._vault, plan, part, note, self._recoding)
        size = await asyncio.to_thread(_settle, part, path)
        return ExportPart(size, plan.start_ns, plan.ends_ns, units)


def _settle(part: Path, path: Path) -> int:
    """The finished file under its name, durable; its size."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)
    return path.stat().st_size
