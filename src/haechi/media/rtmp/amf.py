"""AMF0, the values of RTMP's commands (Action Message Format, 2007); pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from haechi.base.errors import PeerError

Value = float | bool | str | None | Mapping[str, "Value"] | Sequence["Value"]

MOST_DEPTH = 8
MOST_VALUES = 1000
_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED = 0, 1, 2, 3, 5, 6
_ECMA_ARRAY, _END, _STRICT_ARRAY, _DATE, _LONG_STRING = 8, 9, 10, 11, 12


def encode(*values: Value) -> bytes:
    """Values one after the other."""
    return b"".join(_encode(value) for value in values)


def _encode(value: Value) -> bytes:
    if isinstance(value, str):
        data = value.encode()
        return bytes((_STRING,)) + len(data).to_bytes(2, "big") + data
    if isinstance(value, bool):
        return bytes((_BOOLEAN, value))
    if isinstance(value, int | float):
        return bytes((_NUMBER,)) + struct.pack(">d", value)
    if isinstance(value, Mapping):
        rows = (_encode(key)[1:] + _encode(one) for key, one in value.items())
        return bytes((_OBJECT,)) + b"".join(rows) + bytes((0, 0, _END))
    if value is None:
        return bytes((_NULL,))
    return bytes((_STRICT_ARRAY,)) + len(value).to_bytes(4, "big") + encode(*value)


def decode(data: bytes) -> list[Value]:
    """The values in a message.

    Raises:
        PeerError: ``rtmp-bad-message``: it is malformed, or exceeds a limit.
    """
    reader = _Reader(data)
    values: list[Value] = []
    while reader.left:
        values.append(reader.value(0))
    return values


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._count = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def value(self, depth: int) -> Value:
        self._count += 1
        if depth > MOST_DEPTH or self._count > MOST_VALUES:
            raise self._bad()
        kind = self._take(1)[0]
        if kind in (_OBJECT, _ECMA_ARRAY):
            self._take(4 if kind == _ECMA_ARRAY else 0)
            return self._rows(depth)
        if kind == _STRICT_ARRAY:
            return self._list(depth)
        return self._single(kind)

    def _single(self, kind: int) -> Value:
        if kind in (_STRING, _LONG_STRING):
            return self._text(2 if kind == _STRING else 4)
        if kind == _BOOLEAN:
            return bool(self._take(1)[0])
        if kind in (_NUMBER, _DATE):
            number = float(struct.unpack(">d", self._take(8))[0])
            self._take(2 if kind == _DATE else 0)
            return number
        if kind in (_NULL, _UNDEFINED):
            return None
        raise self._bad()

    def _rows(self, depth: int) -> Mapping[str, Value]:
        found: dict[str, Value] = {}
        while True:
            name = self._text(2)
            if not name and self.left and self._data[self._at] == _END:
                self._at += 1
                return found
            found[name] = self.value(depth + 1)

    def _list(self, depth: int) -> Sequence[Value]:
        count = int.from_bytes(self._take(4), "big")
        if count > MOST_VALUES:
            raise self._bad()
        return [self.value(depth + 1) for _ in range(count)]

    def _text(self, size_bytes: int) -> str:
        return self._take(int.from_bytes(self._take(size_bytes), "big")).decode("utf-8", "replace")

    def _take(self, size: int) -> bytes:
        if size > self.left:
            raise self._bad()
        self._at += size
        return self._data[self._at - size : self._at]

    def _bad(self) -> PeerError:
        return PeerError("an RTMP command is malformed", offset=self._at, code="rtmp-bad-message")
