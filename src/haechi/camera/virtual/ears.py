"""What a camera with a loudspeaker hears of its clients: G.711 by ONVIF's back channel."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from haechi.base.errors import PeerError
from haechi.live.transcode import TABLES
from haechi.media.access_unit import AudioParams, Codec
from haechi.media.g711 import RATE_HZ
from haechi.media.packetise import track_for
from haechi.media.rtp import RtpPacket
from haechi.media.sdp import MediaTrack

MOST_HEARD_BYTES = 1024 * 1024
"""Two minutes."""
CONTROL = "trackID=back"


class Ears:
    """Keeps the last of what was said.

    Attributes:
        heard: G.711, a byte for each sample.
        packets, lost: How many came, and how many are known to be missing between them.
    """

    def __init__(self, codec: Codec = Codec.PCMU) -> None:
        self.codec = codec
        self.heard = bytearray()
        self.packets = 0
        self.lost = 0
        self._next: int | None = None

    def track(self) -> MediaTrack:
        """The way back, as the camera describes it to those who ask."""
        return replace(track_for(AudioParams(self.codec, 8_000, 1), 0, CONTROL), direction="sendonly")

    def write(self, path: Path) -> None:
        """What was heard as a WAV file of 16 bits."""
        samples = TABLES[self.codec][np.frombuffer(self.heard, np.uint8)]
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(samples.astype("<i2").tobytes())

    def take(self, data: bytes) -> None:
        """An RTP packet of a client. What is none is passed over."""
        try:
            packet = RtpPacket.parse(data)
        except PeerError:
            return
        if self._next is not None:
            self.lost += (packet.sequence - self._next) % 65_536
        self._next = (packet.sequence + 1) % 65_536
        self.packets += 1
        self.heard += packet.payload
        del self.heard[:-MOST_HEARD_BYTES]
