"""Sealed footage: not a bit of it may differ, any range of it is the plain one, and only the key ring opens it."""

from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import SimulatedClock
from haechi.base.errors import DataLoss, HaechiError, Unavailable
from haechi.base.ids import RecordingId, StreamId
from haechi.record.disk.keys import KeyRing, _parse
from haechi.record.disk.seal import (
    HEADER_BYTES,
    Block,
    DataKey,
    Header,
    blocks_of,
    length_of,
    sealed_bytes,
    unwrap,
    wrap,
)
from tests.record.archive import MAIN

KEY = bytes(range(32))
DATA_KEY = bytes(range(32, 64))
SIZES = st.lists(st.integers(1, 300), min_size=1, max_size=12)


def sealed(sizes: list[int], dropped: Collection[int] = ()) -> tuple[bytes, bytes, list[tuple[int, int, int]]]:
    """A plain recording, the sealed one, and the fragments that are listed (the first size is the init segment)."""
    ring_key = wrap("a1b2c3d4", KEY, DATA_KEY, MAIN)
    key = opened(ring_key)
    plain, out, listed = b"", ring_key, []
    for number, size in enumerate(sizes):
        data = bytes((number + n) % 251 for n in range(size))
        if number and number not in dropped:
            listed.append((number, len(plain), size))
        plain, out = plain + data, out + key.seal(number, data)
    return plain, out, listed


def opened(header: bytes) -> DataKey:
    found = Header.decode(header)
    return DataKey(unwrap(found, KEY), found.stream)


def read(out: bytes, blocks: list[Block], start: int, end: int) -> bytes:
    key = opened(out[:HEADER_BYTES])
    wanted = [one for one in blocks if one.offset < end and one.offset + one.size > start]
    plain = b"".join(
        key.open(one.number, out[one.sealed_offset : one.sealed_offset + one.sealed_size]) for one in wanted
    )
    skip = start - wanted[0].offset
    return plain[skip : skip + end - start]


@given(sizes=SIZES, cut=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_any_range_of_a_sealed_recording_is_that_of_the_plain_one(sizes: list[int], cut: tuple[float, float]) -> None:
    plain, out, listed = sealed(sizes)
    blocks = blocks_of(sizes[0], listed, len(plain))
    assert sealed_bytes(blocks) == len(out)
    start, end = sorted(int(share * len(plain)) for share in cut)
    if start < end:
        assert read(out, blocks, start, end) == plain[start:end]


@given(sizes=SIZES, dropped=st.sets(st.integers(1, 11)))
def test_fragments_off_the_list_do_not_shift_the_others(sizes: list[int], dropped: set[int]) -> None:
    plain, out, listed = sealed(sizes, dropped)
    blocks = blocks_of(sizes[0], listed, len(plain), lambda at: length_of(out[at : at + 4]))
    assert read(out, blocks, 0, len(plain)) == plain


@given(sizes=SIZES, where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=300)
def test_any_flipped_bit_is_found(sizes: list[int], where: float, bit: int) -> None:
    plain, out, listed = sealed(sizes)
    at = int(where * len(out))
    broken = out[:at] + bytes([out[at] ^ (1 << bit)]) + out[at + 1 :]
    with pytest.raises(DataLoss):
        read(broken, blocks_of(sizes[0], listed, len(plain)), 0, len(plain))


@given(sizes=st.lists(st.integers(5, 5), min_size=3, max_size=6))
def test_blocks_cannot_change_places(sizes: list[int]) -> None:
    plain, out, listed = sealed(sizes)
    blocks = blocks_of(sizes[0], listed, len(plain))
    first, second = blocks[1], blocks[2]
    swapped = bytearray(out)
    swapped[first.sealed_offset : first.sealed_offset + 25] = out[second.sealed_offset : second.sealed_offset + 25]
    with pytest.raises(DataLoss):
        read(bytes(swapped), blocks, 0, len(plain))


@given(st.binary(max_size=400))
def test_noise_is_no_header(noise: bytes) -> None:
    with pytest.raises(DataLoss):
        Header.decode(noise)


@given(stream=st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=60))
def test_a_header_reads_back(stream: str) -> None:
    header = Header.decode(wrap("a1b2c3d4", KEY, DATA_KEY, StreamId(stream)))
    assert (header.stream, unwrap(header, KEY)) == (stream, DATA_KEY)


def test_a_layout_that_contradicts_itself_is_refused() -> None:
    for pieces in ([(1, 10, 5), (1, 15, 5)], [(1, 10, 5), (2, 14, 5)], [(1, 10, 5), (2, 16, 5)]):
        with pytest.raises(DataLoss):
            blocks_of(10, pieces, 100)


def test_a_key_ring_is_readable_by_its_owner_only_and_never_shows_a_secret(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys" / "keys.json")
    key = ring.add(SimulatedClock())
    assert ring.path.stat().st_mode & 0o777 == 0o600
    assert key.secret not in repr(key)
    assert key.secret not in repr(ring.keys())


def test_a_rotated_ring_opens_the_old_and_seals_with_the_new(tmp_path: Path) -> None:
    ring, clock = KeyRing(tmp_path / "keys.json"), SimulatedClock()
    first = ring.add(clock)
    old = ring.seal(MAIN)
    block = old.key.seal(3, b"footage")
    second = KeyRing(ring.path).add(clock)
    fresh = ring.rewrap(old.header)
    assert [Header.decode(one).key_id for one in (old.header, fresh)] == [first.id, second.id]
    assert ring.open(old.header).open(3, block) == ring.open(fresh).open(3, block) == b"footage"
    assert ring.rewrap(fresh) == fresh


def test_without_the_key_it_says_which_key_is_missing(tmp_path: Path) -> None:
    ring, other = KeyRing(tmp_path / "one.json"), KeyRing(tmp_path / "other.json")
    with pytest.raises(Unavailable, match="haechi keys new"):
        ring.seal(MAIN)
    ring.add(SimulatedClock())
    other.add(SimulatedClock())
    with pytest.raises(Unavailable, match="put back the key file") as caught:
        other.open(ring.seal(MAIN).header, RecordingId(7))
    assert caught.value.context["recording"] == 7


@given(st.binary(max_size=200))
def test_a_damaged_ring_is_told_as_such(noise: bytes) -> None:
    with pytest.raises(HaechiError):
        _parse(Path("keys.json"), noise)
