"""Access units back from wherever they lie, exactly as they were published."""

from collections.abc import Iterator

from haechi.base.errors import DataLoss, PeerError
from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, CodecParams, UnitRef
from haechi.media.fmp4.reader import Scan, ScannedFragment, read_fragment, read_init, scan, verify
from haechi.record.index.layouts import Fragment
from haechi.record.index.spans import Recording
from haechi.record.tiers.vault import Vault


def layout(vault: Vault, recording: Recording) -> Scan:
    """Which units are where in a recording, payloads unread; listed fragments only.

    Raises:
        DataLoss: The file is gone or damaged.
        Unavailable: Its tier does not answer.
    """
    try:
        with vault.open(recording) as file:
            found = scan(file)
    except PeerError as error:
        raise _gone(recording, error) from error
    listed = tuple(piece for piece in found.fragments if piece.offset + piece.size <= recording.size_bytes)
    return Scan(found.init, listed, found.end, found.tail)


def params_of(vault: Vault, recording: Recording) -> CodecParams:
    """What a decoder must know before the units of a recording.

    Raises:
        DataLoss: The file is gone or damaged.
    """
    try:
        return read_init(vault.read(recording, 0, recording.init_bytes)).params
    except PeerError as error:
        raise _gone(recording, error) from error


def units_in(vault: Vault, recording: Recording, piece: Fragment | ScannedFragment) -> Iterator[AccessUnit]:
    """The units of one fragment, after its bytes were compared with its hash.

    Raises:
        DataLoss: The file is gone, or a byte differs from what was written.
    """
    if isinstance(piece, Fragment):
        offset, size, digest = piece.offset_bytes, piece.size_bytes, piece.digest
    else:
        offset, size, digest = piece.offset, piece.size, piece.digest
    data = _verified(vault, recording, offset, size, digest)
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


def _verified(vault: Vault, recording: Recording, offset: int, size: int, digest: bytes) -> bytes:
    """A fragment whose bytes are those that were written; what a store far away got wrong once is asked for again."""
    data = vault.read(recording, offset, size)
    try:
        verify(data, digest)
    except DataLoss:
        vault.forget(recording)
        data = vault.read(recording, offset, size)
        verify(data, digest)
    return data


def _gone(recording: Recording, error: Exception) -> DataLoss:
    return DataLoss("the recording is damaged", code="recording-missing", recording=recording.id, reason=str(error))
