"""The one muxer: a unit's payload is placed into boxes once, for live (`chunk`) or for disk (`fragment`).

One track in a recording, number 1, all times in 90 kHz ticks since the start of the run. See docs/design/recording.md.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from struct import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, Codec, CodecParams, VideoParams
from haechi.media.fmp4.boxes import MATRIX, U16, U32, U64, box, full_box
from haechi.media.fmp4.entries import sample_entry
from haechi.media.fmp4.stamps import MAX_UNITS, Source, edge_box, source_box, stamp_head

MAX_FRAGMENT_BYTES = 128 * 1024 * 1024
"""Far above the 8 MB at which the recorder cuts: one unit may be larger than that."""

SYNC = 0x02000000
"""Sample flags (8.8.3.1): depends on no other sample."""
NOT_SYNC = 0x01010000
"""Sample flags: depends on others, decoding cannot start here."""

_NTP_EPOCH_S = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970."""
_TRUN_FLAGS = 0x000F01
"""Data offset; duration, size, flags and composition offset of each sample."""

_MFHD = b"\0\0\0\x10mfhd\0\0\0\0"
_TRAF_TO_TFDT = b"tfhd\0\x02\0\0\0\0\0\x01\0\0\0\x14tfdt\x01\0\0\0"
"""tfhd (default-base-is-moof, track 1) and the head of a version 1 tfdt."""
_TRUN = b"trun\x01\0\x0f\x01"
_MOOF_HEAD = Struct(">I4s12sII4sI24sQI8sII")
"""moof, mfhd, traf, tfhd, tfdt, and trun up to its first sample."""
_SAMPLE_BYTES = 16
_PRFT = Struct(">I4sIIQQ")

_CHUNK_HEAD = Struct(">20sI36sQ20sIIIiI4s")
_CHUNK_MOOF = b"\0\0\0\x68moof" + _MFHD
_CHUNK_TRAF = b"\0\0\0\x50traf\0\0\0\x10" + _TRAF_TO_TFDT
_CHUNK_TRUN = b"\0\0\0\x24" + _TRUN + b"\0\0\0\x01\0\0\0\x70"
_CHUNK_MOOF_BYTES = 104
_CHUNK_TFDT_AT, _CHUNK_DURATION_AT = 60, 88
"""Where `_CHUNK_HEAD` has the decode time and the unit's duration."""


FTYP = box(b"ftyp", b"iso6\0\0\0\1iso6mp41")
"""How every file of ours begins."""


def init_segment(params: CodecParams, source: Source | None = None, beside: CodecParams | None = None) -> bytes:
    """ftyp and moov; for a recording with our boxes between them. ``beside``: of a second track, number 2.

    Raises:
        Invalid: The parameters cannot be written (missing parameter sets, unsupported codec).
    """
    rate_hz = params.rate_hz if isinstance(params, AudioParams) else 0
    ours = source_box(source, rate_hz, params.codec_string) if source else b""
    if source and source.edge:
        ours += edge_box(source.edge)
    return FTYP + ours + _moov((params,) if beside is None else (params, beside))


def fragment(
    units: Sequence[AccessUnit],
    params: CodecParams,
    sequence: int,
    *,
    stamps: bool = True,
    end_dts: int | None = None,
    track: int = 1,
) -> bytes:
    """One fragment: stamp box, prft, moof, mdat. Units are of one run and one set of parameters, in order.

    Args:
        sequence: Number of the fragment in its file, from 1.
        stamps: Whether the stamp box is wanted (recordings) or not (players only).
        end_dts: Decode time of the unit after the last; where it is not known, `end_of`.
        track: Its number in the file.

    Raises:
        Invalid: No or too many units, too many bytes, or decode times that go back.
    """
    if not 0 < len(units) <= MAX_UNITS:
        raise Invalid("a fragment has at least one and not too many units", code="bad-fragment", units=len(units))
    moof = _moof(units, _durations(units, params, end_dts), sequence, track)
    payload = [unit.data for unit in units]
    size = 8 + sum(map(len, payload))
    if size > MAX_FRAGMENT_BYTES:
        raise Invalid("the fragment is too large", code="bad-fragment", size_bytes=size)
    content = [_prft(units[0], track), moof, size.to_bytes(4, "big"), b"mdat", *payload]
    if not stamps:
        return b"".join(content)
    head, covered = stamp_head(units)
    digest = sha256(covered)
    for part in content:
        digest.update(part)
    return b"".join([head, digest.digest(), covered, *content])


