"""The desk of one stream: runs its rules over its results, and keeps what a decision was made from.

Pure. The last results are held in memory with the state of tracker and rules before each; when an event opens, those
since shortly before its start are given out to be stored, and then every result until shortly after its end. With the
state at the first of them (`Basis`) the decision can be made again, exactly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.ids import RuleId
from haechi.events.counts.counter import Counted, Counter
from haechi.events.rules import Closed, Decision, Opened, RuleState, Watch, decide, finish
from haechi.media.access_unit import UnitRef
from haechi.vision.lines import Line
from haechi.vision.result import FrameResult
from haechi.vision.track import TrackerState

AROUND_NS = 3 * NS_PER_S
"""Results (and footage) are kept from so long before an event to so long after it."""
LEAST_HELD_NS = 15 * NS_PER_S
MOST_HELD = 3000


class Basis(Struct, frozen=True):
    """What a decision was made from: the rule and zone as they were, and the state before the result of ``ref``."""

    watch: Watch
    ref: UnitRef
    tracker: TrackerState
    state: RuleState


class Ruling(Struct, frozen=True):
    """A decision about a rule; with its basis when an event opens."""

    watch: Watch
    decision: Decision
    basis: Basis | None = None


class Outcome(Struct, frozen=True):
    """What a result led to: rulings, results that are to be stored, and who crossed a line that counts."""

    rulings: tuple[Ruling, ...]
    looks: tuple[FrameResult, ...]
    counted: tuple[Counted, ...] = ()


class _Held(Struct):
    result: FrameResult
    tracker: TrackerState
    states: Mapping[RuleId, RuleState]
    is_stored: bool = False


class Desk:
    """One stream."""

    def __init__(self, watches: Iterable[Watch] = ()) -> None:
        self._watches: dict[RuleId, Watch] = {watch.rule.id: watch for watch in watches}
        self._states: Mapping[RuleId, RuleState] = {}
        self._held: deque[_Held] = deque(maxlen=MOST_HELD)
        self._store_until_ns = 0
        self._counter = Counter()

    def count(self, lines: Iterable[Line]) -> None:
        """Replace the lines that count by themselves."""
        self._counter.follow(lines)

    def watch(self, watches: Iterable[Watch]) -> tuple[Ruling, ...]:
        """Replace the rules. What goes on under a rule that went away or was changed is closed."""
        after = {watch.rule.id: watch for watch in watches}
        rulings: list[Ruling] = []
        states = dict(self._states)
        for number, watch in self._watches.items():
            if after.get(number) != watch:
                _, decisions = finish(states.pop(number, RuleState()))
                rulings.extend(Ruling(watch, decision) for decision in decisions)
        self._watches, self._states = after, states
        return tuple(rulings)

    def take(self, result: FrameResult, tracker: TrackerState) -> Outcome:
        """The next result of the stream, and the state of the tracker before it."""
        before = self._states
        self._hold(_Held(result, tracker, before))
        states = dict(before)
        rulings: list[Ruling] = []
        looks: list[FrameResult] = []
        for number, watch in self._watches.items():
            states[number], decisions = decide(watch, before.get(number, RuleState()), result)
            for decision in decisions:
                basis = None
                if isinstance(decision, Opened):
                    first = self._store_since(decision.start_ns - AROUND_NS, looks)
                    basis = Basis(watch, first.result.ref, first.tracker, first.states.get(number, RuleState()))
                rulings.append(Ruling(watch, decision, basis))
                self._store_on(decision)
        self._states = states
        newest = self._held[-1]
        is_wanted = result.captured_ns <= self._store_until_ns or any(state.going for state in states.values())
        if is_wanted and not newest.is_stored:
            newest.is_stored = True
            looks.append(result)
        return Outcome(tuple(rulings), tuple(looks), self._counter.take(result))

    def end(self) -> tuple[Ruling, ...]:
        """The run ended: close what goes on. Results of the next run are not compared with those before."""
        rulings: list[Ruling] = []
        for number, watch in self._watches.items():
            _, decisions = finish(self._states.get(number, RuleState()))
            rulings.extend(Ruling(watch, decision) for decision in decisions)
        self._states = {number: finish(state)[0] for number, state in self._states.items()}
        self._held.clear()
        self._counter.end()
        return tuple(rulings)

    def _hold(self, held: _Held) -> None:
        self._held.append(held)
        longest_s = max((w.rule.min_duration_s for w in self._watches.values()), default=0.0)
        longest_ns = round(longest_s * NS_PER_S) + 2 * AROUND_NS
        oldest_ns = held.result.captured_ns - max(LEAST_HELD_NS, longest_ns)
        while self._held[0].result.captured_ns < oldest_ns:
            self._held.popleft()

    def _store_since(self, since_ns: int, looks: list[FrameResult]) -> _Held:
        """Give out what is held since then and was not given out yet; the first one that is held since then."""
        wanted = [held for held in self._held if held.result.captured_ns >= since_ns] or [self._held[-1]]
        for held in wanted:
            if not held.is_stored:
                held.is_stored = True
                looks.append(held.result)
        return wanted[0]

    def _store_on(self, decision: Decision) -> None:
        if isinstance(decision, Closed):
            self._store_until_ns = max(self._store_until_ns, decision.end_ns + AROUND_NS)
