"""Clips with the time in the picture. The pictures are coded anew, elsewhere: here is only what goes there and back."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import BinaryIO, Protocol

from msgspec import Struct

from haechi.base.clock import NS_PER_MS
from haechi.base.errors import DataLoss, Invalid
from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.record.playback.clips import ClipPlan, Note, units_of
from haechi.record.playback.exact import Placed, SoundTrack, write_clip
from haechi.record.tiers.vault import Vault

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = struct.Struct(">q?I")
"""Of a unit in the spool: when it is shown, whether it is a sync unit, its size."""


class Marked(Struct, frozen=True):
    """A unit, when it is shown (ticks, from 0 on), and what is to be written into its picture (empty: not shown)."""

    pts: int
    data: bytes
    text: str


class Redone(Struct, frozen=True):
    """A unit that was coded anew. ``params``: set on the first one."""

    pts: int
    is_sync: bool
    data: bytes
    params: VideoParams | None


class Burn(Protocol):
    """Writes text into pictures, GOP by GOP; the app says who does it."""

    def __call__(self, params: VideoParams, gops: AsyncIterator[tuple[Marked, ...]]) -> AsyncIterator[Redone]:
        """The units coded anew, in the order in which they are shown.

        Raises:
            Unavailable: It cannot be done.
        """


def time_text(captured_ns: int, zone: tzinfo) -> str:
    """``2026-11-21 14:03:22.123 +09:00``: means the same to everybody."""
    when = (_EPOCH + timedelta(milliseconds=captured_ns // NS_PER_MS)).astimezone(zone)
    text = when.isoformat(" ", "milliseconds")
    return f"{text[:-6]} {text[-6:]}"


class Burning(Struct, frozen=True):
    """Who writes the time, and in which time zone."""

    burn: Burn
    zone: tzinfo


async def burn_clip(
    vault: Vault, plan: ClipPlan, path: Path, burning: Burning, note: Note, sound: Callable[[], SoundTrack | None]
) -> int:
    """Write the clip of ``plan`` with the time in each picture, and its sound as it is; gives how many pictures it has.

    Raises:
        Invalid: ``unsupported-codec``: it has no pictures.
        DataLoss: The footage is damaged.
        Unavailable: The text cannot be written.
        OSError: The file cannot be written.
    """
    if not isinstance(plan.params, VideoParams):
        raise Invalid("there are no pictures to write the time into", code="unsupported-codec")
    shift = -min(place.pts for place in plan.places)
    gops = _gops(vault, plan, burning.zone, shift)
    spool = path.with_name(path.name + ".spool")
    places: list[Placed] = []
    params: VideoParams | None = None
    try:
        with spool.open("wb") as file:
            async for unit in burning.burn(plan.params, gops):
                params = params or unit.params
                places.append(Placed(unit.pts - shift, unit.is_sync))
                file.write(_HEAD.pack(unit.pts - shift, unit.is_sync, len(unit.data)))
                file.write(unit.data)
                note(len(places))
        if params is None:
            raise DataLoss("no picture of the clip can be decoded", code="clip-failed")
        await asyncio.to_thread(_mux, spool, path, params, places, sound)
    finally:
        spool.unlink(missing_ok=True)
    return len(places)


async def _gops(vault: Vault, plan: ClipPlan, zone: tzinfo, shift: int) -> AsyncIterator[tuple[Marked, ...]]:
    gops = _marked(vault, plan, zone, shift)
    while gop := await asyncio.to_thread(next, gops, ()):
        yield gop


def _marked(vault: Vault, plan: ClipPlan, zone: tzinfo, shift: int) -> Iterator[tuple[Marked, ...]]:
    gop: list[Marked] = []
    for unit, place in zip(units_of(vault, plan.parts), plan.places, strict=True):
        if unit.is_sync and gop:
            yield tuple(gop)
            gop = []
        text = time_text(unit.captured_ns, zone) if place.pts >= 0 else ""
        gop.append(Marked(place.pts + shift, unit.data, text))
    if gop:
        yield tuple(gop)


def _mux(
    spool: Path, path: Path, params: VideoParams, places: list[Placed], sound: Callable[[], SoundTrack | None]
) -> None:
    with spool.open("rb") as file:
        write_clip(path, params, places, _spooled(file, len(places)), sound())


def _spooled(file: BinaryIO, count: int) -> Iterator[AccessUnit]:
    for seq in range(count):
        pts, is_sync, size = _HEAD.unpack(file.read(_HEAD.size))
        ref = UnitRef(StreamId("clip/main"), 0, seq)
        yield AccessUnit(ref, pts, pts, pts, is_sync, 0, file.read(size))
