"""Access units out of NAL units: where one ends, what starts a decoder, which parameters are in force.

Cameras set the RTP marker bit on the last packet of a picture, on each slice, or never. So the first pictures of a
stream are cut where the timestamp changes, and only when `_PROBATION` of them in a row carried exactly one marker, on
their last packet, is a picture yielded at its marker (and thus without waiting for the next one). A marker that turns
out to stand on slices takes the trust away again.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from enum import IntEnum

from haechi.base.errors import PeerError
from haechi.media.access_unit import RawUnit, VideoParams
from haechi.media.nal import MAX_NALS_PER_UNIT, MAX_UNIT_BYTES
from haechi.media.payload.base import Depacketiser
from haechi.media.rtp import unpack_header

_PROBATION = 3
_USEFUL_SLICE_BYTES = 40
"""A slice cut off before this holds little more than its header."""
_FRAME_AND_HEAD = struct.Struct("!HHHHQ")
"""An interleaved RTP packet: '$' and channel, size, flags and payload type, sequence, timestamp and SSRC."""
_HEAD_END = _FRAME_AND_HEAD.size


class NalKind(IntEnum):
    """What a NAL unit is to the assembly. `DROP`: delimiters. `HEAD`: before a picture's first slice. `TAIL`: after."""

    DROP = 0
    SET = 1
    HEAD = 2
    TAIL = 3
    SLICE = 4
    SYNC_SLICE = 5


class Dialect(ABC):
    """The codec's side of the assembly: one per stream, knows the parameter sets seen so far.

    Attributes:
        kinds: `NalKind` by the first byte of a NAL unit.
        header_bytes: Size of the NAL unit header; a fragment's payload header is one byte longer.
        changed: A parameter set arrived that differs from those in force.
    """

    kinds: tuple[NalKind, ...]
    header_bytes: int
    changed: bool

    @abstractmethod
    def is_first_slice(self, nal: bytes) -> bool:
        """Whether a slice is the first of its picture. ``nal`` may be a slice's beginning only."""

    @abstractmethod
    def is_middle(self, data: bytes, position: int) -> bool:
        """Whether the payload at ``position`` is a fragment of a NAL unit, neither its first nor its last."""

    @abstractmethod
    def add_set(self, nal: bytes) -> None:
        """Take a parameter set."""

    @abstractmethod
    def params_for(self, first_slice: bytes) -> VideoParams | None:
        """The parameters of the picture that begins with this slice; None while its sets have not been seen."""

    @abstractmethod
    def is_entry(self, heads: list[bytes], slices: list[bytes]) -> bool:
        """Whether a picture without sync slices lets a decoder start all the same (H.264 recovery points)."""

    @abstractmethod
    def on_sync(self) -> bool:
        """A sync picture is here. Whether `params_for` must be asked, as several sets are in force."""


