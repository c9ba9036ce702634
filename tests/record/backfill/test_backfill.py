"""D9, the recording side: what came late lies in its gap, once, in order, and durable before it is called held."""

import asyncio
from pathlib import Path

import pytest

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid, Unavailable
from haechi.base.ids import CameraId, camera_of
from haechi.bus.frames import GapCause
from haechi.media.reverse.edge import EdgeRun
from haechi.record.backfill import filler
from haechi.record.disk.keys import KeyRing
from haechi.record.index import edges
from haechi.record.index.accounts import Accounts
from haechi.record.index.policies import Policy
from haechi.record.playback.pieces import pieces_between
from haechi.record.repair.adopt import adopt
from haechi.record.retention.deletion import Retention, RetentionSettings
from haechi.record.write.recorder import RecorderSettings
from tests.record.archive import MAIN
from tests.record.backfill.camera import OFFSET_NS, Camera, Site, payloads, sound

CAMERA = Camera()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_d9_what_an_outage_kept_away_is_put_into_its_gap(site: Site) -> None:
    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 105)
            await site.live(CAMERA, 740, 900)
            await site.until_acknowledged(105 + 160)
            assert await site.held(CAMERA) == [(0, 105), (740, 900)]
            await site.fill(CAMERA, 100, 740)
            assert await site.held(CAMERA) == [(0, 900)]
        gaps = await site.gaps()
        assert all(gap.start_ns > CAMERA.taken_ns(899) for gap in gaps)

    asyncio.run(play())
    footage = site.footage()
    assert [data for _, data in footage] == payloads(CAMERA, range(900))
    assert [at for at, _ in footage] == [CAMERA.taken_ns(seq) for seq in range(900)]
    sound(site)
    site.close()


def test_what_is_sent_in_parts_becomes_files_of_a_minute(site: Site) -> None:
    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 40)
            await site.live(CAMERA, 2040, 2080)
            await site.until_acknowledged(80)
            for first in range(40, 2040, 40):
                await site.fill(CAMERA, first, first + 40)
            assert await site.held(CAMERA) == [(0, 2080)]

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(2080))
    lengths = [row.last_seq - row.first_seq + 1 for row in site.recordings()]
    assert lengths == [40, 600, 600, 600, 200, 40]
    assert not any(row.is_open for row in site.recordings())
    sound(site)
    site.close()


def test_the_half_of_a_gop_that_was_lost_with_the_line_goes_on_where_live_stopped(site: Site) -> None:
    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 110)
            await site.live(CAMERA, 200, 240)
            await site.until_acknowledged(150)
            await site.fill(CAMERA, 100, 200)
        pieces = await site.database.read(lambda c: pieces_between(c, MAIN, CAMERA.taken_ns(112), CAMERA.taken_ns(118)))
        assert pieces[0].fragment.is_sync
        assert pieces[0].fragment.first_ns == CAMERA.taken_ns(100)
        assert len({piece.recording.run for piece in pieces}) == 2

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(240))
    sound(site)
    site.close()


def test_units_that_a_slow_line_left_out_of_a_connection_find_their_gap(site: Site) -> None:
    lost = [*range(55, 60), *range(61, 80), 130]

    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 200, lost=lost)
            await site.until_acknowledged(200 - len(lost))
            assert await site.held(CAMERA) == [(0, 55), (60, 61), (80, 130), (131, 200)]
            causes = [gap.cause for gap in await site.gaps()][:3]
            assert causes == [GapCause.PACKET_LOSS] * 3
            await site.fill(CAMERA, 40, 80)
            await site.fill(CAMERA, 120, 140)
            assert await site.held(CAMERA) == [(0, 200)]

    asyncio.run(play())
    footage = site.footage()
    assert [data for _, data in footage] == payloads(CAMERA, range(200))
    assert [at for at, _ in footage] == [CAMERA.taken_ns(seq) for seq in range(200)]
    sound(site)
    site.close()


@pytest.mark.parametrize("error_s", [-4000, -30, -0.4, 0.4, 30, 4000])
def test_a_clock_that_is_wrong_loses_nothing_and_overlaps_nothing(site: Site, error_s: float) -> None:
    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 100)
            await site.live(CAMERA, 400, 500)
            await site.until_acknowledged(200)
            await site.fill(CAMERA, 100, 400, OFFSET_NS + int(error_s * NS_PER_S))

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(500))
    sound(site)
    site.close()


