"""Access units of an elementary stream in a file (ITU-T H.264 and H.265 annex B)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from haechi.base.errors import Invalid, PeerError
from haechi.media.access_unit import Codec, VideoParams
from haechi.media.nal import MAX_UNIT_BYTES, join_lengths, split_annexb
from haechi.media.payload.assembly import Dialect, NalKind
from haechi.media.payload.h264 import H264Dialect
from haechi.media.payload.h265 import H265Dialect


class StreamUnit(Struct, frozen=True):
    """One access unit. ``params`` as in `RawUnit`: set on the first and where they change."""

    data: bytes
    is_sync: bool
    params: VideoParams | None


def dialect_for(codec: Codec) -> Dialect:
    """The parameter-set knowledge for a codec that is made of NAL units.

    Raises:
        Invalid: It is not.
    """
    if codec is Codec.H264:
        return H264Dialect()
    if codec is Codec.H265:
        return H265Dialect()
    raise Invalid(f"{codec} has no elementary stream of NAL units", code="unsupported-codec")


def split_units(data: bytes, codec: Codec) -> Iterator[StreamUnit]:
    """The access units of a byte stream, in decoding order. Those before the first parameter sets are left out.

    Raises:
        PeerError: A unit exceeds a limit, or a parameter set is malformed.
    """
    builder = UnitBuilder(dialect_for(codec))
    for nal in split_annexb(data):
        yield from builder.add(nal)
    yield from builder.finish()


class UnitBuilder:
    """Puts NAL units together to access units; knows the parameter sets so far."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._params: VideoParams | None = None
        self._clear()

    def _clear(self) -> None:
        self._nals: list[bytes] = []
        self._heads: list[bytes] = []
        self._slices: list[bytes] = []
        self._is_sync = False
        self._bytes = 0

    def add(self, nal: bytes) -> Iterator[StreamUnit]:
        """Take a NAL unit; give the access unit that it ends."""
        dialect = self._dialect
        kind = dialect.kinds[nal[0]]
        is_slice = kind >= NalKind.SLICE
        first = is_slice and len(nal) > dialect.header_bytes and dialect.is_first_slice(nal)
        if self._slices and (first or kind in (NalKind.DROP, NalKind.SET, NalKind.HEAD)):
            yield from self.finish()
        self._take(nal, kind)

    def _take(self, nal: bytes, kind: NalKind) -> None:
        if kind == NalKind.SET:
            self._dialect.add_set(nal)
        if kind in (NalKind.SET, NalKind.DROP):
            return
        if kind >= NalKind.SLICE:
            self._slices.append(nal)
            self._is_sync = self._is_sync or kind == NalKind.SYNC_SLICE
        elif kind == NalKind.HEAD:
            self._heads.append(nal)
        self._nals.append(nal)
        self._bytes += len(nal) + 4
        if self._bytes > MAX_UNIT_BYTES:
            raise PeerError("an access unit never ends", offset=self._bytes, code="unit-too-large")

    def whole(self, nals: Iterable[bytes]) -> StreamUnit | None:
        """The access unit that these NAL units are together, as whoever kept them says; two fields stay one unit.

        Raises:
            PeerError: It exceeds a limit, or a parameter set is malformed.
        """
        for nal in nals:
            self._take(nal, self._dialect.kinds[nal[0]])
        units = list(self.finish())
        return units[0] if units else None

    def finish(self) -> Iterator[StreamUnit]:
        """The unit in progress, complete."""
        if self._slices:
            dialect, before = self._dialect, self._params
            look = (self._is_sync and dialect.on_sync()) or dialect.changed or before is None
            params = (dialect.params_for(self._slices[0]) or before) if look else before
            if params is not None:
                dialect.changed = False
                self._params = params
                is_sync = self._is_sync or (bool(self._heads) and dialect.is_entry(self._heads, self._slices))
                yield StreamUnit(join_lengths(self._nals), is_sync, None if params == before else params)
        self._clear()
