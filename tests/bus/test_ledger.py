"""Accounts of units: nothing is counted twice, nothing is lost between memory and the database."""

import time

from hypothesis import given
from hypothesis import strategies as st

from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, GapCause, Run
from haechi.bus.ledger import AFTER_RECEIPT, MINUTE_NS, MINUTES_MOST, Entry, Ledger
from tests.record.archive import JPEG, MAIN, SUB, pictures
from tests.streams import START_NS


def test_what_was_expected_is_what_came_and_what_never_came() -> None:
    ledger = Ledger()
    ledger.received(MAIN, START_NS, 90)
    ledger.missing(MAIN, START_NS, 7, GapCause.PACKET_LOSS)
    ledger.missing(MAIN, START_NS, 3, GapCause.STALLED)
    ledger.missing(MAIN, START_NS, 20, GapCause.OVERLOAD)
    ledger.stored(MAIN, START_NS, 70)
    total = ledger.totals(MAIN)
    assert (total.expected, total.received, total.stored) == (100, 90, 70)
    assert total.missing == {"packet-loss": 7, "stalled": 3, "overload": 20}
    assert ledger.totals(SUB).expected == 0


def test_every_unit_that_is_published_is_in_the_account_of_its_minute() -> None:
    bus = FrameBus()
    channel = bus.channel(MAIN)
    channel.open_run(Run(MAIN, 1, START_NS, [JPEG]))
    for unit in pictures(1300, start_ns=START_NS // MINUTE_NS * MINUTE_NS):
        channel.publish(unit)
    taken = bus.ledger.take()
    assert [entry.received for entry in taken.values()] == [600, 600, 100]
    assert bus.ledger.take() == {}
    assert bus.ledger.totals(MAIN).received == 1300


@given(st.lists(st.tuples(st.sampled_from([MAIN, SUB]), st.integers(0, 200), st.integers(1, 9), st.booleans())))
def test_taking_and_giving_back_loses_and_doubles_nothing(calls: list[tuple[StreamId, int, int, bool]]) -> None:
    ledger, kept, counted = Ledger(), Entry(), 0
    for stream, second, count, is_lucky in calls:
        ledger.received(stream, START_NS + second * 10**9, count)
        ledger.missing(stream, START_NS + second * 10**9, count, GapCause.OVERLOAD)
        counted += count
        taken = ledger.take()
        if is_lucky:
            for entry in taken.values():
                kept.add(entry)
        else:
            ledger.give_back(taken)
    for entry in ledger.take().values():
        kept.add(entry)
    assert kept.received == counted
    assert sum(entry.received for entry in ledger.all_totals().values()) == counted
    assert sum(sum(entry.missing.values()) for entry in ledger.all_totals().values()) == counted


def test_the_largest_motion_and_the_best_score_of_a_minute_stand() -> None:
    ledger = Ledger()
    for share in (0.001, 0.5, 0.2):
        ledger.moved(MAIN, START_NS, share)
        ledger.scored(MAIN, START_NS, share * 2)
    ledger.moved(SUB, START_NS, 0.0001)
    ledger.scored(SUB, START_NS, 7.0)
    assert (ledger.totals(MAIN).motion, ledger.totals(MAIN).score) == (128, 255)
    assert (ledger.totals(SUB).motion, ledger.totals(SUB).score) == (1, 255)


def test_minutes_that_cannot_be_kept_are_bounded_and_still_in_the_totals() -> None:
    ledger = Ledger()
    for minute in range(MINUTES_MOST + 5):
        ledger.received(MAIN, minute * MINUTE_NS)
    assert ledger.totals(MAIN).received == MINUTES_MOST + 5
    assert len(ledger.take()) == MINUTES_MOST


def test_a_unit_costs_less_than_two_microseconds_even_on_a_busy_machine() -> None:
    ledger = Ledger()
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        for number in range(10_000):
            ledger.received(MAIN, START_NS + number * 66_000_000)
        best = min(best, time.perf_counter() - start)
    assert best / 10_000 < 2e-6


@given(
    received=st.integers(0, 50),
    stored=st.integers(0, 50),
    missing=st.dictionaries(st.sampled_from(list(GapCause)), st.integers(1, 30), max_size=5),
    filled=st.integers(0, 80),
)
def test_units_that_come_late_are_missing_no_more(
    received: int, stored: int, missing: dict[GapCause, int], filled: int
) -> None:
    """In words: they are stored; those that had come already count as received once; nothing else changes."""
    ledger = Ledger()
    ledger.received(MAIN, 0, received)
    ledger.stored(MAIN, 0, stored)
    for cause, count in missing.items():
        ledger.missing(MAIN, 0, count, cause)
    before = ledger.totals(MAIN)
    expected, after_receipt = before.expected, sum(n for cause, n in missing.items() if cause in AFTER_RECEIPT)
    ledger.filled(MAIN, 0, filled)
    (entry,) = ledger.take().values()
    entry.settle()
    known = sum(missing.values())
    assert entry.filled == 0
    assert entry.stored == stored + filled
    assert sum(entry.missing.values()) == max(known - filled, 0)
    assert entry.received == received + max(filled - after_receipt, 0)
    assert entry.expected == expected + max(filled - known, 0)
    assert all(entry.missing.values())
