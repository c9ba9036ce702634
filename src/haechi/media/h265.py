"""H.265: parameter sets and the little of slices that is needed to cut and start streams (ITU-T H.265)."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.access_unit import Codec, VideoParams
from haechi.media.bits import BitReader
from haechi.media.nal import unescape

MAX_SIDE_PX = 16384
_SLICE_HEAD_BYTES = 16


class NalType(IntEnum):
    """nal_unit_type (table 7-1), the ones that matter here."""

    BLA_W_LP = 16
    CRA = 21
    VPS = 32
    SPS = 33
    PPS = 34
    AUD = 35
    PREFIX_SEI = 39


class ProfileTierLevel(Struct, frozen=True):
    """profile_tier_level() (section 7.3.3): what RFC 6381 names are made of."""

    space: int
    high_tier: bool
    profile: int
    compatibility: int
    constraints: bytes
    level: int

    @property
    def codec_string(self) -> str:
        """``hvc1...`` as in ISO/IEC 14496-15 annex E.3."""
        compatibility = int(f"{self.compatibility:032b}"[::-1], 2)
        tier = "H" if self.high_tier else "L"
        name = f"hvc1.{('', 'A', 'B', 'C')[self.space]}{self.profile}.{compatibility:X}.{tier}{self.level}"
        return name + "".join(f".{byte:X}" for byte in self.constraints.rstrip(b"\x00"))


class Sps(Struct, frozen=True):
    """A sequence parameter set (section 7.3.2.2). The size is the one to display, after the conformance window."""

    sps_id: int
    width_px: int
    height_px: int
    level: ProfileTierLevel


def nal_type(nal: bytes) -> int:
    """nal_unit_type of a NAL unit."""
    return (nal[0] >> 1) & 0x3F


def parse_sps(nal: bytes) -> Sps:
    """Read a sequence parameter set, NAL header included, as far as the conformance window.

    Raises:
        PeerError: ``nal`` is not one; ``offset`` counts in the unescaped NAL unit.
    """
    if len(nal) < 4 or nal_type(nal) != NalType.SPS:
        raise PeerError("not an H.265 sequence parameter set", offset=0, code="bad-bitstream")
    bits = BitReader(unescape(nal))
    bits.skip(16 + 4)
    sub_layers = bits.u(3)
    bits.skip(1)
    level = _read_profile_tier_level(bits, sub_layers)
    sps_id = bits.ue(15)
    chroma = bits.ue(3)
    if chroma == 3 and bits.flag():
        chroma = 0
    width, height = bits.ue(MAX_SIDE_PX), bits.ue(MAX_SIDE_PX)
    if bits.flag():
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = 2 if chroma == 1 else 1
        left, right, top, bottom = (bits.ue(MAX_SIDE_PX) for _ in range(4))
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    if width <= 0 or height <= 0:
        raise bits.error(f"the picture size {width}x{height} is impossible")
    return Sps(sps_id, width, height, level)


def _read_profile_tier_level(bits: BitReader, sub_layers: int) -> ProfileTierLevel:
    space, high_tier, profile = bits.u(2), bits.flag(), bits.u(5)
    compatibility, constraints, level = bits.u(32), bits.u(48).to_bytes(6, "big"), bits.u(8)
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers)]
    if sub_layers:
        bits.skip(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)
    return ProfileTierLevel(space, high_tier, profile, compatibility, constraints, level)


def parse_vps_id(nal: bytes) -> int:
    """video_parameter_set_id of a VPS.

    Raises:
        PeerError: ``nal`` is not one.
    """
    if len(nal) < 3 or nal_type(nal) != NalType.VPS:
        raise PeerError("not an H.265 video parameter set", offset=0, code="bad-bitstream")
    return nal[2] >> 4


def parse_pps_ids(nal: bytes) -> tuple[int, int]:
    """(pps_id, sps_id) of a picture parameter set.

    Raises:
        PeerError: ``nal`` is not one.
    """
    if len(nal) < 3 or nal_type(nal) != NalType.PPS:
        raise PeerError("not an H.265 picture parameter set", offset=0, code="bad-bitstream")
    bits = BitReader(unescape(nal[2:16]))
    return bits.ue(63), bits.ue(15)


def parse_slice_pps_id(nal: bytes) -> int:
    """slice_pic_parameter_set_id of a slice segment (section 7.3.6.1).

    Raises:
        PeerError: The slice ends before it.
    """
    bits = BitReader(unescape(nal[2:_SLICE_HEAD_BYTES]))
    bits.skip(1)
    if NalType.BLA_W_LP <= nal_type(nal) <= 23:
        bits.skip(1)
    return bits.ue(63)


def video_params(sps: bytes, sets: tuple[bytes, ...]) -> VideoParams:
    """The parameters of a stream whose active sequence parameter set is ``sps``; ``sets`` holds all in force."""
    parsed = parse_sps(sps)
    return VideoParams(Codec.H265, parsed.width_px, parsed.height_px, sets, parsed.level.codec_string)
