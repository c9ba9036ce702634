"""What we say to a camera: G.711 by its back channel, as fast as it is heard (ONVIF Streaming Specification, 5.3)."""

from __future__ import annotations

import secrets
from typing import Protocol

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Invalid, Unavailable
from haechi.media.access_unit import Codec
from haechi.media.g711 import RATE_HZ, SILENCE, encode
from haechi.media.packetise import RtpSender
from haechi.media.sdp import MediaTrack

PACKET_SAMPLES = RATE_HZ // 50
"""20 ms."""
MOST_SPEECH_S = 600
_CODECS = {"PCMU": Codec.PCMU, "PCMA": Codec.PCMA}


class Voice(Protocol):
    """An open connection by which a camera can be spoken to (`haechi.ingest.session.RtspSession` is one)."""

    @property
    def spoken(self) -> MediaTrack | None:
        """What the camera wants to hear; None: nothing, or the connection is over."""

    def speak(self, packet: bytes) -> None:
        """Send an RTP packet."""


class Speaker:
    """What is said to one voice, as RTP packets in the codec that the camera wants.

    Attributes:
        codec: `Codec.PCMU` or `Codec.PCMA`.
        packets: Sent so far.
    """

    def __init__(self, voice: Voice) -> None:
        """Raises:
        Invalid: ``no-back-channel``: the voice has nobody who listens.
        """
        track = voice.spoken
        if track is None:
            raise Invalid("this camera takes no sound: it offers no back channel for G.711", code="no-back-channel")
        self.codec = _CODECS[track.codec]
        self._voice = voice
        self._sender = RtpSender(track, self.codec, ssrc=secrets.randbits(32), first_sequence=secrets.randbits(16))
        self._ticks = secrets.randbits(32)

    @property
    def packets(self) -> int:
        return self._sender.packets

    def say(self, coded: bytes) -> None:
        """Send what follows: a byte for each sample, in ``codec``.

        Raises:
            Unavailable: ``speech-cut``: the connection is over.
        """
        if self._voice.spoken is None:
            raise Unavailable("the connection to the camera ended while we spoke", code="speech-cut")
        for packet in self._sender.packetise(coded, self._ticks):
            self._voice.speak(packet)
        self._ticks += len(coded)

    def skip(self, samples: int) -> None:
        """Nothing is sent for a while; the camera's clock for us goes on."""
        self._ticks += samples


async def say(voice: Voice, samples: bytes, clock: Clock) -> int:
    """Say ``samples``, and return when the last of it was sent. The number of packets.

    Args:
        samples: Signed, 16 bits, 8 kHz, one channel, in this machine's byte order.

    Raises:
        Invalid: ``no-back-channel``; ``speech-too-long``.
        Unavailable: ``speech-cut``: the connection ended in the middle.
    """
    speaker = Speaker(voice)
    if len(samples) > 2 * RATE_HZ * MOST_SPEECH_S:
        raise Invalid("this is too long to be said at once", code="speech-too-long", limit_s=MOST_SPEECH_S)
    coded = encode(samples, speaker.codec)
    coded += SILENCE[speaker.codec] * (-len(coded) % PACKET_SAMPLES)
    began_ns = clock.monotonic_ns()
    for start in range(0, len(coded), PACKET_SAMPLES):
        early_s = start / RATE_HZ - (clock.monotonic_ns() - began_ns) / NS_PER_S
        if early_s > 0:
            await clock.sleep(early_s)
        speaker.say(coded[start : start + PACKET_SAMPLES])
    return speaker.packets
