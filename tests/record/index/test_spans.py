"""Questions of the timeline, also when a month is indexed."""

import asyncio
import time

import pytest

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.bus.frames import GapCause
from haechi.record.index.commits import GapOpened, apply, insert_gap
from haechi.record.index.layouts import FragmentRow, pack
from haechi.record.index.policies import Policy
from haechi.record.index.spans import Span
from haechi.record.tables import layouts, recordings
from tests.record.archive import EVER, MAIN, Archive
from tests.streams import START_NS

MINUTE = 60 * NS_PER_S


def fill(archive: Archive, minutes: int, *, hole_each: int = 1000) -> None:
    """Minute-long recordings of 30 fragments each, now and then a minute without."""
    kept = [n for n in range(minutes) if n % hole_each != hole_each - 1]
    rows = [
        {
            "id": n + 1, "volume": "v", "stream": MAIN, "run": 1, "params": 0, "path": f"{n}.mp4",
            "start_ns": START_NS + n * MINUTE, "end_ns": START_NS + (n + 1) * MINUTE, "first_seq": n * 900,
            "last_seq": n * 900 + 899, "init_bytes": 700, "size_bytes": 11_000_000, "is_open": False,
        }
        for n in kept
    ]  # fmt: skip
    pieces = [{"recording": n + 1, "pieces": pack(_minute(n))} for n in kept]
    archive.database.write_now(lambda c: (c.execute(recordings.insert(), rows), c.execute(layouts.insert(), pieces)))


def _minute(n: int) -> list[FragmentRow]:
    return [
        FragmentRow(
            number=piece + 1, offset_bytes=700 + piece * 366_000, size_bytes=366_000,
            first_ns=START_NS + n * MINUTE + piece * 2 * NS_PER_S,
            last_ns=START_NS + n * MINUTE + (piece + 1) * 2 * NS_PER_S - 1,
            first_pts_ticks=n * 5_400_000 + piece * 180_000, first_dts_ticks=n * 5_400_000 + piece * 180_000,
            duration_ticks=180_000, first_seq=n * 900 + piece * 30, units=30, is_sync=True,
            digest=bytes(16),
        )
        for piece in range(30)
    ]  # fmt: skip


def test_touching_recordings_are_one_span_and_a_range_cuts_it(archive: Archive) -> None:
    fill(archive, 30, hole_each=10)
    spans = asyncio.run(archive.spans())
    assert [(s.start_ns - START_NS) // MINUTE for s in spans] == [0, 10, 20]
    assert [(s.end_ns - START_NS) // MINUTE for s in spans] == [9, 19, 29]
    cut = asyncio.run(archive.index.spans(MAIN, START_NS + 5 * MINUTE, START_NS + 12 * MINUTE))
    assert cut == [
        Span(START_NS + 5 * MINUTE, START_NS + 9 * MINUTE),
        Span(START_NS + 10 * MINUTE, START_NS + 12 * MINUTE),
    ]


def test_units_that_are_lost_while_a_gap_lasts_have_a_gap_with_their_own_cause(archive: Archive) -> None:
    fill(archive, 2)
    off = GapOpened(MAIN, START_NS + 2 * MINUTE, GapCause.UNREACHABLE)
    full = GapOpened(MAIN, START_NS + 5 * MINUTE, GapCause.DISK_FULL, is_loss=True)
    again = GapOpened(MAIN, START_NS + 6 * MINUTE, GapCause.DISK_FULL, is_loss=True)
    over = GapOpened(MAIN, START_NS + 7 * MINUTE, GapCause.CAMERA_CLOSED)
    archive.database.write_now(lambda c: apply(c, [off, full, again, over], {}))
    found = asyncio.run(archive.index.gaps(MAIN, START_NS, START_NS + 9 * MINUTE))
    assert [((gap.start_ns - START_NS) // MINUTE, (gap.end_ns - START_NS) // MINUTE, gap.cause) for gap in found] == [
        (2, 5, GapCause.UNREACHABLE),
        (5, 9, GapCause.DISK_FULL),
    ]
    archive.close()


def test_a_gap_that_lasts_goes_to_the_end_of_the_range(archive: Archive) -> None:
    archive.database.write_now(lambda c: insert_gap(c, MAIN, 10, 20, GapCause.STALLED))
    (gap,) = asyncio.run(archive.index.gaps(MAIN, 15, 100))
    assert (gap.start_ns, gap.end_ns) == (15, 20)
    assert asyncio.run(archive.index.gaps(MAIN, 20, 100)) == []


def test_days_are_those_of_the_site(archive: Archive) -> None:
    fill(archive, 60 * 24)
    assert asyncio.run(archive.index.days_with_footage(MAIN)) == ["2025-11-21", "2025-11-22"]
    seoul = asyncio.run(archive.index.days_with_footage(MAIN, "Asia/Seoul"))
    assert seoul == ["2025-11-21", "2025-11-22"]
    assert asyncio.run(archive.index.days_with_footage(MAIN, "Pacific/Kiritimati"))[-1] == "2025-11-22"
    with pytest.raises(Invalid, match="time zone"):
        asyncio.run(archive.index.days_with_footage(MAIN, "../../etc/passwd"))


def test_sizes_are_by_camera_or_all(archive: Archive) -> None:
    fill(archive, 5)
    assert asyncio.run(archive.index.storage_bytes()) == 55_000_000
    assert asyncio.run(archive.index.storage_bytes(CameraId("cam_front"))) == 55_000_000
    assert asyncio.run(archive.index.storage_bytes(CameraId("cam_%"))) == 0
    assert asyncio.run(archive.index.oldest_ns()) == START_NS


def test_what_a_camera_wants_is_kept(archive: Archive) -> None:
    wish = Policy(enabled=False, continuous_days=3.5, audio=True, purpose="the till")
    asyncio.run(archive.index.set_policy(CameraId("cam_a"), Policy()))
    asyncio.run(archive.index.set_policy(CameraId("cam_a"), wish))
    assert asyncio.run(archive.index.policies()) == {CameraId("cam_a"): wish}
    with pytest.raises(Invalid):
        asyncio.run(archive.index.set_policy(CameraId("cam_a"), Policy(event_days=-1)))


@pytest.mark.slow
def test_with_a_month_indexed_the_timeline_and_a_seek_answer_quickly(archive: Archive) -> None:
    fill(archive, 31 * 24 * 60)

    def fastest(ask: object) -> float:
        assert callable(ask)
        times = []
        for _ in range(3):
            start = time.perf_counter()
            asyncio.run(ask())
            times.append(time.perf_counter() - start)
        return min(times)

    at = START_NS + 20 * 24 * 60 * MINUTE
    assert fastest(lambda: archive.index.spans(MAIN, 0, EVER)) < 1.0
    assert fastest(lambda: archive.index.spans(MAIN, at, at + 60 * MINUTE)) < 0.1
    assert fastest(lambda: archive.playback.playlist(MAIN, at, at + 60 * MINUTE, str)) < 0.3
    assert fastest(lambda: archive.index.gaps(MAIN, 0, EVER)) < 0.1
