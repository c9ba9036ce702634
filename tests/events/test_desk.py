"""What a decision was made from is kept, and leads to the same decision again."""

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.events.desk import AROUND_NS, Basis, Desk
from haechi.events.docket import Docket, Kind, Note
from haechi.events.event import Event
from haechi.events.replay import decide_again
from haechi.events.rules import Watch
from haechi.vision.result import Detection, FrameResult
from haechi.vision.track import TrackerState, track
from tests.events.test_rules import LEFT, RULE, START_NS, STREAM, every, frame, person

WATCH = Watch(RULE, LEFT)


class Clerk:
    """Tracks, runs the desk and the docket, and keeps what they give out, as the centre does."""

    def __init__(self, *watches: Watch) -> None:
        self.desk = Desk(watches)
        self.docket = Docket()
        self.tracker = TrackerState()
        self.notes: list[Note] = []
        self.looks: list[FrameResult] = []

    def take(self, result: FrameResult) -> None:
        before = self.tracker
        self.tracker, found = track(before, result.captured_ns, result.detections)
        tracked = msgspec.structs.replace(result, detections=found)
        outcome = self.desk.take(tracked, before)
        self.looks += outcome.looks
        for ruling in outcome.rulings:
            note = self.docket.take(STREAM, ruling, tracked, "picodet-s")
            self.notes += [note] if note is not None else []

    def end(self) -> None:
        for ruling in self.desk.end():
            note = self.docket.take(STREAM, ruling, None, "")
            self.notes += [note] if note is not None else []

    def events(self) -> list[tuple[Event, Basis]]:
        """The newest state of each event, and its basis as it comes back from the database."""
        newest: dict[str, Event] = {note.event.id: note.event for note in self.notes}
        bases = {note.event.id: note.basis for note in self.notes if note.basis is not None}
        return [
            (event, msgspec.msgpack.decode(msgspec.msgpack.encode(bases[event.id]), type=Basis))
            for event in newest.values()
        ]


def untracked(x: float = 0.2) -> Detection:
    return person(None, x)


def test_looks_are_kept_from_three_seconds_before_to_three_seconds_after() -> None:
    clerk = Clerk(WATCH)
    for one in [*every(200, 0, 9800), *every(200, 10_000, 12_000, untracked()), *every(200, 12_200, 30_000)]:
        clerk.take(one)
    times = [look.ref.seq for look in clerk.looks]
    assert times == list(range(7000, 15_001, 200))
    kinds = [note.kind for note in clerk.notes]
    assert (kinds[0], kinds[-1]) == (Kind.OPENED, Kind.CLOSED)
    event = clerk.notes[-1].event
    assert (event.start_ns, event.end_ns) == (START_NS + 10_000 * NS_PER_MS, START_NS + 12_000 * NS_PER_MS)
    assert event.camera == "cam_door"
    assert event.zone_name == "left"


def test_progress_is_told_every_two_seconds() -> None:
    clerk = Clerk(WATCH)
    for one in every(100, 0, 10_000, untracked()):
        clerk.take(one)
    went = [note.event.last_ns for note in clerk.notes if note.kind is Kind.WENT]
    assert len(went) == 4
    assert all(b - a >= 2 * NS_PER_S for a, b in pairwise(went))


def test_without_rules_nothing_is_kept() -> None:
    clerk = Clerk()
    for one in every(200, 0, 5000, untracked()):
        clerk.take(one)
    assert (clerk.looks, clerk.notes) == ([], [])


def test_a_rule_that_is_taken_away_closes_what_goes_on() -> None:
    clerk = Clerk(WATCH)
    for one in every(200, 0, 3000, untracked()):
        clerk.take(one)
    (ruling,) = clerk.desk.watch(())
    note = clerk.docket.take(STREAM, ruling, None, "")
    assert note is not None
    assert note.event.is_cut
    assert note.event.end_ns == START_NS + 3000 * NS_PER_MS
    assert clerk.desk.watch((WATCH,)) == ()


def test_a_rule_that_stays_goes_on_when_another_comes() -> None:
    clerk = Clerk(WATCH)
    for one in every(200, 0, 3000, untracked()):
        clerk.take(one)
    other = msgspec.structs.replace(RULE, id="rul_two", label="dog")
    assert clerk.desk.watch((WATCH, Watch(other, None))) == ()


steps = st.lists(
    st.tuples(
        st.integers(50, 1500),
        st.lists(st.tuples(st.floats(0, 0.8), st.floats(0.3, 1.0)), max_size=3),
        st.sampled_from(["go", "go", "go", "go", "go", "go", "end"]),
    ),
    min_size=5,
    max_size=80,
)


@given(steps)
def test_every_event_follows_again_from_its_basis_and_its_stored_looks(
    script: list[tuple[int, list[tuple[float, float]], str]],
) -> None:
    clerk, at_ms = Clerk(WATCH, Watch(msgspec.structs.replace(RULE, id="rul_two", cooldown_s=0.0), None)), 0
    for gap_ms, places, what in script:
        at_ms += gap_ms
        clerk.take(frame(at_ms, *(person(None, x, score) for x, score in places)))
        if what == "end":
            clerk.end()
    for event, basis in clerk.events():
        end_ns = event.last_ns if event.end_ns is None else event.end_ns
        within = range(event.start_ns - AROUND_NS, end_ns + AROUND_NS + 1)
        looks = [look for look in clerk.looks if look.captured_ns in within]
        since = next(number for number, look in enumerate(looks) if look.ref == basis.ref)
        assert decide_again(event, basis, looks[since:]) is None


def test_an_event_that_begins_within_three_seconds_of_the_one_before_follows_again() -> None:
    rule = msgspec.structs.replace(RULE, cooldown_s=4.0)
    clerk = Clerk(Watch(rule, None))
    for one in every(200, 0, 20_000):
        at_ms = one.ref.seq
        is_there = at_ms <= 5000 or 7400 <= at_ms <= 12_000
        clerk.take(frame(at_ms, untracked()) if is_there else one)
    first, second = clerk.events()
    assert first[0].end_ns is not None
    for event, basis in (first, second):
        since = next(number for number, look in enumerate(clerk.looks) if look.ref == basis.ref)
        assert decide_again(event, basis, clerk.looks[since:]) is None
    assert second[1].state.going is not None, "the case that this is about"


def test_a_changed_detection_does_not_lead_to_the_same_decision() -> None:
    clerk = Clerk(WATCH)
    for one in [*every(200, 0, 5000, untracked()), *every(200, 5200, 12_000)]:
        clerk.take(one)
    ((event, basis),) = clerk.events()
    empty = [msgspec.structs.replace(look, detections=()) if look.ref.seq == 5000 else look for look in clerk.looks]
    gone = [msgspec.structs.replace(look, detections=()) for look in clerk.looks]
    assert decide_again(event, basis, clerk.looks) is None
    for looks in (empty, gone):
        difference = decide_again(event, basis, looks)
        assert difference is not None
        assert difference.stage == "rules"
