"""A bug ends what it is in, is told loudly, and ends nothing else."""

import asyncio

import pytest
import structlog

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import PeerError, Unavailable
from haechi.base.faults import Apart, Faults, is_bug
from haechi.base.supervise import supervise


async def broken() -> None:
    raise ZeroDivisionError("a bug")


def test_what_one_raises_ends_that_one_and_is_told_with_its_traceback() -> None:
    async def run() -> None:
        faults, is_over = Faults(), asyncio.Event()

        async def guest() -> None:
            await is_over.wait()

        with structlog.testing.capture_logs() as lines:
            async with Apart("guest", faults) as group:
                other = group.create_task(guest())
                await asyncio.wait({group.create_task(broken())})
                assert not other.done()
                is_over.set()
                await other
        assert faults.counts == {"guest": 1}
        (line,) = lines
        assert (line["log_level"], line["ended"]) == ("error", "guest")
        assert isinstance(line["exc_info"], ZeroDivisionError)

    asyncio.run(run())


def test_with_the_block_all_of_them_end_however_many_come_meanwhile() -> None:
    async def run() -> None:
        faults, ended = Faults(), list[int]()

        async def stubborn(number: int, group: Apart) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                if number < 3:
                    group.create_task(stubborn(number + 1, group))
                ended.append(number)

        async with Apart("guest", faults) as group:
            group.create_task(stubborn(1, group))
            await asyncio.sleep(0)
        assert ended[0] == 1
        assert not faults.counts
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "guest"]

    asyncio.run(run())


def test_what_comes_of_it_all_when_the_block_itself_fails_is_that_failure() -> None:
    async def run() -> None:
        faults = Faults()

        async def serve() -> None:
            async with Apart("guest", faults) as group:
                group.create_task(broken())
                await asyncio.sleep(0)
                raise Unavailable("the port is gone")

        with pytest.raises(Unavailable):
            await serve()
        assert faults.counts == {"guest": 1}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (Unavailable("no"), False),
        (ConnectionResetError(), False),
        (asyncio.CancelledError(), False),
        (KeyError("x"), True),
        (ExceptionGroup("both", [PeerError("p", offset=0), Unavailable("no")]), False),
        (ExceptionGroup("both", [PeerError("p", offset=0), ExceptionGroup("in", [KeyError("x")])]), True),
    ],
)
def test_a_condition_is_no_bug(error: BaseException, is_one: bool) -> None:
    assert is_bug(error) is is_one
    faults = Faults()
    with pytest.raises(type(error)), faults.noted("it"):
        raise error
    assert faults.counts["it"] == is_one


def test_a_room_with_a_bug_is_told_of_and_begun_anew_where_faults_are_kept() -> None:
    async def run() -> None:
        clock, faults, tries = SimulatedClock(), Faults(), 0

        async def work() -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise ExceptionGroup("mixed", [Unavailable("a"), ZeroDivisionError()])
            if tries == 2:
                raise Unavailable("not now")

        task = asyncio.create_task(supervise("room", work, clock=clock, faults=faults))
        while not task.done():
            clock.advance(10 * NS_PER_S)
            await asyncio.sleep(0)
        await task
        assert (tries, faults.counts) == (3, {"room": 1})

    asyncio.run(run())
