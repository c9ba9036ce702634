"""What is held of objects in memory is bounded, and is what the objects hold."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.errors import DataLoss
from haechi.record.tiers.chunks import AHEAD_MOST, CHUNK_BYTES, Chunks

TOTAL = 5 * CHUNK_BYTES + 1234
DATA = bytes(range(251)) * (TOTAL // 251 + 1)
READS = st.lists(st.tuples(st.integers(0, TOTAL - 1), st.integers(1, 3 * CHUNK_BYTES)), min_size=1, max_size=8)


class Source:
    """An object that counts how it is read."""

    def __init__(self) -> None:
        self.fetched: list[tuple[int, int]] = []

    def fetch(self, offset: int, size: int) -> bytes:
        assert size <= AHEAD_MOST * CHUNK_BYTES
        assert offset + size <= TOTAL
        self.fetched.append((offset, size))
        return DATA[offset : offset + size]


@given(reads=READS, most=st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_any_reads_give_the_bytes_of_the_object_and_memory_is_bounded(reads: list[tuple[int, int]], most: int) -> None:
    chunks, source = Chunks(most * CHUNK_BYTES), Source()
    for offset, wish in reads:
        size = min(wish, TOTAL - offset)
        assert chunks.read("a", offset, size, TOTAL, source.fetch) == DATA[offset : offset + size]
        assert sum(map(len, chunks._held.values())) == chunks._bytes <= most * CHUNK_BYTES


def test_what_is_read_in_a_row_is_fetched_in_longer_pieces() -> None:
    chunks, source = Chunks(), Source()
    for offset in range(0, TOTAL, 100_000):
        chunks.read("a", offset, min(100_000, TOTAL - offset), TOTAL, source.fetch)
    assert [size // CHUNK_BYTES for _, size in source.fetched][:2] == [1, 2]
    assert sum(size for _, size in source.fetched) == TOTAL, "nothing is fetched twice"


def test_what_is_forgotten_is_fetched_again() -> None:
    chunks, source = Chunks(), Source()
    for _ in range(2):
        chunks.read("a", 0, 10, TOTAL, source.fetch)
        chunks.read("b", 0, 10, TOTAL, source.fetch)
    assert len(source.fetched) == 2
    chunks.forget("a")
    chunks.read("a", 0, 10, TOTAL, source.fetch)
    chunks.read("b", 0, 10, TOTAL, source.fetch)
    assert len(source.fetched) == 3


def test_a_failure_leaves_nothing_behind() -> None:
    chunks, source = Chunks(), Source()

    def fails(offset: int, size: int) -> bytes:
        raise DataLoss("gone", code="recording-missing")

    with pytest.raises(DataLoss):
        chunks.read("a", 0, 10, TOTAL, fails)
    assert chunks.read("a", 0, 10, TOTAL, source.fetch) == DATA[:10]
