"""Fragmented MP4 that others wrote (ISO/IEC 14496-12 section 8.8), as it comes in streams; pure.

`reader` knows the files of our own muxer, with their stamps. Here every optional field is expected, and nothing is
believed about where anything lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.access_unit import TICKS_PER_S, Codec
from haechi.media.fmp4.boxes import Box, Cursor, children, find
from haechi.media.nal import MAX_UNIT_BYTES

MOST_TRACKS = 16
MOST_SAMPLES = 20_000
"""Of one run of samples; ten minutes of sound have below 30,000, and a segment is no longer than two."""
_CODECS = {b"avc1": Codec.H264, b"avc3": Codec.H264, b"hvc1": Codec.H265, b"hev1": Codec.H265, b"mp4a": Codec.AAC}
_VISUAL_BYTES, _AUDIO_BYTES = 78, 28
_RECORDS = {Codec.H264: b"avcC", Codec.H265: b"hvcC", Codec.AAC: b"esds"}


class Defaults(Struct, frozen=True):
    """What a sample has that says nothing of itself."""

    duration: int = 0
    size: int = 0


class ForeignTrack(Struct, frozen=True):
    """One track. ``extra``: avcC, hvcC, or AAC's AudioSpecificConfig. ``channels``, ``rate_hz``: of sound."""

    codec: Codec
    timescale: int
    extra: bytes
    defaults: Defaults
    channels: int = 0
    rate_hz: int = 0


class ForeignSample(Struct, frozen=True):
    """One sample, times in 90 kHz ticks of the track's own clock."""

    track: int
    pts: int
    dts: int
    data: bytes


def read_tracks(data: bytes) -> Mapping[int, ForeignTrack]:
    """The tracks of an initialisation section that are pictures or sound of ours, by number.

    Raises:
        PeerError: It is none; ``stream-locked``: a track is encrypted.
    """
    moov = find(Cursor(data), b"moov")
    defaults = dict(_defaults(moov))
    found: dict[int, ForeignTrack] = {}
    for trak in [one for one in children(_again(moov)) if one.kind == b"trak"][:MOST_TRACKS]:
        number = _track_number(find(trak.body, b"tkhd"))
        timescale = _timescale(find(trak.body, b"mdia", b"mdhd"))
        stsd = find(trak.body, b"mdia", b"minf", b"stbl", b"stsd")
        stsd.skip(8)
        entry = next(children(stsd), None)
        if entry is None:
            continue
        if entry.kind in (b"encv", b"enca"):
            raise PeerError("the stream is encrypted", offset=entry.offset, code="stream-locked")
        track = _track(entry, timescale, defaults.get(number, Defaults()))
        if track is not None:
            found[number] = track
    return found


def read_samples(data: bytes, tracks: Mapping[int, ForeignTrack]) -> Iterator[ForeignSample]:
    """The samples of ``tracks`` in a segment, track after track within each fragment, each in order of decoding.

    Raises:
        PeerError: It is malformed.
    """
    for moof in children(Cursor(data)):
        if moof.kind != b"moof":
            continue
        for traf in children(moof.body):
            if traf.kind == b"traf":
                yield from _samples(data, moof.offset, traf.body, tracks)


def _again(cursor: Cursor) -> Cursor:
    return Cursor(cursor.data, cursor.position, cursor.end, cursor.base)


def _defaults(moov: Cursor) -> Iterator[tuple[int, Defaults]]:
    for box in children(_again(moov)):
        if box.kind == b"mvex":
            for trex in children(box.body):
                if trex.kind == b"trex":
                    trex.body.skip(4)
                    number, _ = trex.body.u32(), trex.body.u32()
                    yield number, Defaults(trex.body.u32(), trex.body.u32())


def _track_number(tkhd: Cursor) -> int:
    version, _ = tkhd.version_and_flags()
    tkhd.skip(16 if version else 8)
    return tkhd.u32()


def _timescale(mdhd: Cursor) -> int:
    version, _ = mdhd.version_and_flags()
    mdhd.skip(16 if version else 8)
    timescale = mdhd.u32()
    if not timescale:
        raise mdhd.error("a track's clock stands still")
    return timescale


