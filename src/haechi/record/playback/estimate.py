"""How large a clip gets and how long it lasts, before it is made: from the index, and the heads of a few fragments.

The payload is exact: a fragment's size less its head, which follows from the count of its units; only fragments at the
edges of the range are looked into. The boxes around the payload are estimated, so `Estimate.bytes` is within 1 %.
"""

from collections.abc import Sequence

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import DataLoss, NotFound
from haechi.media.access_unit import TICKS_PER_S, AudioParams, CodecParams
from haechi.media.fmp4.reader import ScannedUnit, headers_size
from haechi.record.playback.pieces import Piece
from haechi.record.playback.read import params_of
from haechi.record.playback.sound import NO_RECODING, Recoding, heard_as
from haechi.record.playback.units import heads_of
from haechi.record.tiers.vault import Vault

log = structlog.get_logger(__name__)

FILE_BYTES = 830
"""ftyp, and of moov what does not grow with the units; measured, as what follows."""
UNIT_BYTES = 4.2
"""Of moov, for each unit: its size, and its share of chunks and sync units."""
REORDERED_BYTES = 6
"""More for each unit (ctts) where pictures are not shown in the order in which they are decoded."""
UNEVEN_BYTES = 8
"""More for each unit (stts) where they do not come at even times."""
SOUND_FILE_BYTES = 420
"""Of moov for a track of sound; measured, as what follows."""
SOUND_UNIT_BYTES = 4
SILENT_UNIT_BYTES = 4
"""Of a unit that fills a hole."""
SOUND_SECOND_BYTES = 28
"""Each second of pictures and each of sound are a chunk of their own."""
RECODED_PER_S = 50
RECODED_BPS = 32_000
"""For each channel, where sound is coded anew."""


class Estimate(Struct, frozen=True):
    """What a clip of a range will be.

    Attributes:
        bytes: Within 1 %; without sound.
        sound_bytes: What its sound adds, within 1 % where it is copied; where it is coded anew what loud sound takes,
            within a fifth: silence takes less. 0: none is recorded in the range.
        duration_ns: From the first picture to the end of the last, gaps between runs included; within a picture.
        units: Exact; those before the first that is shown included.
        start_ns: Capture time of the first unit that is shown.
        end_ns: Up to where the footage goes (exclusive).
        files: How many a clip becomes: it ends where the camera changed its coding.
    """

    bytes: int
    duration_ns: int
    units: int
    start_ns: int
    end_ns: int
    files: int
    sound_bytes: int = 0


class Found(Struct, frozen=True):
    """What a clip is estimated from: pieces of the pictures and of the sound, as `pieces_between` gives them."""

    pictures: Sequence[Piece]
    sound: Sequence[Piece] = ()


class _Tally(Struct):
    payload_bytes: int = 0
    units: int = 0
    is_reordered: bool = False
    is_uneven: bool = False

    @property
    def boxes_bytes(self) -> int:
        """What stands in moov for the units, as far as the units that were looked at tell."""
        more = REORDERED_BYTES * self.is_reordered + UNEVEN_BYTES * self.is_uneven
        return round(self.units * (UNIT_BYTES + more))

    def add(self, units: Sequence[ScannedUnit]) -> None:
        self.payload_bytes += sum(unit.sample.size for unit in units)
        self.units += len(units)
        self.is_reordered = self.is_reordered or any(unit.sample.pts != unit.sample.dts for unit in units)
        self.is_uneven = self.is_uneven or len({unit.sample.duration for unit in units}) > 2


def estimate_clip(vault: Vault, found: Found, span: tuple[int, int], recoding: Recoding = NO_RECODING) -> Estimate:
    """What a clip of ``span`` (ns since the epoch, its end exclusive) will be. Blocking.

    Raises:
        NotFound: ``clip-empty``.
        DataLoss: The footage is damaged.
    """
    pieces, (start_ns, end_ns) = found.pictures, span
    lead, number, first = _lead(vault, pieces, start_ns, end_ns)
    sync = max((n for n in range(first + 1) if lead[n].sample.is_sync), default=0)
    tally = _Tally()
    tally.add(lead[sync:])
    last, last_piece = lead[-1], pieces[number]
    for piece in pieces[number + 1 :]:
        if piece is pieces[-1] or piece.fragment.last_ns >= end_ns:
            inside = [unit for unit in heads_of(vault.read, piece) if unit.captured_ns < end_ns]
            tally.add(inside)
            last, last_piece = inside[-1], piece
        else:
            tally.payload_bytes += piece.fragment.size_bytes - headers_size(piece.fragment.units)
            tally.units += piece.fragment.units
    files = _files(vault, pieces[number:])
    heard = (lead[first].captured_ns, min(end_ns, last_piece.recording.end_ns))
    return Estimate(
        bytes=tally.payload_bytes + tally.boxes_bytes + files * FILE_BYTES,
        duration_ns=_duration_ns(lead[first], pieces[number], last, last_piece),
        units=tally.units,
        start_ns=lead[first].captured_ns,
        end_ns=min(end_ns, last_piece.recording.end_ns),
        files=files,
        sound_bytes=_sound_bytes(vault, found.sound, heard, recoding),
    )


