"""Accounts in the database: packed by the hour, added to after a restart, asked for by the minute."""

import asyncio

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import DataLoss
from haechi.bus.frames import GapCause
from haechi.bus.ledger import MINUTE_NS, Entry, Ledger, Minute
from haechi.record.index.accounts import ALL_LOST, KEPT_HOURS, UNKNOWN, Accounts, pack, peaks, unpack
from haechi.record.tables import hours
from tests.cameras import FastClock
from tests.record.archive import EVER, JPEG, MAIN, SUB, Archive, pictures
from tests.streams import START_NS

START = 1_763_712_000_000_000_000 // (60 * MINUTE_NS) * 60 * MINUTE_NS
COUNTS = st.integers(0, 1 << 40)


def entry_of(values: list[int], missing: dict[str, int]) -> Entry:
    entry = Entry()
    entry.received, entry.stored, entry.decoded, entry.motion, entry.score = values
    entry.missing = missing
    return entry


def values_of(entry: Entry | Minute) -> list[object]:
    return [getattr(entry, name) for name in ("received", "stored", "decoded", "motion", "score", "missing")]


@given(
    st.dictionaries(
        st.integers(0, 59),
        st.builds(
            entry_of,
            st.lists(COUNTS, min_size=5, max_size=5),
            st.dictionaries(st.sampled_from([one.value for one in GapCause]), COUNTS),
        ),
    )
)
def test_an_hour_that_is_packed_comes_back(minutes: dict[int, Entry]) -> None:
    found = unpack(pack(minutes))
    assert {minute: values_of(one) for minute, one in found.items()} == {
        minute: values_of(one) for minute, one in minutes.items()
    }


def test_what_a_timeline_draws_of_an_hour_is_a_byte_for_each_minute() -> None:
    minutes = {
        0: entry_of([100, 100, 10, 7, 200], {}),
        5: entry_of([99, 99, 10, 255, 0], {"packet-loss": 1}),
        59: entry_of([0, 0, 0, 0, 0], {"unreachable": 900}),
        7: entry_of([100, 0, 0, 1, 1], {"disk-full": 100}),
        8: entry_of([0, 0, 3, 9, 9], {}),
    }
    drawn = peaks(minutes)
    motion, score, loss = drawn[:60], drawn[60:120], drawn[120:]
    assert (motion[0], motion[5], motion[7], motion[8], sum(motion)) == (7, 255, 1, 9, 272)
    assert (score[0], score[8], sum(score)) == (200, 9, 210)
    assert (loss[0], loss[5], loss[59], loss[7], loss[8], loss[30]) == (0, 3, ALL_LOST, ALL_LOST, UNKNOWN, UNKNOWN)


@given(st.binary(max_size=200))
def test_noise_is_told(noise: bytes) -> None:
    with pytest.raises(DataLoss, match="damaged"):
        unpack(b"\xc1" + noise)


def test_what_was_counted_before_and_after_a_restart_is_one_account(archive: Archive) -> None:
    for count in (3, 4):
        ledger = Ledger()
        ledger.received(MAIN, START + MINUTE_NS, count)
        ledger.stored(MAIN, START + MINUTE_NS, count)
        ledger.missing(MAIN, START + MINUTE_NS, 1, GapCause.PACKET_LOSS)
        ledger.moved(MAIN, START + MINUTE_NS, count / 10)
        asyncio.run(Accounts(ledger, archive.database, archive.clock).flush())
    (minute,) = asyncio.run(archive.index.minutes(MAIN, 0, EVER))
    assert minute == Minute(START + MINUTE_NS, 9, 7, 7, 0, {"packet-loss": 2}, 102, 0)
    assert asyncio.run(archive.index.minutes(SUB, 0, EVER)) == []


def test_a_range_has_the_minutes_that_it_touches(archive: Archive) -> None:
    ledger = Ledger()
    for minute in range(150):
        ledger.received(MAIN, START + minute * MINUTE_NS, minute + 1)
    asyncio.run(Accounts(ledger, archive.database, archive.clock).flush())
    found = asyncio.run(archive.index.minutes(MAIN, START + 59 * MINUTE_NS + 5, START + 121 * MINUTE_NS + 1))
    assert [one.received for one in found] == list(range(60, 123))


def test_while_the_database_is_down_accounts_wait_d4(archive: Archive) -> None:
    ledger = Ledger()
    ledger.received(MAIN, START, 5)
    archive.database.write_now(lambda c: c.execute(sa.text("ALTER TABLE hours RENAME TO away")))
    asyncio.run(Accounts(ledger, archive.database, archive.clock).flush())
    archive.database.write_now(lambda c: c.execute(sa.text("ALTER TABLE away RENAME TO hours")))
    asyncio.run(Accounts(ledger, archive.database, archive.clock).flush())
    (minute,) = asyncio.run(archive.index.minutes(MAIN, 0, EVER))
    assert minute.received == 5


def test_they_are_kept_while_it_runs_and_when_it_ends_and_old_ones_go(archive: Archive) -> None:
    clock = FastClock(200)
    hour = clock.wall_ns() // MINUTE_NS // 60
    rows = [{"stream": MAIN, "hour": hour - KEPT_HOURS + step, "peaks": b"", "body": pack({})} for step in (-1, 1)]
    archive.database.write_now(lambda c: c.execute(hours.insert(), rows))
    ledger = Ledger()

    async def play() -> None:
        ledger.received(MAIN, clock.wall_ns(), 2)
        task = asyncio.ensure_future(Accounts(ledger, archive.database, clock).run())
        async with asyncio.timeout(10):
            while not await archive.index.minutes(MAIN, 0, EVER):
                continue
        ledger.received(MAIN, clock.wall_ns(), 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())
    assert sum(one.received for one in asyncio.run(archive.index.minutes(MAIN, 0, EVER))) == 5
    query = sa.select(sa.func.count()).select_from(hours).where(hours.c.hour < hour - KEPT_HOURS)
    assert archive.database.read_now(lambda c: c.execute(query).scalar_one()) == 0


def test_what_was_received_is_stored_minute_by_minute_or_missing_for_a_cause(archive: Archive) -> None:
    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(1700, start_ns=START_NS + 123_456_789))
            await archive.until_acknowledged(1600)

    asyncio.run(play())
    minutes = archive.bus.ledger.take()
    assert len(minutes) in (3, 4)
    assert all(one.received == one.stored == one.expected for one in minutes.values())
    assert archive.bus.ledger.totals(MAIN).stored == 1700