def chunk(unit: AccessUnit, params: CodecParams, sequence: int, *, duration_ticks: int | None = None) -> bytes:
    """moof and mdat of one unit, for live. About 2 microseconds and one copy of the payload.

    Args:
        duration_ticks: How long the unit lasts; where not given, as its audio frame, or a video frame at 30/s.

    Raises:
        Invalid: A time or size that the boxes cannot hold.
    """
    duration = _usual_duration(unit, params) if duration_ticks is None else duration_ticks
    data = unit.data
    size = len(data)
    if unit.dts < 0 or not 0 <= duration < 1 << 32 or size > MAX_FRAGMENT_BYTES or abs(unit.pts - unit.dts) >> 31:
        raise Invalid("a unit's time or size cannot be written", code="bad-fragment", dts=unit.dts, size_bytes=size)
    head = _CHUNK_HEAD.pack(
        _CHUNK_MOOF,
        sequence & 0xFFFFFFFF,
        _CHUNK_TRAF,
        unit.dts,
        _CHUNK_TRUN,
        duration,
        size,
        SYNC if unit.is_sync else NOT_SYNC,
        unit.pts - unit.dts,
        8 + size,
        b"mdat",
    )
    return head + data


def chunk_ticks(data: bytes) -> int:
    """How long the unit in a `chunk` lasts, by its own boxes."""
    return int(U32.unpack_from(data, _CHUNK_DURATION_AT)[0])


def chunk_moved(data: bytes, ticks: int) -> bytes:
    """A `chunk` on another timeline: decoded, and so shown, ``ticks`` later.

    Raises:
        Invalid: It would be before the beginning of time.
    """
    dts = int(U64.unpack_from(data, _CHUNK_TFDT_AT)[0]) + ticks
    if not 0 <= dts < 1 << 64:
        raise Invalid("a unit's time cannot be written", code="bad-fragment", dts=dts)
    return data[:_CHUNK_TFDT_AT] + U64.pack(dts) + data[_CHUNK_TFDT_AT + 8 :]


def end_of(units: Sequence[AccessUnit], params: CodecParams) -> int:
    """Decode time at which the last unit ends where the unit after it is not known: as long as the one before it, or
    as its audio frame lasts."""
    last = units[-1]
    if len(units) > 1 and isinstance(params, VideoParams):
        return 2 * last.dts - units[-2].dts
    return last.dts + _usual_duration(last, params)


def _durations(units: Sequence[AccessUnit], params: CodecParams, end_dts: int | None) -> list[int]:
    durations = [after.dts - before.dts for before, after in pairwise(units)]
    durations.append((end_of(units, params) if end_dts is None else end_dts) - units[-1].dts)
    if units[0].dts < 0 or min(durations) < 0 or max(durations) >= 1 << 32:
        raise Invalid("decode times go back or leap", code="bad-fragment", dts=units[0].dts)
    if any(abs(unit.pts - unit.dts) >> 31 for unit in units):
        raise Invalid("presentation is too far from decoding", code="bad-fragment", dts=units[0].dts)
    return durations


def _usual_duration(unit: AccessUnit, params: CodecParams) -> int:
    if isinstance(params, VideoParams):
        return 3000
    if params.codec is Codec.OPUS:
        return _opus_duration(unit.data)
    samples = 1024 if params.codec is Codec.AAC else len(unit.data) // params.channels
    return round(samples * TICKS_PER_S / params.rate_hz)


