"""A camera's memory on its disk: what survives, what gives way, what is given out."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.errors import Invalid
from haechi.camera.dial.memory.spool import Spool
from haechi.media.access_unit import AudioParams, Codec, CodecParams
from haechi.media.reverse.edge import EdgeId, EdgeRun, EdgeUnit, Role
from haechi.media.reverse.spans import Span
from haechi.media.reverse.words import Range, params_word
from tests.streams import h264_stream

RUN = EdgeRun(4711)
PARAMS = h264_stream(frames=1)[0]
SOUND = AudioParams(Codec.PCMA, 8000, 1, b"", "alaw")
LARGE = 64 << 20
SIZE = 4096
GOP = 10


def unit(seq: int, role: Role = "main", run: EdgeRun = RUN, size: int = SIZE) -> EdgeUnit:
    params: CodecParams = PARAMS if role == "main" else SOUND
    data = seq.to_bytes(4, "big") * (size // 4)
    is_sync = role == "audio" or seq % GOP == 0
    return EdgeUnit(EdgeId(run, seq), role, 3600 * seq, 3600 * seq, 10**18 + seq * 40_000_000, is_sync, params, data)


def units(first: int, end: int, run: EdgeRun = RUN) -> list[EdgeUnit]:
    return [unit(seq, run=run) for seq in range(first, end)]


def opened(folder: Path, limit_bytes: int = LARGE) -> Spool:
    spool = Spool(folder, limit_bytes)
    spool.open()
    return spool


def numbers(spool: Spool, first: int, end: int, role: Role = "main", run: EdgeRun = RUN) -> list[int]:
    return [found.seq for _, found in spool.read(run, [Range(role, first, end)])]


def spans(spool: Spool, role: Role = "main") -> list[tuple[EdgeRun, Span]]:
    return [(EdgeRun(one.run), (one.first, one.end)) for one in spool.stock().held if one.role == role]


def test_what_was_written_is_there_after_a_new_start_and_can_be_given_out(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(units(0, 25))
    spool.append([unit(0, "audio"), unit(1, "audio"), *units(25, 30)])
    spool.close()
    again = opened(tmp_path)
    assert spans(again) == [(RUN, (0, 30))]
    assert spans(again, "audio") == [(RUN, (0, 2))]
    found = list(again.read(RUN, [Range("main", 0, 30), Range("audio", 0, 2)]))
    assert [(one.role, one.seq) for _, one in found][23:29] == [
        ("main", 23),
        ("main", 24),
        ("audio", 0),
        ("audio", 1),
        ("main", 25),
        ("main", 26),
    ]
    for params, one in found:
        wanted = unit(one.seq, one.role)
        assert (one.data, one.pts, one.dts, one.wall_ns) == (wanted.data, wanted.pts, wanted.dts, wanted.wall_ns)
        assert params == params_word(one.key, wanted.params)
    again.close()


def test_a_range_is_given_out_from_its_sync_picture_on(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(units(0, 40))
    assert numbers(spool, 17, 22) == list(range(10, 22))
    assert numbers(spool, 20, 22) == [20, 21]
    assert numbers(spool, 50, 60) == []
    assert numbers(spool, 0, 5, run=EdgeRun(1)) == []
    spool.close()


def test_the_oldest_gives_way_in_whole_groups_and_what_was_not_acknowledged_is_counted(tmp_path: Path) -> None:
    limit = 40 * 64 * 1024
    spool = opened(tmp_path, limit)
    for seq in range(2000):
        spool.append([unit(seq)])
        assert spool.size <= limit
    ((_, (first, end)),) = spans(spool)
    assert end == 2000
    assert first % GOP == 0, "groups stay whole"
    assert spool.lost == first
    assert sum(path.stat().st_size for path in tmp_path.glob("*.spool")) == spool.size
    assert end - first > 0.8 * limit / (SIZE + 64)
    spool.close()


def test_what_the_server_has_is_deleted_also_behind_what_it_has_not(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(units(0, 3000))
    full = spool.size
    spool.free("main", RUN, [(1000, 3000)])
    assert spool.size < full / 2
    left = spans(spool)
    assert left[0][1][0] == 0
    assert left[0][1][1] >= 1000
    spool.free("main", RUN, [(0, 1000)])
    assert len(list(tmp_path.glob("*.spool"))) == 1, "only what is written to now is left"
    assert spool.lost == 0
    spool.close()


def test_a_file_is_kept_while_one_of_its_tracks_is_not_on_the_servers_disk(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([unit(0), unit(0, "audio")])
    spool.append([unit(0, run=EdgeRun(2))])
    spool.free("main", RUN, [(0, 1)])
    assert spans(spool, "audio") == [(RUN, (0, 1))]
    spool.free("audio", RUN, [(0, 1)])
    assert spans(spool) == [(EdgeRun(2), (0, 1))]
    spool.close()


def test_runs_lie_beside_each_other_and_holes_are_told(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(units(0, 5))
    spool.append(units(8, 12))
    spool.append(units(0, 3, EdgeRun(5)))
    assert spans(spool) == [(RUN, (0, 5)), (RUN, (8, 12)), (EdgeRun(5), (0, 3))]
    spool.close()


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 12_000), tail=st.binary(max_size=200), count=st.integers(1, 12))
def test_whatever_end_of_a_file_is_torn_or_rotten_what_is_whole_before_it_is_kept(
    tmp_path_factory: pytest.TempPathFactory, cut: int, tail: bytes, count: int
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = opened(folder)
    spool.append([unit(seq, size=1000) for seq in range(count)])
    spool.close()
    (path,) = folder.glob("*.spool")
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] + tail)
    again = opened(folder)
    found = [one for _, one in again.read(RUN, [Range("main", 0, 1000)])]
    assert [one.seq for one in found] == list(range(len(found)))
    assert all(one.data == unit(one.seq, size=1000).data for one in found)
    if cut >= len(whole):
        assert len(found) == count
    again.append([unit(500)])
    assert numbers(again, 500, 501) == [500]
    again.close()


def test_a_bit_that_flipped_ends_what_is_read_of_its_file(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(units(0, 20))
    spool.close()
    (path,) = tmp_path.glob("*.spool")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again = opened(tmp_path)
    ((_, (first, end)),) = spans(again)
    assert first == 0
    assert 0 < end < 20
    again.close()


@given(noise=st.binary(max_size=400))
def test_a_file_of_noise_is_deleted(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    folder = tmp_path_factory.mktemp("spool")
    (folder / "00000007.spool").write_bytes(noise)
    spool = opened(folder)
    assert spans(spool) == []
    assert not list(folder.glob("*.spool"))
    spool.append(units(0, 2))
    assert (folder / "00000008.spool").exists()
    spool.close()


def test_two_programs_cannot_share_a_memory(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    with pytest.raises(Invalid) as caught:
        opened(tmp_path)
    assert caught.value.code == "spool-unusable"
    spool.close()
    opened(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Invalid) as caught:
        opened(tmp_path / "file")
    assert caught.value.code == "spool-unusable"


class FullDisk:
    """A file on a disk that is full after some more bytes: what fits is written, as by the kernel."""

    def __init__(self, file: BinaryIO, room: int) -> None:
        self._file = file
        self._room = room

    def write(self, data: bytes) -> int:
        self._file.write(data[: max(self._room, 0)])
        self._room -= len(data)
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()


def test_when_the_disk_is_full_what_is_whole_stays_the_oldest_file_goes_and_it_goes_on(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(units(0, 20, EdgeRun(1)))
    spool.append(units(0, 10))
    assert spool._file is not None
    spool._file = FullDisk(spool._file, 3 * (SIZE + 100))  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space"):
        spool.append(units(10, 30))
    assert spans(spool) == [(RUN, (0, 13))]
    assert spool.lost == 20
    assert sum(_sizes(tmp_path)) == spool.size
    spool.append(units(30, 35))
    assert spans(spool) == [(RUN, (0, 13)), (RUN, (30, 35))]
    assert numbers(spool, 0, 40) == [*range(13), *range(30, 35)]
    spool.close()


def test_when_not_even_a_file_can_be_made_the_oldest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened(tmp_path)
    spool.append(units(0, 20, EdgeRun(1)))

    def full(_spool: Spool, _run: EdgeRun) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "_begin", full)
        with pytest.raises(OSError, match="No space"):
            spool.append(units(0, 5))
    assert spool.lost == 20
    spool.append(units(5, 9))
    assert spans(spool) == [(RUN, (5, 9))]
    spool.close()


def test_numbers_of_files_go_on(tmp_path: Path) -> None:
    for start in range(3):
        spool = opened(tmp_path)
        spool.append(units(0, 2, EdgeRun(start + 1)))
        spool.close()
    assert sorted(path.name for path in tmp_path.glob("*.spool")) == [f"0000000{n}.spool" for n in (1, 2, 3)]


def _sizes(folder: Path) -> Sequence[int]:
    return [path.stat().st_size for path in folder.glob("*.spool")]


def test_a_smaller_limit_than_before_is_kept_at_once(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(units(0, 3000))
    spool.close()
    small = opened(tmp_path, 4 << 20)
    assert sum(_sizes(tmp_path)) <= 4 << 20
    small.close()