def test_a_camera_that_started_anew_in_the_outage_is_placed_by_its_clock(site: Site) -> None:
    """Of its last run the end is missing, of the one between nothing ever came live, of the new one the beginning."""
    then = Camera(EdgeRun(5), start_ns=CAMERA.taken_ns(200))
    now = Camera(EdgeRun(6), start_ns=CAMERA.taken_ns(300))

    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 100)
            await site.live(now, 40, 100)
            await site.until_acknowledged(160)
            await site.fill(CAMERA, 100, 180)
            await site.fill(then, 0, 80)
            await site.fill(now, 0, 40)
            assert await site.held(then) == [(0, 80)]
        causes = [(gap.cause, round((gap.end_ns - gap.start_ns) / NS_PER_S, 1)) for gap in await site.gaps()][:2]
        assert causes == [(GapCause.UNREACHABLE, 2.1)] * 2

    asyncio.run(play())
    wanted = payloads(CAMERA, range(180)) + payloads(then, range(80)) + payloads(now, range(100))
    assert [data for _, data in site.footage()] == wanted
    sound(site)
    site.close()


def test_what_is_held_is_known_after_a_restart_and_in_a_rebuilt_index(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 100)
            await site.live(CAMERA, 300, 360, lost=[320])
            await site.until_acknowledged(159)
            await site.fill(CAMERA, 100, 200)

    asyncio.run(play())
    ranges, footage = [(0, 200), (300, 320), (321, 360)], site.footage()

    async def again(after: Site) -> None:
        async with after:
            assert await after.held(CAMERA) == ranges
        assert after.footage() == footage

    site.close()
    site = Site(tmp_path)
    asyncio.run(again(site))
    site.close()
    for file in tmp_path.glob("haechi.db*"):
        file.unlink()
    site = Site(tmp_path)
    asyncio.run(site.volume.claim(site.database, site.clock))
    asyncio.run(adopt(site.index, site.volume))
    asyncio.run(again(site))
    gaps = asyncio.run(site.gaps())
    assert [(gap.start_ns, gap.end_ns) for gap in gaps][:2] == [
        (CAMERA.taken_ns(199) + 1, CAMERA.taken_ns(300)),
        (CAMERA.taken_ns(319) + 1, CAMERA.taken_ns(321)),
    ]
    sound(site)
    site.close()


def test_what_is_recorded_sealed_is_filled_in_sealed(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path / "keys.json")
    site = Site(tmp_path, settings=RecorderSettings(gather_s=0, keys=keys, encrypt=True))
    keys.add(site.clock)

    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 40)
            await site.live(CAMERA, 700, 740)
            await site.until_acknowledged(80)
            for first in range(40, 700, 60):
                await site.fill(CAMERA, first, first + 60)

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(740))
    assert all(row.seal and row.path.endswith(".sealed.mp4") for row in site.recordings())
    sound(site)
    site.close()


def test_what_retention_deleted_is_not_asked_for_again_and_does_not_come_back(site: Site) -> None:
    retention = Retention(site.index, site.volume, site.clock, RetentionSettings(0))

    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 100)
            await site.live(CAMERA, 200, 260)
            await site.until_acknowledged(160)
            await site.fill(CAMERA, 120, 160)
            site.now.now_ns = CAMERA.taken_ns(100_000)
            await retention.once()
            assert site.recordings() == []
            assert await site.held(CAMERA) == [(0, 100), (120, 160), (200, 260)]
            site.now.now_ns = CAMERA.taken_ns(270)
        async with site:
            assert await site.held(CAMERA) == [(0, 100), (120, 160), (200, 260)]
            await site.live(CAMERA, 300, 340)
            await site.until_acknowledged(200)
            await site.fill(CAMERA, 80, 300)
            assert await site.held(CAMERA) == [(0, 340)]

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(260, 340))
    sound(site)
    site.close()


def test_what_was_taken_while_recording_was_off_is_not_recorded_later(site: Site) -> None:
    camera = CameraId(camera_of(MAIN))

    async def switch(*, enabled: bool) -> None:
        await site.index.set_policy(camera, Policy(enabled=enabled))
        await site.recorder._refresh_policies()

    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 100)
            await site.until_acknowledged(100)
            await switch(enabled=False)
            await site.live(CAMERA, 140, 200)
            await site.settle()
            await switch(enabled=True)
            await site.live(CAMERA, 300, 400)
            await site.until_acknowledged(200)
            await site.fill(CAMERA, 100, 300)
            assert await site.held(CAMERA) == [(0, 400)]

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(100), range(200, 400))
    sound(site)
    site.close()


