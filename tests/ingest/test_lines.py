"""Where cameras that dial and intakes that wait meet: who gets which line, and who is sent away."""

import asyncio
from collections.abc import Awaitable, Callable

from haechi.base.ids import CameraId
from haechi.ingest.lines import Lines
from haechi.ingest.rounds import Ended, Receive
from haechi.media.reverse.greeting import Answer
from haechi.media.reverse.wire import Later, Welcome
from tests.cameras import FastClock

CAMERA = CameraId("cam_door")


class Phone:
    """A line of a camera that proved itself: over it something comes, or nothing does."""

    def __init__(self, clock: FastClock, *, is_silent: bool = False, key: bytes = b"key") -> None:
        self._clock = clock
        self.is_silent = is_silent
        self.peer = "192.0.2.7"
        self.key = key
        self.answers: list[Answer] = []
        self.is_over = False

    @property
    def heard_ns(self) -> int:
        return 0 if self.is_silent else self._clock.monotonic_ns()

    def answer(self, word: Answer) -> None:
        self.answers.append(word)
        self.is_over = self.is_over or not isinstance(word, Welcome)

    def give_up(self, reason: str) -> None:
        self.is_over = True

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        self.is_over = True

    def hand_over(self, receive: Receive, ended: Ended) -> None:
        raise AssertionError("nobody reads here")

    def read_in_rounds(self, receive: Receive, ended: Ended) -> None:
        raise AssertionError("nobody reads here")

    def write(self, data: bytes) -> None:
        raise AssertionError("nobody writes here")


def run(use: Callable[[Lines, FastClock], Awaitable[None]]) -> None:
    clock = FastClock(20)

    async def main() -> None:
        await use(Lines(clock), clock)

    asyncio.run(main())


async def connected(lines: Lines, line: Phone) -> None:
    """An intake waits, and gets ``line``."""
    waiting = asyncio.create_task(lines.next(CAMERA))
    await asyncio.sleep(0)
    await lines.offer(CAMERA, line)
    assert await waiting is line


def test_an_intake_gets_the_line_of_its_camera_and_it_is_welcomed() -> None:
    async def use(lines: Lines, clock: FastClock) -> None:
        line = Phone(clock)
        await connected(lines, line)
        assert isinstance(line.answers[0], Welcome)
        assert lines.connected() == 1
        assert lines.status(CAMERA).peer == line.peer
        lines.done(CAMERA, line)
        assert lines.connected() == 0
        assert line.is_over

    run(use)


def test_a_line_waits_for_an_intake_that_pauses_and_not_for_ever() -> None:
    async def use(lines: Lines, clock: FastClock) -> None:
        first, second = Phone(clock), Phone(clock)
        offered = asyncio.create_task(lines.offer(CAMERA, first))
        await asyncio.sleep(0)
        assert await lines.next(CAMERA) is first
        lines.done(CAMERA, first)
        await lines.offer(CAMERA, second)
        assert isinstance(second.answers[0], Later)
        assert second.answers[0].reason == "not-ready"
        await offered

    run(use)


def test_a_live_line_stays_and_a_silent_one_gives_way() -> None:
    async def use(lines: Lines, clock: FastClock) -> None:
        live = Phone(clock)
        await connected(lines, live)
        rival = Phone(clock)
        await lines.offer(CAMERA, rival)
        assert rival.answers == [Later("camera-connected", 15)]
        assert lines.status(CAMERA).rivals == 1
        assert lines.connected() == 1
        live.is_silent = True
        heir = Phone(clock)
        waiting = asyncio.create_task(lines.next(CAMERA))
        await lines.offer(CAMERA, heir)
        assert live.is_over
        assert await waiting is heir

    run(use)


def test_of_two_that_dial_at_once_for_a_silent_line_the_first_stays() -> None:
    async def use(lines: Lines, clock: FastClock) -> None:
        silent = Phone(clock, is_silent=True)
        await connected(lines, silent)
        first, second = Phone(clock), Phone(clock)
        waiting = asyncio.create_task(lines.next(CAMERA))
        await asyncio.gather(*(lines.offer(CAMERA, one) for one in (first, second)))
        taken = await waiting
        assert silent.is_over
        assert not taken.is_closing()
        assert sum(line.is_over for line in (first, second)) == 1

    run(use)


def test_an_intake_that_is_stopped_while_its_line_comes_sends_it_away() -> None:
    async def use(lines: Lines, clock: FastClock) -> None:
        line = Phone(clock)
        waiting = asyncio.create_task(lines.next(CAMERA))
        await asyncio.sleep(0)
        await lines.offer(CAMERA, line)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert line.is_over
        assert lines.connected() == 0

    run(use)


def test_lines_of_a_withdrawn_key_end_and_the_others_stay() -> None:
    async def use(lines: Lines, clock: FastClock) -> None:
        line = Phone(clock, key=b"old")
        await connected(lines, line)
        lines.revoke({CAMERA: b"old"})
        assert not line.is_over
        lines.revoke({CAMERA: b"new"})
        assert line.is_over

    run(use)
