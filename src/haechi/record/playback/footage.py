"""Footage for people and for replays: HLS of any range, exact clips, and the access units themselves."""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import RecordingId, StreamId
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, CodecParams
from haechi.media.playlist import MediaSegment, vod_playlist
from haechi.record.disk.volume import Volume
from haechi.record.index.layouts import Fragment
from haechi.record.index.policies import PinKind
from haechi.record.index.spans import (
    RecordIndex,
    Recording,
    fragments_in,
    recording_of,
    recordings_between,
)
from haechi.record.playback.clips import CLIP_MOST_NS, Source, check_range, make_clip, plan_clip, source_of
from haechi.record.playback.pieces import recording_before, with_sync
from haechi.record.playback.read import layout, params_of, units_in
from haechi.record.playback.sound import NO_RECODING, Recoding
from haechi.record.tables import recordings
from haechi.record.tiers.vault import Vault

PLAYLIST_MOST_NS = 24 * 3600 * NS_PER_S
UNITS_MOST_BYTES = 256 * 1024**2
SEGMENT_TICKS = 6 * TICKS_PER_S
"""HLS segments: a few fragments each, so that a player asks for less."""
STEPS_BACK = 8
"""Recordings of one run that are looked through for the sync unit before a unit."""


class UnitRange(Struct, frozen=True):
    """Units as they were published; the first is a sync unit where the run has one at or before it.

    Attributes:
        params: In force for all of them: the range ends where the camera changed its coding.
    """

    params: CodecParams
    units: tuple[AccessUnit, ...]


class Playback:
    """Reads footage. Blocking work runs in threads.

    Args:
        footage: All tiers, or the one volume where there are no others.
        scratch: Folder for clips until they are sent; default: the system's for temporary files.
        recoding: Who makes sound playable that has no place in an MP4.
    """

    def __init__(
        self,
        index: RecordIndex,
        footage: Vault | Volume,
        scratch: Path | None = None,
        recoding: Recoding = NO_RECODING,
    ) -> None:
        self._index = index
        self.vault = footage if isinstance(footage, Vault) else Vault(footage, index.database)
        self._scratch = scratch
        self._recoding = recoding

    async def playlist(self, stream: StreamId, start_ns: int, end_ns: int, uri: Callable[[RecordingId], str]) -> str:
        """An HLS playlist of a range, from the sync unit at or before its start on.

        Args:
            uri: Address of a recording's bytes, as `recording` gives them.

        Raises:
            Invalid: ``bad-range``: backwards, or longer than 24 hours.
        """
        check_range(start_ns, end_ns, PLAYLIST_MOST_NS)
        pieces = await self._index.database.read(lambda c: _pieces(c, stream, start_ns, end_ns))
        return vod_playlist(list(_segments(pieces, uri)))

    async def recording(self, stream: StreamId, recording: RecordingId) -> Recording:
        """A recording; its bytes are those of `Vault`, up to ``size_bytes``: a player must not be given more.

        Raises:
            NotFound: There is none of this id, or it is another stream's.
        """
        return await self._index.recording(stream, recording)

    def bytes_of(self, recording: Recording, start: int, end: int) -> AsyncGenerator[bytes]:
        """Bytes ``start`` to ``end`` (exclusive) of a recording, wherever it lies; see `Vault.stream`."""
        return self.vault.stream(recording, start, end)

    async def clip(self, stream: StreamId, start_ns: int, end_ns: int, *, sound: bool = True) -> Path:
        """A progressive MP4 of exactly the units that were captured in ``[start_ns, end_ns)``; the caller deletes it.

        With ``sound``, what is recorded of the camera's sound goes with it. Gaps stay in it as time; it ends where the
        camera changed its coding.

        Raises:
            Invalid: ``bad-range``: backwards, or longer than an hour; or too many bytes.
            NotFound: There is no footage.
            DataLoss: The footage is damaged.
        """
        check_range(start_ns, end_ns, CLIP_MOST_NS)
        found = await self._index.database.read(lambda c: source_of(c, stream, start_ns, end_ns, sound=sound))
        return await asyncio.to_thread(self._write_clip, found, start_ns, end_ns)

    async def units(self, stream: StreamId, run: int, first_seq: int, last_seq: int) -> UnitRange:
        """The units ``first_seq`` to ``last_seq`` and those before them from the sync unit on, bit-exact.

        Raises:
            NotFound: ``unit-not-recorded``: not all of them are recorded.
            Invalid: Backwards, or more than 256 MB.
            DataLoss: The footage is damaged.
        """
        if not 0 <= first_seq <= last_seq:
            raise Invalid("the range goes backwards", code="bad-range")
        found = await self._index.database.read(lambda c: _run_between(c, stream, run, first_seq, last_seq))
        return await asyncio.to_thread(self._read_units, found, first_seq, last_seq)

    async def unit_at(self, stream: StreamId, captured_ns: int) -> UnitRange:
        """The unit that was the newest at a moment (the last of the range), and what its decoder needs before it.

        Raises:
            NotFound: ``unit-not-recorded``: nothing is recorded at that moment.
        """
        found = await self._index.database.read(lambda c: recordings_between(c, stream, captured_ns, captured_ns + 1))
        if not found:
            raise NotFound("nothing is recorded at that time", code="unit-not-recorded")
        scanned = await asyncio.to_thread(layout, self.vault, found[-1])
        seqs = [u.seq for piece in scanned.fragments for u in piece.units if u.captured_ns <= captured_ns]
        if not seqs:
            raise NotFound("nothing is recorded at that time", code="unit-not-recorded")
        return await self.units(stream, found[-1].run, seqs[-1], seqs[-1])

    async def pin(
        self, stream: StreamId, start_ns: int, end_ns: int, reason: str, kind: PinKind = PinKind.EVENT
    ) -> None:
        """Keep footage beyond its time; see `RecordIndex.pin`."""
        await self._index.pin(stream, start_ns, end_ns, reason, kind)

    async def unpin(self, reason: str) -> None:
        """Let go of all that was pinned for ``reason``."""
        await self._index.unpin(reason)

    def _write_clip(self, found: Source, start_ns: int, end_ns: int) -> Path:
        plan = plan_clip(self.vault, found, start_ns, end_ns)
        handle, name = tempfile.mkstemp(".mp4", "haechi-clip-", self._scratch)
        os.close(handle)
        make_clip(self.vault, plan, Path(name), recoding=self._recoding)
        return Path(name)

    def _read_units(self, found: list[tuple[Recording, Fragment]], first_seq: int, last_seq: int) -> UnitRange:
        if sum(fragment.size_bytes for _, fragment in found) > UNITS_MOST_BYTES:
            raise Invalid("too many units at once", code="bad-range")
        units: list[AccessUnit] = []
        run = found[-1][0].run if found else 0  # a group of pictures may begin in the file of another run
        for recording, fragment in found:
            whole = units_in(self.vault, recording, fragment)
            units += (u for u in whole if u.ref.run != run or u.ref.seq <= last_seq)
        syncs = [n for n, u in enumerate(units) if u.is_sync and (u.ref.run != run or u.ref.seq <= first_seq)]
        units = units[syncs[-1] if syncs else 0 :]
        has_all = all(a.ref.run != b.ref.run or a.ref.seq + 1 == b.ref.seq for a, b in pairwise(units))
        asked = [unit.ref.seq for unit in units if unit.ref.run == run]
        if not asked or asked[0] > first_seq or asked[-1] < last_seq or not has_all:
            raise NotFound("not all of these units are recorded", code="unit-not-recorded", first_seq=first_seq)
        same = [unit for unit in units if unit.params == units[0].params]
        return UnitRange(params_of(self.vault, found[0][0]), tuple(same))


