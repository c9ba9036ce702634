"""Each kind of rule tells what it says, and nothing else."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.ids import RuleId, ZoneId
from haechi.base.week import Hours, Week
from haechi.events.desk import Basis
from haechi.events.rulebook import checked
from haechi.events.rules import KINDS, Ground, Opened, Rule, RuleState, Watch, decide, finish
from haechi.events.rules.ground import checked_ground, metres
from haechi.vision.result import Detection, FrameResult
from haechi.vision.track import TrackerState
from tests.events.rules.script import CAMERA, GATE, LEFT, START_NS, closed, frame, opened, person, play, rule, thing

IN, OUT = 0.3, 0.7
GONE = [frame(at) for at in range(200_000, 260_000, 1000)]


def stay(start_ms: int, end_ms: int, *found: Detection, step_ms: int = 200) -> list[FrameResult]:
    return [frame(at, *found) for at in range(start_ms, end_ms, step_ms)]


def dwell(seconds: float) -> Watch:
    return Watch(rule("dwell", zone=LEFT.id, min_duration_s=seconds), LEFT)


def test_time_in_a_zone_adds_up_over_short_absences_and_absences_do_not_count() -> None:
    frames = [
        *stay(0, 6_000, person(IN, 0.8)),
        *stay(6_000, 11_000, person(OUT, 0.8)),
        *stay(11_000, 17_000, person(IN, 0.8)),
    ]
    assert opened(dwell(12.0), frames) == [], "6 and 6 seconds, less the looks at both ends"
    ((at, one),) = opened(dwell(11.0), frames)
    assert at == 0.0
    assert one.at_ns - START_NS == pytest.approx(16.4 * NS_PER_S, abs=0.4 * NS_PER_S)


def test_a_long_absence_begins_anew() -> None:
    frames = [
        *stay(0, 6_000, person(IN, 0.8)),
        *stay(6_000, 20_000, person(OUT, 0.8)),
        *stay(20_000, 26_000, person(IN, 0.8)),
    ]
    assert opened(dwell(8.0), frames) == []


def test_somebody_who_is_overlooked_or_gets_another_number_goes_on_dwelling() -> None:
    frames = [
        *stay(0, 4_000, person(IN, 0.8, 1)),
        *stay(4_000, 5_000),
        *stay(5_000, 9_000, person(IN + 0.02, 0.8, 5)),
    ]
    assert len(opened(dwell(8.0), frames)) == 1
    assert closed(dwell(8.0), [*frames, *GONE]) == [pytest.approx(8.8)]


def test_four_seconds_between_looks_are_time_in_the_zone() -> None:
    assert len(opened(dwell(20.0), stay(0, 30_000, person(IN, 0.8), step_ms=4000))) == 1


def crowd(count: int, seconds: float = 2.0) -> Watch:
    return Watch(rule("crowd", zone=LEFT.id, count=count, min_duration_s=seconds), LEFT)


def group(count: int, first: int = 1) -> list[Detection]:
    return [person(0.05 + 0.08 * n, 0.8, first + n) for n in range(count)]


def test_a_crowd_is_so_many_at_once_in_the_zone_for_so_long() -> None:
    frames = [*stay(0, 4_000, *group(2), person(OUT, 0.8, 9)), *stay(4_000, 8_000, *group(3))]
    assert [at for at, _ in opened(crowd(3), frames)] == [4.0]
    assert opened(crowd(3, 5.0), frames) == []
    assert opened(crowd(4), frames) == []
    assert opened(crowd(3), frames)[0][1].detail == "3"


def test_one_behind_another_for_a_moment_is_no_end_and_new_numbers_are_no_more_people() -> None:
    frames = [*stay(0, 1_500, *group(3)), *stay(1_500, 2_500, *group(2)), *stay(2_500, 6_000, *group(3, first=11))]
    assert [at for at, _ in opened(crowd(3), frames)] == [0.0]
    assert opened(crowd(4, 0.0), frames) == []
    assert closed(crowd(3), [*frames, *stay(6_000, 12_000, *group(2))]) == [pytest.approx(5.9, abs=0.2)]


ROAD = Ground(((0.2, 0.9), (0.8, 0.9), (0.6, 0.5), (0.4, 0.5)), 6.0, 30.0)


def driven(metres_per_s: float, *, dropped: Sequence[int] = ()) -> list[FrameResult]:
    """A car that drives away along the middle of the road of 30 m, by the inverse of its perspective."""
    frames = []
    for n in range(26):
        along = metres_per_s * n * 0.2 / 30.0
        if along > 1 or n in dropped:
            continue
        y = 0.9 - 0.4 * 3 * along / (1 + 2 * along)  # the far edge is a third as wide
        frames.append(frame(n * 200, Detection("car", 0.9, 0.45, y - 0.1, 0.1, 0.1, 3)))
    return frames


@pytest.mark.parametrize("dropped", [(), (3, 4, 8), (1, 5, 6, 7)])
def test_speed_is_measured_in_perspective_and_whatever_is_dropped(dropped: tuple[int, ...]) -> None:
    spots = [metres(ROAD, (0.5 * 1280 / 720, one.detections[0].y + 0.1), 1280 / 720) for one in driven(10.0)]
    places = [spot[1] for spot in spots if spot is not None]
    steps = [after - before for before, after in pairwise(places)]
    assert steps == pytest.approx([2.0] * len(steps), abs=0.05), "the script drives 10 m/s, looks are 0.2 s apart"
    for limit, count in ((34.0, 1), (38.0, 0)):
        watch = Watch(rule("speed", label="car", speed_kmh=limit, ground=ROAD), None)
        found = opened(watch, driven(10.0, dropped=dropped))
        assert len(found) == count
        assert all(one.detail in ("35 km/h", "36 km/h", "37 km/h") for _, one in found)


def test_a_stretch_of_known_length_is_the_same_everywhere() -> None:
    ruler = Ground(((0.25, 0.8), (0.75, 0.8)), 10.0)
    frames = [frame(n * 200, person(0.2 + n * 0.01, 0.8)) for n in range(30)]
    assert len(opened(Watch(rule("speed", speed_kmh=3.5, ground=ruler), None), frames)) == 1, "1 m/s is 3.6 km/h"
    assert opened(Watch(rule("speed", speed_kmh=3.7, ground=ruler), None), frames) == []


@pytest.mark.parametrize(
    "bad",
    [
        Ground(((0.1, 0.1), (0.2, 0.2), (0.3, 0.1)), 1.0, 1.0),
        Ground(((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)), 1.0, 1.0),
        Ground(((0.1, 0.1), (0.9, 0.1)), 0.0),
        Ground(((0.1, 0.1), (0.1, 0.1)), 3.0),
        Ground(((0.1, 0.1), (1.9, 0.1)), 3.0),
        Ground(ROAD.points, 6.0, float("nan")),
    ],
)
def test_a_bad_measure_of_the_ground_is_refused(bad: Ground) -> None:
    with pytest.raises(Invalid) as error:
        checked_ground(bad)
    assert error.value.code == "bad-ground"


def standing(x: float = 0.3, track: int = 1) -> Detection:
    return Detection("person", 0.9, x, 0.3, 0.1, 0.5, track)


def lying(x: float = 0.25, track: int = 1) -> Detection:
    return Detection("person", 0.8, x, 0.65, 0.28, 0.15, track)


FALL = Watch(rule("fall", min_duration_s=3.0), None)


def test_who_stood_and_lies_for_so_long_has_fallen_whatever_number_the_track_has() -> None:
    for number in (1, 2):
        frames = [*stay(0, 3_000, standing()), *stay(3_000, 9_000, lying(track=number))]
        assert [at for at, _ in opened(FALL, frames)] == [3.0]
        assert closed(FALL, [*frames, *stay(9_000, 14_000, standing(track=number))]) == [pytest.approx(8.8)]


def test_who_gets_up_lies_down_slowly_or_lay_from_the_beginning_has_not_fallen() -> None:
    sitting = Detection("person", 0.9, 0.25, 0.55, 0.15, 0.27, 1)
    assert (
        opened(FALL, [*stay(0, 3_000, standing()), *stay(3_000, 5_000, lying()), *stay(5_000, 9_000, standing())]) == []
    )
    assert (
        opened(FALL, [*stay(0, 2_000, standing()), *stay(2_000, 6_000, sitting), *stay(6_000, 14_000, lying())]) == []
    )
    assert opened(FALL, stay(0, 14_000, lying())) == []


def test_who_is_cut_off_by_the_edge_of_the_picture_has_not_fallen() -> None:
    cut = Detection("person", 0.9, 0.25, 0.85, 0.28, 0.15, 1)
    assert opened(FALL, [*stay(0, 3_000, standing()), *stay(3_000, 9_000, cut)]) == []


def joints(
    upper: tuple[float, float], lower: tuple[float, float], score: float = 0.9
) -> tuple[tuple[float, float, float], ...]:
    points = [(0.0, 0.0, 0.0)] * 26
    for number in (5, 6):
        points[number] = (*upper, score)
    for number in (11, 12):
        points[number] = (*lower, score)
    return tuple(points)


def test_where_joints_are_known_the_trunk_decides() -> None:
    upright = structs.replace(standing(), points=joints((0.35, 0.4), (0.35, 0.6)))
    bent = structs.replace(lying(), points=joints((0.35, 0.66), (0.36, 0.78)))
    down = structs.replace(lying(), points=joints((0.28, 0.72), (0.42, 0.74)))
    unsure = structs.replace(lying(), points=joints((0.28, 0.72), (0.42, 0.74), 0.1))
    assert opened(FALL, [*stay(0, 3_000, upright), *stay(3_000, 9_000, bent)]) == []
    for fallen in (down, unsure):
        assert [at for at, _ in opened(FALL, [*stay(0, 3_000, upright), *stay(3_000, 9_000, fallen)])] == [3.0]


BAG = thing("backpack", 0.4, 0.8)
LEFT_BAG = Watch(rule("left", label="backpack", min_duration_s=10.0), None)
TAKEN = Watch(rule("taken", label="backpack", min_duration_s=3.0), None)


def test_a_bag_that_somebody_brings_and_leaves_is_told_when_it_has_been_alone_for_so_long() -> None:
    frames = [
        *stay(0, 5_000),
        *stay(5_000, 7_000, person(0.42, 0.82)),
        *stay(7_000, 9_000, person(0.45, 0.82), BAG),
        *stay(9_000, 25_000, BAG, person(0.9, 0.8)),
    ]
    ((at, one),) = opened(LEFT_BAG, frames)
    assert at == 7.0
    assert one.at_ns - START_NS == pytest.approx(18.8 * NS_PER_S, abs=0.4 * NS_PER_S)
    assert one.box == (BAG.x, BAG.y, BAG.w, BAG.h)
    assert len(closed(LEFT_BAG, [*frames, *stay(25_000, 40_000)])) == 1


def test_a_bag_that_was_there_or_that_stays_with_its_owner_or_appears_alone_is_not_left() -> None:
    assert opened(LEFT_BAG, stay(0, 60_000, BAG)) == []
    assert opened(LEFT_BAG, [*stay(0, 5_000), *stay(5_000, 60_000, BAG, person(0.45, 0.82))]) == []
    assert opened(LEFT_BAG, [*stay(0, 5_000), *stay(5_000, 60_000, BAG)]) == []


def test_a_bag_that_vanishes_with_somebody_near_is_taken_and_one_that_is_overlooked_is_not() -> None:
    near = person(0.44, 0.82)
    taken = [*stay(0, 6_000, BAG), *stay(6_000, 8_000, BAG, near), *stay(8_000, 9_000, near), *stay(9_000, 20_000)]
    ((at, one),) = opened(TAKEN, taken)
    assert 9.0 <= at <= 11.5
    assert one.box == (BAG.x, BAG.y, BAG.w, BAG.h), "the picture shows where it stood"
    overlooked = [*stay(0, 6_000, BAG), *stay(6_000, 20_000), *stay(20_000, 22_000, near), *stay(22_000, 40_000)]
    assert opened(TAKEN, overlooked) == []
    passing = [*stay(0, 6_000, BAG), *stay(6_000, 9_000, near), *stay(9_000, 20_000, BAG)]
    assert opened(TAKEN, passing) == [], "it was only hidden"


SEOUL = "Asia/Seoul"
AFTER_HOURS = Week((Hours((0, 1, 2, 3, 4), 8 * 60, 18 * 60),), outside=True)


def at_local(text: str) -> int:
    then = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(SEOUL))
    return round((int(then.timestamp()) * NS_PER_S - START_NS) / 1_000_000)


def test_after_hours_a_rule_holds_by_the_clock_of_the_site_and_closes_when_the_doors_open() -> None:
    watch = Watch(rule("object", zone=LEFT.id, hours=AFTER_HOURS), LEFT, time_zone=SEOUL)
    evening, morning = at_local("2026-11-20T17:59:30"), at_local("2026-11-23T07:59:50")
    ((at, one),) = opened(watch, stay(evening, evening + 40_000, person(IN, 0.8)))
    assert at * 1000 == at_local("2026-11-20T18:00:00"), "time before that does not count"
    assert one.at_ns > one.start_ns
    ends = closed(watch, stay(morning, morning + 30_000, person(IN, 0.8)))
    assert [end * 1000 for end in ends] == [at_local("2026-11-23T08:00:00") - 200]
    assert opened(structs.replace(watch, time_zone="UTC"), stay(evening, evening + 40_000, person(IN, 0.8))) == []


def test_who_walks_towards_the_line_before_the_hours_and_crosses_in_them_is_told() -> None:
    watch = Watch(rule("crossing", line=GATE.id, hours=AFTER_HOURS), None, GATE, SEOUL)
    six = at_local("2026-11-20T18:00:00")
    frames = [frame(six - 2000 + n * 200, person(0.72 - n * 0.02, 0.8)) for n in range(25)]
    assert len(opened(watch, frames)) == 1
    assert opened(watch, [structs.replace(one, captured_ns=one.captured_ns - 3600 * NS_PER_S) for one in frames]) == []


def test_what_was_stored_before_there_were_kinds_is_read_and_decides_as_it_did() -> None:
    fields = {"camera": CAMERA, "name": "old", "label": "person", "zone": LEFT.id, "min_score": 0.5}
    fields |= {"min_duration_s": 1.0, "cooldown_s": 0.0, "severity": "alert", "enabled": True, "id": "rul_one"}
    zone = msgspec.to_builtins(LEFT)
    state = [[[1, START_NS, msgspec.to_builtins(frame(0).ref), START_NS, 0]], None, 0]
    stored = {
        "watch": {"rule": fields, "zone": zone},
        "ref": msgspec.to_builtins(frame(0).ref),
        "tracker": msgspec.to_builtins(TrackerState()),
        "state": state,
    }
    basis = msgspec.msgpack.decode(msgspec.msgpack.encode(stored), type=Basis)
    assert basis.watch == Watch(Rule(**{**fields, "zone": ZoneId(LEFT.id), "id": RuleId("rul_one")}), LEFT)  # type: ignore[arg-type]
    ((at, _),) = play(basis.watch, stay(200, 3_000, person(IN, 0.8)), basis.state)[0]
    assert at == 1000


def any_watch(kind: str) -> Watch:
    label = "backpack" if kind in ("left", "taken") else "person"
    ground = ROAD if kind == "speed" else None
    return Watch(rule(kind, label=label, zone=LEFT.id, line=GATE.id, count=2, speed_kmh=5.0, ground=ground), LEFT, GATE)


anyone = st.builds(
    lambda x, y, track, height, label: structs.replace(person(x, y, track, height=height), label=label),
    st.floats(0.1, 0.9),
    st.floats(0.5, 0.99),
    st.integers(1, 4),
    st.floats(0.1, 0.4),
    st.sampled_from(["person", "person", "backpack"]),
)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(
        st.tuples(st.integers(50, 4000), st.lists(anyone, max_size=4, unique_by=lambda one: one.track)), max_size=40
    ),
    st.integers(0, 39),
)
def test_every_kind_decides_the_same_again_from_any_stored_state_and_events_never_overlap(
    kind: str, steps: list[tuple[int, list[Detection]]], cut: int
) -> None:
    watch, state, at_ms = any_watch(kind), RuleState(), 0
    frames = []
    for gap_ms, found in steps:
        at_ms += gap_ms
        frames.append(frame(at_ms, *found))
    states, made = [state], []
    for one in frames:
        state, decisions = decide(watch, state, one)
        states.append(state)
        made.append(decisions)
    cut = min(cut, len(frames))
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(states[cut]), type=RuleState)
    assert again == states[cut]
    for one, decisions in zip(frames[cut:], made[cut:], strict=True):
        again, now = decide(watch, again, one)
        assert now == decisions
    is_open, ended_ns = False, 0
    for decision in (*(one for row in made for one in row), *finish(state)[1]):
        if isinstance(decision, Opened):
            assert not is_open
            assert decision.start_ns > ended_ns
            is_open = True
        elif not hasattr(decision, "box"):
            assert is_open
            is_open, ended_ns = False, decision.end_ns


@pytest.mark.parametrize(
    "bad",
    [
        rule("crossing"),
        rule("crowd", count=1),
        rule("speed", ground=None),
        rule("speed", ground=ROAD, speed_kmh=0.5),
        rule("left"),
        rule("sideways"),
        rule("object", hours=Week(())),
    ],
)
def test_a_rule_that_lacks_what_its_kind_needs_is_refused(bad: Rule) -> None:
    with pytest.raises(Invalid):
        checked(bad)


def test_what_a_kind_has_no_use_for_is_dropped() -> None:
    crossing = checked(rule("crossing", line=GATE.id, zone=LEFT.id, ground=ROAD))
    assert (crossing.zone, crossing.ground) == (None, None)
    assert checked(rule("object", line=GATE.id)).line is None
