"""What is said to a publisher: speeches of many people, as one source of sound that goes on (RFC 3550 section 5.1)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from haechi.base.clock import NS_PER_S, Clock
from haechi.media.rtp import HEADER_BYTES, pack_header, unpack_header
from haechi.media.sdp import MediaTrack

if TYPE_CHECKING:
    from haechi.webrtc.peer import Peer

_MARKER = 0x80


class PublisherVoice:
    """See `haechi.ingest.voice.Voice`.

    Each speech comes with a name, numbers and times of its own. Here they are put under one SSRC, which the answer
    named: a browser makes one player for it, and SRTP takes no number that lies behind those before.

    Attributes:
        ssrc: Of all that is said.
    """

    def __init__(self, track: MediaTrack, clock: Clock) -> None:
        self._track = track
        self._clock = clock
        self._peer: Peer | None = None
        self._is_over = False
        self._speech = -1
        self._shift = 0
        self._began_ns = clock.monotonic_ns()
        self._offset = secrets.randbits(32)
        self._sequence = secrets.randbits(15)
        self.ssrc = secrets.randbits(31) + 1

    @property
    def spoken(self) -> MediaTrack | None:
        """See `Voice`."""
        peer = self._peer
        return (
            self._track if peer is not None and peer.is_connected and not peer.is_over and not self._is_over else None
        )

    def lend(self, peer: Peer) -> None:
        """By whom it is heard."""
        self._peer = peer

    def end(self) -> None:
        """Nothing is said to them any more."""
        self._is_over = True

    def speak(self, packet: bytes) -> None:
        """See `Voice`. The first packet of a speech says so: a pause in the times is none in the numbers."""
        if self._peer is None or self.spoken is None:
            return
        flags, second, _, ticks, speech = unpack_header(packet)
        if speech != self._speech:
            self._speech = speech
            self._shift = self._now() - ticks
            second |= _MARKER
        head = pack_header(flags, second, self._sequence, (ticks + self._shift) & 0xFFFFFFFF, self.ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._peer.media(head + packet[HEADER_BYTES:])

    def _now(self) -> int:
        """In ticks of the track's clock."""
        passed_ns = self._clock.monotonic_ns() - self._began_ns
        return self._offset + passed_ns * self._track.clock_rate_hz // NS_PER_S
