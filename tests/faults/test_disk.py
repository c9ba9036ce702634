"""The disk that forgets: what was synced stays, what was not may go, in any way that a real disk may lose it."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.disk import SECTOR, Cut, Disk


def after(disk: Disk, cut: Cut, seed: int = 1) -> Disk:
    return disk.after(cut, random.Random(seed))


def safe_file(data: bytes) -> Disk:
    disk = Disk()
    file = disk.create("/file")
    file.write(0, data)
    file.sync()
    disk.sync_folder("/")
    return disk


@pytest.mark.parametrize("cut", list(Cut))
@pytest.mark.parametrize("seed", range(5))
def test_what_was_synced_stays(cut: Cut, seed: int) -> None:
    disk = safe_file(b"x" * 3000)
    assert after(disk, cut, seed).file("/file").now == b"x" * 3000


def test_what_was_not_synced_is_lost() -> None:
    disk = safe_file(b"old")
    disk.file("/file").write(0, b"new and longer")
    disk.create("/other").sync()
    left = after(disk, Cut.LOST)
    assert left.file("/file").now == b"old"
    assert left.children("/") == ["file"]


def test_a_name_needs_its_folder_synced_and_the_folder_its_own() -> None:
    disk = Disk()
    disk.make_folder("/a")
    disk.create("/a/file").sync()
    disk.sync_folder("/a")
    assert after(disk, Cut.LOST).children("/") == []
    disk.sync_folder("/")
    assert after(disk, Cut.LOST).children("/a") == ["file"]


def test_a_deletion_that_was_not_synced_comes_back() -> None:
    disk = safe_file(b"here")
    disk.remove("/file")
    assert disk.children("/") == []
    assert after(disk, Cut.LOST).file("/file").now == b"here"
    disk.sync_folder("/")
    assert after(disk, Cut.LOST).children("/") == []


def test_a_file_that_takes_the_place_of_another_is_one_or_the_other() -> None:
    disk = safe_file(b"old")
    disk.create("/fresh").write(0, b"new")
    disk.file("/fresh").sync()
    disk.rename("/fresh", "/file")
    assert after(disk, Cut.LOST).file("/file").now == b"old"
    disk.sync_folder("/")
    assert after(disk, Cut.LOST).file("/file").now == b"new"


@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 2000), min_size=1, max_size=6))
def test_a_torn_sector_is_old_or_new_and_never_both(seed: int, sizes: list[int]) -> None:
    total = sum(sizes)
    disk = safe_file(b"o" * total)
    file, position = disk.file("/file"), 0
    for size in sizes:
        file.write(position, b"n" * size)
        position += size
    assert file.now == b"n" * total
    left = bytes(after(disk, Cut.TORN, seed).file("/file").now)
    assert len(left) == total
    edges = {0, total, *range(0, total, SECTOR)}
    for count in range(len(sizes)):
        edges.add(sum(sizes[: count + 1]))
    for begin, end in pairwise(sorted(edges)):
        assert left[begin:end] in (b"o" * (end - begin), b"n" * (end - begin))


@given(seed=st.integers(0, 1000), count=st.integers(1, 8))
def test_in_order_means_that_nothing_later_is_kept_without_what_came_before(seed: int, count: int) -> None:
    disk = safe_file(b"")
    for number in range(count):
        disk.file("/file").write(number * SECTOR, bytes([number + 1]) * SECTOR)
    left = bytes(after(disk, Cut.ORDERED, seed).file("/file").now)
    assert left == b"".join(bytes([number + 1]) * SECTOR for number in range(len(left) // SECTOR))
