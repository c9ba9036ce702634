"""What the disk says while files are written: nothing of it stops the other cameras, and nothing is believed twice."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from haechi.media.access_unit import UnitRef
from haechi.record.disk.volume import Volume
from haechi.record.write.segmenter import Piece, Segmenter
from haechi.record.write.writer import CloseFile, Writer
from tests.record.archive import JPEG, MAIN, SUB, Archive, pictures


def pieces(stream: str = MAIN) -> list[Piece]:
    """Two fragments of a stream."""
    segmenter = Segmenter(MAIN if stream == MAIN else SUB)
    units = pictures(41, UnitRef(segmenter._stream, 1, 0))
    return [piece for unit in units for piece in segmenter.feed(unit, JPEG)]


@pytest.fixture
def volume(archive: Archive) -> Volume:
    asyncio.run(archive.volume.claim(archive.database, archive.clock))
    return archive.volume


def test_an_error_at_the_close_fails_the_volume_and_stops_nothing_else(volume: Volume) -> None:
    """Found by failing system calls: the recorder of all cameras broke down."""
    writer = Writer(volume, 0)
    first, second = pieces()
    assert writer.write([first]).failure == ""
    os.close(writer._files[MAIN].handle)
    written = writer.write([CloseFile(MAIN)])
    assert written.failure == "close: " + os.strerror(errno.EBADF)
    assert writer.write([second]).changes


def test_an_error_of_a_write_is_told_as_it_was_also_when_the_rest_cannot_be_cut_off(volume: Volume) -> None:
    writer = Writer(volume, 0)
    first, second = pieces()
    writer.write([first])
    file = writer._files[MAIN]
    read_only = os.open(Path(file.path), os.O_RDONLY)
    os.dup2(read_only, file.handle)
    os.close(read_only)
    (change, *_) = [one for one in writer.write([second]).changes if hasattr(one, "detail")]
    assert change.detail == os.strerror(errno.EBADF)
