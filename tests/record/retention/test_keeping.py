"""Which class a recording is of, which go first, what a plan says; nothing protected ever goes (CONTRACT D5)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.base.clock import NS_PER_S
from haechi.base.ids import UserId, stream_of
from haechi.record.index.pins import pins_over
from haechi.record.index.policies import NS_PER_DAY, Keep, Kept, PinKind, Policy
from haechi.record.retention.bookmarks import AROUND_NS, Author, BookmarkChange, Draft
from haechi.record.retention.choice import Why, expired
from haechi.record.retention.deletion import RetentionSettings
from haechi.record.retention.judge import MOTION_FROM, SETTLE_NS
from tests.record.shelf import FRONT, MINUTE_NS, SIZE, YARD, Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.close()


def test_a_recording_is_kept_as_the_highest_class_that_it_belongs_to(shelf: Shelf) -> None:
    plain, moving, event, kept, both = shelf.minutes(FRONT, 5, days_ago=1)
    for one in (moving, event, kept, both):
        shelf.moved(FRONT, one)
    shelf.moved(FRONT, plain, MOTION_FROM - 1)
    shelf.pin(FRONT, event, "event:evt_1", PinKind.EVENT)
    shelf.pin(FRONT, kept, "case:1", PinKind.PROTECTED)
    shelf.pin(FRONT, both, "event:evt_2", PinKind.EVENT)
    shelf.pin(FRONT, both, "case:1", PinKind.PROTECTED)
    shelf.once()
    assert shelf.kept() == {plain: 0, moving: 1, event: 2, kept: 3, both: 3}


def test_sound_is_kept_as_what_its_camera_saw_and_other_cameras_are_not(shelf: Shelf) -> None:
    (picture,) = shelf.minutes(FRONT, 1, days_ago=1)
    sound = shelf.record(stream_of(FRONT, "audio"), shelf.row(picture).start_ns)
    other = shelf.record(stream_of(YARD), shelf.row(picture).start_ns)
    shelf.pin(FRONT, picture, "event:evt_1", PinKind.EVENT)
    shelf.once()
    assert shelf.kept() == {picture: 2, sound: 2, other: 0}


def test_each_class_goes_when_its_own_time_has_come(shelf: Shelf) -> None:
    found = {days: shelf.minutes(FRONT, 4, days_ago=days) for days in (1, 4, 8, 15)}
    for _, moving, event, kept in found.values():
        shelf.moved(FRONT, moving)
        shelf.pin(FRONT, event, f"event:evt_{event}", PinKind.EVENT)
        shelf.pin(FRONT, kept, f"case:{kept}", PinKind.PROTECTED)
    shelf.retention.settings = RetentionSettings(3, 0, motion_days=7, event_days=14)
    report = shelf.once()
    left = {days: [one in shelf.left() for one in four] for days, four in found.items()}
    assert left == {
        1: [True, True, True, True],
        4: [False, True, True, True],
        8: [False, False, True, True],
        15: [False, False, False, True],
    }
    assert (report.expired, report.freed_bytes) == (6, 6 * SIZE)


def test_footage_of_a_higher_class_never_goes_before_that_of_a_lower_one() -> None:
    keep = Keep(continuous_days=30, motion_days=5, event_days=1)
    assert [keep.days(kept) for kept in (Kept.CONTINUOUS, Kept.MOTION, Kept.EVENT)] == [30, 30, 30]


def test_nothing_is_deleted_before_it_is_known_what_happened_in_it(shelf: Shelf) -> None:
    shelf.retention.settings = RetentionSettings(0, 0, motion_days=0, event_days=0)
    shelf.minutes(FRONT, 3)
    assert shelf.once().expired == 0
    assert set(shelf.kept().values()) == {None}
    shelf.clock.advance(SETTLE_NS)
    assert shelf.once().expired == 0
    assert set(shelf.kept().values()) == {0}
    shelf.clock.advance(3600 * NS_PER_S)
    assert shelf.once().expired == 3


def test_a_camera_has_no_more_than_its_limit_and_loses_continuous_then_motion_then_events(shelf: Shelf) -> None:
    ones = shelf.minutes(FRONT, 8, days_ago=1)
    others = shelf.minutes(YARD, 8, days_ago=1)
    shelf.pin(FRONT, ones[0], "case:1", PinKind.PROTECTED)
    shelf.pin(FRONT, ones[1], "event:evt_1", PinKind.EVENT)
    for moving in (ones[2], ones[3]):
        shelf.moved(FRONT, moving)
    limits = (
        (8, set(ones)),
        (6, {*ones[:4], *ones[6:]}),
        (3, {*ones[:2], ones[3]}),
        (2, set(ones[:2])),
        (1, {ones[0]}),
    )
    for most, left in limits:
        asyncio.run(shelf.index.set_policy(FRONT, Policy(max_bytes=most * SIZE)))
        shelf.once()
        assert set(shelf.left()) == {*left, *others}, most
    asyncio.run(shelf.index.set_policy(FRONT, Policy(max_bytes=1)))
    assert shelf.once().for_size == 0
    assert ones[0] in shelf.left()


def test_a_pin_that_is_set_while_a_pass_chooses_wins(shelf: Shelf) -> None:
    first, second = shelf.minutes(FRONT, 2, days_ago=40)
    asyncio.run(shelf.retention._judge(shelf.clock.wall_ns()))
    wishes = asyncio.run(shelf.retention._wishes())
    chosen = shelf.database.read_now(lambda c: expired(c, wishes, shelf.clock.wall_ns(), 10))
    shelf.pin(FRONT, first, "case:1", PinKind.PROTECTED)
    asyncio.run(shelf.retention._delete(chosen))
    assert (shelf.left(), second in [one.id for one in chosen]) == ([first], True)
    shelf.once()
    assert shelf.kept() == {first: 3}


def test_a_bookmark_that_keeps_keeps_until_it_is_let_go_of(shelf: Shelf) -> None:
    before, at, after = shelf.minutes(FRONT, 3, days_ago=40)
    start_ns = shelf.row(at).start_ns + AROUND_NS
    made = asyncio.run(shelf.bookmarks.add(Draft(FRONT, start_ns, None, "a fox", True), Author(UserId("usr_1"), "Ann")))
    assert shelf.once().expired == 2
    assert shelf.left() == [at]
    asyncio.run(shelf.bookmarks.change(made.id, BookmarkChange(keep=False)))
    assert shelf.once().expired == 1
    assert {before, after}.isdisjoint(shelf.left())


def test_pins_of_events_go_with_their_footage_and_those_of_people_do_not(shelf: Shelf) -> None:
    old, new = shelf.minutes(FRONT, 1, days_ago=40)[0], shelf.minutes(FRONT, 1, days_ago=1)[0]
    start_ns = shelf.row(old).start_ns
    for one in (old, new):
        shelf.pin(FRONT, one, f"event:evt_{one}", PinKind.EVENT)
    asyncio.run(shelf.index.pin(stream_of(FRONT), start_ns - NS_PER_DAY, start_ns - 1, "case:1", PinKind.PROTECTED))
    shelf.once()
    left = shelf.database.read_now(lambda c: pins_over(c, FRONT, 0, 1 << 62))
    assert {pin.reason for pin in left} == {f"event:evt_{new}", "case:1"}


def test_a_gap_in_the_middle_of_kept_footage_is_one_of_retention(shelf: Shelf) -> None:
    ones = shelf.minutes(FRONT, 6, days_ago=40)
    shelf.pin(FRONT, ones[2], "case:1", PinKind.PROTECTED)
    shelf.once()
    gaps = asyncio.run(shelf.index.gaps(stream_of(FRONT), 0, 1 << 62))
    start_ns = shelf.row(ones[2]).start_ns
    assert [(gap.start_ns, gap.end_ns) for gap in gaps] == [
        (start_ns - 2 * MINUTE_NS, start_ns),
        (start_ns + MINUTE_NS, start_ns + 4 * MINUTE_NS),
    ]


def test_a_plan_says_what_would_go_and_why_and_deletes_nothing(shelf: Shelf) -> None:
    old, new = shelf.minutes(FRONT, 3, days_ago=40), shelf.minutes(FRONT, 4, days_ago=1)
    yard = shelf.minutes(YARD, 2, days_ago=2)
    shelf.moved(FRONT, new[3])
    asyncio.run(shelf.index.set_policy(FRONT, Policy(max_bytes=2 * SIZE)))
    plan = asyncio.run(shelf.retention.plan())
    front = plan.cameras[0]
    assert [(one.kept, one.why, one.recordings, one.bytes) for one in front.classes] == [
        (Kept.CONTINUOUS, Why.AGE, 3, 3 * SIZE),
        (Kept.CONTINUOUS, Why.SIZE, 2, 2 * SIZE),
    ]
    assert (front.classes[0].oldest_ns, front.classes[0].newest_ns) == (
        shelf.row(old[0]).start_ns,
        shelf.row(old[-1]).end_ns,
    )
    assert len(shelf.left()) == 9
    wished = asyncio.run(shelf.retention.plan(Keep(1.5, 1.5, 1.5), {FRONT: Policy(continuous_days=0.5)}))
    assert [(camera.camera, sum(one.recordings for one in camera.classes)) for camera in wished.cameras] == [
        (FRONT, 6),
        (YARD, len(yard)),
    ]
