"""G.711 (ITU-T G.711, tables 1a and 2a): 16-bit samples to mu-law and A-law bytes."""

from __future__ import annotations

from array import array
from functools import cache

from haechi.media.access_unit import Codec

RATE_HZ = 8_000
SILENCE = {Codec.PCMU: b"\xff", Codec.PCMA: b"\xd5"}


def encode(samples: bytes, codec: Codec) -> bytes:
    """One byte for each sample.

    Args:
        samples: Signed, 16 bits, in this machine's byte order; what is left of half a sample is passed over.
        codec: `Codec.PCMU` or `Codec.PCMA`.
    """
    values = array("h", samples[: len(samples) & ~1])
    table = _table(codec)
    return bytes(table[value & 0xFFFF] for value in values)


@cache
def _table(codec: Codec) -> bytes:
    """The code of each sample, by the sample's 16 bits without sign."""
    one = _mu_law if codec is Codec.PCMU else _a_law
    return bytes(one(bits - 65_536 if bits >= 32_768 else bits) for bits in range(65_536))


def recoded(data: bytes, codec: Codec) -> bytes:
    """Mu-law as ``codec``: as it is, or A-law of the samples that the codes stand for."""
    return data if codec is Codec.PCMU else data.translate(_mu_to_a_law())


@cache
def _mu_to_a_law() -> bytes:
    return bytes(_a_law(_sample_of(code)) for code in range(256))


def _sample_of(code: int) -> int:
    """The sample that a mu-law code stands for (table 2a)."""
    bits = code ^ 0xFF
    magnitude = (((bits & 15) << 3) + 132 << (bits >> 4 & 7)) - 132
    return -magnitude if bits & 0x80 else magnitude


def _mu_law(sample: int) -> int:
    """14 bits count; the sign is the highest bit, and all bits are turned over."""
    magnitude = min(abs(sample) if sample >= 0 else ~sample, 32_635) + 132
    exponent = magnitude.bit_length() - 8
    code = exponent << 4 | magnitude >> (exponent + 3) & 15
    return (code | (0 if sample >= 0 else 0x80)) ^ 0xFF


def _a_law(sample: int) -> int:
    """13 bits count; every second bit is turned over."""
    magnitude = (sample if sample >= 0 else ~sample) >> 4
    exponent = max(magnitude.bit_length() - 5, 0)
    code = exponent + 1 << 4 | magnitude >> exponent & 15 if magnitude > 15 else magnitude
    return (code | (0x80 if sample >= 0 else 0)) ^ 0x55
