"""H.264: parameter sets, and the little of slices and SEI that is needed to cut and start streams (ITU-T H.264)."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.access_unit import Codec, VideoParams
from haechi.media.bits import BitReader
from haechi.media.nal import unescape

MAX_SIDE_PX = 16384
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_SLICE_HEAD_BYTES = 32
_SEI_RECOVERY_POINT = 6
_I_SLICE_TYPES = frozenset({2, 4, 7, 9})


class NalType(IntEnum):
    """nal_unit_type (table 7-1), the ones that matter here."""

    SLICE = 1
    IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8
    AUD = 9
    SPS_EXTENSION = 13
    SUBSET_SPS = 15


class Sps(Struct, frozen=True):
    """A sequence parameter set (section 7.3.2.1.1). The size is the one to display, after cropping."""

    sps_id: int
    profile: int
    constraints: int
    level: int
    width_px: int
    height_px: int

    @property
    def codec_string(self) -> str:
        """RFC 6381 name, ``avc1.PPCCLL``."""
        return f"avc1.{self.profile:02x}{self.constraints:02x}{self.level:02x}"


class SliceHead(Struct, frozen=True):
    """The first fields of a slice header (section 7.3.3)."""

    first_mb: int
    is_intra: bool
    pps_id: int


def parse_sps(nal: bytes) -> Sps:
    """Read a sequence parameter set, NAL header included. The VUI is not read.

    Raises:
        PeerError: ``nal`` is not one; ``offset`` counts in the unescaped NAL unit.
    """
    if len(nal) < 5 or nal[0] & 0x1F not in (NalType.SPS, NalType.SUBSET_SPS):
        raise PeerError("not an H.264 sequence parameter set", offset=0, code="bad-bitstream")
    bits = BitReader(unescape(nal))
    bits.skip(8)
    profile, constraints, level = bits.u(8), bits.u(8), bits.u(8)
    sps_id = bits.ue(31)
    chroma = _read_chroma(bits) if profile in _HIGH_PROFILES else 1
    bits.ue(12)  # log2_max_frame_num_minus4
    _skip_picture_order(bits)
    bits.ue(64)  # max_num_ref_frames
    bits.skip(1)  # gaps_in_frame_num_value_allowed_flag
    width_mbs = bits.ue(MAX_SIDE_PX // 16 - 1) + 1
    map_units = bits.ue(MAX_SIDE_PX // 16 - 1) + 1
    fields = 1 if bits.flag() else 2
    bits.skip(1 if fields == 1 else 2)  # mb_adaptive_frame_field_flag, direct_8x8_inference_flag
    width, height = width_mbs * 16, map_units * 16 * fields
    if bits.flag():
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = (2 if chroma == 1 else 1) * fields
        left, right, top, bottom = (bits.ue(MAX_SIDE_PX) for _ in range(4))
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise bits.error(f"the picture size {width}x{height} is impossible")
    return Sps(sps_id, profile, constraints, level, width, height)


def _read_chroma(bits: BitReader) -> int:
    """chroma_format_idc as ChromaArrayType, and past the bit depths and scaling lists."""
    chroma = bits.ue(3)
    separate = chroma == 3 and bits.flag()
    bits.ue(6)
    bits.ue(6)
    bits.skip(1)
    if bits.flag():
        for index in range(8 if chroma != 3 else 12):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return 0 if separate else chroma


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_picture_order(bits: BitReader) -> None:
    kind = bits.ue(2)
    if kind == 0:
        bits.ue(12)
    elif kind == 1:
        bits.skip(1)
        bits.se()
        bits.se()
        for _ in range(bits.ue(255)):
            bits.se()


def parse_pps_ids(nal: bytes) -> tuple[int, int]:
    """(pps_id, sps_id) of a picture parameter set.

    Raises:
        PeerError: ``nal`` is not one.
    """
    if len(nal) < 2 or nal[0] & 0x1F != NalType.PPS:
        raise PeerError("not an H.264 picture parameter set", offset=0, code="bad-bitstream")
    bits = BitReader(unescape(nal[1:16]))
    return bits.ue(255), bits.ue(31)


def parse_slice_head(nal: bytes) -> SliceHead:
    """The first fields of a slice NAL unit (types 1, 2 and 5).

    Raises:
        PeerError: The slice ends before them.
    """
    bits = BitReader(unescape(nal[1:_SLICE_HEAD_BYTES]))
    first_mb, kind = bits.ue(), bits.ue(9)
    return SliceHead(first_mb, kind in _I_SLICE_TYPES, bits.ue(255))


def has_recovery_point(sei: bytes) -> bool:
    """Whether an SEI NAL unit says that decoding may start here with exact output at once (D.2.8, count 0).

    A malformed message counts as none: SEI is advice, and a wrong one is no reason to drop a stream.
    """
    data = unescape(sei[1:1024])
    position = 0
    while position + 2 <= len(data) and data[position] != 0x80:
        kind, position = _sei_number(data, position)
        size, position = _sei_number(data, position)
        if kind == _SEI_RECOVERY_POINT:
            return position < len(data) and bool(data[position] & 0x80)
        position += size
    return False


def _sei_number(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    while position < len(data) and data[position] == 0xFF:
        value += 255
        position += 1
    return (value + data[position] if position < len(data) else value), position + 1


def video_params(sps: bytes, sets: tuple[bytes, ...]) -> VideoParams:
    """The parameters of a stream whose active sequence parameter set is ``sps``; ``sets`` holds all in force."""
    parsed = parse_sps(sps)
    return VideoParams(Codec.H264, parsed.width_px, parsed.height_px, sets, parsed.codec_string)
