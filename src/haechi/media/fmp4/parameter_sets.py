"""Decoder configuration records made from parameter sets: avcC and hvcC (ISO/IEC 14496-15), and read back."""

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from haechi.base.errors import Invalid, PeerError
from haechi.media.bits import BitReader
from haechi.media.fmp4.boxes import U16, Cursor
from haechi.media.nal import unescape

MAX_SETS = 31
"""Most parameter sets of one kind: five bits in avcC."""
MAX_SET_BYTES = 0xFFFF

_PROFILES_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128})
"""H.264 profiles whose SPS tells the chroma format (ITU-T H.264 7.3.2.1.1)."""
_PROFILES_WITH_EXTENSION = frozenset({100, 110, 122, 144})
"""H.264 profiles whose avcC ends with chroma format and bit depths (14496-15 5.3.3.1.2)."""
_H265_KINDS = (32, 33, 34)


class _Chroma(Struct, frozen=True):
    format_idc: int
    luma_depth: int
    chroma_depth: int


def avc_record(sets: tuple[bytes, ...]) -> bytes:
    """AVCDecoderConfigurationRecord with four-byte NAL lengths (14496-15 5.3.3.1).

    Raises:
        Invalid: No SPS or no PPS, another kind of NAL unit, or an SPS that cannot be read.
    """
    sps = [one for one in sets if one and one[0] & 31 == 7]
    pps = [one for one in sets if one and one[0] & 31 == 8]
    _check(sets, [sps, pps])
    if len(sps[0]) < 4:
        raise Invalid("an H.264 SPS ends early", code="bad-parameter-sets")
    parts = [b"\1", sps[0][1:4], b"\xff", bytes([0xE0 | len(sps)]), _listed(sps), bytes([len(pps)]), _listed(pps)]
    if sps[0][1] in _PROFILES_WITH_EXTENSION:
        chroma = _read(_avc_chroma, sps[0])
        parts.append(bytes([0xFC | chroma.format_idc, 0xF8 | chroma.luma_depth, 0xF8 | chroma.chroma_depth, 0]))
    return b"".join(parts)


def read_avc_record(cursor: Cursor) -> tuple[bytes, ...]:
    """The parameter sets of an avcC: SPS, then PPS."""
    cursor.skip(5)
    sets = [cursor.take(cursor.u16()) for _ in range(cursor.u8() & 31)]
    sets += [cursor.take(cursor.u16()) for _ in range(cursor.u8())]
    return tuple(sets)


def hevc_record(sets: tuple[bytes, ...]) -> bytes:
    """HEVCDecoderConfigurationRecord with four-byte NAL lengths (14496-15 8.3.3.1).

    Raises:
        Invalid: A kind of parameter set is missing, another kind of NAL unit, or an SPS that cannot be read.
    """
    arrays = [[one for one in sets if one and one[0] >> 1 & 63 == kind] for kind in _H265_KINDS]
    _check(sets, arrays)
    general, layers, nested, chroma = _read(_hevc_sps, arrays[1][0])
    fixed = bytes([0xFC | chroma.format_idc, 0xF8 | chroma.luma_depth, 0xF8 | chroma.chroma_depth])
    head = b"\1" + general + b"\xf0\0\xfc" + fixed + b"\0\0" + bytes([layers << 3 | nested << 2 | 3, len(arrays)])
    return head + b"".join(
        bytes([kind]) + U16.pack(len(array)) + _listed(array) for kind, array in zip(_H265_KINDS, arrays, strict=True)
    )


def read_hevc_record(cursor: Cursor) -> tuple[bytes, ...]:
    """The parameter sets of an hvcC, in its order."""
    cursor.skip(22)
    sets: list[bytes] = []
    for _ in range(cursor.u8()):
        cursor.skip(1)
        sets += [cursor.take(cursor.u16()) for _ in range(cursor.u16())]
    return tuple(sets)


def _check(sets: tuple[bytes, ...], kinds: list[list[bytes]]) -> None:
    if not all(kinds):
        raise Invalid("the stream lacks parameter sets (SPS or PPS)", code="bad-parameter-sets")
    if sum(map(len, kinds)) != len(sets):
        raise Invalid("a parameter set of an unknown kind", code="bad-parameter-sets")
    if any(len(kind) > MAX_SETS for kind in kinds) or any(len(one) > MAX_SET_BYTES for one in sets):
        raise Invalid("too many or too long parameter sets", code="bad-parameter-sets", sets=len(sets))


T = TypeVar("T")


def _read(parse: Callable[[bytes], T], nal: bytes) -> T:
    try:
        return parse(nal)
    except PeerError as error:
        raise Invalid(error.message, code="bad-parameter-sets", offset=error.offset) from error


def _listed(sets: list[bytes]) -> bytes:
    return b"".join(U16.pack(len(one)) + one for one in sets)


def _avc_chroma(sps: bytes) -> _Chroma:
    """Chroma format and bit depths less 8 (ITU-T H.264 7.3.2.1.1)."""
    bits = BitReader(unescape(sps)[4:])
    bits.ue()
    if sps[1] not in _PROFILES_WITH_CHROMA:
        return _Chroma(1, 0, 0)
    return _chroma(bits, lambda: None)


def _hevc_sps(sps: bytes) -> tuple[bytes, int, int, _Chroma]:
    """General profile, tier and level (12 bytes), temporal layers, nesting, chroma (ITU-T H.265 7.3.2.2)."""
    bits = BitReader(unescape(sps)[2:])
    bits.u(4)
    sub_layers, nested = bits.u(3), bits.u(1)
    general = bits.u(96).to_bytes(12, "big")
    if sub_layers:
        flags = bits.u(16)
        for layer in range(sub_layers):
            present = flags >> (14 - 2 * layer) & 3
            bits.u((88 if present & 2 else 0) + (8 if present & 1 else 0))
    bits.ue()

    def size_and_window() -> None:
        bits.ue()
        bits.ue()
        if bits.u(1):
            for _ in range(4):
                bits.ue()

    return general, sub_layers + 1, nested, _chroma(bits, size_and_window)


def _chroma(bits: BitReader, between: Callable[[], None]) -> _Chroma:
    """Chroma format, then whatever stands ``between``, then the two bit depths less 8."""
    format_idc = bits.ue(3)
    if format_idc == 3:
        bits.u(1)
    between()
    return _Chroma(format_idc, bits.ue(7), bits.ue(7))
