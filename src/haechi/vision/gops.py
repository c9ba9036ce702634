"""The GOPs that a worker is decoding, one for each stream; gives the frames that are to be looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
from msgspec import Struct, structs

from haechi.base.errors import PeerError
from haechi.vision.decode import Decoded, Frame, GopDecoder
from haechi.vision.messages import UnitIn, Work


class Digest(Protocol):
    """A running hash."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """The hash of everything so far."""


class Taken(Struct, frozen=True):
    """A frame that is to be looked at: its unit without the bytes, but with their hash and the GOP's up to it."""

    unit: UnitIn
    sha256: str
    gop_sha256: str
    sync_seq: int
    frame: Frame


class Tally(Struct):
    """Frames that came out, and units that gave an error or a frame with invented parts."""

    decoded: int = 0
    damaged: int = 0


class _Entered(Struct):
    """What is kept of a unit while its frame is in the decoder."""

    unit: UnitIn
    sha256: str
    gop_sha256: str


class _Gop(Struct):
    """A GOP that is being decoded: its decoder, and the units to be looked at that went in, by index."""

    decoder: GopDecoder
    entered: dict[int, _Entered]
    sync_seq: int
    digest: Digest = msgspec.field(default_factory=hashlib.sha256)
    next_index: int = 0


class Gops:
    """``on_unit`` is told of a job and the index of the unit that is about to be decoded."""

    def __init__(self, on_unit: Callable[[int, int], None]) -> None:
        self._on_unit = on_unit
        self._gops: dict[str, _Gop] = {}

    def decode(self, work: Work, tally: Tally) -> Iterator[Taken]:
        """Decode; a unit that is no unit spoils its GOP and nothing else."""
        try:
            yield from self._decode(work, tally)
        except PeerError:
            tally.damaged += 1
            self._gops.pop(work.key, None)

    def forget(self, key: str) -> None:
        """The stream is gone."""
        self._gops.pop(key, None)

    def _decode(self, work: Work, tally: Tally) -> Iterator[Taken]:
        if work.params is not None:
            yield from self._finish(work.key, tally)
            self._gops[work.key] = _Gop(GopDecoder(work.params), {}, work.units[0].ref.seq if work.units else 0)
        gop = self._gops.get(work.key)
        if gop is None:
            return
        for index, unit in enumerate(work.units):
            self._on_unit(work.job, index)
            gop.digest.update(unit.data)
            if unit.analyse != "no":
                gop.entered[gop.next_index] = _enter(unit, gop.digest)
            decoded = gop.decoder.feed(gop.next_index, unit.pts, unit.data)
            gop.next_index += 1
            yield from _taken(gop, decoded, tally)
        if work.drain:
            yield from self._finish(work.key, tally)

    def _finish(self, key: str, tally: Tally) -> Iterator[Taken]:
        gop = self._gops.pop(key, None)
        if gop is not None:
            yield from _taken(gop, gop.decoder.drain(), tally)
            tally.damaged += gop.decoder.damaged


def _taken(gop: _Gop, decoded: list[Decoded], tally: Tally) -> Iterator[Taken]:
    for one in decoded:
        tally.decoded += 1
        entered = gop.entered.pop(one.index, None)
        if entered is not None and not one.frame.is_damaged:
            yield Taken(entered.unit, entered.sha256, entered.gop_sha256, gop.sync_seq, one.frame)


def _enter(unit: UnitIn, gop: Digest) -> _Entered:
    return _Entered(structs.replace(unit, data=b""), hashlib.sha256(unit.data).hexdigest(), gop.hexdigest())
