"""Pieces of a stream that is pulled (HLS) to units: MPEG-TS or fragmented MP4, and what goes on over breaks; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from haechi.base.errors import Invalid, PeerError
from haechi.media.access_unit import TICKS_PER_S, Codec, CodecParams
from haechi.media.container import SoundPackets, VideoPackets
from haechi.media.fmp4.foreign import Defaults, ForeignSample, ForeignTrack, read_samples, read_tracks
from haechi.media.mpegts import PACKET_BYTES, SYNC, Packet, TsDemuxer

APART_TICKS = (-TICKS_PER_S, 10 * TICKS_PER_S)
"""A piece that begins further back, or further on, from where the one before it ended is on a clock of its own."""
_BOXES = frozenset({b"ftyp", b"styp", b"moof", b"moov", b"sidx", b"emsg", b"prft"})


class PieceUnit(Struct, frozen=True):
    """One unit. Times in 90 kHz ticks from the first piece on, across breaks. ``data`` empty: it came damaged."""

    is_video: bool
    pts: int
    dts: int
    is_sync: bool
    data: bytes
    params: CodecParams | None = None


class PieceReader:
    """Reads one piece after the other.

    Attributes:
        video, sound: What the stream has; None as long as nothing of it came.
    """

    def __init__(self) -> None:
        self.video: Codec | None = None
        self.sound: Codec | None = None
        self._shift: int | None = None
        self._end = 0
        self._restart()

    def read(self, data: bytes, duration_s: float, *, init: bytes = b"", is_break: bool = False) -> list[PieceUnit]:
        """The units of a piece, in order of decoding.

        Args:
            init: What stands before fragmented MP4, where the playlist names it.
            is_break: Times and coding do not go on from the piece before.

        Raises:
            PeerError: It is malformed, ``stream-locked``.
            Invalid: ``hls-no-video``: neither MPEG-TS nor fragmented MP4.
        """
        if is_break:
            self._restart()
        if data[4:8] in _BOXES:
            found = list(self._from_mp4(init, data))
        elif data[:1] == bytes((SYNC,)) and (
            len(data) == PACKET_BYTES or data[PACKET_BYTES : PACKET_BYTES + 1] == b"G"
        ):
            found = list(self._from_ts(data))
        else:
            message = "the pieces of the stream are neither MPEG-TS nor fragmented MP4"
            raise Invalid(message, code="hls-no-video")
        found.sort(key=lambda unit: unit.dts)
        return self._placed(found, duration_s, is_break=is_break)

    def _restart(self) -> None:
        self._ts = TsDemuxer()
        self._init = b""
        self._tracks: Mapping[int, ForeignTrack] = {}
        self._video: VideoPackets | None = None
        self._sound: SoundPackets | None = None

    def _placed(self, units: list[PieceUnit], duration_s: float, *, is_break: bool) -> list[PieceUnit]:
        """The units on the stream's own axis, which goes on over breaks."""
        if not units:
            return units
        first = units[0].dts
        back, on = APART_TICKS
        if self._shift is None or is_break or not back <= first + self._shift - self._end <= on:
            self._shift = self._end - first
        shift = self._shift
        self._end = max(first + shift + round(duration_s * TICKS_PER_S), units[-1].dts + shift + 1)
        return [
            PieceUnit(one.is_video, one.pts + shift, one.dts + shift, one.is_sync, one.data, one.params)
            for one in units
        ]

    # -- inside ------------------------------------------------------------------------------------------------------
    def _from_ts(self, data: bytes) -> Iterator[PieceUnit]:
        told = dict(self._ts.damaged)
        for packet in (*self._ts.feed(data), *self._ts.flush()):
            yield from self._units(_PLAIN[packet.codec], packet)
            for is_video, count in self._ts.damaged.items():
                for _ in range(count - told[is_video]):
                    yield PieceUnit(is_video, packet.pts, packet.dts, False, b"")
                told[is_video] = count
        if self._ts.is_locked:
            raise PeerError("the stream is encrypted", offset=0, code="stream-locked")

    def _from_mp4(self, init: bytes, data: bytes) -> Iterator[PieceUnit]:
        if init != self._init or not self._tracks:
            self._tracks = read_tracks(init or data)
            self._init, self._video, self._sound = init, None, None
        wanted: dict[bool, int] = {}
        for number, track in self._tracks.items():
            wanted.setdefault(track.codec.is_video, number)
        tracks = {number: self._tracks[number] for number in wanted.values()}
        for sample in read_samples(data, tracks):
            yield from self._units(tracks[sample.track], sample)

    def _units(self, track: ForeignTrack, packet: Packet | ForeignSample) -> Iterator[PieceUnit]:
        return self._picture(track, packet) if track.codec.is_video else self._frames(track, packet)

    def _picture(self, track: ForeignTrack, packet: Packet | ForeignSample) -> Iterator[PieceUnit]:
        if self._video is None:
            self._video = VideoPackets(track.codec, track.extra)
            self.video = track.codec
        unit = self._video.unit(packet.data)
        if unit is not None:
            yield PieceUnit(True, packet.pts, packet.dts, unit.is_sync, unit.data, unit.params)

    def _frames(self, track: ForeignTrack, packet: Packet | ForeignSample) -> Iterator[PieceUnit]:
        if self._sound is None:
            self._sound = SoundPackets(track.codec, track.rate_hz, track.channels, track.extra)
            self.sound = track.codec
        try:
            for frame in self._sound.frames(packet.data):
                at = packet.dts + frame.later_ticks
                yield PieceUnit(False, at, at, True, frame.data, frame.params)
        except PeerError:
            yield PieceUnit(False, packet.pts, packet.dts, True, b"")


_PLAIN = {codec: ForeignTrack(codec, TICKS_PER_S, b"", Defaults()) for codec in (Codec.H264, Codec.H265, Codec.AAC)}