def _pieces(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> list[tuple[Recording, Fragment]]:
    """Fragments that show something of a range, from one that starts at a sync unit on."""
    found = with_sync(connection, recordings_between(connection, stream, start_ns, end_ns))
    by_id = {recording.id: recording for recording in found}
    order = {recording.id: number for number, recording in enumerate(found)}
    pieces = sorted(fragments_in(connection, list(by_id)), key=lambda one: (order[one.recording], one.number))
    first = 0
    for number, piece in enumerate(pieces):
        if piece.first_ns > start_ns and number:
            break
        if piece.is_sync:
            first = number
    return [(by_id[piece.recording], piece) for piece in pieces[first:] if piece.first_ns < end_ns]


def _run_between(
    connection: Connection, stream: StreamId, run: int, first_seq: int, last_seq: int
) -> list[tuple[Recording, Fragment]]:
    query = sa.select(recordings).where(
        recordings.c.stream == stream,
        recordings.c.run == run,
        recordings.c.first_seq <= last_seq,
        recordings.c.last_seq >= first_seq,
    )
    found = [recording_of(row) for row in connection.execute(query.order_by(recordings.c.first_seq).limit(1000))]
    if not found:
        return []
    for _ in range(STEPS_BACK):
        by_id = {recording.id: recording for recording in found}
        pieces = sorted(fragments_in(connection, list(by_id)), key=lambda one: one.first_seq)
        wanted = [piece for piece in pieces if piece.first_seq <= last_seq]
        start = max((n for n, p in enumerate(wanted) if p.is_sync and p.first_seq <= first_seq), default=None)
        before = recording_before(connection, found[0]) if start is None else None
        if before is None:
            return [(by_id[piece.recording], piece) for piece in wanted[start or 0 :]]
        found = [before, *found]
    raise NotFound("no sync unit is recorded before these units", code="unit-not-recorded", first_seq=first_seq)


def _segments(pieces: list[tuple[Recording, Fragment]], uri: Callable[[RecordingId], str]) -> Iterator[MediaSegment]:
    """Whole GOPs of one file, about six seconds each."""
    group: list[Fragment] = []
    last: Recording | None = None
    follows = False
    for recording, piece in pieces:
        ticks = sum(one.duration_ticks for one in group)
        is_new_file = last is None or recording.id != last.id
        is_hole = bool(group) and group[-1].offset_bytes + group[-1].size_bytes != piece.offset_bytes
        if group and last is not None and (is_new_file or is_hole or (piece.is_sync and ticks >= SEGMENT_TICKS)):
            yield _segment(last, group, uri(last.id), follows=follows)
            follows = last.run == recording.run and last.params == recording.params
            follows = follows and group[-1].first_dts_ticks + group[-1].duration_ticks == piece.first_dts_ticks
            group = []
        group.append(piece)
        last = recording
    if group and last is not None:
        yield _segment(last, group, uri(last.id), follows=follows)


def _segment(recording: Recording, group: list[Fragment], uri: str, *, follows: bool) -> MediaSegment:
    return MediaSegment(
        uri=uri,
        init_bytes=recording.init_bytes,
        offset_bytes=group[0].offset_bytes,
        size_bytes=sum(one.size_bytes for one in group),
        duration_s=sum(one.duration_ticks for one in group) / TICKS_PER_S,
        captured_ns=group[0].first_ns,
        follows=follows,
    )
