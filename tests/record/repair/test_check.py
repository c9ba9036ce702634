"""`check` finds what is wrong, names it, and repairs it without touching what is right."""

import asyncio

import pytest

from haechi.base.errors import Conflict
from haechi.bus.frames import GapCause
from haechi.record.index.layouts import Fragment
from haechi.record.index.spans import fragments_in
from haechi.record.repair.check import CheckLevel, CheckReport, check
from haechi.record.tables import recordings
from tests.record.archive import JPEG, MAIN, Archive, pictures


def store(archive: Archive) -> list[Fragment]:
    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(700))

    asyncio.run(play())
    return archive.database.read_now(lambda c: fragments_in(c, [archive.recordings()[0].id]))


def run(archive: Archive, level: CheckLevel, *, repair: bool = False) -> CheckReport:
    return asyncio.run(check(archive.index, archive.volume, level, repair=repair))


def flip(archive: Archive, offset: int) -> None:
    path = archive.files()[0]
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(data)


def test_a_sound_archive_passes_and_everything_was_looked_at(archive: Archive) -> None:
    store(archive)
    seen: list[tuple[int, int]] = []
    report = asyncio.run(
        check(archive.index, archive.volume, CheckLevel.HASH, progress=lambda done, total: seen.append((done, total)))
    )
    assert report.is_sound
    assert (report.recordings, report.fragments) == (2, 35)
    assert report.bytes == sum(r.size_bytes - r.init_bytes for r in archive.recordings())
    assert seen[-1] == (2, 2)


@pytest.mark.parametrize(
    ("level", "kind"),
    [(CheckLevel.PRESENCE, None), (CheckLevel.SIZE, None), (CheckLevel.HASH, "damaged")],
)
def test_a_flipped_bit_is_found_by_hash_only(archive: Archive, level: CheckLevel, kind: str | None) -> None:
    middle = store(archive)[10]
    flip(archive, middle.offset_bytes + middle.size_bytes - 3)
    report = run(archive, level)
    assert [issue.kind for issue in report.issues] == ([kind] if kind else [])
    if kind:
        assert report.issues[0].fragment == middle.number


@pytest.mark.parametrize("number", [0, 10, 29])
def test_a_damaged_fragment_is_repaired_into_a_gap_and_the_others_stay(archive: Archive, number: int) -> None:
    bad = store(archive)[number]
    flip(archive, bad.offset_bytes + bad.size_bytes - 3)
    assert run(archive, CheckLevel.HASH, repair=True).repaired == 1
    assert run(archive, CheckLevel.HASH).is_sound
    gaps = [gap for gap in asyncio.run(archive.gaps()) if gap.cause is GapCause.DISK_ERROR]
    assert [(gap.start_ns, gap.end_ns) for gap in gaps] == [(bad.first_ns, bad.first_ns + 2 * 10**9)]
    spans = asyncio.run(archive.spans())
    assert sum(span.end_ns - span.start_ns for span in spans) == 699 * 10**8 + 1 - 2 * 10**9
    assert all(span.end_ns <= bad.first_ns or span.start_ns >= gaps[0].end_ns for span in spans)
    text = asyncio.run(archive.playback.playlist(MAIN, 0 + spans[0].start_ns, spans[-1].end_ns, str))
    assert text.count("#EXTINF") > 10


def test_missing_short_and_unlisted_files_are_named_and_repaired(archive: Archive) -> None:
    store(archive)
    first, second = archive.files()
    data = first.read_bytes()
    first.unlink()
    second.write_bytes(second.read_bytes()[:-5])
    first.with_name("07-00-00.000Z_main_r7.mp4").write_bytes(data[:2000])
    report = run(archive, CheckLevel.SIZE)
    assert sorted(issue.kind for issue in report.issues) == ["missing", "short", "unlisted"]
    run(archive, CheckLevel.HASH, repair=True)
    assert run(archive, CheckLevel.HASH).is_sound


def test_a_repair_is_refused_while_the_recorder_runs_and_a_check_is_not(archive: Archive) -> None:
    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(100))
            await archive.until_acknowledged(80)
            report = await check(archive.index, archive.volume, CheckLevel.HASH)
            assert report.is_sound, report
            other = Archive(archive.root)
            await other.volume.claim(other.database, other.clock)
            with pytest.raises(Conflict, match="stop it first"):
                await check(other.index, other.volume, CheckLevel.SIZE, repair=True)
            other.close()

    asyncio.run(play())


def test_d8_a_repair_forgets_nothing_when_too_much_is_gone(archive: Archive) -> None:
    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(9000))

    asyncio.run(play())
    before = archive.recordings()
    for path in archive.files()[:12]:
        path.unlink()
    report = run(archive, CheckLevel.SIZE, repair=True)
    assert (report.issue_count, report.refused, report.is_mended) == (12, 12, False)
    assert archive.recordings() == before


def test_footage_of_an_odd_name_or_place_is_looked_at_like_any_other(archive: Archive) -> None:
    store(archive)
    first = archive.recordings()[0]
    moved = "restored/by-hand.mp4"
    target = archive.volume.path_of(moved)
    target.parent.mkdir()
    archive.volume.path_of(first.path).rename(target)
    same = recordings.update().where(recordings.c.id == first.id).values(path=moved)
    archive.database.write_now(lambda c: c.execute(same))
    report = run(archive, CheckLevel.HASH)
    assert (report.is_sound, report.recordings, report.fragments) == (True, 2, 35)
    target.write_bytes(target.read_bytes()[:-1])
    assert [issue.kind for issue in run(archive, CheckLevel.SIZE).issues] == ["short"]
    (archive.root / "record" / "stray.mp4").write_bytes(b"?")
    assert [issue.kind for issue in run(archive, CheckLevel.PRESENCE).issues] == ["unlisted"]
