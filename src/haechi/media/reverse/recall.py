"""The server's side of a camera's memory as a machine: words in, units out, limits kept. No sockets, no clock."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from haechi.media.reverse.edge import EdgeRun, EdgeUnit, Role
from haechi.media.reverse.verify import Verifier
from haechi.media.reverse.words import (
    Done,
    Echo,
    Grant,
    Params,
    Part,
    Range,
    Stock,
    Unit,
    Want,
    Word,
    malformed,
    pack,
    unpack,
)

MOST_GOP_BYTES = 8 * 1024 * 1024
MOST_GOP_UNITS = 4096
"""A group of pictures beyond this is kept in parts."""
WINDOW_BYTES = 2 * MOST_GOP_BYTES
"""What may be on its way: a group, and the largest unit behind it."""
AUDIO_UNITS = 50
"""Frames of audio that are kept together: about a second."""


class Kept(Struct, frozen=True):
    """Units to keep: a whole group of pictures, or some audio; of one run, in order."""

    role: Role
    units: tuple[EdgeUnit, ...]


class Told(Struct, frozen=True):
    """The camera said what it has."""

    stock: Stock


class Answered(Struct, frozen=True):
    """The present want is answered: nothing follows."""


RecallEvent = Kept | Told | Answered


class Recall:
    """One connection's side. What must be sent is in `to_send` after each call: words, each for a packet of its own.

    Attributes:
        received_bytes: Of units, whole or not, on this connection.
    """

    def __init__(self) -> None:
        self._verifier = Verifier()
        self._out: list[bytes] = []
        self._want: Want | None = None
        self._number = 0
        self._granted = 0
        self._taken = 0
        self._head: Unit | None = None
        self._parts: list[bytes] = []
        self._missing = 0
        self._last: dict[Role, int] = {}
        self._groups: dict[Role, list[EdgeUnit]] = {"main": [], "audio": []}
        self._group_bytes: dict[Role, int] = {"main": 0, "audio": 0}
        self.received_bytes = 0

    def to_send(self) -> list[bytes]:
        """Words to send now."""
        out, self._out = self._out, []
        return out

    def want(self, run: EdgeRun, ranges: Sequence[Range], bytes_per_s: int) -> None:
        """Ask for units; what was wanted before is over."""
        self._number += 1
        self._want = Want(self._number, run, tuple(ranges), bytes_per_s)
        self._granted = self._taken = 0
        self._head, self._parts, self._last = None, [], {}
        self._groups, self._group_bytes = {"main": [], "audio": []}, {"main": 0, "audio": 0}
        self._out.append(pack(self._want))
        self.grant(WINDOW_BYTES)

    def grant(self, more_bytes: int) -> None:
        """Let the camera send so much more: what was taken has been kept."""
        self._granted += more_bytes
        self._out.append(pack(Grant(self._number, self._granted)))

    def feed(self, packet: bytes) -> list[RecallEvent]:
        """Take a word; give what it completes.

        Raises:
            PeerError: ``reverse-malformed``, ``bad-bitstream``: the camera's memory says what it must not. The machine
                is of no further use.
        """
        return self._on_word(unpack(packet))

    def _on_word(self, word: Word) -> list[RecallEvent]:
        match word:
            case Stock():
                return [Told(word)]
            case Echo():
                self._out.append(pack(word))
            case Params():
                self._verifier.learn(word)
            case Unit():
                self._on_head(word)
            case Part(data):
                return self._on_part(data)
            case Done(want):
                return self._on_done() if self._want is not None and want == self._number else []
            case Want() | Grant():
                raise malformed("the camera's memory says a word that is ours")
        return []

    def _on_head(self, word: Unit) -> None:
        if self._missing:
            raise malformed("a unit of the camera's memory ends too early")
        self._missing = word.size
        self._parts = []
        want, self._head = self._want, None
        if want is None or word.want != want.want:
            return  # of the want before: it was on its way
        most = max((one.end for one in want.ranges if one.role == word.role), default=0)
        if word.run != want.run or word.seq >= most or word.seq <= self._last.get(word.role, -1):
            raise malformed("the camera's memory sends what nobody wanted")
        self._head = word
        self._last[word.role] = word.seq

    def _on_part(self, data: bytes) -> list[RecallEvent]:
        if len(data) > self._missing:
            raise malformed("a unit of the camera's memory is longer than it was said to be")
        self._missing -= len(data)
        self.received_bytes += len(data)
        if self._head is None:
            return []
        self._taken += len(data)
        if self._taken > self._granted:
            raise malformed("the camera's memory sends more than it may")
        self._parts.append(data)
        if self._missing:
            return []
        head, whole = self._head, b"".join(self._parts)
        self._head, self._parts = None, []
        return self._on_unit(self._verifier.unit(head, whole))

    def _on_unit(self, unit: EdgeUnit) -> list[RecallEvent]:
        group, role = self._groups[unit.role], unit.role
        is_full = self._group_bytes[role] + len(unit.data) > MOST_GOP_BYTES or len(group) >= MOST_GOP_UNITS
        is_next = unit.is_sync if role == "main" else len(group) >= AUDIO_UNITS
        out = self._close(role) if group and (is_full or is_next) else []
        self._groups[role].append(unit)
        self._group_bytes[role] += len(unit.data)
        return out

    def _close(self, role: Role) -> list[RecallEvent]:
        group, self._groups[role] = self._groups[role], []
        self._group_bytes[role] = 0
        return [Kept(role, tuple(group))] if group else []

    def _on_done(self) -> list[RecallEvent]:
        if self._missing:
            raise malformed("a unit of the camera's memory ends too early")
        self._want = None
        return [*self._close("main"), *self._close("audio"), Answered()]
