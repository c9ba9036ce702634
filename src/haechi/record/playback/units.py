"""Which units are in a piece and when each is shown, from the heads of its fragments: payloads stay unread."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from haechi.base.errors import DataLoss, PeerError
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, UnitRef
from haechi.media.fmp4.reader import ScannedUnit, headers_size, read_headers
from haechi.record.index.spans import Recording
from haechi.record.playback.pieces import NS_PER_US, Piece, us_of

ReadBytes = Callable[[Recording, int, int], bytes]
"""Bytes of a recording from an offset on, so many; raises `DataLoss` when they are not there."""


class Shown(Struct, frozen=True):
    """A unit on the player's clock.

    Attributes:
        captured_us: Its stamp, µs since the epoch.
        shown_us: When the player shows it: presentation time, placed like its piece (µs since the epoch).
        duration_us: How long, in the camera's time.
    """

    captured_us: int
    duration_us: int
    is_sync: bool
    seq: int
    run: int
    shown_us: int


def heads_of(read: ReadBytes, piece: Piece) -> tuple[ScannedUnit, ...]:
    """The units of a piece; offsets of their samples count from the beginning of the fragment.

    Raises:
        DataLoss: The footage is gone, or is not what the index says.
    """
    fragment = piece.fragment
    size = min(headers_size(fragment.units), fragment.size_bytes)
    head = read(piece.recording, fragment.offset_bytes, size)
    try:
        found = read_headers(head, fragment.size_bytes)
    except PeerError as error:
        raise _differs(piece) from error
    if found.size != fragment.size_bytes or len(found.units) != fragment.units:
        raise _differs(piece)
    return found.units


def shown_in(read: ReadBytes, pieces: list[Piece], start_ns: int, end_ns: int) -> Iterator[Shown]:
    """Units captured in ``[start_ns, end_ns)``, as they are stored.

    Raises:
        DataLoss: The footage is gone or damaged.
    """
    for piece in pieces:
        for unit in heads_of(read, piece):
            if start_ns <= unit.captured_ns < end_ns:
                yield Shown(
                    captured_us=unit.captured_ns // NS_PER_US,
                    duration_us=us_of(unit.sample.duration + TICKS_PER_S) - us_of(TICKS_PER_S),
                    is_sync=unit.sample.is_sync,
                    seq=unit.seq,
                    run=piece.recording.run,
                    shown_us=piece.offset_us + us_of(unit.sample.pts),
                )


def unit_in(read: ReadBytes, piece: Piece, unit: ScannedUnit) -> AccessUnit:
    """A unit that `heads_of` gave, with its payload. Its bytes alone are read, so no hash tells whether they are right.

    Raises:
        DataLoss: The footage is gone.
    """
    recording, sample = piece.recording, unit.sample
    return AccessUnit(
        ref=UnitRef(recording.stream, recording.run, unit.seq),
        pts=sample.pts,
        dts=sample.dts,
        captured_ns=unit.captured_ns,
        is_sync=sample.is_sync,
        params=recording.params,
        data=read(recording, piece.fragment.offset_bytes + sample.offset, sample.size),
    )


def _differs(piece: Piece) -> DataLoss:
    fragment = piece.fragment
    return DataLoss(
        "a fragment is not what the index says",
        code="recording-missing",
        recording=piece.recording.id,
        fragment=fragment.number,
    )
