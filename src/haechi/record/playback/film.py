"""A range as one fragmented MP4, of any length: the stored units, one after the other, on a clock that begins at 0.

A recording's own file has the camera's clock, and a range goes over many files and runs. So the boxes are written anew;
payloads, capture times and sequence numbers are those of the recording, and every fragment has its hash again.
"""

from collections.abc import Iterable, Iterator

import structlog
from msgspec import structs

from haechi.base.errors import DataLoss
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, CodecParams
from haechi.media.fmp4.muxer import fragment, init_segment
from haechi.record.playback.pieces import Piece
from haechi.record.playback.read import units_in
from haechi.record.playback.syncs import ParamsOf
from haechi.record.tiers.vault import Vault

log = structlog.get_logger(__name__)

US_PER_S = 1_000_000


def film(vault: Vault, params_of: ParamsOf, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """The init segment, then a fragment for each piece. It ends where the camera changed its coding.

    A fragment that is damaged is left out and logged: its time stays empty.
    """
    params: CodecParams | None = None
    origin_us = end_ticks = number = 0
    for piece in pieces:
        now = params_of(piece.recording)
        if params is not None and now != params:
            return
        try:
            units = list(units_in(vault, piece.recording, piece.fragment))
        except DataLoss as error:
            log.warning("a fragment cannot be read", code=error.code, recording=piece.recording.id)
            continue
        if params is None:
            params, origin_us = now, piece.first_us
            yield init_segment(now)
        number += 1
        begin = max((piece.first_us - origin_us) * TICKS_PER_S // US_PER_S, end_ticks)
        shift = begin - units[0].dts
        end_ticks = begin + piece.fragment.duration_ticks
        yield fragment([_moved(unit, shift) for unit in units], now, number, end_dts=end_ticks)


def _moved(unit: AccessUnit, shift: int) -> AccessUnit:
    return structs.replace(unit, pts=unit.pts + shift, dts=unit.dts + shift)
