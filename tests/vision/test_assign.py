"""Which worker a stream goes to: none is lost, none is twice, and noise moves nobody."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.vision.assign import FULL_SHARE, REST_S, Load, Move, place, rebalance, totals


def named(number: int) -> StreamId:
    return StreamId(f"cam_a{number}/main")


def loads_of(*workers: Sequence[float]) -> list[Load]:
    """Streams of the given shares, by worker."""
    return [
        Load(named(100 * worker + n), worker, share)
        for worker, has in enumerate(workers)
        for n, share in enumerate(has)
    ]


def moved(loads: Sequence[Load], move: Move, now_ns: int) -> list[Load]:
    assert [load.worker for load in loads if load.stream == move.stream] == [move.source]
    return [
        structs.replace(load, worker=move.target, moved_ns=now_ns) if load.stream == move.stream else load
        for load in loads
    ]


class House:
    """Streams of certain costs at some workers, as time goes by."""

    def __init__(self, loads: Sequence[Load], workers: int) -> None:
        self.loads = list(loads)
        self.workers = range(workers)
        self.moves: list[tuple[int, Move]] = []

    def play(self, seconds: int, noise: float = 0.0, seed: int = 1) -> None:
        """Rebalance once a second; the costs that are seen are wrong by up to ``noise``, anew each second: more than a
        mean of 15 s leaves of costs that differ by a quarter."""
        random = np.random.default_rng(seed)
        for second in range(seconds):
            errors = 1 + noise * random.uniform(-1, 1, len(self.loads))
            seen = [
                structs.replace(load, share=None if load.share is None else load.share * float(error))
                for load, error in zip(self.loads, errors, strict=True)
            ]
            move = rebalance(seen, self.workers, second * NS_PER_S)
            if move is not None:
                self.loads = moved(self.loads, move, second * NS_PER_S)
                self.moves.append((second, move))

    def fullest(self) -> float:
        return max(totals(self.loads, self.workers).values())


costs = st.lists(st.one_of(st.none(), st.floats(0.001, 0.6)), max_size=24)


def test_a_new_stream_goes_where_least_is_wanted_and_of_equals_where_the_fewest_are() -> None:
    assert place(loads_of([0.5], [0.1, 0.1]), range(2)) == 1
    assert place(loads_of([0.0, 0.0], [0.0]), range(2)) == 1
    assert place([], [3, 7]) == 3
    unknown = [Load(named(n), 0, None) for n in range(3)]
    assert place(unknown, range(2)) == 1, "what was not measured yet costs something, too"


def test_an_overloaded_worker_gives_one_stream_to_one_that_has_room() -> None:
    loads = loads_of([0.5, 0.4, 0.1], [0.2])
    assert rebalance(loads, range(2), 0) == Move(named(1), 0, 1)


def test_nothing_moves_where_both_are_full_or_where_it_would_not_help() -> None:
    assert rebalance(loads_of([0.5, 0.45], [0.5, 0.4]), range(2), 0) is None
    assert rebalance(loads_of([1.4], []), range(2), 0) is None, "one stream that is too much anywhere"
    assert rebalance(loads_of([0.3, 0.3], [0.3]), range(2), 0) is None
    assert rebalance(loads_of([0.9, 0.9]), range(1), 0) is None


def test_a_worker_that_is_back_gets_streams_again_also_where_they_cost_nothing_yet() -> None:
    loads = [Load(named(n), 0, None) for n in range(4)]
    assert rebalance(loads, range(2), 0) is not None


def test_a_stream_that_just_moved_stays() -> None:
    loads = [structs.replace(load, moved_ns=10 * NS_PER_S) for load in loads_of([0.5, 0.5], [])]
    assert rebalance(loads, range(2), 20 * NS_PER_S) is None
    assert rebalance(loads, range(2), int(11 + REST_S) * NS_PER_S) is not None


@settings(deadline=None)
@given(costs, st.integers(1, 5), st.data())
def test_no_stream_is_lost_and_none_is_twice_and_no_move_makes_the_fuller_of_both_fuller(
    shares: list[float | None], workers: int, data: st.DataObject
) -> None:
    loads = [Load(named(n), data.draw(st.integers(0, workers - 1)), share) for n, share in enumerate(shares)]
    house = House(loads, workers)
    for _ in range(40):
        before = totals(house.loads, house.workers)
        house.play(1)
        if house.moves:
            _, move = house.moves.pop()
            after = totals(house.loads, house.workers)
            assert max(after[move.source], after[move.target]) <= max(before[move.source], before[move.target]) + 1e-9
    assert Counter(load.stream for load in house.loads) == Counter(load.stream for load in loads)


@settings(deadline=None, max_examples=25)
@given(costs, st.integers(2, 5), st.floats(0, 0.05), st.integers(0, 1000))
def test_it_comes_to_rest_although_costs_are_noisy(
    shares: list[float | None], workers: int, noise: float, seed: int
) -> None:
    house = House([Load(named(n), 0, share) for n, share in enumerate(shares)], workers)
    house.play(240, noise, seed)
    settled = len(house.moves)
    house.play(600, noise, seed + 1)
    assert len(house.moves) - settled <= 2, "no flapping"
    for stream in {load.stream for load in house.loads}:
        seconds = [second for second, move in house.moves[:settled] if move.stream == stream]
        assert all(later - earlier >= REST_S for earlier, later in pairwise(seconds))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(0.01, 0.2), min_size=4, max_size=24), st.integers(2, 4))
def test_what_fits_is_made_to_fit(shares: list[float], workers: int) -> None:
    house = House([Load(named(n), 0, share) for n, share in enumerate(shares)], workers)
    house.play(400)
    assert house.fullest() <= max(FULL_SHARE + 0.01, sum(shares) / workers * 1.15 + max(shares))
