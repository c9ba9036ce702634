"""Films taken in: sent in parts, recorded as they are, kept until somebody removes them, and nothing left when not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import Conflict, Invalid, NotFound, Unavailable
from haechi.base.ids import CameraId, FilmId, UserId, new_id, stream_of
from haechi.ingest.runs import RunNumbers
from haechi.media.access_unit import AccessUnit
from haechi.media.container import FilmHead
from haechi.record.disk.volume import Volume
from haechi.record.films.runner import Disk, Films, FilmWish, Hands, start_of
from haechi.record.films.store import Film, FilmStore
from haechi.record.films.uploads import FilmSettings
from haechi.record.index.spans import RecordIndex, recordings_between
from haechi.record.playback.read import layout, units_in
from haechi.record.retention.deletion import Retention, RetentionSettings
from haechi.record.tiers.vault import Vault
from haechi.store.database import Database
from haechi.vision.demux.film import open_film
from tests.containers import packets_of, write_film

pytestmark = pytest.mark.slow

OWNER = UserId("usr_aaaaaaaaaaaaaaaa")
LONG_AGO_NS = int(datetime(2020, 2, 29, 12, tzinfo=UTC).timestamp()) * NS_PER_S


class _Cameras:
    """Says which cameras there are."""

    def __init__(self) -> None:
        self.known: list[CameraId] = []

    async def make(self, film: Film) -> CameraId:
        self.known.append(CameraId(new_id("cam")))
        return self.known[-1]

    async def drop(self, camera: CameraId) -> None:
        if camera in self.known:
            self.known.remove(camera)


class House:
    """Films over a real volume and a real database."""

    def __init__(self, folder: Path, settings: FilmSettings | None = None) -> None:
        self.database = Database.at(folder / "haechi.db")
        self.database.migrate()
        self.volume = Volume(folder / "record")
        self.index = RecordIndex(self.database)
        self.clock = SystemClock()
        self.cameras = _Cameras()
        self.is_ready = True
        self.page: Callable[[Path], None] = lambda path: None
        self.folder = folder / "films"
        disk = Disk(
            self.index, self.volume, lambda: self.is_ready, lambda path: None, None, RunNumbers(self.database).next
        )
        hands = Hands(open_film, self._fetch, self.cameras)
        bounds = settings or FilmSettings(reserve_bytes=0)
        self.films = Films(FilmStore(self.database), self.folder, disk, hands, self.clock, bounds)

    async def _fetch(self, film: Film, path: Path, max_bytes: int, note: Callable[[float], None]) -> None:
        note(0.5)
        self.page(path)

    async def wish(self, path: Path, **more: Any) -> Film:
        return await self.films.add(FilmWish(OWNER, "Holiday", path.stat().st_size, **more))

    async def send(self, film: Film, path: Path) -> Film:
        return await self.films.append(film.id, 0, parts(path.read_bytes()))

    async def over(self, film: FilmId) -> Film:
        async def is_over() -> bool:
            return (await self.films.get(film)).is_over

        await eventually(is_over)
        return await self.films.get(film)

    def files(self) -> list[Path]:
        return sorted(self.volume.root.rglob("*.mp4"))


async def parts(data: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def run(folder: Path, work: Callable[[House], Coroutine[Any, Any, None]], settings: FilmSettings | None = None) -> None:
    async def whole() -> None:
        house = House(folder, settings)
        await house.volume.claim(house.database, house.clock)
        task = asyncio.create_task(house.films.run())
        try:
            await work(house)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            house.database.close()

    asyncio.run(whole())


async def units(house: House, film: Film, role: str = "main") -> list[AccessUnit]:
    """What is recorded of a film, unit by unit."""
    vault = Vault(house.volume, house.database)
    stream = stream_of(film.camera, role)
    found = await house.database.read(lambda c: recordings_between(c, stream, 0, 1 << 62))
    return [unit for one in found for piece in layout(vault, one).fragments for unit in units_in(vault, one, piece)]


def test_a_film_is_recorded_bit_by_bit_with_its_own_times(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", sound="aac", bframes=2, seconds=5, created="2020-02-29T12:00:00Z")

    async def work(house: House) -> None:
        film = await house.wish(path, sound=True)
        assert (film.state, film.received_bytes) == ("uploading", 0)
        assert (await house.send(film, path)).state == "waiting"
        film = await house.over(film.id)
        assert (film.state, film.error_message, film.damaged) == ("done", "", 0)
        assert (film.start_ns, film.camera) == (LONG_AGO_NS, house.cameras.known[0])
        assert abs(film.end_ns - film.start_ns - 5 * NS_PER_S) < NS_PER_S // 5
        pictures, packets = await units(house, film), packets_of(path)
        assert [unit.dts - pictures[0].dts for unit in pictures] == [one.dts - packets[0].dts for one in packets]
        assert [unit.pts - pictures[0].dts for unit in pictures] == [one.pts - packets[0].dts for one in packets]
        for unit, packet in zip(pictures[1:], packets[1:], strict=True):
            assert unit.data == packet.data
        assert packets[0].data.endswith(pictures[0].data)  # libx264 puts nothing but pictures and SEI here
        assert all(a.captured_ns < b.captured_ns for a, b in pairwise(pictures))
        sounds = await units(house, film, "audio")
        assert [unit.data for unit in sounds] == [one.data for one in packets_of(path, "audio")]
        assert film.units == len(pictures) + len(sounds)
        assert list(house.folder.iterdir()) == []

    run(tmp_path, work)


def test_a_file_that_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mkv", seconds=4)
    data = path.read_bytes()

    async def work(house: House) -> None:
        film = await house.wish(path)
        with pytest.raises(Conflict) as caught:
            await house.films.append(film.id, 100, parts(data[100:]))
        assert caught.value.code == "upload-offset"
        half = await house.films.append(film.id, 0, parts(data[:3000]))
        assert half.received_bytes == 3000
        with pytest.raises(Conflict):
            await house.films.append(film.id, 0, parts(data))
        assert (await house.films.append(film.id, 3000, parts(data[3000:]))).state == "waiting"
        film = await house.over(film.id)
        assert len(await units(house, film)) == 60
        with pytest.raises(Conflict) as caught:
            await house.films.append(film.id, len(data), parts(b"more"))
        assert caught.value.code == "upload-over"

    run(tmp_path, work)


def test_what_came_before_the_sender_broke_off_is_kept(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mkv")

    async def breaking() -> AsyncIterator[bytes]:
        yield path.read_bytes()[:5000]
        raise ConnectionResetError

    async def work(house: House) -> None:
        film = await house.wish(path)
        with pytest.raises(Unavailable):
            await house.films.append(film.id, 0, breaking())
        assert (await house.films.get(film.id)).received_bytes == 5000
        await house.films.append(film.id, 5000, parts(path.read_bytes()[5000:]))
        assert (await house.over(film.id)).state == "done"

    run(tmp_path, work)


def test_more_than_was_announced_or_allowed_is_refused(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4")
    size = path.stat().st_size

    async def work(house: House) -> None:
        with pytest.raises(Invalid) as caught:
            await house.wish(path)
        assert caught.value.code == "film-too-large"
        small = await house.films.add(FilmWish(OWNER, "Small", 100))
        with pytest.raises(Invalid) as caught:
            await house.films.append(small.id, 0, parts(bytes(101)))
        assert caught.value.code == "upload-too-long"

    run(tmp_path, work, FilmSettings(max_bytes=size - 1, reserve_bytes=0))


def test_a_film_that_is_too_long_is_refused_and_nothing_stays(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.ts", seconds=6)

    async def work(house: House) -> None:
        film = await house.over((await house.send(await house.wish(path), path)).id)
        assert (film.state, film.error_code) == ("failed", "film-too-long")
        assert house.files() == []
        assert house.cameras.known == []

    run(tmp_path, work, FilmSettings(max_hours=2 / 3600, reserve_bytes=0))


def test_a_film_that_cannot_be_read_says_why_and_nothing_stays(tmp_path: Path) -> None:
    old = write_film(tmp_path / "old.mkv", video="mpeg4")

    async def work(house: House) -> None:
        film = await house.over((await house.send(await house.wish(old), old)).id)
        assert (film.state, film.error_code, film.camera) == ("failed", "film-codec", "")
        assert "mpeg4" in film.error_message
        assert (house.files(), house.cameras.known, list(house.folder.iterdir())) == ([], [], [])
        await house.films.delete(film.id)
        assert await house.films.listed() == []

    run(tmp_path, work)


def test_a_film_is_kept_beyond_the_time_of_footage_until_it_is_removed(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", created="2020-02-29T12:00:00Z")

    async def work(house: House) -> None:
        film = await house.over((await house.send(await house.wish(path), path)).id)
        retention = Retention(house.index, house.volume, house.clock, RetentionSettings(retention_days=1))
        await retention.once()
        assert len(await units(house, film)) == 30
        await house.films.delete(film.id)
        assert house.files() == []
        assert await units(house, film) == []
        assert house.cameras.known == []
        with pytest.raises(NotFound):
            await house.films.get(film.id)

    run(tmp_path, work)


def test_a_film_goes_with_its_camera(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4")

    async def work(house: House) -> None:
        film = await house.over((await house.send(await house.wish(path), path)).id)
        await house.films.forget_camera(film.camera)
        assert house.files() == []
        assert await house.films.listed() == []
        await house.films.forget_camera(CameraId("cam_aaaaaaaaaaaaaaaa"))

    run(tmp_path, work)


def test_a_film_waits_for_the_recorder(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4")

    async def work(house: House) -> None:
        house.is_ready = False
        film = await house.send(await house.wish(path), path)
        await asyncio.sleep(0)
        assert (await house.films.get(film.id)).state == "waiting"
        assert house.files() == []
        house.is_ready = True
        assert (await house.over(film.id)).state == "done"

    run(tmp_path, work)


def test_a_restart_in_the_middle_begins_the_film_again_and_nothing_is_there_twice(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", seconds=20)

    async def begin(house: House) -> None:
        film = await house.wish(path)
        await house.send(film, path)

        async def is_begun() -> bool:
            return (await house.films.get(film.id)).state in ("importing", "done")

        await eventually(is_begun)

    async def again(house: House) -> None:
        (film,) = await house.films.listed()
        film = await house.over(film.id)
        assert film.state == "done"
        assert len(await units(house, film)) == 300
        stream = stream_of(film.camera)
        listed = await house.database.read(lambda c: recordings_between(c, stream, 0, 1 << 62))
        assert {house.volume.path_of(one.path) for one in listed} == set(house.files())

    run(tmp_path, begin)
    run(tmp_path, again)


def test_a_film_can_be_removed_while_it_is_taken_in(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", seconds=20)

    async def work(house: House) -> None:
        film = await house.wish(path)
        await house.send(film, path)

        async def has_camera() -> bool:
            return bool((await house.films.get(film.id)).camera)

        await eventually(has_camera)
        await house.films.delete(film.id)
        assert await house.films.listed() == []
        assert (house.files(), house.cameras.known, list(house.folder.iterdir())) == ([], [], [])

    run(tmp_path, work)


def test_a_video_of_a_site_is_fetched_and_taken_in_like_a_file(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4")

    async def work(house: House) -> None:
        def copy(target: Path) -> None:
            target.write_bytes(path.read_bytes())

        house.page = copy
        film = await house.films.add(FilmWish(OWNER, "Clip", origin="https://example.org/watch?v=1"))
        assert film.state == "fetching"
        film = await house.over(film.id)
        assert (film.state, film.size_bytes) == ("done", path.stat().st_size)
        assert len(await units(house, film)) == 30

    run(tmp_path, work)


def test_a_site_that_refuses_is_quoted(tmp_path: Path) -> None:
    def refuse(_path: Path) -> None:
        raise Unavailable("the site does not give it out: private video", code="site-refused")

    async def work(house: House) -> None:
        house.page = refuse
        film = await house.films.add(FilmWish(OWNER, "Clip", origin="https://example.org/watch?v=1"))
        film = await house.over(film.id)
        assert (film.state, film.error_code) == ("failed", "site-refused")
        assert "private video" in film.error_message

    run(tmp_path, work)


def test_files_of_no_film_are_removed_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    left = tmp_path / "films" / "flm_aaaaaaaaaaaaaaaa.part"
    other = tmp_path / "films" / "notes.txt"
    left.write_bytes(b"half a film")
    other.write_bytes(b"somebody's")

    async def work(_house: House) -> None:
        async def is_gone() -> bool:
            return not left.exists()

        await eventually(is_gone)
        assert other.exists()

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("wished_ns", "created_ns", "expected_ns"),
    [
        (5, 0, 90),
        (LONG_AGO_NS, 0, LONG_AGO_NS),
        (0, LONG_AGO_NS, LONG_AGO_NS),
        (LONG_AGO_NS + 1, LONG_AGO_NS, LONG_AGO_NS + 1),
        (1 << 62, 0, 90),
        (0, 1 << 62, 90),
    ],
)
def test_a_film_begins_when_its_owner_or_its_file_says_and_never_in_the_future(
    wished_ns: int, created_ns: int, expected_ns: int
) -> None:
    now_ns = 1_790_000_000 * NS_PER_S
    film = Film(FilmId("flm_aaaaaaaaaaaaaaaa"), OWNER, "Film", "waiting", wished_ns=wished_ns)
    start_ns = start_of(film, FilmHead("mov", 10, created_ns, has_sound=False), now_ns)
    assert start_ns == (now_ns - 10 if expected_ns == 90 else expected_ns)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Return when ``condition`` holds; fail the test when it does not in time."""
    deadline_ns = SystemClock().monotonic_ns() + int(seconds * NS_PER_S)
    while not await condition():
        assert SystemClock().monotonic_ns() < deadline_ns, "it did not come about in time"
        await asyncio.sleep(0.01)
