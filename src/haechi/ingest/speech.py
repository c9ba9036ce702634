"""What somebody says to a camera at this moment: pieces that come when they come, packets that go out evenly.

A page's pieces come over TCP, in bunches, by a clock that is not ours. They wait here for as long as needed and no
longer: two pieces when speech begins, 200 ms at the most, and what lay unused for a second is let go.
"""

from __future__ import annotations

from collections import deque

from haechi.base.clock import NS_PER_MS, NS_PER_S, Clock
from haechi.base.errors import Unavailable
from haechi.ingest.voice import PACKET_SAMPLES, Speaker
from haechi.media.g711 import SILENCE, recoded

PIECE_NS = 20 * NS_PER_MS
MOST_PIECES = 10
"""200 ms. Beyond it the oldest goes: who speaks wants to be heard now."""
FIRST_PIECES = 2
"""Speech begins, and begins again after a silence, when so many have come."""
SPARE_PIECES = 2
"""What may lie in reserve against the next late piece."""
LOOK_PIECES = 50
"""So often, in pieces that went out, we look whether more than that lay unused all the while."""


class SpeechBuffer:
    """Pieces of 20 ms, mu-law, 160 bytes each. No clock: `take` is one step of 20 ms.

    Attributes:
        spoken: Pieces that were taken.
        dropped: Pieces that were let go, because too many waited.
        silences: Steps for which there was no piece, from the first one on.
    """

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._is_flowing = False
        self._has_begun = False
        self._is_finished = False
        self._waited = 0
        self._steps = 0
        self._least = MOST_PIECES
        self.spoken = 0
        self.dropped = 0
        self.silences = 0

    def __len__(self) -> int:
        return len(self._pieces)

    @property
    def is_over(self) -> bool:
        """All was said that will be."""
        return self._is_finished and not self._pieces

    def put(self, piece: bytes) -> None:
        """Somebody said this."""
        self._pieces.append(piece)
        self._drop_to(MOST_PIECES)

    def finish(self) -> None:
        """Nothing more comes; what is here is still said."""
        self._is_finished = True

    def take(self) -> bytes | None:
        """What to say for the next 20 ms; None: silence."""
        if not self._may_flow():
            self.silences += self._has_begun
            return None
        piece = self._pieces.popleft()
        self.spoken += 1
        self._settle()
        return piece

    def _may_flow(self) -> bool:
        if not self._pieces:
            self._is_flowing, self._waited = False, 0
        elif not self._is_flowing:
            self._waited += 1
            enough = len(self._pieces) >= FIRST_PIECES or self._waited >= FIRST_PIECES
            self._is_flowing = self._has_begun = enough or self._is_finished
            self._steps, self._least = 0, MOST_PIECES
        return self._is_flowing

    def _settle(self) -> None:
        self._steps += 1
        self._least = min(self._least, len(self._pieces))
        if self._steps >= LOOK_PIECES:
            if self._least > SPARE_PIECES:
                self._drop_to(len(self._pieces) - self._least + SPARE_PIECES)
            self._steps, self._least = 0, MOST_PIECES

    def _drop_to(self, most: int) -> None:
        while len(self._pieces) > most:
            self._pieces.popleft()
            self.dropped += 1


async def speak(buffer: SpeechBuffer, speaker: Speaker, clock: Clock, *, limit_s: float) -> None:
    """Say what comes into ``buffer``, a packet every 20 ms, silence where there is nothing; until it is over.

    Raises:
        Unavailable: ``speech-cut``: the connection to the camera ended; ``talk-too-long``.
    """
    silence = SILENCE[speaker.codec] * PACKET_SAMPLES
    began_ns = due_ns = clock.monotonic_ns()
    while not buffer.is_over:
        if due_ns - began_ns >= limit_s * NS_PER_S:
            raise Unavailable("this was long; let go, and press again", code="talk-too-long", limit_s=limit_s)
        piece = buffer.take()
        speaker.say(silence if piece is None else recoded(piece, speaker.codec))
        due_ns += PIECE_NS
        early_ns = due_ns - clock.monotonic_ns()
        if early_ns > 0:
            await clock.sleep(early_ns / NS_PER_S)
        elif -early_ns > MOST_PIECES * PIECE_NS:  # we were held up: what is over is not made up for
            missed = -early_ns // PIECE_NS
            due_ns += missed * PIECE_NS
            speaker.skip(missed * PACKET_SAMPLES)