class _SoundTally(Struct):
    units: int = 0
    payload_bytes: int = 0
    ticks: int = 0
    until_ns: int = 0

    def add(self, vault: Vault, piece: Piece, span: tuple[int, int]) -> None:
        """Of a piece what begins in ``span``; only those at its edges are looked into."""
        fragment = piece.fragment
        self.until_ns = max(self.until_ns, min(fragment.last_ns, span[1]))
        if span[0] <= fragment.first_ns and fragment.last_ns < span[1]:
            self.units += fragment.units
            self.payload_bytes += fragment.size_bytes - headers_size(fragment.units)
            self.ticks += fragment.duration_ticks
        elif fragment.last_ns >= span[0] and fragment.first_ns < span[1]:
            inside = [unit for unit in heads_of(vault.read, piece) if span[0] <= unit.captured_ns < span[1]]
            self.units += len(inside)
            self.payload_bytes += sum(unit.sample.size for unit in inside)
            self.ticks += sum(unit.sample.duration for unit in inside)


def _sound_bytes(vault: Vault, pieces: Sequence[Piece], span: tuple[int, int], recoding: Recoding) -> int:
    """Sound in one coding: the first that can be heard."""
    known: dict[tuple[int, int], CodecParams] = {}
    track: AudioParams | None = None
    copied, recoded = _SoundTally(), _SoundTally()
    for piece in pieces:
        key = (piece.recording.run, piece.recording.params)
        try:
            params = known[key] if key in known else params_of(vault, piece.recording)
            known[key] = params
            shown = heard_as(params, recoding) if isinstance(params, AudioParams) else None
            if shown is None or shown != (track or shown):
                continue
            tally = copied if shown == params else recoded
            tally.add(vault, piece, span)
        except DataLoss as error:
            log.warning("sound cannot be read", code=error.code, recording=piece.recording.id)
            continue
        if tally.units:
            track = shown
    if track is None:
        return 0
    packets = recoded.ticks * RECODED_PER_S // TICKS_PER_S
    payload_bytes = copied.payload_bytes + recoded.ticks * RECODED_BPS * track.channels // (8 * TICKS_PER_S)
    lasts = (max(copied.until_ns, recoded.until_ns) - span[0]) * TICKS_PER_S // NS_PER_S
    unit_ticks = copied.ticks // copied.units if copied.units else TICKS_PER_S // RECODED_PER_S
    silent = max(0, lasts - copied.ticks - recoded.ticks) // max(1, unit_ticks)
    units = copied.units + packets + silent
    boxes_bytes = units * SOUND_UNIT_BYTES + lasts // TICKS_PER_S * SOUND_SECOND_BYTES
    return payload_bytes + silent * SILENT_UNIT_BYTES + boxes_bytes + SOUND_FILE_BYTES


def _lead(vault: Vault, pieces: Sequence[Piece], start_ns: int, end_ns: int) -> tuple[list[ScannedUnit], int, int]:
    """The units of the first fragments, up to the one with the first unit to show; its number, and the unit's.

    Raises:
        NotFound: ``clip-empty``.
    """
    units: list[ScannedUnit] = []
    for number, piece in enumerate(pieces):
        units += (unit for unit in heads_of(vault.read, piece) if unit.captured_ns < end_ns)
        first = next((n for n, unit in enumerate(units) if unit.captured_ns >= start_ns), None)
        if first is not None:
            return units, number, first
    raise NotFound("nothing is recorded in that range", code="clip-empty")


def _duration_ns(first: ScannedUnit, first_piece: Piece, last: ScannedUnit, last_piece: Piece) -> int:
    """Within a run by the camera's time, over runs by capture time."""
    tail = last.sample.duration * NS_PER_S // TICKS_PER_S
    if first_piece.recording.run == last_piece.recording.run:
        return (last.sample.pts - first.sample.pts) * NS_PER_S // TICKS_PER_S + tail
    return last.captured_ns - first.captured_ns + tail


def _files(vault: Vault, pieces: Sequence[Piece]) -> int:
    """Stretches of one coding. Parameters are read once for each run and each of its changes."""
    known: dict[tuple[int, int], CodecParams] = {}
    files, before = 1, None
    for piece in pieces:
        key = (piece.recording.run, piece.recording.params)
        if key == before:
            continue
        known.setdefault(key, params_of(vault, piece.recording))
        if before is not None and known[before] != known[key]:
            files += 1
        before = key
    return files
