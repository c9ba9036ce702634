"""G.711 for browsers, which play none by Media Source Extensions: decoded by table, encoded as Opus.

What a camera sent is only ever an index into a table here; libav sees samples of our own making and nothing else. Opus
and not AAC: its packets are as long as G.711's (20 ms, where AAC at 8 kHz takes 128), and every browser plays it.
About 2.6 ms CPU for a second of sound, so 0.05 ms a call: not worth a thread.
"""

from collections import deque
from fractions import Fraction

import av
import numpy as np
from msgspec.structs import replace

from haechi.base.errors import Invalid, PeerError, Unavailable
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, Codec

PACKET_TICKS = TICKS_PER_S // 50
"""20 ms, the length of an Opus packet and of most cameras' G.711 packets."""
LARGEST_STEP_TICKS = 2 * PACKET_TICKS
"""A unit this far from where the one before ended means that sound is missing in between."""
LONGEST_UNIT_S = 0.5
"""Cameras send 10 to 128 ms at once. Half a second costs 1.3 ms; more would be felt by others."""
RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
"""What libopus takes."""
BIT_RATE_BPS = 32_000
"""Per channel: with a band of 4 kHz nothing is heard to be missing."""

Table = np.ndarray[tuple[int], np.dtype[np.int16]]


def _alaw_table() -> Table:
    """16-bit samples of the 256 A-law codes (ITU-T G.711 table 1, even bits inverted)."""
    code = np.arange(256) ^ 0x55
    exponent = code >> 4 & 7
    step = (code & 15) << 4 | 8
    magnitude = np.where(exponent > 0, step + 256 << np.maximum(exponent - 1, 0), step)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _ulaw_table() -> Table:
    """16-bit samples of the 256 mu-law codes (ITU-T G.711 table 2, all bits inverted)."""
    code = np.arange(256) ^ 0xFF
    magnitude = (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


TABLES = {Codec.PCMA: _alaw_table(), Codec.PCMU: _ulaw_table()}


def opus_of(params: AudioParams) -> AudioParams | None:
    """What `Transcoder` makes of ``params``; None where it can or need do nothing."""
    if params.codec not in TABLES or params.rate_hz not in RATES_HZ or params.channels not in (1, 2):
        return None
    return AudioParams(Codec.OPUS, 48_000, params.channels, b"", "opus")


class Transcoder:
    """The G.711 of one run as Opus. Takes units in order; where some are missing it goes on at the next.

    Raises:
        Invalid: Not G.711, or not at a rate that Opus has.
    """

    def __init__(self, params: AudioParams) -> None:
        if opus_of(params) is None:
            raise Invalid(
                f"{params.codec.value} at {params.rate_hz} Hz cannot be made into Opus", code="codec-not-playable"
            )
        self._rate_hz = params.rate_hz
        self._channels = params.channels
        self._table = TABLES[params.codec]
        self._encoder = _encoder(params)
        self._packet_values = self._rate_hz // 50 * self._channels
        self._values: Table = np.empty(0, np.int16)
        self._sources: deque[tuple[int, AccessUnit]] = deque()
        self._heard = self._encoded = 0
        self._origin_dts = 0
        self._last: AccessUnit | None = None

    def feed(self, unit: AccessUnit) -> list[AccessUnit]:
        """The Opus packets that ``unit`` completes, each under the name and stamp of the unit that it begins in.

        A unit that is not newer than the last one gives nothing.

        Raises:
            PeerError: The unit is longer than any camera's (``unit-too-large``).
            Unavailable: The encoder failed.
        """
        if len(unit.data) > LONGEST_UNIT_S * self._rate_hz * self._channels:
            raise PeerError("an audio packet is too long", offset=unit.ref.seq, code="unit-too-large")
        whole = len(unit.data) - len(unit.data) % self._channels
        if whole == 0 or (self._last is not None and unit.ref.seq <= self._last.ref.seq):
            return []
        self._follow(unit)
        self._last = unit
        self._sources.append((self._heard, unit))
        self._heard += whole
        self._values = np.concatenate((self._values, self._table[np.frombuffer(unit.data, np.uint8, whole)]))
        made = []
        while len(self._values) >= self._packet_values:
            made += self._encode(self._values[: self._packet_values])
            self._values = self._values[self._packet_values :]
        return made

    def _follow(self, unit: AccessUnit) -> None:
        """Begin a new stretch of time at ``unit`` unless it goes on where the last one ended."""
        if self._last is None:
            self._origin_dts = unit.dts
            return
        if abs(unit.dts - self._origin_dts - self._ticks(self._heard)) <= LARGEST_STEP_TICKS:
            return
        self._origin_dts = max(unit.dts, self._origin_dts + self._ticks(self._encoded))
        self._values = self._values[:0]
        self._sources.clear()
        self._heard = self._encoded = 0

    def _encode(self, values: Table) -> list[AccessUnit]:
        start = self._encoded
        self._encoded += self._packet_values
        while len(self._sources) > 1 and self._sources[1][0] <= start:
            self._sources.popleft()
        source = self._sources[0][1]
        dts = self._origin_dts + self._ticks(start)
        frame = av.AudioFrame.from_ndarray(values.reshape(1, -1), "s16", self._encoder.layout.name)
        frame.sample_rate = self._rate_hz
        try:
            packets = self._encoder.encode(frame)
        except av.FFmpegError as error:
            raise Unavailable("the sound cannot be encoded", code="transcode-failed", reason=error.strerror) from error
        return [replace(source, pts=dts, dts=dts, data=bytes(packet)) for packet in packets]

    def _ticks(self, values: int) -> int:
        return values * TICKS_PER_S // (self._rate_hz * self._channels)


def _encoder(params: AudioParams) -> av.AudioCodecContext:
    """libopus without look-ahead but 2.5 ms, a packet for each frame of 20 ms."""
    context = av.CodecContext.create("libopus", "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate = params.rate_hz
    context.layout = "mono" if params.channels == 1 else "stereo"
    context.format = "s16"
    context.time_base = Fraction(1, params.rate_hz)
    context.bit_rate = BIT_RATE_BPS * params.channels
    context.options = {"application": "lowdelay", "frame_duration": "20"}
    try:
        context.open()
    except av.FFmpegError as error:
        raise Unavailable("the sound cannot be encoded", code="transcode-failed", reason=error.strerror) from error
    return context