def test_what_was_taken_while_recording_was_off_and_nothing_came_is_not_recorded_later(site: Site) -> None:
    async def switch(seq: int, *, enabled: bool) -> None:
        site.now.now_ns = CAMERA.taken_ns(seq)
        await site.index.set_policy(CameraId(camera_of(MAIN)), Policy(enabled=enabled))
        await site.recorder._refresh_policies()

    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 100)
            await site.until_acknowledged(100)
            await switch(140, enabled=False)
            await switch(200, enabled=True)
            await site.live(CAMERA, 300, 400)
            await site.until_acknowledged(200)
            await site.fill(CAMERA, 100, 300)
            assert await site.held(CAMERA) == [(0, 400)]
        assert [gap.cause for gap in await site.gaps()][:2] == [GapCause.UNREACHABLE, GapCause.DISABLED]

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(140), range(200, 400))
    sound(site)
    site.close()


def test_while_recording_is_off_nothing_of_the_past_is_recorded_either(site: Site) -> None:
    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 100)
            await site.live(CAMERA, 200, 260)
            await site.until_acknowledged(160)
            await site.index.set_policy(CameraId(camera_of(MAIN)), Policy(enabled=False))
            await site.recorder._refresh_policies()
            await site.fill(CAMERA, 100, 200)
            assert await site.held(CAMERA) == [(0, 260)]

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(100), range(200, 260))
    assert site.backfill.stats.settled == 100
    site.close()


def test_units_wait_for_what_came_live_after_them(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 100)
            await site.until_acknowledged(100)
            monkeypatch.setattr(filler, "LIVE_S", 0.05)
            with pytest.raises(Unavailable, match="is not recorded yet"):
                await site.fill(CAMERA, 100, 200)
            assert len(site.files()) == 1
            monkeypatch.setattr(filler, "LIVE_S", 30.0)
            waiting = asyncio.ensure_future(site.fill(CAMERA, 100, 200))
            await site.settle()
            await site.live(CAMERA, 200, 260)
            await waiting

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(260))
    assert site.backfill.stats.refused == 1
    sound(site)
    site.close()


def test_units_that_are_in_no_order_are_refused(site: Site) -> None:
    units = CAMERA.units(0, 3)

    async def play() -> None:
        async with site:
            for wrong in ([units[1], units[0]], [units[0], units[0]], [units[0], Camera(EdgeRun(9)).unit(1)]):
                with pytest.raises(Invalid, match="not in order"):
                    await site.backfill.store(MAIN, wrong, 0)

    asyncio.run(play())
    site.close()


def test_the_account_of_an_hour_counts_units_that_came_late(site: Site) -> None:
    lost = [*range(50, 60)]

    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 100, lost=lost)
            site.bus.ledger.missing(MAIN, CAMERA.taken_ns(55), 10, GapCause.PACKET_LOSS)
            await site.live(CAMERA, 300, 340)
            await site.until_acknowledged(130)
            await site.fill(CAMERA, 40, 300)
            await Accounts(site.bus.ledger, site.database, site.clock).flush()
            minutes = await site.index.minutes(MAIN, CAMERA.start_ns, CAMERA.taken_ns(400))
        assert sum(one.stored for one in minutes) == 340
        assert sum(one.expected for one in minutes) == 340
        assert not any(one.missing for one in minutes)

    asyncio.run(play())
    site.close()


def test_what_no_camera_remembers_any_more_is_forgotten(site: Site) -> None:
    retention = Retention(site.index, site.volume, site.clock, RetentionSettings(0))

    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 100)
            await site.until_acknowledged(100)
            site.now.now_ns = CAMERA.taken_ns(100_000)
            await retention.once()
            for days, known in ((399, [(0, 100)]), (402, [])):
                site.now.now_ns = CAMERA.taken_ns(100_000) + days * 86_400 * NS_PER_S
                later = Retention(site.index, site.volume, site.clock, RetentionSettings(0))
                await later.once()
                assert await site.database.read(lambda c: edges.held(c, MAIN, CAMERA.run)) == known

    asyncio.run(play())
    site.close()
