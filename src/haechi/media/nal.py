"""NAL units: start codes, length prefixes, emulation prevention (ITU-T H.264 section 7.3.1 and annex B)."""

import re
from collections.abc import Iterable, Iterator

from haechi.base.errors import PeerError

MAX_UNIT_BYTES = 8 * 1024 * 1024
"""Most that one access unit may hold: a lossless 4K picture stays below it."""
MAX_NALS_PER_UNIT = 1024
"""H.264 level 6.2 allows about 600 slices; anything beyond this is an attack."""

_EMULATION = re.compile(rb"\x00\x00\x03")
_START_CODE = b"\x00\x00\x01"


def unescape(nal: bytes) -> bytes:
    """The payload of ``nal`` without emulation prevention bytes (0x000003 becomes 0x0000)."""
    return _EMULATION.sub(b"\x00\x00", nal) if b"\x00\x00\x03" in nal else nal


def split_annexb(data: bytes) -> Iterator[bytes]:
    """The NAL units of an Annex B byte stream, without start codes and trailing zeros. Empty ones are left out."""
    start = data.find(_START_CODE)
    while start >= 0:
        start += 3
        end = data.find(_START_CODE, start)
        nal = (data[start:] if end < 0 else data[start:end]).rstrip(b"\x00")
        if nal:
            yield nal
        start = end


def join_annexb(nals: Iterable[bytes]) -> bytes:
    """NAL units as an Annex B byte stream with 4-byte start codes."""
    return b"".join(b"\x00\x00\x00\x01" + nal for nal in nals)


def join_lengths(nals: Iterable[bytes]) -> bytes:
    """NAL units each after a 4-byte big-endian length (ISO/IEC 14496-15), the form of `AccessUnit.data`."""
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


def split_lengths(data: bytes) -> Iterator[bytes]:
    """The NAL units of `AccessUnit.data`.

    Raises:
        PeerError: A length points beyond the end.
    """
    position, total = 0, len(data)
    while position < total:
        start = position + 4
        end = start + int.from_bytes(data[position:start], "big")
        if start > total or end > total or end == start:
            raise PeerError("a NAL unit's length points beyond the unit", offset=position, code="bad-bitstream")
        yield data[start:end]
        position = end


def lengths_to_annexb(data: bytes) -> bytes:
    """`AccessUnit.data` as an Annex B byte stream, for decoders that want one."""
    return join_annexb(split_lengths(data))
