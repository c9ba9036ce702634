"""Sync units only, for players that run fast or backwards: wrapped anew on the wall clock, their payload untouched."""

from collections.abc import Callable, Iterable, Iterator

import structlog
from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S
from haechi.base.errors import DataLoss
from haechi.media.access_unit import TICKS_PER_S, CodecParams, VideoParams
from haechi.media.fmp4.muxer import chunk, init_segment
from haechi.media.fmp4.reader import ScannedUnit
from haechi.record.index.spans import Recording
from haechi.record.playback.pieces import NS_PER_US, Piece
from haechi.record.playback.units import ReadBytes, heads_of, unit_in

ParamsOf = Callable[[Recording], CodecParams]
log = structlog.get_logger(__name__)

EARLY = 0.1
"""Share of a step by which a sync unit may come early: cameras are not exact."""
JOIN_US = 500_000
"""Pieces further apart than this have a hole between them, in which no picture is held."""


class SyncUnit(Struct, frozen=True):
    """A sync unit, and how long its picture stands for what follows (ns since the epoch)."""

    piece: Piece
    unit: ScannedUnit
    end_ns: int


def chosen(read: ReadBytes, pieces: Iterable[Piece], step_ns: int) -> Iterator[SyncUnit]:
    """One sync unit for each step, those that are there: a picture stands until the next one, or until the hole.

    A piece that cannot be read is left out and logged: what comes after it can still be shown.
    """
    waiting: SyncUnit | None = None
    due_ns = 0
    covered_us = 0
    for piece in pieces:
        if waiting is not None and piece.first_us - covered_us > JOIN_US:
            yield structs.replace(waiting, end_ns=covered_us * NS_PER_US)
            waiting = None
        covered_us = max(covered_us, piece.end_us) if waiting is not None else piece.end_us
        if piece.fragment.last_ns < due_ns:
            continue
        for unit in _syncs(read, piece):
            if unit.captured_ns < due_ns:
                continue
            if waiting is not None:
                yield structs.replace(waiting, end_ns=unit.captured_ns)
            waiting = SyncUnit(piece, unit, 0)
            due_ns = unit.captured_ns + int(step_ns * (1 - EARLY))
    if waiting is not None:
        yield structs.replace(waiting, end_ns=max(covered_us * NS_PER_US, waiting.unit.captured_ns + 1))


def rewrapped(read: ReadBytes, params_of: ParamsOf, found: Iterable[SyncUnit], start_ns: int) -> Iterator[bytes]:
    """An fMP4 of sync units: an init segment wherever the coding changes, and a chunk for each unit, at the time when
    it was captured less ``start_ns``. It ends where the camera changed its codec."""
    params: VideoParams | None = None
    number = 0
    for sync in found:
        if sync.end_ns <= start_ns:
            continue
        now = params_of(sync.piece.recording)
        if not isinstance(now, VideoParams) or (params is not None and now.codec is not params.codec):
            return
        try:
            unit = unit_in(read, sync.piece, sync.unit)
        except DataLoss as error:
            log.warning("a picture cannot be read", code=error.code, recording=sync.piece.recording.id)
            continue
        number += 1
        begin = _ticks(sync.unit.captured_ns - start_ns)
        duration = max(1, _ticks(sync.end_ns - start_ns) - begin)
        head = init_segment(now) if now != params else b""
        params = now
        placed = structs.replace(unit, pts=begin, dts=begin)
        yield head + chunk(placed, now, number, duration_ticks=duration)


def _syncs(read: ReadBytes, piece: Piece) -> list[ScannedUnit]:
    if not piece.fragment.is_sync:
        return []
    try:
        return [unit for unit in heads_of(read, piece) if unit.sample.is_sync]
    except DataLoss as error:
        log.warning("a fragment cannot be read", code=error.code, recording=piece.recording.id)
        return []


def _ticks(ns: int) -> int:
    return max(0, ns) * TICKS_PER_S // NS_PER_S
