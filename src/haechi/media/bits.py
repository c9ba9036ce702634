"""Reads fixed-length and Exp-Golomb fields from a raw byte sequence payload (ITU-T H.264 section 9.1)."""

from haechi.base.errors import PeerError

MAX_BYTES = 8192
"""A parameter set is a few dozen bytes; scaling lists and extensions stay far below this."""


class BitReader:
    """A cursor over the bits of ``data``, most significant bit first."""

    __slots__ = ("_left", "_total", "_value")

    def __init__(self, data: bytes) -> None:
        if len(data) > MAX_BYTES:
            raise PeerError("the parameter set is longer than any real one", offset=MAX_BYTES, code="bad-bitstream")
        self._value = int.from_bytes(data, "big")
        self._total = self._left = len(data) * 8

    @property
    def byte_offset(self) -> int:
        """Index of the byte that holds the next bit."""
        return (self._total - self._left) // 8

    def error(self, message: str) -> PeerError:
        """A `PeerError` that points at the cursor."""
        return PeerError(message, offset=self.byte_offset, code="bad-bitstream")

    def u(self, bits: int) -> int:
        """An unsigned field of ``bits`` bits."""
        if bits > self._left:
            raise self.error("the parameter set ends in the middle of a field")
        self._left -= bits
        return (self._value >> self._left) & ((1 << bits) - 1)

    def flag(self) -> bool:
        """One bit."""
        return self.u(1) == 1

    def skip(self, bits: int) -> None:
        """Pass over ``bits`` bits."""
        if bits > self._left:
            raise self.error("the parameter set ends in the middle of a field")
        self._left -= bits

    def ue(self, most: int = 0xFFFFFFFE) -> int:
        """An unsigned Exp-Golomb field that may not exceed ``most``."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 31:
                raise self.error("an Exp-Golomb code is longer than 32 bits")
        value = (1 << zeros) - 1 + self.u(zeros)
        if value > most:
            raise self.error(f"a field has the value {value}, more than the {most} that the standard allows")
        return value

    def se(self) -> int:
        """A signed Exp-Golomb field."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)
