"""Rules and events in the database."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId, EventId, RuleId, StreamId, ZoneId
from haechi.events.archive import Change, EventArchive
from haechi.events.desk import Basis
from haechi.events.event import Event, EventFilter
from haechi.events.rulebook import RuleStore
from haechi.events.rules import Rule, RuleState, Watch
from haechi.media.access_unit import UnitRef
from haechi.store.database import Database
from haechi.vision.track import TrackerState
from haechi.vision.zones import Zone, ZoneStore
from tests.events.test_rules import LEFT, RULE, frame, person

CAMERA, OTHER = CameraId("cam_door"), CameraId("cam_yard")


def with_database(folder: Path, play: Callable[[Database], Coroutine[None, None, None]]) -> None:
    database = Database.at(folder / "haechi.db")
    database.migrate()
    asyncio.run(play(database))
    database.close()


def event(number: int, *, camera: CameraId = CAMERA, ended: bool = True, label: str = "person") -> Event:
    ref = UnitRef(StreamId(f"{camera}/main"), 1, number)
    start_ns = (1_700_000_000 + number) * NS_PER_S
    end_ns = start_ns + NS_PER_S if ended else None
    return Event(
        id=EventId(f"evt_{number:06d}"),
        camera=camera,
        stream=ref.stream,
        rule=RuleId("rul_one"),
        rule_name="loitering",
        zone=ZoneId("zon_left"),
        zone_name="left",
        label=label,
        severity="alert",
        score=0.9,
        start_ns=start_ns,
        last_ns=start_ns + NS_PER_S,
        end_ns=end_ns,
        first_ref=ref,
        last_ref=ref,
        best_ref=ref,
        best_ns=start_ns,
        best_box=(0.1, 0.2, 0.3, 0.4),
        model_name="picodet-s",
        model_hash="m",
        config_hash="c",
    )


def basis(of: Event) -> Basis:
    return Basis(Watch(RULE, LEFT), of.first_ref, TrackerState(), RuleState())


async def store(archive: EventArchive, *events: Event) -> None:
    await archive.write(Change(tuple((one, basis(one)) for one in events), ()))


def test_an_event_comes_back_as_it_was_stored_and_changes_keep_its_review(tmp_path: Path) -> None:
    async def play(database: Database) -> None:
        archive = EventArchive(database)
        open_event = event(1, ended=False)
        await store(archive, open_event)
        assert await archive.get(open_event.id) == open_event
        assert await archive.basis(open_event.id) == basis(open_event)
        assert list(await archive.open_events()) == [open_event]
        await archive.set_reviewed([open_event.id], reviewed=True)
        closed = structs.replace(open_event, end_ns=open_event.last_ns, score=0.95)
        await archive.write(Change(((closed, None),), ()))
        assert await archive.get(open_event.id) == structs.replace(closed, reviewed=True)
        assert list(await archive.open_events()) == []

    with_database(tmp_path, play)


def test_lists_are_newest_first_filtered_and_come_in_pages(tmp_path: Path) -> None:
    async def play(database: Database) -> None:
        archive = EventArchive(database)
        await store(archive, *(event(n, camera=OTHER if n % 3 == 0 else CAMERA) for n in range(30)))
        await store(archive, event(100, label="cat"))
        seen: list[Event] = []
        before_ns: int | None = None
        while True:
            page = await archive.list(EventFilter(cameras=[CAMERA], label="person", limit=7, before_ns=before_ns))
            seen += page.events
            before_ns = page.next_before_ns
            if before_ns is None:
                break
        starts = [one.start_ns for one in seen]
        assert starts == sorted(starts, reverse=True)
        assert len(seen) == 20
        assert page.unreviewed == 21
        assert (await archive.list(EventFilter(label="cat"))).events == (event(100, label="cat"),)
        assert (await archive.list(EventFilter(cameras=[]))).events == ()
        assert (await archive.list(EventFilter(severity="detection"))).events == ()
        after = await archive.list(EventFilter(after_ns=event(28).start_ns, cameras=None))
        assert [one.id for one in after.events] == ["evt_000100", "evt_000029", "evt_000028"]
        for limit in (0, 501):
            with pytest.raises(Invalid):
                await archive.list(EventFilter(limit=limit))

    with_database(tmp_path, play)


def test_marking_marks_all_or_nothing(tmp_path: Path) -> None:
    async def play(database: Database) -> None:
        archive = EventArchive(database)
        await store(archive, event(1), event(2))
        with pytest.raises(NotFound):
            await archive.set_reviewed([event(1).id, EventId("evt_nosuchevent")], reviewed=True)
        assert (await archive.list(EventFilter(reviewed=True))).events == ()
        await archive.set_reviewed([event(1).id, event(1).id, event(2).id], reviewed=True)
        page = await archive.list(EventFilter(reviewed=True))
        assert (len(page.events), page.unreviewed) == (2, 0)

    with_database(tmp_path, play)


def test_looks_come_back_in_the_order_of_decision_and_once(tmp_path: Path) -> None:
    async def play(database: Database) -> None:
        archive = EventArchive(database)
        looks = tuple(frame(at, person()) for at in (2000, 1000, 3000, 9000))
        await archive.write(Change((), looks))
        await archive.write(Change((), looks[1:3]))
        around = structs.replace(event(1), start_ns=looks[0].captured_ns, end_ns=looks[2].captured_ns)
        assert list(await archive.looks(around, NS_PER_S)) == list(looks[:3])

    with_database(tmp_path, play)


def test_a_batch_that_cannot_be_written_whole_is_not_written_at_all(tmp_path: Path) -> None:
    async def play(database: Database) -> None:
        archive = EventArchive(database)
        await store(archive, event(1))
        bad = structs.replace(event(2), end_ns=0)
        with pytest.raises(Exception, match="order"):
            await archive.write(Change(((event(3), basis(event(3))), (bad, basis(bad))), (frame(0),)))
        assert [one.id for one in (await archive.list(EventFilter())).events] == [event(1).id]

    with_database(tmp_path, play)


def test_rules_are_kept_for_their_camera_with_zones_of_that_camera_only(tmp_path: Path) -> None:
    async def play(database: Database) -> None:
        zones, rules = ZoneStore(database), RuleStore(database)
        changes: list[int] = []
        rules.on_change(lambda: changes.append(1))
        mine = (await zones.put(CAMERA, [Zone(CAMERA, "mine", LEFT.points)]))[0]
        theirs = (await zones.put(OTHER, [Zone(OTHER, "theirs", LEFT.points)]))[0]
        (rule,) = await rules.put(CAMERA, [Rule(CAMERA, " no  entry ", "person", mine.id, 0.6, 2.0)])
        assert rule.name == "no entry"
        assert await rules.list() == [rule]
        for foreign in (theirs.id, ZoneId("zon_nosuch")):
            with pytest.raises(NotFound) as error:
                await rules.put(CAMERA, [structs.replace(rule, zone=foreign)])
            assert error.value.code == "zone-not-found"
        with pytest.raises(NotFound) as error:
            await rules.put(OTHER, [structs.replace(rule, zone=None)])
        assert error.value.code == "rule-not-found"
        assert await rules.list(CAMERA) == [rule]
        changed = structs.replace(rule, enabled=False, severity="detection", zone=None)
        assert await rules.put(CAMERA, [changed]) == [changed]
        await rules.forget(CAMERA)
        assert await rules.list() == []
        assert len(changes) == 3

    with_database(tmp_path, play)


@pytest.mark.parametrize(
    "bad",
    [
        structs.replace(RULE, name=" "),
        structs.replace(RULE, label=""),
        structs.replace(RULE, min_score=0.0),
        structs.replace(RULE, min_score=float("nan")),
        structs.replace(RULE, min_duration_s=301.0),
        structs.replace(RULE, min_duration_s=float("nan")),
        structs.replace(RULE, cooldown_s=-1.0),
        structs.replace(RULE, cooldown_s=float("inf")),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(tmp_path: Path, bad: Rule) -> None:
    async def play(database: Database) -> None:
        with pytest.raises(Invalid) as error:
            await RuleStore(database).put(CAMERA, [structs.replace(bad, id=RuleId(""), zone=None)])
        assert error.value.code == "bad-rule"

    with_database(tmp_path, play)
