"""A range as one fragmented MP4, of any length: the stored units, one after the other, on a clock that begins at 0.

A recording's own file has the camera's clock, and a range goes over many files and runs. So the boxes are written anew;
payloads, capture times and sequence numbers are those of the recording, and every fragment of pictures has its hash
again. Sound is a second track on the same clock, silent where none is recorded.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, count

import structlog
from msgspec import structs

from haechi.base.errors import DataLoss
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, CodecParams
from haechi.media.fmp4.muxer import fragment, init_segment
from haechi.record.playback.exact import silence_in
from haechi.record.playback.pieces import NS_PER_US, Piece
from haechi.record.playback.read import units_in
from haechi.record.playback.sound import Group, Heard, filled, grouped, laid
from haechi.record.playback.syncs import ParamsOf
from haechi.record.tiers.vault import Vault

log = structlog.get_logger(__name__)

US_PER_S = 1_000_000
SOUND_UNITS = 100
"""Of a fragment of sound: about as long as one of pictures."""


def film(vault: Vault, params_of: ParamsOf, pieces: Iterable[Piece], heard: Iterator[Heard]) -> Iterator[bytes]:
    """The init segment, then a fragment for each piece, with the sound of its time after it. It ends where the camera
    changed the coding of its pictures.

    A fragment that is damaged is left out and logged: its time stays empty.
    """
    params: CodecParams | None = None
    beside: _Beside | None = None
    numbers = count(1)
    origin_us = end_ticks = 0
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
            beside = _beside(heard, origin_us)
            yield init_segment(now, beside=None if beside is None else beside.params)
        begin = max((piece.first_us - origin_us) * TICKS_PER_S // US_PER_S, end_ticks)
        shift = begin - units[0].dts
        end_ticks = begin + piece.fragment.duration_ticks
        yield fragment([_moved(unit, shift) for unit in units], now, next(numbers), end_dts=end_ticks)
        if beside is not None:
            yield from beside.until(end_ticks, numbers)


class _Beside:
    """The sound of a film, as far as it is wanted."""

    def __init__(self, params: AudioParams, groups: Iterator[Group]) -> None:
        self.params = params
        self._groups = groups
        self._next = next(groups, None)

    def until(self, ticks: int, numbers: Iterator[int]) -> Iterator[bytes]:
        """The fragments that begin before ``ticks``."""
        while (group := self._next) is not None and group.units[0].dts < ticks:
            yield fragment(group.units, self.params, next(numbers), stamps=False, end_dts=group.end, track=2)
            self._next = next(self._groups, None)


def _beside(heard: Iterator[Heard], origin_us: int) -> _Beside | None:
    first = next(heard, None)
    if first is None:
        return None
    placed = laid(chain([first], heard), lambda ns: (ns / NS_PER_US - origin_us) / US_PER_S)
    units = (one for one in placed if one.at >= 0)
    silence = silence_in(first.params)
    return _Beside(
        first.params, grouped(units if silence is None else filled(units, silence), first.params, SOUND_UNITS)
    )


def _moved(unit: AccessUnit, shift: int) -> AccessUnit:
    return structs.replace(unit, pts=unit.pts + shift, dts=unit.dts + shift)
