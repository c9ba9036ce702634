"""Small pictures of the past: the right one, decoded once, kept while there is room, gone with the footage."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.errors import NotFound
from haechi.base.ids import CameraId
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.record.playback.previews import NS_PER_HOUR, Previews, Shelf
from haechi.record.playback.reel import Reel
from tests.record.archive import JPEG, MAIN, Archive, after, pictures
from tests.streams import START_NS


class Decoder:
    """Gives the unit's own bytes for a picture, and counts."""

    def __init__(self) -> None:
        self.asked: list[tuple[UnitRef, int | None]] = []
        self.at_once = self.most_at_once = 0

    async def __call__(
        self, units: Sequence[AccessUnit], params: VideoParams, width_px: int | None = None, quality: int = 80
    ) -> bytes:
        assert params == JPEG
        self.asked.append((units[-1].ref, width_px))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return units[-1].data + b"@%d" % (width_px or 0)


def recorded(archive: Archive) -> list[AccessUnit]:
    """A minute, a hole of ten seconds, and a minute more; a sync unit each second, fragments of two seconds."""
    first = pictures(600, gop=10)
    second = pictures(600, UnitRef(MAIN, 2, 0), after(first, 10), gop=10)

    async def play() -> None:
        async with archive:
            for units in (first, second):
                archive.publish(JPEG, units)
                archive.end_run(MAIN)
                await archive.settle()

    asyncio.run(play())
    return [*first, *second]


def made(archive: Archive, decoder: Decoder, most_bytes: int = 1 << 20) -> Previews:
    return Previews(Reel(archive.index, archive.playback.vault), decoder, archive.root / "previews", most_bytes)


def test_the_picture_is_that_of_the_sync_unit_at_or_before_the_moment(archive: Archive) -> None:
    units, decoder = recorded(archive), Decoder()
    previews = made(archive, decoder)
    for n in (0, 1, 9, 10, 19, 20, 599, 600, 655):
        found = asyncio.run(previews.at(MAIN, units[n].captured_ns, 100))
        wanted = units[n // 10 * 10]
        assert (found.captured_ns, found.jpeg) == (wanted.captured_ns, wanted.data + b"@160")


def test_a_moment_without_footage_has_no_picture(archive: Archive) -> None:
    units = recorded(archive)
    previews = made(archive, Decoder())
    for at_ns in (START_NS - 1, after(units[:600], 5), after(units, 100)):
        with pytest.raises(NotFound, match="nothing is recorded") as caught:
            asyncio.run(previews.at(MAIN, at_ns))
        assert caught.value.code == "no-picture"


def test_a_picture_is_decoded_once_however_many_ask_and_outlasts_a_restart(archive: Archive) -> None:
    units, decoder = recorded(archive), Decoder()

    async def many() -> None:
        previews = made(archive, decoder)
        await asyncio.gather(*(previews.at(MAIN, units[n].captured_ns) for n in range(50)))

    asyncio.run(many())
    asyncio.run(made(archive, decoder).at(MAIN, units[13].captured_ns, 320))
    assert sorted(ref.seq for ref, _ in decoder.asked) == [0, 10, 20, 30, 40]
    assert decoder.most_at_once <= 2
    asyncio.run(made(archive, decoder).at(MAIN, units[13].captured_ns, 321))
    assert decoder.asked[-1] == (units[10].ref, 640)


def test_pictures_go_with_the_footage_and_with_the_camera(archive: Archive) -> None:
    units, decoder = recorded(archive), Decoder()
    previews = made(archive, decoder)
    folder = archive.root / "previews"

    async def play() -> None:
        await previews.at(MAIN, units[0].captured_ns)
        await previews.forget({CameraId("cam_front"): units[0].captured_ns})
        assert len(list(folder.rglob("*.jpg"))) == 1
        await previews.forget({CameraId("cam_front"): units[0].captured_ns + NS_PER_HOUR})
        assert list(folder.rglob("*.jpg")) == []
        await previews.at(MAIN, units[0].captured_ns)
        await previews.forget({CameraId("cam_other"): 0})
        assert list(folder.rglob("*.jpg")) == []
        await previews.at(MAIN, units[0].captured_ns)

    asyncio.run(play())
    assert len(decoder.asked) == 3


def test_a_picture_that_cannot_be_kept_is_shown_all_the_same(archive: Archive) -> None:
    units, decoder = recorded(archive), Decoder()
    (archive.root / "previews").write_text("a file where the folder should be")
    found = asyncio.run(made(archive, decoder).at(MAIN, units[0].captured_ns))
    assert found.jpeg.startswith(units[0].data)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["get", "put", "again", "remove"]), st.integers(0, 9), st.integers(1, 40)),
        max_size=60,
    )
)
def test_a_shelf_never_holds_more_than_it_may_nor_gives_anything_but_what_was_put(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("shelf")
    shelf, known = Shelf(folder, 100), dict[str, bytes]()
    for kind, number, size in steps:
        name = f"cam_{number % 2}/{number}.jpg"
        if kind == "put":
            known[name] = bytes([number]) * size
            shelf.put(name, known[name])
        elif kind == "again":
            shelf = Shelf(folder, 100)
        elif kind == "remove":
            shelf.remove(f"cam_{number % 2}")
            known = {one: data for one, data in known.items() if not one.startswith(f"cam_{number % 2}/")}
        else:
            assert shelf.get(name) in (None, known.get(name))
        on_disk = sum(path.stat().st_size for path in folder.rglob("*.jpg"))
        assert shelf.total_bytes == on_disk <= 100


def test_the_least_lately_used_goes_first_also_after_a_restart_and_half_files_go_at_once(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 100)
    for n in range(3):
        shelf.put(f"cam/{n}.jpg", bytes(30))
        os.utime(tmp_path / f"cam/{n}.jpg", (n, n))
    (tmp_path / "cam" / "3.part").write_bytes(b"half")
    assert shelf.get("cam/0.jpg") == bytes(30)
    shelf = Shelf(tmp_path, 100)
    shelf.put("cam/4.jpg", bytes(30))
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["0.jpg", "2.jpg", "4.jpg"]


def test_a_file_that_somebody_took_away_is_not_there(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 100)
    shelf.put("cam/0.jpg", bytes(30))
    (tmp_path / "cam/0.jpg").unlink()
    assert shelf.get("cam/0.jpg") is None
    assert shelf.total_bytes == 0
