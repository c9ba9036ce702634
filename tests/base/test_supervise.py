import asyncio

import pytest

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import PeerError, Unavailable
from haechi.base.supervise import Backoff, supervise


async def step(clock: SimulatedClock, seconds: float) -> None:
    clock.advance(int(seconds * NS_PER_S))
    for _ in range(5):
        await asyncio.sleep(0)


def test_an_expected_failure_is_tried_again_and_a_return_is_the_end() -> None:
    async def run() -> int:
        clock, tries = SimulatedClock(), 0

        async def work() -> None:
            nonlocal tries
            tries += 1
            if tries < 4:
                raise Unavailable("not now")

        task = asyncio.create_task(supervise("work", work, clock=clock))
        for _ in range(10):
            await step(clock, 10)
        await task
        return tries

    assert asyncio.run(run()) == 4


def test_the_failure_of_a_task_group_is_expected_when_all_of_it_is() -> None:
    async def run() -> int:
        clock, tries = SimulatedClock(), 0

        async def work() -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise ExceptionGroup("both", [Unavailable("a"), ExceptionGroup("in", [PeerError("b", offset=1)])])

        task = asyncio.create_task(supervise("work", work, clock=clock))
        for _ in range(3):
            await step(clock, 10)
        await task
        return tries

    assert asyncio.run(run()) == 2


def test_a_bug_is_not_hidden_even_among_expected_failures() -> None:
    async def work() -> None:
        raise ExceptionGroup("mixed", [Unavailable("a"), ZeroDivisionError()])

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(supervise("work", work, clock=SimulatedClock()))
    assert caught.group_contains(ZeroDivisionError)
    assert not caught.group_contains(Unavailable)


def test_waits_double_up_to_the_longest_and_are_spread() -> None:
    low, high = Backoff(1, 8, draw=lambda: 0.0), Backoff(1, 8, draw=lambda: 1.0)
    assert [low.next_s() for _ in range(5)] == [0.5, 1, 2, 4, 4]
    assert [high.next_s() for _ in range(5)] == [1, 2, 4, 8, 8]
    low.reset()
    assert low.next_s() == 0.5
