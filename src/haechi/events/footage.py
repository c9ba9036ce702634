"""What events need of the recording; `haechi.record.playback.footage.Playback` is it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from haechi.base.ids import StreamId
from haechi.record.playback.footage import UnitRange


class Footage(Protocol):
    """Recorded footage, and the means to keep it."""

    async def units(self, stream: StreamId, run: int, first_seq: int, last_seq: int) -> UnitRange:
        """Units as they were published, from the sync unit at or before ``first_seq`` on.

        Raises:
            NotFound: They are not recorded.
            DataLoss: The footage is damaged.
        """

    async def unit_at(self, stream: StreamId, captured_ns: int) -> UnitRange:
        """The unit that was the newest at a moment: the last of the range.

        Raises:
            NotFound: Nothing is recorded there.
        """

    async def clip(self, stream: StreamId, start_ns: int, end_ns: int) -> Path:
        """An exact progressive MP4; the caller deletes it.

        Raises:
            NotFound: Nothing is recorded there.
        """

    async def pin(self, stream: StreamId, start_ns: int, end_ns: int, reason: str) -> None:
        """Exempt footage from retention."""

    async def unpin(self, reason: str) -> None:
        """Let go of all that was pinned for ``reason``."""
