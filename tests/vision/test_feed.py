"""What goes to a worker can always be decoded, is no more than asked for, and nothing wanted is forgotten."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, Codec, UnitRef, VideoParams
from haechi.vision.feed import Demand, FeedSettings, Plan, StreamFeed
from haechi.vision.messages import UnitIn
from haechi.vision.result import Detection, FrameResult

STREAM = StreamId("cam_a/main")
PARAMS = VideoParams(Codec.H264, 640, 360)


def unit(seq: int, *, gop: int = 20, fps: int = 10, run: int = 1) -> AccessUnit:
    return AccessUnit(UnitRef(STREAM, run, seq), seq, seq, (seq + 1) * NS_PER_S // fps, seq % gop == 0, 0, b"%d" % seq)


def result(of: UnitIn, *, motion: float = 0.0, track: int | None = None) -> FrameResult:
    found = (Detection("person", 0.9, 0, 0, 0.1, 0.1, track),) if track else ()
    return FrameResult(of.ref, of.captured_ns, found, 640, 360, motion, "", "", "", "", "", 0)


class Decoder:
    """What a worker would make of the plans: fails on what cannot be decoded."""

    def __init__(self) -> None:
        self.expects: UnitRef | None = None
        self.looks: list[UnitIn] = []
        self.units = 0

    def take(self, plan: Plan) -> Sequence[UnitIn]:
        for number, one in enumerate(plan.units):
            if number == 0 and plan.params is not None:
                assert one.is_sync, "a decoder begins at a sync unit"
            else:
                assert self.expects is not None, "no decoder was begun"
                assert one.ref == self.expects, "a unit is missing before this one"
            self.expects = UnitRef(one.ref.stream, one.ref.run, one.ref.seq + 1)
        if plan.drain:
            self.expects = None
        looks = [one for one in plan.units if one.analyse != "no"]
        self.looks += looks
        self.units += len(plan.units)
        return looks


def new_feed(demand: Demand, settings: FeedSettings = FeedSettings()) -> StreamFeed:  # noqa: B008 (frozen)
    feed = StreamFeed(settings, lambda data: data == b"poison")
    feed.demand = demand
    return feed


def play(feed: StreamFeed, units: Sequence[AccessUnit], *, answer: bool = True, motion: float = 0.0) -> Decoder:
    decoder = Decoder()
    for one in units:
        plan = feed.take(one, PARAMS, is_ready=True)
        if plan is not None:
            looks = decoder.take(plan)
            if answer:
                feed.answered(len(plan.units), [result(look, motion=motion) for look in looks])
    return decoder


def test_sync_units_only_when_nothing_more_is_asked_for() -> None:
    decoder = play(new_feed(Demand.SYNC), [unit(n) for n in range(100)], motion=0.5)
    assert [one.ref.seq for one in decoder.looks] == [0, 20, 40, 60, 80]
    assert all(one.analyse == "always" for one in decoder.looks)
    assert decoder.units == 5


@pytest.mark.parametrize("fps", [1, 5, 10])
def test_a_rule_gets_the_frames_per_second_it_asks_for(fps: int) -> None:
    decoder = play(new_feed(Demand.FULL, FeedSettings(fps=fps)), [unit(n) for n in range(100)])
    assert decoder.units == 100
    assert 10 * fps <= len(decoder.looks) <= 10 * fps + 5, "and the sync units"


def test_motion_in_a_sync_unit_opens_the_stream_for_a_while_and_stillness_closes_it() -> None:
    feed = new_feed(Demand.MOTION, FeedSettings(hold_s=3))
    still = play(feed, [unit(n) for n in range(20)])
    assert still.units == 1
    moving = play(feed, [unit(n) for n in range(20, 40)], motion=0.1)
    assert moving.units >= 20
    after = play(feed, [unit(n) for n in range(40, 140)])
    assert after.units <= 30 + 4


def test_somebody_who_stands_still_is_looked_at_without_motion() -> None:
    feed = new_feed(Demand.FULL)
    decoder = Decoder()
    for n in range(40):
        plan = feed.take(unit(n), PARAMS, is_ready=True)
        assert plan is not None
        looks = decoder.take(plan)
        feed.answered(len(plan.units), [result(look, track=1) for look in looks])
    assert {one.analyse for one in decoder.looks} == {"always"}


def test_full_decoding_that_begins_within_a_gop_catches_up_from_its_sync_unit() -> None:
    feed = new_feed(Demand.SYNC)
    play(feed, [unit(n) for n in range(16)])
    feed.demand = Demand.FULL
    plan = feed.take(unit(16), PARAMS, is_ready=True)
    assert plan is not None
    assert [one.ref.seq for one in plan.units] == list(range(17))
    assert plan.params is not None
    looked = [one.ref.seq for one in plan.units if one.analyse != "no"]
    assert 0 not in looked, "the sync unit was seen before"
    assert len(looked) > 5


def test_an_overloaded_worker_gets_sync_units_first_and_then_nothing_counted() -> None:
    feed = new_feed(Demand.FULL, FeedSettings(most_in_flight=30, shed_s=5))
    decoder = play(feed, [unit(n) for n in range(200)], answer=False)
    assert decoder.units <= 31
    assert feed.shed_units == 200 - decoder.units
    feed.answered(1000, [])
    assert play(feed, [unit(n) for n in range(200, 240)]).units == 2, "for a while sync units only"
    assert play(feed, [unit(n) for n in range(260, 300)]).units == 40


def test_a_dead_worker_costs_no_frame_and_a_gop_that_kills_twice_is_given_up() -> None:
    feed = new_feed(Demand.FULL)
    first = play(feed, [unit(n) for n in range(8)], answer=False)
    again = feed.retry()
    assert again is not None
    assert [one.ref.seq for one in again.units] == list(range(8))
    assert {one.ref for one in first.looks} <= {one.ref for one in again.units if one.analyse != "no"}
    assert feed.retry() is None
    assert feed.take(unit(8), PARAMS, is_ready=True) is None
    assert play(feed, [unit(n) for n in range(20, 40)]).units == 20


def test_a_poisoned_unit_and_what_depends_on_it_is_kept_back() -> None:
    feed = new_feed(Demand.FULL)
    play(feed, [unit(n) for n in range(3)])
    bad = AccessUnit(UnitRef(STREAM, 1, 3), 3, 3, 4 * NS_PER_S // 10, False, 0, b"poison")
    assert feed.take(bad, PARAMS, is_ready=True) is None
    assert play(feed, [unit(n) for n in range(4, 20)]).units == 0
    assert play(feed, [unit(n) for n in range(20, 40)]).units == 20
    assert feed.poisoned_units == 1


def test_pictures_of_the_last_two_gops_are_held_even_after_the_run() -> None:
    feed = new_feed(Demand.SYNC)
    play(feed, [unit(n) for n in range(45)])
    feed.reset()
    held = feed.units_until(UnitRef(STREAM, 1, 43))
    assert held is not None
    assert [one.ref.seq for one in held[0]] == [40, 41, 42, 43]
    assert feed.units_until(UnitRef(STREAM, 1, 3)) is None


steps = st.lists(
    st.tuples(
        st.sampled_from(["unit", "unit", "unit", "unit", "gap", "answer", "die", "run", "unready"]),
        st.sampled_from(list(Demand)),
        st.booleans(),
    ),
    max_size=120,
)


@given(steps, st.integers(1, 12))
def test_whatever_happens_every_plan_can_be_decoded_and_flight_is_bounded(
    script: list[tuple[str, Demand, bool]], gop: int
) -> None:
    feed = new_feed(Demand.MOTION, FeedSettings(most_in_flight=20))
    decoder, seq, run = Decoder(), 0, 1
    owed: list[Plan] = []
    for what, demand, moves in script:
        feed.demand = demand
        plan = None
        if what == "gap":
            seq += 1
        elif what == "answer" and owed:
            done = owed.pop(0)
            feed.answered(
                len(done.units), [result(one, motion=float(moves)) for one in done.units if one.analyse != "no"]
            )
        elif what == "die":
            decoder, owed = Decoder(), []
            plan = feed.retry()
        elif what == "run":
            feed.reset()
            run, seq = run + 1, 0
        else:
            plan = feed.take(unit(seq, gop=gop, run=run), PARAMS, is_ready=what != "unready")
            seq += 1
            if what == "unready":
                assert plan is None
        if plan is not None:
            decoder.take(plan)
            owed.append(plan)
        assert sum(len(one.units) for one in owed) <= 20 + gop
