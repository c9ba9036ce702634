"""Footage for players that feed their own decoder on the wall clock: pieces, units, sync units only."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from itertools import chain

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import RecordingId, StreamId
from haechi.media.access_unit import AccessUnit, AudioParams, CodecParams, VideoParams
from haechi.media.fmp4.reader import ScannedUnit
from haechi.record.index.spans import RecordIndex, Recording
from haechi.record.playback.film import film
from haechi.record.playback.pieces import NS_PER_US, Piece, next_start_ns, pieces_between
from haechi.record.playback.read import params_of
from haechi.record.playback.sheets import Spot, Stretch, spots_in
from haechi.record.playback.sound import NO_RECODING, Recoding, heard_in, sound_of, sound_pieces, wrapped
from haechi.record.playback.syncs import chosen, rewrapped
from haechi.record.playback.units import Shown, heads_of, shown_in, unit_in
from haechi.record.tiers.vault import Vault

PIECES_MOST = 2000
PIECES_MOST_NS = 3600 * NS_PER_S
UNITS_MOST_NS = 600 * NS_PER_S
SYNCS_MOST = 7200
SYNCS_MOST_NS = 24 * 3600 * NS_PER_S
FILM_MOST_NS = 24 * 3600 * NS_PER_S
SYNCS_AT_ONCE = 16
"""Sync units that are read in one go: a turn in a thread for each would cost more than the reading."""
KNOWN_PARAMS = 512


class Init(Struct, frozen=True):
    """What a player must be given before pieces of a recording: the recording's first ``size_bytes`` bytes.

    Attributes:
        key: The same for recordings whose init segments are the same.
    """

    recording: RecordingId
    size_bytes: int
    key: str
    params: CodecParams


class PieceList(Struct, frozen=True):
    """Pieces in order.

    Attributes:
        next_ns: Where to go on; None: there is nothing more in the range.
    """

    inits: tuple[Init, ...]
    pieces: tuple[Piece, ...]
    next_ns: int | None


class Moment(Struct, frozen=True):
    """The sync unit at or before a moment, and the piece that it is in."""

    piece: Piece
    unit: ScannedUnit


class Sound(Struct, frozen=True):
    """Sound for a player: its coding, and the parts of a file."""

    params: AudioParams
    parts: AsyncIterator[bytes]


class Reel:
    """Reads footage for players. Blocking work runs in threads."""

    def __init__(self, index: RecordIndex, vault: Vault, recoding: Recoding = NO_RECODING) -> None:
        self._index = index
        self._vault = vault
        self._recoding = recoding
        self._params: OrderedDict[tuple[StreamId, int, int], CodecParams] = OrderedDict()

    async def pieces(self, stream: StreamId, start_ns: int, end_ns: int, *, only_syncs: bool = False) -> PieceList:
        """Fragments that show a range, from the one with the sync unit at or before it; an hour or 2,000 at most.

        Args:
            only_syncs: Leave out those that do not begin with a sync unit.

        Raises:
            Invalid: ``bad-range``.
            DataLoss: The footage is damaged.
        """
        check_range(start_ns, end_ns)
        cut_ns = min(end_ns, start_ns + PIECES_MOST_NS)

        def read(connection: Connection) -> tuple[list[Piece], int | None]:
            found = pieces_between(connection, stream, start_ns, cut_ns)
            found = [piece for piece in found if piece.fragment.is_sync or not only_syncs]
            most = PIECES_MOST + sum(piece.fragment.first_ns < start_ns for piece in found)
            if len(found) > most:
                return found[:most], found[most].fragment.first_ns
            if cut_ns == end_ns:
                return found, None
            after_ns = next_start_ns(connection, stream, cut_ns) if not found else cut_ns
            return found, after_ns if after_ns is not None and after_ns < end_ns else None

        found, next_ns = await self._index.database.read(read)
        inits = await asyncio.to_thread(self._inits, found)
        return PieceList(inits, tuple(found), next_ns)

    async def units(self, stream: StreamId, start_ns: int, end_ns: int) -> list[Shown]:
        """Every unit that was captured in ``[start_ns, end_ns)``, in the order in which they are shown.

        Raises:
            Invalid: ``bad-range``: backwards, or longer than ten minutes.
            DataLoss: The footage is damaged.
        """
        check_range(start_ns, end_ns, UNITS_MOST_NS)
        found = await self._index.database.read(lambda c: pieces_between(c, stream, start_ns, end_ns))
        units = await asyncio.to_thread(lambda: list(shown_in(self._vault.read, found, start_ns, end_ns)))
        return sorted(units, key=lambda unit: unit.shown_us)

    async def syncs(self, stream: StreamId, start_ns: int, end_ns: int, step_ns: int) -> AsyncIterator[bytes]:
        """An fMP4 of one sync unit for each step, on the wall clock less ``start_ns``; the first part is read already.

        Raises:
            Invalid: ``bad-range``: longer than a day, or too many steps.
            NotFound: ``no-picture``: there is none in the range.
        """
        check_range(start_ns, end_ns, SYNCS_MOST_NS)
        if step_ns <= 0 or (end_ns - start_ns) // step_ns > SYNCS_MOST:
            raise Invalid(f"these are more than {SYNCS_MOST} steps; take longer ones", code="bad-range")
        found = await self._index.database.read(lambda c: pieces_between(c, stream, start_ns, end_ns))
        parts = rewrapped(self._vault.read, self.params, chosen(self._vault.read, found, step_ns), start_ns)
        first = await asyncio.to_thread(_some, parts, SYNCS_AT_ONCE)
        if not first:
            raise NotFound("there is no picture in that range", code="no-picture")
        return _flow(first, parts, SYNCS_AT_ONCE)

    async def film(self, stream: StreamId, start_ns: int, end_ns: int, *, sound: bool = True) -> AsyncIterator[bytes]:
        """An fMP4 of everything from the sync unit at or before ``start_ns`` on, read as it is sent; see `film`.

        With ``sound``, what is recorded of the camera's sound goes with it.

        Raises:
            Invalid: ``bad-range``: longer than a day.
            NotFound: ``no-footage``: nothing is recorded in the range.
        """
        check_range(start_ns, end_ns, FILM_MOST_NS)
        beside = sound_of(stream) if sound else None

        def read(connection: Connection) -> tuple[list[Piece], list[Piece]]:
            found = pieces_between(connection, stream, start_ns, end_ns)
            if beside is None or not found:
                return found, []
            span = found[0].first_us * NS_PER_US, found[-1].end_us * NS_PER_US
            return found, sound_pieces(connection, beside, *span)

        found, around = await self._index.database.read(read)
        span = (0, found[-1].end_us * NS_PER_US) if found else (0, 0)
        heard = heard_in(self._vault, self.params, around, span, self._recoding)
        parts = film(self._vault, self.params, found, heard)
        first = await asyncio.to_thread(_some, parts, 2)
        if not first:
            raise NotFound("nothing is recorded in that range", code="no-footage")
        return _flow(first, parts, 1)

    async def sound(self, stream: StreamId, start_ns: int, end_ns: int) -> Sound:
        """The sound of ``stream`` that begins in a range, as fMP4 on the wall clock less ``start_ns``.

        What begins where follows from the recording alone, so ranges that adjoin give sound without a seam.

        Raises:
            Invalid: ``bad-range``: longer than ten minutes.
            NotFound: ``no-sound``: none is recorded in the range that can be heard.
        """
        check_range(start_ns, end_ns, UNITS_MOST_NS)
        found = await self._index.database.read(lambda c: sound_pieces(c, stream, start_ns, end_ns))
        heard = heard_in(self._vault, self.params, found, (start_ns, end_ns), self._recoding)
        first = await asyncio.to_thread(next, heard, None)
        if first is None:
            raise NotFound("no sound is recorded in that range", code="no-sound")
        parts = wrapped(chain([first], heard), start_ns)
        return Sound(first.params, _flow(await asyncio.to_thread(_some, parts, 2), parts, 2))

    async def moment(self, stream: StreamId, at_ns: int) -> Moment:
        """The sync unit that the picture of a moment is decoded from.

        Raises:
            NotFound: ``no-picture``: nothing is recorded at that moment.
            DataLoss: The footage is damaged.
        """
        found = await self._index.database.read(lambda c: pieces_between(c, stream, at_ns, at_ns + 1))
        syncs = [piece for piece in found if piece.fragment.is_sync]
        if not syncs:
            raise NotFound("nothing is recorded at that moment", code="no-picture")
        return await self.moment_in(syncs[-1], at_ns)

    async def moment_in(self, piece: Piece, at_ns: int) -> Moment:
        """The same, where the piece is known already.

        Raises:
            DataLoss: The footage is damaged.
        """
        units = await asyncio.to_thread(heads_of, self._vault.read, piece)
        before = [unit for unit in units if unit.sample.is_sync and unit.captured_ns <= at_ns]
        return Moment(piece, before[-1] if before else units[0])

    async def spots(self, stream: StreamId, stretch: Stretch, now_ns: int) -> list[Spot]:
        """Which moments a sheet shows; no byte of the footage is read."""
        return await self._index.database.read(lambda c: spots_in(c, stream, stretch, now_ns))

    async def size_px(self, moment: Moment) -> tuple[int, int]:
        """Width and height of the pictures at a moment.

        Raises:
            NotFound: ``no-picture``: it is sound.
            DataLoss: The footage is damaged.
        """
        params = await asyncio.to_thread(self.params, moment.piece.recording)
        if not isinstance(params, VideoParams):
            raise NotFound("there is no picture of that moment", code="no-picture")
        return params.width_px, params.height_px

    async def unit_of(self, moment: Moment) -> tuple[AccessUnit, VideoParams]:
        """The unit itself, and what its decoder must know.

        Raises:
            NotFound: ``no-picture``: it is sound.
            DataLoss: The footage is damaged.
        """
        params = await asyncio.to_thread(self.params, moment.piece.recording)
        if not isinstance(params, VideoParams):
            raise NotFound("there is no picture of that moment", code="no-picture")
        return await asyncio.to_thread(unit_in, self._vault.read, moment.piece, moment.unit), params

    def params(self, recording: Recording) -> CodecParams:
        """What a decoder must know; read once for all recordings of a run with the same. Blocking.

        Raises:
            DataLoss: The footage is damaged.
        """
        key = (recording.stream, recording.run, recording.params)
        known = self._params.get(key)
        if known is None:
            known = self._params[key] = params_of(self._vault, recording)
            while len(self._params) > KNOWN_PARAMS:
                self._params.popitem(last=False)
        return known

    def _inits(self, pieces: list[Piece]) -> tuple[Init, ...]:
        found = {piece.recording.id: piece.recording for piece in pieces}
        return tuple(
            Init(one.id, one.init_bytes, _key_of(params), params)
            for one, params in ((one, self.params(one)) for one in found.values())
        )


def _key_of(params: CodecParams) -> str:
    """The same for the same parameters: a decoder that is given them again by another run begins anew, and shows
    nothing until the next sync unit."""
    return hashlib.sha256(msgspec.msgpack.encode(params)).hexdigest()[:20]


def check_range(start_ns: int, end_ns: int, most_ns: int | None = None) -> None:
    """Refuse a range that goes backwards or is too long.

    Raises:
        Invalid: ``bad-range``.
    """
    if not 0 <= start_ns < end_ns < 1 << 62:
        raise Invalid("the range goes backwards", code="bad-range")
    if most_ns is not None and end_ns - start_ns > most_ns:
        raise Invalid(f"the range is longer than {most_ns // NS_PER_S // 60} minutes", code="bad-range")


def _some(parts: Iterator[bytes], most: int) -> bytes:
    return b"".join(part for _, part in zip(range(most), parts, strict=False))


async def _flow(first: bytes, parts: Iterator[bytes], most: int) -> AsyncIterator[bytes]:
    data = first
    while data:
        yield data
        data = await asyncio.to_thread(_some, parts, most)