def _opus_duration(data: bytes) -> int:
    """Duration of an Opus packet in ticks, from its first bytes (RFC 6716 section 3.1)."""
    if not data:
        return 0
    config = data[0] >> 3
    if config < 12:
        frame = (900, 1800, 3600, 5400)[config & 3]
    elif config < 16:
        frame = (900, 1800)[config & 1]
    else:
        frame = (225, 450, 900, 1800)[config & 3]
    code = data[0] & 3
    frames = 1 if code == 0 else 2 if code < 3 else (data[1] & 63 if len(data) > 1 else 0)
    return frame * frames


@lru_cache(maxsize=1024)
def _samples(count: int) -> Struct:
    return Struct(">" + "IIIi" * count)


def _moof(units: Sequence[AccessUnit], durations: list[int], sequence: int, track: int) -> bytes:
    table = _SAMPLE_BYTES * len(units)
    flat: list[int] = []
    for unit, duration in zip(units, durations, strict=True):
        flat += (duration, len(unit.data), SYNC if unit.is_sync else NOT_SYNC, unit.pts - unit.dts)
    size = 88 + table
    head = _MOOF_HEAD.pack(
        size,
        b"moof",
        _MFHD,
        sequence & 0xFFFFFFFF,
        size - 24,
        b"traf",
        16,
        _traf_to_tfdt(track),
        units[0].dts,
        20 + table,
        _TRUN,
        len(units),
        size + 8,
    )
    return head + _samples(len(units)).pack(*flat)


@lru_cache(maxsize=2)
def _traf_to_tfdt(track: int) -> bytes:
    return _TRAF_TO_TFDT[:8] + U32.pack(track) + _TRAF_TO_TFDT[12:]


def _prft(first: AccessUnit, track: int) -> bytes:
    """Producer reference time (8.16.5): when the first unit was captured, for players only (32.32 bits)."""
    seconds, rest = divmod(first.captured_ns, NS_PER_S)
    ntp = (seconds + _NTP_EPOCH_S & 0xFFFFFFFF) << 32 | (rest << 32) // NS_PER_S
    return _PRFT.pack(32, b"prft", 1 << 24, track, ntp, max(first.pts, 0))


def _moov(tracks: Sequence[CodecParams]) -> bytes:
    numbered = list(enumerate(tracks, 1))
    mvhd = full_box(
        b"mvhd", 0, 0, bytes(8), U32.pack(1000), bytes(4), U32.pack(1 << 16), b"\1\0", bytes(10), MATRIX, bytes(24),
        U32.pack(len(tracks) + 1),
    )  # fmt: skip
    traks = [_trak(params, number) for number, params in numbered]
    trexes = [full_box(b"trex", 0, 0, U32.pack(number), U32.pack(1), bytes(12)) for number, _ in numbered]
    return box(b"moov", mvhd, *traks, box(b"mvex", *trexes))


def _trak(params: CodecParams, number: int) -> bytes:
    video = params if isinstance(params, VideoParams) else None
    side = (U16.pack(video.width_px & 0xFFFF), U16.pack(video.height_px & 0xFFFF)) if video else (b"\0\0", b"\0\0")
    tkhd = full_box(
        b"tkhd", 0, 7, bytes(8), U32.pack(number), bytes(20), b"\0\0" if video else b"\1\0", bytes(2), MATRIX,
        side[0], bytes(2), side[1], bytes(2),
    )  # fmt: skip
    mdhd = full_box(b"mdhd", 0, 0, bytes(8), U32.pack(TICKS_PER_S), bytes(4), b"\x55\xc4\0\0")
    hdlr = full_box(b"hdlr", 0, 0, bytes(4), b"vide" if video else b"soun", bytes(12), b"Haechi\0")
    header = full_box(b"vmhd", 0, 1, bytes(8)) if video else full_box(b"smhd", 0, 0, bytes(4))
    dinf = box(b"dinf", full_box(b"dref", 0, 0, U32.pack(1), full_box(b"url ", 0, 1)))
    empty = [full_box(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc", b"stco")]
    stsd = full_box(b"stsd", 0, 0, U32.pack(1), sample_entry(params))
    stbl = box(b"stbl", stsd, *empty, full_box(b"stsz", 0, 0, bytes(8)))
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, box(b"minf", header, dinf, stbl)))