class NalDepacketiser(Depacketiser):
    """Assembles units from what a codec's payload format gives: whole NAL units, or fragments of one."""

    def __init__(self, payload_type: int, dialect: Dialect) -> None:
        super().__init__(payload_type)
        self._dialect = dialect
        self._kinds = dialect.kinds
        self._params: VideoParams | None = None
        self._good_marks = 0
        self._marks_lie = False
        self._timestamp = -1
        self._fragment: list[bytes] = []
        self._fragment_bytes = 0
        self._gap = False
        self._ended_at = -1
        self._clear()

    def _clear(self) -> None:
        self._nals: list[bytes] = []
        self._bytes = 0
        self._first_slice = b""
        self._heads: list[bytes] = []
        self._slices: list[bytes] = []
        self._sync = False
        self._damaged = False
        self._marks = 0
        self._marked_last = False

    def trust_markers(self) -> None:
        self._good_marks = _PROBATION

    def _add_in_order(self, data: bytes, payload_at: int) -> bool:
        """The short way for what most packets are: the next one, in the middle of a fragmented NAL unit.

        ``payload_at``: where the fragment begins. False, and nothing done, when the packet is not such a one.
        """
        first, second, sequence, timestamp, ssrc = unpack_header(data)
        if (
            sequence != self._next
            or timestamp != self._timestamp
            or first != 0x80
            or second != self._payload_type
            or ssrc != self.ssrc
            or sequence == 0xFFFF
        ):
            return False
        size = self._fragment_bytes + len(data) - payload_at
        if size > MAX_UNIT_BYTES:
            return False
        self._fragment_bytes = size
        self._next = sequence + 1
        self.received += 1
        self._fragment.append(data[payload_at:])
        return True

    def feed_run(self, data: bytes, position: int) -> int:
        """Takes fragments from the middle of a NAL unit that come one after the other: most of what a camera sends."""
        payload_at = _HEAD_END + self._dialect.header_bytes + 1
        if not self._fragment or not self._dialect.is_middle(data, position + _HEAD_END):
            return position
        channel = data[position : position + 2]
        fragment_head = data[position + _HEAD_END : position + payload_at]
        wanted = (int.from_bytes(channel, "big"), 0x8000 | self._payload_type, self._timestamp << 32 | self.ssrc)
        following, room, last = self._next, MAX_UNIT_BYTES - self._fragment_bytes, len(data) - payload_at
        while position < last:
            frame, size, kind, sequence, origin = _FRAME_AND_HEAD.unpack_from(data, position)
            start, end = position + payload_at, position + 4 + size
            if (
                (frame, kind, origin) != wanted
                or sequence != following
                or data[position + _HEAD_END : start] != fragment_head
                or not start < end <= start + room
                or end > len(data)
                or sequence == 0xFFFF
            ):
                break
            self._fragment.append(data[start:end])
            room -= end - start
            following += 1
            position = end
        self.received += following - self._next
        self._next, self._fragment_bytes = following, MAX_UNIT_BYTES - room
        return position

    # -- what the payload formats call -------------------------------------------------------------------------------
    def _begin(self, timestamp: int, out: list[RawUnit]) -> None:
        """A payload with another timestamp than the one before it: the picture in progress is over."""
        self._drop_fragment()
        if self._first_slice:
            self._judge_marks()
            self._emit(out)
        elif self._damaged:
            self._clear()
        self._timestamp = timestamp

    def _end(self, marker: bool, out: list[RawUnit]) -> None:
        """The payload is done; ``marker`` says that the camera calls the picture complete."""
        self._marked_last = marker
        if marker and not self._fragment and self._first_slice:
            self._marks += 1
            if self._good_marks >= _PROBATION:
                self._ended_at = self._timestamp
                self._emit(out)

    def _nal(self, nal: bytes, out: list[RawUnit]) -> None:
        """A whole NAL unit."""
        kind = self._kinds[nal[0]]
        if kind >= NalKind.SLICE:
            self._slice(nal, kind, out)
        elif kind != NalKind.TAIL:
            if self._first_slice:
                self._emit(out)
            if kind == NalKind.DROP:
                return
            if kind == NalKind.SET:
                self._dialect.add_set(nal)
                return
            self._heads.append(nal)
        size = self._bytes + len(nal) + 4
        if size > MAX_UNIT_BYTES or len(self._nals) >= 2 * MAX_NALS_PER_UNIT:
            self._refuse_size()
        self._bytes = size
        self._nals.append(len(nal).to_bytes(4, "big"))
        self._nals.append(nal)

    def _fragment_start(self, data: bytes) -> None:
        self._fragment = [data]
        self._fragment_bytes = len(data)

    def _fragment_add(self, data: bytes) -> None:
        if not self._fragment:
            self._damaged = True
            return
        self._fragment.append(data)
        self._fragment_bytes += len(data)
        if self._fragment_bytes > MAX_UNIT_BYTES:
            self._refuse_size()

    def _fragment_end(self, out: list[RawUnit]) -> None:
        if self._fragment:
            nal = b"".join(self._fragment)
            self._fragment = []
            self._nal(nal, out)

    def _drop_fragment(self) -> None:
        """A fragmented NAL unit ends without its end: what is there of a slice is kept, in a unit marked damaged."""
        if not self._fragment:
            return
        nal = b"".join(self._fragment)
        self._fragment = []
        self._damaged = True
        kind = self._kinds[nal[0]]
        if kind >= NalKind.SLICE and len(nal) >= _USEFUL_SLICE_BYTES:
            self._first_slice = self._first_slice or nal
            self._sync = self._sync or kind == NalKind.SYNC_SLICE
            self._nals += (len(nal).to_bytes(4, "big"), nal)

    # -- inside ------------------------------------------------------------------------------------------------------
    def _slice(self, nal: bytes, kind: NalKind, out: list[RawUnit]) -> None:
        first = len(nal) > self._dialect.header_bytes and self._dialect.is_first_slice(nal)
        if self._first_slice:
            if self._marked_last and first:  # a new picture although the timestamp stands still
                self._emit(out)
            elif self._marked_last:
                self._marks_lie = True
                self._good_marks = 0
        elif self._ended_at == self._timestamp and not first and not self._gap:
            self._marks_lie = True
            self._good_marks = 0
            self._damaged = True
        if not self._first_slice:
            self._first_slice = nal
            if self._gap and not first:
                self._damaged = True
            self._gap = False
        self._marked_last = False
        if kind == NalKind.SYNC_SLICE:
            self._sync = True
        else:
            self._slices.append(nal)

    def _judge_marks(self) -> None:
        """A picture was ended by a new timestamp: were its markers such that the next may be ended by one?"""
        if self._marks == 1 and self._marked_last and not self._marks_lie:
            self._good_marks += 1
        elif not self._gap:
            self._good_marks = 0

    def _emit(self, out: list[RawUnit]) -> None:
        """Yield the picture in progress, unless its parameter sets have not been seen."""
        dialect, before = self._dialect, self._params
        look = (self._sync and dialect.on_sync()) or dialect.changed or before is None
        try:
            params = (dialect.params_for(self._first_slice) or before) if look else before
            sync = self._sync or (bool(self._heads) and dialect.is_entry(self._heads, self._slices))
        except PeerError:
            self._clear()
            raise
        if params is not None:
            dialect.changed = self._damaged and params != before
            self._params = before if self._damaged else params  # told again with the next unit, as this one is dropped
            ticks = self._unwrapper.unwrap(self._timestamp)
            changed = None if params == before else params
            out.append(RawUnit(ticks, sync, b"".join(self._nals), changed, self._take_lost(), self._damaged))
        self._clear()

    def _on_loss(self) -> None:
        self._drop_fragment()
        self._gap = True
        if self._first_slice:  # it waits for a timestamp, as markers are not trusted yet: slices may be missing
            self._damaged = True

    def _refuse_size(self) -> None:
        size = self._bytes + self._fragment_bytes
        self._fragment = []
        self._clear()
        self._damaged = True
        raise PeerError(
            "the camera sends an access unit that never ends", offset=size, code="unit-too-large", limit=MAX_UNIT_BYTES
        )

    def flush(self) -> list[RawUnit]:
        out: list[RawUnit] = []
        self._drop_fragment()
        if self._first_slice:
            self._emit(out)
        return out
