"""Sample entries: what a player must know of a codec, written into `stsd` and read back."""

from haechi.base.errors import Invalid, PeerError
from haechi.media.access_unit import AudioParams, Codec, CodecParams, VideoParams
from haechi.media.fmp4.boxes import U16, U32, Box, Cursor, box, full_box
from haechi.media.fmp4.parameter_sets import avc_record, hevc_record, read_avc_record, read_hevc_record

MAX_SIDE_PX = 0xFFFF
_JPEG, _AAC = 0x6C, 0x40
"""Object types of ISO/IEC 14496-1 table 5."""
_VISUAL, _AUDIO = 0x11, 0x15
"""Stream type (4 visual, 5 audio) with the reserved bit."""

_DEPTH_24 = b"\0\x18\xff\xff"
_G711 = {Codec.PCMU: b"ulaw", Codec.PCMA: b"alaw"}


def sample_entry(params: CodecParams) -> bytes:
    """The sample entry of ``params``: avc1, hvc1, vp08, mp4v (Motion JPEG), mp4a (AAC), Opus, ulaw or alaw.

    Raises:
        Invalid: The parameter sets or the size cannot be written.
    """
    return _video_entry(params) if isinstance(params, VideoParams) else _audio_entry(params)


def _video_entry(params: VideoParams) -> bytes:
    if not (0 < params.width_px <= MAX_SIDE_PX and 0 < params.height_px <= MAX_SIDE_PX):
        raise Invalid("the picture size cannot be written", code="bad-picture-size", width_px=params.width_px)
    match params.codec:
        case Codec.H264:
            kind, extra = b"avc1", box(b"avcC", avc_record(params.sets))
        case Codec.H265:
            kind, extra = b"hvc1", box(b"hvcC", hevc_record(params.sets))
        case Codec.VP8:
            kind, extra = b"vp08", full_box(b"vpcC", 1, 0, _vp8_config(params.codec_string))
        case Codec.MJPEG:
            kind, extra = b"mp4v", _esds(_JPEG, _VISUAL, b"")
        case _:
            raise Invalid(f"{params.codec} is not a video codec", code="unsupported-codec")
    size = U16.pack(params.width_px) + U16.pack(params.height_px)
    resolution = U32.pack(72 << 16) * 2
    return box(kind, bytes(6), b"\0\1", bytes(16), size, resolution, bytes(4), b"\0\1", bytes(32), _DEPTH_24, extra)


def _vp8_config(codec_string: str) -> bytes:
    """VPCodecConfigurationRecord (VP Codec ISO Media File Format Binding 1.0): 8 bits, 4:2:0, colours unspecified."""
    profile, level = codec_string.split(".")[1:3]
    return bytes([int(profile), int(level), 8 << 4 | 1 << 1, 2, 2, 2, 0, 0])


def _audio_entry(params: AudioParams) -> bytes:
    match params.codec:
        case Codec.AAC:
            kind, extra = b"mp4a", _esds(_AAC, _AUDIO, params.config)
        case Codec.OPUS:
            kind, extra = b"Opus", box(b"dOps", _opus_config(params.channels))
        case Codec.PCMU | Codec.PCMA:
            kind, extra = _G711[params.codec], b""
        case _:
            raise Invalid(f"{params.codec} is not an audio codec", code="unsupported-codec")
    if not (0 < params.channels <= 8 and 0 < params.rate_hz <= 192_000):
        raise Invalid("channels or sampling rate out of range", code="bad-audio-params", rate_hz=params.rate_hz)
    rate = params.rate_hz << 16 if params.rate_hz <= 0xFFFF else 0
    return box(kind, bytes(6), b"\0\1", bytes(8), U16.pack(params.channels), b"\0\x10", bytes(4), U32.pack(rate), extra)


