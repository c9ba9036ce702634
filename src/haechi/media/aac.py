"""AAC's AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1), and ADTS headers taken off or made."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from haechi.base.errors import Invalid, PeerError
from haechi.media.access_unit import AudioParams, Codec
from haechi.media.bits import BitReader

RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
SAMPLES_PER_FRAME = 1024
_LC, _SBR, _PS = 2, 5, 29


class AudioConfig(Struct, frozen=True):
    """What an AudioSpecificConfig says. ``samples_per_frame`` counts at ``rate_hz`` (2048 with explicit SBR)."""

    object_type: int
    rate_hz: int
    channels: int
    samples_per_frame: int


def parse_config(config: bytes) -> AudioConfig:
    """Read an AudioSpecificConfig.

    Raises:
        PeerError: It is cut off or has an impossible value.
    """
    bits = BitReader(config[:64])
    kind = _object_type(bits)
    rate = _rate(bits)
    channels = bits.u(4)
    core_rate = rate
    if kind in (_SBR, _PS):
        rate = _rate(bits)
        _object_type(bits)
    if channels > 7:
        raise bits.error("the AAC channel configuration is reserved")
    short = kind not in (_SBR, _PS) and bits.u(1) == 1
    samples = (960 if short else SAMPLES_PER_FRAME) * rate // core_rate
    return AudioConfig(kind, rate, 8 if channels == 7 else channels, samples)


def _object_type(bits: BitReader) -> int:
    kind = bits.u(5)
    return 32 + bits.u(6) if kind == 31 else kind


def _rate(bits: BitReader) -> int:
    index = bits.u(4)
    if index == 15:
        rate = bits.u(24)
        if rate == 0:
            raise bits.error("the AAC sampling rate is zero")
        return rate
    if index >= len(RATES_HZ):
        raise bits.error("the AAC sampling rate is reserved")
    return RATES_HZ[index]


def build_config(rate_hz: int, channels: int) -> bytes:
    """The AudioSpecificConfig of AAC-LC.

    Raises:
        Invalid: No such rate or number of channels.
    """
    if rate_hz not in RATES_HZ or not 1 <= channels <= 8 or channels == 7:
        raise Invalid("AAC has no such sampling rate or number of channels", rate_hz=rate_hz, channels=channels)
    layout = 7 if channels == 8 else channels
    return (_LC << 11 | RATES_HZ.index(rate_hz) << 7 | layout << 3).to_bytes(2, "big")


def audio_params(config: bytes, channels: int = 1) -> AudioParams:
    """Parameters from an AudioSpecificConfig; ``channels`` is taken where it leaves them to the stream.

    Raises:
        PeerError: The configuration is malformed.
    """
    parsed = parse_config(config)
    name = f"mp4a.40.{parsed.object_type}"
    return AudioParams(Codec.AAC, parsed.rate_hz, parsed.channels or channels, config, name)


def split_adts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(AudioSpecificConfig, raw frame) of each frame of an ADTS file.

    Raises:
        PeerError: A header is wrong or a frame is cut off.
    """
    position = 0
    while position < len(data):
        head = data[position : position + 7]
        if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
            raise PeerError("not an ADTS frame", offset=position, code="bad-bitstream")
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        start = 7 if head[1] & 1 else 9
        if size <= start or position + size > len(data):
            raise PeerError("an ADTS frame is cut off", offset=position, code="bad-bitstream")
        kind, rate, channels = (head[2] >> 6) + 1, head[2] >> 2 & 15, (head[2] & 1) << 2 | head[3] >> 6
        config = (kind << 11 | rate << 7 | channels << 3).to_bytes(2, "big")
        yield config, data[position + start : position + size]
        position += size
