"""What is inside a film file: which container it is by its first bytes, and its packets as units of ours.

The container itself is read by libav in a locked-in process (`haechi.vision.demux`); here is what needs no library.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from haechi.base.errors import Invalid, PeerError
from haechi.media.aac import SAMPLES_PER_FRAME, audio_params, split_adts
from haechi.media.access_unit import TICKS_PER_S, AudioParams, Codec, VideoParams
from haechi.media.annexb import StreamUnit, UnitBuilder, dialect_for
from haechi.media.fmp4.boxes import Cursor
from haechi.media.fmp4.parameter_sets import read_avc_record, read_hevc_record
from haechi.media.nal import MAX_NALS_PER_UNIT, MAX_UNIT_BYTES, split_annexb
from haechi.media.payload.assembly import NalKind

SNIFF_BYTES = 1024
OPUS_HZ = 48_000
_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx"})
_TS_PACKET, _M2TS_PACKET, _TS_SYNC = 188, 192, 0x47

Container = Literal["mov", "matroska", "avi", "mpegts"]
"""The name of libav's demuxer."""
Role = Literal["main", "audio"]


class FilmHead(Struct, frozen=True):
    """What the file says of itself before it is read.

    Attributes:
        duration_ns: 0: it does not say.
        created_ns: When it was filmed, ns since the epoch; 0: it does not say.
        has_sound: Whether a track of sound is read as well.
    """

    container: str
    duration_ns: int
    created_ns: int
    has_sound: bool


class FilmUnit(Struct, frozen=True):
    """One access unit of a film. ``pts`` and ``dts`` in 90 kHz ticks of the file's own time; units of one role come in
    order of decoding. ``video``, ``sound``: set on the first and where they change."""

    role: Role
    pts: int
    dts: int
    is_sync: bool
    data: bytes
    video: VideoParams | None = None
    sound: AudioParams | None = None


class FilmBatch(Struct, frozen=True):
    """Units that were read together.

    Attributes:
        share: How much of the file that is so far, 0 to 1.
        damaged: Units of the file so far that were left out because they are damaged.
    """

    units: tuple[FilmUnit, ...]
    share: float
    damaged: int = 0


def container_of(head: bytes) -> Container:
    """Which container a file is, by its first `SNIFF_BYTES`; its name is not asked.

    Raises:
        Invalid: ``film-container``: none of those that are read. Playlists and lists of other files are none.
    """
    if head[4:8] in _MP4_BOXES:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    for size, first in ((_TS_PACKET, 0), (_M2TS_PACKET, 4)):
        marks = head[first::size]
        if len(marks) >= 3 and all(byte == _TS_SYNC for byte in marks):
            return "mpegts"
    message = "this file is no MP4, MOV, MKV, WebM, AVI or MPEG-TS; convert it: ffmpeg -i FILE -c copy film.mp4"
    raise Invalid(message, code="film-container")


class VideoPackets:
    """Packets of one video track as units: NAL units after 4-byte lengths, parameter sets apart.

    Args:
        extra: The track's header as libav has it: avcC, hvcC, or NAL units after start codes.
        size_px: Width and height as the container has them; asked of MJPEG only.
    """

    def __init__(self, codec: Codec, extra: bytes, size_px: tuple[int, int] = (0, 0)) -> None:
        self._codec = codec
        self._size_px = size_px
        self._length_bytes = 0
        self._builder: UnitBuilder | None = None
        self._params: VideoParams | None = None
        if codec is not Codec.MJPEG:
            dialect = dialect_for(codec)
            for nal in self._sets(extra):
                if dialect.kinds[nal[0]] is NalKind.SET:  # an hvcC may hold SEI as well
                    dialect.add_set(nal)
            self._builder = UnitBuilder(dialect)

    def unit(self, packet: bytes) -> StreamUnit | None:
        """The access unit in a packet; None while its parameter sets are unknown, and when no picture is in it.

        Raises:
            PeerError: It is malformed, or larger than a unit may be.
        """
        if len(packet) > MAX_UNIT_BYTES:
            raise PeerError("a picture of the film is too large", offset=0, code="unit-too-large")
        if self._builder is None:
            return self._picture(packet)
        nals = list(self._nals(packet))
        if len(nals) > MAX_NALS_PER_UNIT:
            raise PeerError("a picture of the film has too many parts", offset=0, code="unit-too-large")
        return self._builder.whole(nals)

    def _picture(self, packet: bytes) -> StreamUnit:
        if not packet.startswith(b"\xff\xd8"):
            raise PeerError("a picture of the film is no JPEG", offset=0, code="bad-jpeg")
        params = VideoParams(Codec.MJPEG, *self._size_px)
        changed = None if params == self._params else params
        self._params = params
        return StreamUnit(packet, is_sync=True, params=changed)

    def _sets(self, extra: bytes) -> Iterator[bytes]:
        """Parameter sets in the track's header; also learns how NAL units are told apart."""
        if not extra:
            return
        if extra[0] != 1:
            yield from split_annexb(extra)
            return
        cursor = Cursor(extra)
        is_avc = self._codec is Codec.H264
        at = 4 if is_avc else 21
        if len(extra) <= at:
            raise PeerError("the film's video header is cut off", offset=0, code="bad-bitstream")
        self._length_bytes = (extra[at] & 3) + 1
        yield from (nal for nal in (read_avc_record if is_avc else read_hevc_record)(cursor) if nal)

    def _nals(self, packet: bytes) -> Iterator[bytes]:
        if not self._length_bytes:
            yield from split_annexb(packet)
            return
        position, total, size = 0, len(packet), self._length_bytes
        while position < total:
            start = position + size
            end = start + int.from_bytes(packet[position:start], "big")
            if start > total or end > total:
                raise PeerError("a NAL unit reaches beyond its packet", offset=position, code="bad-bitstream")
            if end > start:
                yield packet[start:end]
            position = end


