"""Which fragments show a range, and where each stands on the wall clock: what a player is given.

A fragment carries the camera's media time; its stamps are of our clock, which the media time is slewed to. A player
shows a fragment at ``media time + offset``; how the offset is chosen, so that no more than a frame is hidden or missing
where two fragments join, is told in docs/design/timeline.md.
"""

from collections.abc import Sequence
from itertools import groupby

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.ids import StreamId
from haechi.media.access_unit import TICKS_PER_S
from haechi.record.index.layouts import Fragment
from haechi.record.index.spans import LONGEST_RECORDING_NS, Recording, fragments_in, recording_of, recordings_between
from haechi.record.tables import recordings

NS_PER_US = 1000
_US_PER_S = 1_000_000
MOST_BACK = 64
"""Recordings of one run (a minute each, or more) that are looked through for the sync unit before a range."""
LATE_MOST_US = 500_000
"""So much later than those after them the first units of a run may have come."""


class Piece(Struct, frozen=True):
    """A fragment, and where it stands.

    Attributes:
        offset_us: Wall time less media time, µs; the same for pieces that join without a seam.
        delay_us: How much later than it is decoded a sync unit is shown, where the camera reorders pictures.
    """

    recording: Recording
    fragment: Fragment
    offset_us: int
    delay_us: int = 0

    @property
    def media_us(self) -> int:
        """Where it begins to be shown in the camera's time since the run began: its ``tfdt``, and `delay_us`."""
        return us_of(self.fragment.first_dts_ticks) + self.delay_us

    @property
    def first_us(self) -> int:
        """When the first unit is shown, µs since the epoch."""
        return self.media_us + self.offset_us

    @property
    def duration_us(self) -> int:
        """How long it lasts, in the camera's time."""
        fragment = self.fragment
        return us_of(fragment.first_dts_ticks + fragment.duration_ticks) - us_of(fragment.first_dts_ticks)

    @property
    def end_us(self) -> int:
        """When it is over."""
        return self.first_us + self.duration_us


def us_of(ticks: int) -> int:
    """90 kHz ticks in µs, rounded down."""
    return ticks * _US_PER_S // TICKS_PER_S


def delays_us(fragments: Sequence[Fragment]) -> list[int]:
    """Presentation time less decode time of the sync unit that each fragment of one recording begins with, µs; of the
    one before where it begins with none."""
    found: list[int] = []
    for fragment in fragments:
        own = us_of(max(0, fragment.first_pts_ticks - fragment.first_dts_ticks))
        found.append(own if fragment.is_sync else found[-1] if found else 0)
    return found


def offsets_us(fragments: Sequence[Fragment]) -> list[int]:
    """Wall time less media time of each fragment of one recording, in order; see `Piece.offset_us`.

    The offset is that of the recording's first fragment, until a fragment that begins at a sync unit stands half a
    frame away from its stamp; from there on it is that one's. So it follows from the recording alone, whatever range
    is asked for, and changes neither within a GOP nor for less than is seen.

    Where a run begins, its first units often came late, and are stamped close together: its first GOP stands as the
    second one says. At its own stamps its end would lie over the beginning of the second, and would not be seen.
    """
    found: list[int] = []
    for fragment, delay_us in zip(fragments, delays_us(fragments), strict=True):
        true_us = fragment.first_ns // NS_PER_US - us_of(fragment.first_dts_ticks) - delay_us
        half_frame_us = us_of(fragment.duration_ticks) // (2 * fragment.units)
        is_off = bool(found) and abs(true_us - found[-1]) > half_frame_us
        found.append(true_us if not found or (is_off and fragment.is_sync) else found[-1])
    second = next((number for number, one in enumerate(fragments) if number and one.is_sync), None)
    if second is not None and fragments[0].first_seq == 0 and 0 < found[0] - found[second] <= LATE_MOST_US:
        found[:second] = [found[second]] * second
    return found


def pieces_between(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> list[Piece]:
    """Fragments that show something of a range, from one that starts at a sync unit on."""
    found = with_sync(connection, recordings_between(connection, stream, start_ns, end_ns))
    pieces = placed(found, fragments_in(connection, [recording.id for recording in found]))
    first = 0
    for number, piece in enumerate(pieces):
        if piece.fragment.first_ns > start_ns and number:
            break
        if piece.fragment.is_sync:
            first = number
    return [piece for piece in pieces[first:] if piece.fragment.first_ns < end_ns]


def placed(found: Sequence[Recording], fragments: Sequence[Fragment]) -> list[Piece]:
    """All fragments of some recordings in the order of these."""
    order = {recording.id: number for number, recording in enumerate(found)}
    ordered = sorted(fragments, key=lambda one: (order[one.recording], one.number))
    pieces: list[Piece] = []
    for number, group in groupby(ordered, key=lambda one: order[one.recording]):
        mine = list(group)
        places = zip(mine, offsets_us(mine), delays_us(mine), strict=True)
        pieces += (Piece(found[number], one, offset_us, delay_us) for one, offset_us, delay_us in places)
    return pieces


def with_sync(connection: Connection, found: list[Recording]) -> list[Recording]:
    """Recordings before the first of ``found`` that it follows on, as far as decoding must begin earlier."""
    while found and len(found) < MOST_BACK:
        first = fragments_in(connection, [found[0].id])[:1]
        if not first or first[0].is_sync:
            break
        before = recording_before(connection, found[0])
        if before is None:
            break
        found = [before, *found]
    return found


def recording_before(connection: Connection, recording: Recording) -> Recording | None:
    """The recording just before this one, where no unit is missing between the two."""
    query = sa.select(recordings).where(
        recordings.c.stream == recording.stream,
        recordings.c.start_ns < recording.start_ns,
        recordings.c.start_ns > recording.start_ns - 2 * LONGEST_RECORDING_NS,
    )
    row = connection.execute(query.order_by(recordings.c.start_ns.desc()).limit(1)).first()
    before = None if row is None else recording_of(row)
    return before if before is not None and before.precedes(recording) else None


def next_start_ns(connection: Connection, stream: StreamId, from_ns: int) -> int | None:
    """When the first recording that begins at ``from_ns`` or later begins."""
    query = sa.select(sa.func.min(recordings.c.start_ns))
    found = connection.execute(query.where(recordings.c.stream == stream, recordings.c.start_ns >= from_ns)).scalar()
    return None if found is None else int(found)
