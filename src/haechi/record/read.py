"""Access units back from disk, exactly as they were published."""

from collections.abc import Iterator

from haechi.base.errors import DataLoss, PeerError
from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, CodecParams, UnitRef
from haechi.media.fmp4.reader import Scan, ScannedFragment, read_fragment, read_init, scan, verify
from haechi.record.index import Recording
from haechi.record.layouts import Fragment
from haechi.record.volume import Volume


def layout(volume: Volume, recording: Recording) -> Scan:
    """Which units are where in a recording, payloads unread; listed fragments only.

    Raises:
        DataLoss: The file is gone or damaged.
    """
    try:
        with volume.path_of(recording.path).open("rb") as file:
            found = scan(file)
    except (OSError, PeerError) as error:
        raise _gone(recording, error) from error
    listed = tuple(piece for piece in found.fragments if piece.offset + piece.size <= recording.size_bytes)
    return Scan(found.init, listed, found.end, found.tail)


def params_of(volume: Volume, recording: Recording) -> CodecParams:
    """What a decoder must know before the units of a recording.

    Raises:
        DataLoss: The file is gone or damaged.
    """
    try:
        return read_init(_bytes(volume, recording, 0, recording.init_bytes)).params
    except PeerError as error:
        raise _gone(recording, error) from error


def units_in(volume: Volume, recording: Recording, piece: Fragment | ScannedFragment) -> Iterator[AccessUnit]:
    """The units of one fragment, after its bytes were compared with its hash.

    Raises:
        DataLoss: The file is gone, or a byte differs from what was written.
    """
    if isinstance(piece, Fragment):
        offset, size, digest = piece.offset_bytes, piece.size_bytes, piece.digest
    else:
        offset, size, digest = piece.offset, piece.size, piece.digest
    data = _bytes(volume, recording, offset, size)
    verify(data, digest)
    try:
        found = read_fragment(data)
    except PeerError as error:
        raise _gone(recording, error) from error
    for unit in found.units:
        sample = unit.sample
        yield AccessUnit(
            ref=UnitRef(StreamId(recording.stream), recording.run, unit.seq),
            pts=sample.pts,
            dts=sample.dts,
            captured_ns=unit.captured_ns,
            is_sync=sample.is_sync,
            params=recording.params,
            data=data[sample.offset : sample.offset + sample.size],
        )


def _bytes(volume: Volume, recording: Recording, offset: int, size: int) -> bytes:
    try:
        with volume.path_of(recording.path).open("rb") as file:
            file.seek(offset)
            data = file.read(size)
    except OSError as error:
        raise _gone(recording, error) from error
    if len(data) != size:
        raise DataLoss("the recording is shorter than it was", code="recording-truncated", recording=recording.id)
    return data


def _gone(recording: Recording, error: Exception) -> DataLoss:
    message = "the recording's file is gone" if isinstance(error, FileNotFoundError) else "the recording is damaged"
    return DataLoss(message, code="recording-missing", recording=recording.id, reason=str(error))
