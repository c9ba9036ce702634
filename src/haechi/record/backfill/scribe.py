"""The blocking half: batches of the past onto the disk, whole or not at all."""

import os
from collections.abc import Callable, Mapping, Sequence, Set

import structlog
from msgspec import Struct

from haechi.base.errors import HaechiError, Unavailable
from haechi.bus.frames import GapCause
from haechi.record.disk.volume import Volume, VolumeFailed
from haechi.record.index.commits import Appended, Closed
from haechi.record.write.segmenter import Piece
from haechi.record.write.writer import Writer, Written

log = structlog.get_logger(__name__)


class Batch(Struct, frozen=True):
    """What was written at once, and durably.

    Attributes:
        before: Files that were there already, and how long they were.
    """

    written: Written
    before: Mapping[str, int]

    @property
    def appended(self) -> list[Appended]:
        """The fragments, in order. Where one is missing it could not be written in any file (`bad-fragment`)."""
        return [change for change in self.written.changes if isinstance(change, Appended)]

    @property
    def touched(self) -> set[str]:
        """Paths of all files that were made or added to."""
        closed = {change.path for change in self.written.changes if isinstance(change, Closed)}
        return closed | {change.row.path for change in self.appended}

    def refusal(self) -> HaechiError | None:
        """Why the disk did not take all of it; None: it did."""
        if self.written.failure:
            message = "the recording disk failed; check it, then run: haechi check --repair"
            return VolumeFailed(message, reason=self.written.failure)
        for lost in self.written.lost:
            if lost.cause is not GapCause.PEER_ERROR:
                message = "the disk does not take footage of the past"
                return Unavailable(message, code="backfill-disk", cause=lost.cause.value)
        return None


class Scribe:
    """Writes with a writer of its own. Used by one thread at a time.

    Args:
        new_writer: Makes one.
    """

    def __init__(self, volume: Volume, new_writer: Callable[[], Writer]) -> None:
        self._volume = volume
        self._new_writer = new_writer
        self._writer: Writer | None = None

    def write(self, pieces: Sequence[Piece]) -> Batch:
        """Put them on the disk, names and all.

        Raises:
            Unavailable: The volume is gone, or failed.
        """
        self._volume.verify()
        if self._writer is None:
            self._writer = self._new_writer()
        before = self._writer.sizes()
        return Batch(self._writer.write(pieces), before)

    def take_back(self, batch: Batch, spared: Set[str]) -> None:
        """What is not listed does not stay, except for some paths. What cannot go is found by the next start."""
        self.close()
        for path in batch.touched - spared:
            file = self._volume.path_of(path)
            try:
                if path in batch.before:
                    os.truncate(file, batch.before[path])
                else:
                    file.unlink(missing_ok=True)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("a file is left over until the next start", path=path, reason=str(error))

    def close(self) -> None:
        """Let go of all files."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
