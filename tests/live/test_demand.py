"""Streams that are there only while somebody watches."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Unavailable
from haechi.base.ids import StreamId
from haechi.live.demand import Demand

STREAM = StreamId("cam_a/tile")


class Workshop:
    """A supplier that notes what it does, and can be told to refuse or to fail."""

    linger_s = 10.0

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.is_full = False
        self.fails = 0

    async def admit(self, stream: StreamId) -> None:
        if self.is_full:
            raise Unavailable("no room", code="renditions-full")

    async def supply(self, stream: StreamId) -> None:
        self.begun += 1
        try:
            if self.fails:
                self.fails -= 1
                raise Unavailable("not now", code="rendition-failed")
            await asyncio.Event().wait()
        finally:
            self.ended += 1


def with_demand(use: Callable[[Demand, Workshop, SimulatedClock], Awaitable[None]]) -> None:
    async def run() -> None:
        clock, workshop = SimulatedClock(), Workshop()
        demand = Demand(clock)
        demand.supply("tile", workshop)
        task = asyncio.create_task(demand.run())
        await use(demand, workshop, clock)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert workshop.begun == workshop.ended

    asyncio.run(run())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def passing(clock: SimulatedClock, seconds: float) -> None:
    clock.advance(int(seconds * NS_PER_S))
    await settle()


def test_a_stream_is_begun_once_however_many_want_it_and_ends_some_seconds_after_the_last() -> None:
    async def use(demand: Demand, workshop: Workshop, clock: SimulatedClock) -> None:
        leases = [await demand.want(STREAM) for _ in range(50)]
        await settle()
        assert (workshop.begun, workshop.ended) == (1, 0)
        assert [(one.stream, one.viewers) for one in demand.supplied()] == [(STREAM, 50)]
        for lease in leases:
            lease.close()
            lease.close()
        await settle()
        await passing(clock, 9)
        assert workshop.ended == 0
        await passing(clock, 1.1)
        assert workshop.ended == 1
        assert demand.supplied() == ()

    with_demand(use)


def test_who_comes_back_in_time_finds_the_stream_still_there() -> None:
    async def use(demand: Demand, workshop: Workshop, clock: SimulatedClock) -> None:
        (await demand.want(STREAM)).close()
        await settle()
        await passing(clock, 5)
        lease = await demand.want(STREAM)
        await passing(clock, 60)
        assert (workshop.begun, workshop.ended) == (1, 0)
        lease.close()

    with_demand(use)


def test_a_refusal_is_told_to_who_asks_and_leaves_nothing_behind() -> None:
    async def use(demand: Demand, workshop: Workshop, _clock: SimulatedClock) -> None:
        workshop.is_full = True
        with pytest.raises(Unavailable) as refused:
            await demand.want(STREAM)
        assert refused.value.code == "renditions-full"
        assert demand.supplied() == ()
        workshop.is_full = False
        (await demand.want(STREAM)).close()

    with_demand(use)


def test_what_fails_is_tried_again_and_its_viewers_can_be_told_why() -> None:
    async def use(demand: Demand, workshop: Workshop, clock: SimulatedClock) -> None:
        workshop.fails = 2
        lease = await demand.want(STREAM)
        await settle()
        assert lease.error is not None
        assert lease.error.code == "rendition-failed"
        for _ in range(3):
            await passing(clock, 5)
        assert (workshop.begun, workshop.ended) == (3, 2)
        lease.close()
        assert lease.error is None

    with_demand(use)


def test_streams_that_nobody_supplies_need_no_lease() -> None:
    async def use(demand: Demand, workshop: Workshop, _clock: SimulatedClock) -> None:
        (await demand.want(StreamId("cam_a/main"))).close()
        assert (workshop.begun, demand.supplied()) == (0, ())

    with_demand(use)


def test_what_is_wanted_while_nobody_serves_comes_when_somebody_does_and_again_after_a_restart() -> None:
    async def run() -> None:
        demand, workshop = Demand(SimulatedClock()), Workshop()
        demand.supply("tile", workshop)
        lease = await demand.want(STREAM)
        for count in (1, 2):
            task = asyncio.create_task(demand.run())
            await settle()
            assert workshop.begun == count
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        lease.close()

    asyncio.run(run())