class SoundFrame(Struct, frozen=True):
    """One frame of sound, and how much later than its packet it is, in 90 kHz ticks."""

    data: bytes
    later_ticks: int
    params: AudioParams | None


class SoundPackets:
    """Packets of one track of sound as units; AAC's ADTS headers are taken off."""

    def __init__(self, codec: Codec, rate_hz: int, channels: int, extra: bytes) -> None:
        self._is_adts = codec is Codec.AAC and not extra
        self._params: AudioParams | None = None
        self._next = None if self._is_adts else _sound_params(codec, rate_hz, channels, extra)

    def frames(self, packet: bytes) -> Iterator[SoundFrame]:
        """The frames in a packet.

        Raises:
            PeerError: It is malformed.
        """
        if not self._is_adts:
            yield SoundFrame(packet, 0, self._changed(self._next))
            return
        for count, (config, data) in enumerate(split_adts(packet)):
            params = audio_params(config)
            later = count * SAMPLES_PER_FRAME * TICKS_PER_S // params.rate_hz
            yield SoundFrame(data, later, self._changed(params))

    def _changed(self, params: AudioParams | None) -> AudioParams | None:
        if params == self._params:
            return None
        self._params = params
        return params


def _sound_params(codec: Codec, rate_hz: int, channels: int, extra: bytes) -> AudioParams:
    match codec:
        case Codec.AAC:
            return audio_params(extra, channels)
        case Codec.OPUS:
            return AudioParams(codec, OPUS_HZ, channels, codec_string="opus")
        case Codec.PCMU | Codec.PCMA:
            return AudioParams(codec, rate_hz, channels, codec_string="ulaw" if codec is Codec.PCMU else "alaw")
        case _:
            raise Invalid("not a coding of sound", code="unsupported-codec", codec=str(codec))


class FilmTime:
    """Media time of a film that never goes back: decode times of a role strictly increase, small overlaps are closed
    up, and where the file's clock leaps back the film goes on after a picture's length, pictures and sound alike."""

    LEAP_TICKS = TICKS_PER_S
    STEP_TICKS = TICKS_PER_S // 25

    def __init__(self) -> None:
        self._shift: dict[Role, int] = {"main": 0, "audio": 0}
        self._last: dict[Role, int] = {}

    def place(self, role: Role, pts: int, dts: int) -> tuple[int, int]:
        """The unit's times on the film's own axis."""
        last = self._last.get(role)
        at = dts + self._shift[role]
        if last is not None and at <= last:
            at = self._leap(role, last, dts) if last - at > self.LEAP_TICKS else last + 1
        self._last[role] = at
        return max(pts + self._shift[role], at), at

    def _leap(self, role: Role, last: int, dts: int) -> int:
        """Go on as the other role did, where it leapt already; else a step after the last."""
        newest = max(self._shift.values())
        if newest == self._shift[role] or not last < dts + newest <= last + self.LEAP_TICKS:
            newest = last + self.STEP_TICKS - dts
        self._shift[role] = newest
        return dts + newest
