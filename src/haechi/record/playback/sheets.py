"""Sheets: many small pictures of a stretch of one camera in one JPEG, for whoever moves over a timeline.

Steps are powers of two and stretches begin at their multiples, so that all people and all zooms share the same sheets.
A sheet is kept under what it shows (the fragments that its pictures come from, by the hashes in the index), never under
a time alone: when footage comes or goes there is no way any more to the sheet that was made before.
"""

import hashlib
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import DataLoss, Invalid
from haechi.base.ids import RecordingId, StreamId
from haechi.media.fmp4.reader import ScannedUnit
from haechi.record.index.spans import LONGEST_RECORDING_NS, Recording, fragments_in, recordings_between
from haechi.record.playback.pieces import Piece, next_start_ns, placed, with_sync
from haechi.record.tables import recordings

COLUMNS = ROWS = 8
CELLS = COLUMNS * ROWS
CELL_PX = 160
"""The longer side of a cell: a sheet is 1280 pixels wide at most, about 150 kB."""
SHEET_QUALITY = 75
STEPS_S = tuple(1 << power for power in range(15))
"""From a second to four and a half hours: a month is less than four sheets at the longest."""
SETTLE_NS = 15 * NS_PER_S
"""So long after its end all of a stretch is recorded, however late the last fragment was written."""
_SOI, _COMMENT = b"\xff\xd8", b"\xff\xfe"


class Stretch(Struct, frozen=True):
    """What a sheet is of: `CELLS` steps, each with the picture of its middle."""

    start_ns: int
    step_ns: int

    @property
    def end_ns(self) -> int:
        """When the last step ends."""
        return self.start_ns + CELLS * self.step_ns

    def is_over(self, now_ns: int) -> bool:
        """Whether nothing more is recorded of it."""
        return self.end_ns + SETTLE_NS <= now_ns


class Cell(Struct, frozen=True, array_like=True):
    """Which unit a cell shows.

    Attributes:
        after_ms: When it was captured, from the beginning of the cell's step on; negative: before that.
    """

    after_ms: int
    run: int
    seq: int


class Facts(Struct, frozen=True):
    """What a sheet shows, row by row from the top left.

    Attributes:
        width_px, height_px: Of a cell.
        cells: None: nothing is recorded in this step, or it cannot be decoded.
    """

    start_ms: int
    step_ms: int
    columns: int
    width_px: int
    height_px: int
    is_final: bool
    cells: tuple[Cell | None, ...]


class Sheet(Struct, frozen=True):
    """A sheet; the JPEG's comment holds the facts, too."""

    facts: Facts
    jpeg: bytes


class Spot(Struct, frozen=True):
    """The moment that stands for a step, and the piece with the sync unit that its picture is decoded from."""

    number: int
    at_ns: int
    piece: Piece


def stretch_of(at_ns: int, step_ns: int) -> Stretch:
    """The stretch that a moment lies in.

    Raises:
        Invalid: ``bad-step``.
    """
    seconds, rest = divmod(step_ns, NS_PER_S)
    if rest or seconds not in STEPS_S:
        raise Invalid(f"step_ms must be 1000 times a power of two, up to {STEPS_S[-1]}", code="bad-step")
    return Stretch(at_ns - at_ns % (CELLS * step_ns), step_ns)


def spots_in(connection: Connection, stream: StreamId, stretch: Stretch, now_ns: int) -> list[Spot]:
    """For each step with footage the moment that stands for it: its middle, or what is recorded nearest to that."""
    found: list[Spot] = []
    known: dict[RecordingId, list[Piece]] = {}
    for number in range(CELLS):
        begin_ns = stretch.start_ns + number * stretch.step_ns
        if begin_ns > now_ns:
            break
        placed_at = _nearest(connection, stream, begin_ns, begin_ns + stretch.step_ns)
        if placed_at is None:
            continue
        at_ns, recording = placed_at
        if recording.id not in known:
            group = with_sync(connection, [recording])
            known[recording.id] = placed(group, fragments_in(connection, [one.id for one in group]))
        begun = [one for one in known[recording.id] if one.fragment.is_sync and one.fragment.first_ns <= at_ns]
        if begun:
            found.append(Spot(number, at_ns, begun[-1]))
    return found


def key_of(spots: Sequence[Spot]) -> str:
    """Differs as soon as a sheet would show anything else: from the moments and the hashes of the footage (hex)."""
    digest = hashlib.sha256(f"{COLUMNS}x{ROWS}@{CELL_PX}q{SHEET_QUALITY}".encode())
    for spot in spots:
        recording, fragment = spot.piece.recording, spot.piece.fragment
        digest.update(f" {spot.number}:{spot.at_ns}:{recording.run}:{fragment.first_seq}:".encode() + fragment.digest)
    return digest.hexdigest()[:24]


def cell_of(stretch: Stretch, spot: Spot, unit: ScannedUnit) -> Cell:
    """What a cell shows when it shows this unit."""
    begin_ns = stretch.start_ns + spot.number * stretch.step_ns
    return Cell((unit.captured_ns - begin_ns) // NS_PER_MS, spot.piece.recording.run, unit.seq)


def cell_size(width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height of a cell for pictures of this size."""
    scale = CELL_PX / max(width_px, height_px, 1)
    return max(16, round(width_px * scale)), max(16, round(height_px * scale))


def with_facts(jpeg: bytes, facts: Facts) -> bytes:
    """A JPEG with a comment (ITU-T T.81, B.2.4.5) of these facts in JSON.

    Raises:
        DataLoss: ``sheet-damaged``: it is no JPEG.
    """
    if not jpeg.startswith(_SOI):
        raise DataLoss("a sheet is no JPEG", code="sheet-damaged")
    text = msgspec.json.encode(facts)
    return _SOI + _COMMENT + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def facts_of(jpeg: bytes) -> Facts:
    """What `with_facts` put there.

    Raises:
        DataLoss: ``sheet-damaged``.
    """
    size = int.from_bytes(jpeg[4:6], "big")
    if jpeg[:4] != _SOI + _COMMENT or size < 2 or len(jpeg) < 4 + size:
        raise DataLoss("a sheet does not say what it shows", code="sheet-damaged")
    try:
        facts = msgspec.json.decode(jpeg[6 : 4 + size], type=Facts)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DataLoss("a sheet does not say what it shows", code="sheet-damaged") from error
    if len(facts.cells) != CELLS:
        raise DataLoss("a sheet has not as many cells as it should have", code="sheet-damaged")
    return facts


def _nearest(connection: Connection, stream: StreamId, begin_ns: int, end_ns: int) -> tuple[int, Recording] | None:
    middle_ns = (begin_ns + end_ns) // 2
    here = recordings_between(connection, stream, middle_ns, middle_ns + 1)
    if here:
        return middle_ns, here[-1]
    next_ns = next_start_ns(connection, stream, middle_ns)
    if next_ns is not None and next_ns < end_ns:
        return next_ns, recordings_between(connection, stream, next_ns, next_ns + 1)[-1]
    query = sa.select(sa.func.max(recordings.c.end_ns)).where(
        recordings.c.stream == stream,
        recordings.c.start_ns > begin_ns - LONGEST_RECORDING_NS,
        recordings.c.start_ns < middle_ns,
        recordings.c.end_ns > begin_ns,
    )
    last_ns = connection.execute(query).scalar()
    if last_ns is None:
        return None
    return last_ns - 1, recordings_between(connection, stream, last_ns - 1, last_ns)[-1]