def _track(entry: Box, timescale: int, defaults: Defaults) -> ForeignTrack | None:
    codec = _CODECS.get(entry.kind)
    if codec is None:
        return None
    body = entry.body
    if codec.is_video:
        body.skip(_VISUAL_BYTES)
        record = find(body, _RECORDS[codec])
        return ForeignTrack(codec, timescale, record.take(record.left), defaults)
    body.skip(16)
    channels = body.u16()
    body.skip(6)
    rate_hz = body.u32() >> 16
    return ForeignTrack(codec, timescale, _audio_config(find(body, b"esds")), defaults, channels, rate_hz)


def _audio_config(esds: Cursor) -> bytes:
    """The AudioSpecificConfig in nested descriptors (ISO/IEC 14496-1 section 7.2.6)."""
    esds.skip(4)
    while esds.left > 2:
        tag, size = esds.u8(), 0
        for _ in range(4):
            byte = esds.u8()
            size = size << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        match tag:
            case 3:
                esds.skip(2)
                flags = esds.u8()
                esds.skip((2 if flags & 0x80 else 0) + (2 if flags & 0x20 else 0))
            case 4:
                esds.skip(13)
            case 5:
                return esds.take(size)
            case _:
                esds.skip(size)
    raise esds.error("the sound says nothing of its coding", "mp4-missing-box")


def _samples(data: bytes, moof_at: int, traf: Cursor, tracks: Mapping[int, ForeignTrack]) -> Iterator[ForeignSample]:
    head = find(traf, b"tfhd")
    _, flags = head.version_and_flags()
    number = head.u32()
    track = tracks.get(number)
    if track is None:
        return
    base = head.u64() if flags & 0x01 else moof_at
    head.skip(4 if flags & 0x02 else 0)
    duration = head.u32() if flags & 0x08 else track.defaults.duration
    size = head.u32() if flags & 0x10 else track.defaults.size
    times = find(traf, b"tfdt")
    version, _ = times.version_and_flags()
    dts = times.u64() if version else times.u32()
    at = base
    for box in children(_again(traf)):
        if box.kind == b"trun":
            run = _Run(box.body, Defaults(duration, size), dts, at, base)
            for sample_dts, pts, start, end in run.rows():
                if end > len(data):
                    raise box.body.error("a sample reaches beyond its segment", "mp4-truncated")
                scale = track.timescale
                ticks = pts * TICKS_PER_S // scale, sample_dts * TICKS_PER_S // scale
                yield ForeignSample(number, *ticks, data[start:end])
            dts, at = run.dts, run.at


class _Run:
    """A trun box (section 8.8.8). ``dts`` and ``at`` are where the next one goes on."""

    def __init__(self, body: Cursor, defaults: Defaults, dts: int, at: int, base: int) -> None:
        self._body = body
        self._defaults = defaults
        self.dts = dts
        version, self._flags = body.version_and_flags()
        self._is_signed = version > 0
        self._count = body.u32()
        if self._count > MOST_SAMPLES:
            raise body.error("a fragment has too many samples", "mp4-limit")
        self.at = base + _signed(body.u32()) if self._flags & 0x01 else at
        body.skip(4 if self._flags & 0x04 else 0)

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        """Decode time, presentation time (in the track's own clock), and where the sample begins and ends."""
        body, flags = self._body, self._flags
        for _ in range(self._count):
            duration = body.u32() if flags & 0x100 else self._defaults.duration
            size = body.u32() if flags & 0x200 else self._defaults.size
            body.skip(4 if flags & 0x400 else 0)
            shift = body.u32() if flags & 0x800 else 0
            if size > MAX_UNIT_BYTES or self.at < 0:
                raise body.error("a sample is too large, or lies nowhere", "mp4-limit")
            yield self.dts, self.dts + (_signed(shift) if self._is_signed else shift), self.at, self.at + size
            self.dts += duration
            self.at += size


def _signed(value: int) -> int:
    return value - (1 << 32) if value & 0x8000_0000 else value
