"""The ring of keys that wrap the data keys of sealed recordings: a small file that must be kept apart and safe."""

import base64
import binascii
import os
import re
import secrets
from pathlib import Path

import msgspec
from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import Invalid, Unavailable
from haechi.base.ids import RecordingId, StreamId
from haechi.record.disk.seal import KEY_BYTES, DataKey, Header, new_data_key, unwrap, wrap
from haechi.record.disk.volume import sync_folder

RING_MOST_BYTES = 1 << 20
KEYS_MOST = 1000
_ID = re.compile(r"[a-z0-9]{8,16}")


class Key(Struct, frozen=True):
    """One wrapping key. ``secret`` is base64 and never shown."""

    id: str
    created_ns: int
    secret: str

    def __repr__(self) -> str:
        return f"Key(id={self.id!r}, created_ns={self.created_ns})"


class _File(Struct, frozen=True):
    version: int
    keys: tuple[Key, ...]


class Sealed(Struct, frozen=True):
    """A fresh data key, and the header that goes before what it seals."""

    key: DataKey
    header: bytes


class KeyRing:
    """Keys by id, the newest last: it wraps what is sealed from now on. Older ones open what they wrapped.

    Args:
        path: The file; made by `add`, readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_at = 0
        self._keys: dict[str, Key] = {}

    def keys(self) -> list[Key]:
        """All keys, the oldest first.

        Raises:
            Unavailable: ``key-ring-unreadable``.
        """
        self._refresh()
        return list(self._keys.values())

    def add(self, clock: Clock) -> Key:
        """Make a key; it wraps from now on."""
        key = Key(secrets.token_hex(8), clock.wall_ns(), base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
        keys = [*self.keys(), key]
        if len(keys) > KEYS_MOST:
            raise Invalid("the key ring is full", code="key-ring-full", keys=len(keys))
        self._write(keys)
        return key

    def seal(self, stream: StreamId) -> Sealed:
        """A data key for a new recording.

        Raises:
            Unavailable: ``key-missing``: there is no key yet.
        """
        newest = self._newest()
        secret = new_data_key()
        return Sealed(DataKey(secret, stream), wrap(newest.id, _bytes(newest), secret, stream))

    def open(self, seal: bytes, recording: RecordingId | None = None) -> DataKey:
        """The data key of a recording.

        Raises:
            Unavailable: ``key-missing``: its wrapping key is not in the ring.
            DataLoss: ``seal-broken``.
        """
        header = Header.decode(seal)
        return DataKey(unwrap(header, _bytes(self._of(header, recording))), header.stream)

    def rewrap(self, seal: bytes) -> bytes:
        """The same data key, wrapped with the newest key; the very same header where it is already."""
        header, newest = Header.decode(seal), self._newest()
        if header.key_id == newest.id:
            return seal
        return wrap(newest.id, _bytes(newest), unwrap(header, _bytes(self._of(header, None))), header.stream)

    def _newest(self) -> Key:
        keys = self.keys()
        if not keys:
            raise Unavailable("there is no key to seal with; run: haechi keys new", code="key-missing")
        return keys[-1]

    def _of(self, header: Header, recording: RecordingId | None) -> Key:
        if header.key_id not in self._keys:
            self._refresh()
        found = self._keys.get(header.key_id)
        if found is None:
            message = "this footage is sealed with a key that is not in the ring; put back the key file that held it"
            raise Unavailable(message, code="key-missing", key=header.key_id, recording=recording)
        return found

    def _refresh(self) -> None:
        """Read the file where it changed: another process may have added a key."""
        try:
            changed = self.path.stat().st_mtime_ns
            if changed == self._read_at:
                return
            data = self.path.read_bytes()[: RING_MOST_BYTES + 1]
        except FileNotFoundError:
            self._keys, self._read_at = {}, 0
            return
        except OSError as error:
            raise _unreadable(self.path, error.strerror or "") from error
        self._keys, self._read_at = {key.id: key for key in _parse(self.path, data)}, changed

    def _write(self, keys: list[Key]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, msgspec.json.encode(_File(1, tuple(keys))))
            os.fsync(handle)
        finally:
            os.close(handle)
        fresh.replace(self.path)
        sync_folder(self.path.parent)
        self._read_at = 0


def _parse(path: Path, data: bytes) -> tuple[Key, ...]:
    if len(data) > RING_MOST_BYTES:
        raise _unreadable(path, "too large")
    try:
        found = msgspec.json.decode(data, type=_File)
    except msgspec.MsgspecError as error:
        raise _unreadable(path, str(error)) from error
    if found.version != 1 or len(found.keys) > KEYS_MOST:
        raise _unreadable(path, "of a newer version, or too many keys")
    for key in found.keys:
        if not _ID.fullmatch(key.id):
            raise _unreadable(path, "a key without a proper id")
        _bytes(key)
    return found.keys


def _bytes(key: Key) -> bytes:
    try:
        secret = base64.b64decode(key.secret, validate=True)
    except binascii.Error as error:
        raise Unavailable("a key of the ring is damaged", code="key-ring-unreadable", key=key.id) from error
    if len(secret) != KEY_BYTES:
        raise Unavailable("a key of the ring is damaged", code="key-ring-unreadable", key=key.id)
    return secret


def _unreadable(path: Path, reason: str) -> Unavailable:
    return Unavailable("the key ring cannot be read", code="key-ring-unreadable", file=str(path), reason=reason)