def _opus_config(channels: int) -> bytes:
    """OpusSpecificBox (Opus in ISOBMFF 4.3.2). No pre-skip: a live stream has been primed before we see it."""
    if channels > 2:
        raise Invalid("Opus with more than two channels cannot be recorded", code="unsupported-codec")
    return bytes([0, channels]) + U16.pack(0) + U32.pack(48_000) + b"\0\0\0"


def _esds(object_type: int, stream_type: int, config: bytes) -> bytes:
    """Elementary stream descriptor (14496-1 7.2.6.5, 14496-14 5.6)."""
    if len(config) > 64:
        raise Invalid("the audio configuration is too long", code="bad-audio-params", size=len(config))
    specific = _descriptor(5, config) if config else b""
    decoder = _descriptor(4, bytes([object_type, stream_type]) + bytes(11) + specific)
    return full_box(b"esds", 0, 0, _descriptor(3, b"\0\1\0" + decoder + _descriptor(6, b"\2")))


def _descriptor(tag: int, body: bytes) -> bytes:
    return bytes([tag, len(body)]) + body


def read_entry(entry: Box, rate_hz: int | None, codec_string: str) -> CodecParams:
    """The parameters that a sample entry of ours stands for.

    Args:
        rate_hz: From the source box; None where there is none, and then the entry's own (0 above 65,535 Hz).

    Raises:
        PeerError: Not a sample entry that we write, or a damaged one.
    """
    match entry.kind:
        case b"avc1" | b"hvc1" | b"vp08" | b"mp4v":
            return _read_video(entry, codec_string)
        case b"mp4a" | b"Opus" | b"ulaw" | b"alaw":
            return _read_audio(entry, rate_hz, codec_string)
        case _:
            raise PeerError("a codec that we do not record", offset=entry.offset, code="unsupported-codec")


def _read_video(entry: Box, codec_string: str) -> VideoParams:
    cursor = entry.body
    cursor.skip(24)
    width_px, height_px = cursor.u16(), cursor.u16()
    cursor.skip(50)
    match entry.kind:
        case b"avc1":
            return VideoParams(Codec.H264, width_px, height_px, read_avc_record(_inner(cursor, b"avcC")), codec_string)
        case b"hvc1":
            return VideoParams(Codec.H265, width_px, height_px, read_hevc_record(_inner(cursor, b"hvcC")), codec_string)
        case b"vp08":
            return VideoParams(Codec.VP8, width_px, height_px, (), codec_string)
        case _:
            return VideoParams(Codec.MJPEG, width_px, height_px, (), codec_string)


def _read_audio(entry: Box, rate_hz: int | None, codec_string: str) -> AudioParams:
    cursor = entry.body
    cursor.skip(16)
    channels = cursor.u16()
    cursor.skip(6)
    rate = cursor.u32() >> 16
    rate = rate if rate_hz is None else rate_hz
    match entry.kind:
        case b"mp4a":
            return AudioParams(Codec.AAC, rate, channels, _read_esds(_inner(cursor, b"esds")), codec_string)
        case b"Opus":
            return AudioParams(Codec.OPUS, rate, channels, b"", codec_string)
        case b"ulaw":
            return AudioParams(Codec.PCMU, rate, channels, b"", codec_string)
        case _:
            return AudioParams(Codec.PCMA, rate, channels, b"", codec_string)


def _inner(cursor: Cursor, kind: bytes) -> Cursor:
    size, found = cursor.u32(), cursor.take(4)
    if found != kind or not 8 <= size <= cursor.left + 8:
        raise cursor.error(f"no {kind.decode('latin-1')} in its sample entry", "mp4-missing-box")
    return Cursor(cursor.data, cursor.position, cursor.position + size - 8, cursor.base)


def _read_esds(cursor: Cursor) -> bytes:
    """The AudioSpecificConfig in an esds that we wrote: lengths of one byte, in a fixed order."""
    cursor.skip(4 + 2 + 3 + 2 + 13)
    if cursor.u8() != 5:
        return b""
    return cursor.take(cursor.u8())
