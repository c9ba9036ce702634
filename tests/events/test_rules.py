"""Rules decide at exactly the moment that they say."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import CameraId, RuleId, StreamId, ZoneId
from haechi.events.rules import Closed, Decision, Opened, Rule, RuleState, Watch, Went, decide, finish
from haechi.media.access_unit import UnitRef
from haechi.vision.result import Detection, FrameResult
from haechi.vision.zones import Zone

CAMERA, STREAM = CameraId("cam_door"), StreamId("cam_door/main")
LEFT = Zone(CAMERA, "left", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)), id=ZoneId("zon_left"))
RULE = Rule(CAMERA, "loitering", "person", LEFT.id, 0.5, 1.0, 10.0, id=RuleId("rul_one"))
START_NS = 1_700_000_000 * NS_PER_S


def person(track: int | None = 1, x: float = 0.2, score: float = 0.9, label: str = "person") -> Detection:
    return Detection(label, score, x, 0.3, 0.1, 0.5, track)


def frame(at_ms: int, *found: Detection) -> FrameResult:
    at_ns = START_NS + at_ms * NS_PER_MS
    return FrameResult(UnitRef(STREAM, 1, at_ms), at_ns, found, 640, 360, 0.1, "m", "c", "u", "g", "f", 0)


def play(frames: Sequence[FrameResult], rule: Rule = RULE, zone: Zone | None = LEFT) -> list[tuple[int, Decision]]:
    """Decisions with the time in ms of the frame that led to them, without the progress in between."""
    state = RuleState()
    out: list[tuple[int, Decision]] = []
    for one in frames:
        state, decisions = decide(Watch(rule, zone), state, one)
        out += [(one.ref.seq, decision) for decision in decisions if not isinstance(decision, Went)]
    return out


def opened_at(decisions: list[tuple[int, Decision]]) -> list[int]:
    return [at for at, decision in decisions if isinstance(decision, Opened)]


def every(step_ms: int, start_ms: int, end_ms: int, *found: Detection) -> list[FrameResult]:
    return [frame(at, *found) for at in range(start_ms, end_ms + 1, step_ms)]


def test_an_event_opens_when_the_duration_is_full_and_begins_when_it_began_to_count() -> None:
    decisions = play([*every(200, 0, 800), *every(200, 1000, 4000, person())])
    ((at, opened),) = decisions
    assert isinstance(opened, Opened)
    assert at == 2000
    assert opened.start_ns == START_NS + 1000 * NS_PER_MS
    assert opened.start_ref.seq == 1000


@pytest.mark.parametrize(("stays_ms", "expected"), [(800, []), (1000, [1000])])
def test_a_little_less_than_the_duration_is_no_event(stays_ms: int, expected: list[int]) -> None:
    assert opened_at(play([*every(200, 0, stays_ms, person()), *every(200, stays_ms + 200, 8000)])) == expected


def test_without_a_duration_the_first_frame_is_enough() -> None:
    assert opened_at(play([frame(0, person())], structs.replace(RULE, min_duration_s=0.0))) == [0]


def test_it_ends_when_the_object_was_last_inside_and_is_said_so_after_the_grace() -> None:
    decisions = play([*every(200, 0, 3000, person()), *every(200, 3200, 9000)])
    at, closed = decisions[1]
    assert isinstance(closed, Closed)
    assert closed.end_ns == START_NS + 3000 * NS_PER_MS
    assert closed.ref.seq == 3000
    assert not closed.is_cut
    assert 5000 <= at <= 5200


def test_who_steps_out_for_less_than_the_grace_did_not_leave() -> None:
    outside = person(x=0.7)
    frames = [*every(200, 0, 2000, person()), *every(200, 2200, 3600, outside), *every(200, 3800, 6000, person())]
    assert len(play(frames)) == 1


def test_a_lower_score_does_not_begin_but_does_not_end_either() -> None:
    weak = person(score=0.4)
    assert play(every(200, 0, 5000, weak)) == []
    assert len(play([frame(0, person()), *every(200, 200, 9000, weak)])) == 1


def test_only_the_label_and_the_zone_count_and_feet_decide() -> None:
    others = [person(label="dog"), person(2, x=0.6), person(None)]
    assert play(every(200, 0, 5000, *others)) == []
    assert opened_at(play(every(200, 0, 5000, person(2, x=0.6)), zone=None)) == [1000]


def test_the_cool_down_holds_the_next_event_back_until_it_is_over() -> None:
    first = [*every(200, 0, 2000, person(1)), *every(200, 2200, 5000)]
    again = [*every(200, 5200, 20_000, person(2))]
    decisions = play([*first, *again])
    assert opened_at(decisions) == [1000, 12_000], "ten seconds after the end at 2 s"
    second = [decision for _, decision in decisions if isinstance(decision, Opened)][1]
    assert second.start_ns == START_NS + 5200 * NS_PER_MS


def test_others_join_an_event_that_goes_on_and_it_ends_with_the_last_of_them() -> None:
    frames = [
        *every(200, 0, 2000, person(1)),
        *every(200, 2200, 4000, person(1), person(2, x=0.3)),
        *every(200, 4200, 6000, person(2, x=0.3)),
        *every(200, 6200, 12_000),
    ]
    decisions = play(frames)
    assert opened_at(decisions) == [1000]
    assert [d.end_ns for _, d in decisions if isinstance(d, Closed)] == [START_NS + 6000 * NS_PER_MS]


def test_four_seconds_between_frames_are_not_an_absence() -> None:
    frames = [*every(4000, 0, 20_000, person()), *every(4000, 24_000, 40_000)]
    decisions = play(frames)
    assert opened_at(decisions) == [4000]
    assert [d.end_ns for _, d in decisions if isinstance(d, Closed)] == [START_NS + 20_000 * NS_PER_MS]


def test_the_best_view_is_reported() -> None:
    state, best = RuleState(), []
    for at, score in [(0, 0.6), (1000, 0.7), (1200, 0.65), (1400, 0.95), (1600, 0.9)]:
        state, decisions = decide(Watch(RULE, LEFT), state, frame(at, person(score=score, x=at / 10_000)))
        best += [(at, d.score, d.box) for d in decisions if isinstance(d, Opened | Went) and d.box is not None]
    assert [(at, score) for at, score, _ in best] == [(1000, 0.7), (1400, 0.95)]
    assert best[1][2] == (0.14, 0.3, 0.1, 0.5)


def test_an_endless_event_is_closed_after_ten_minutes_and_begins_anew() -> None:
    decisions = play(every(1000, 0, 700_000, person()))
    assert opened_at(decisions) == [1000, 610_000]
    closed = next(d for _, d in decisions if isinstance(d, Closed))
    assert closed.end_ns == START_NS + 600_000 * NS_PER_MS


def test_when_the_camera_goes_what_goes_on_is_cut() -> None:
    state = RuleState()
    for one in every(200, 0, 2000, person()):
        state, _ = decide(Watch(RULE, LEFT), state, one)
    state, (closed,) = finish(state)
    assert closed == Closed(START_NS + 2000 * NS_PER_MS, UnitRef(STREAM, 1, 2000), is_cut=True)
    assert finish(state)[1] == ()


people = st.lists(
    st.builds(person, st.integers(1, 3), st.floats(0, 0.9), st.floats(0.3, 1.0), st.sampled_from(["person", "dog"])),
    max_size=3,
    unique_by=lambda one: one.track,
)


@given(
    st.lists(st.tuples(st.integers(1, 3000), people), max_size=60),
    st.floats(0, 3),
    st.floats(0, 20),
    st.floats(0.3, 0.9),
)
def test_events_of_a_rule_never_overlap_keep_the_cool_down_and_last_as_long_as_asked(
    steps: list[tuple[int, list[Detection]]], duration_s: float, cooldown_s: float, score: float
) -> None:
    rule = structs.replace(RULE, min_duration_s=duration_s, cooldown_s=cooldown_s, min_score=score)
    at_ms, frames = 0, []
    for gap_ms, found in steps:
        at_ms += gap_ms
        frames.append(frame(at_ms, *found))
    ended_ns, opened = 0, None
    for at, decision in play(frames, rule):
        if isinstance(decision, Opened):
            assert opened is None
            opened = decision
            assert decision.score >= 0.3
            assert decision.start_ns > ended_ns
            if ended_ns == 0 or decision.start_ns < decision.at_ns:
                assert decision.at_ns - decision.start_ns >= round(duration_s * NS_PER_S)
            assert ended_ns == 0 or (decision.at_ns - ended_ns) / NS_PER_S >= cooldown_s
            assert decision.at_ns == START_NS + at * NS_PER_MS
        elif isinstance(decision, Closed):
            assert opened is not None
            assert decision.end_ns >= opened.at_ns
            ended_ns, opened = decision.end_ns, None
