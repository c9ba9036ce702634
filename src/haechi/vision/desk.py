"""People's questions: a still, or a look again. A worker of their own answers them, so that neither they nor the live
streams wait for the other. It loads a module when somebody first asks for a look with it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterator

import structlog
from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError, Invalid, Unavailable
from haechi.vision.link import WorkerLink
from haechi.vision.messages import (
    Done,
    Failed,
    Forget,
    Layout,
    Picture,
    Progress,
    Ready,
    Reply,
    Saved,
    Still,
    UnitIn,
    Work,
)
from haechi.vision.programme import DEFAULT

log = structlog.get_logger(__name__)

STILL_S = 20.0
LOOK_S = 120.0
"""How long somebody waits for a still, and for a look at one GOP, others' turns included."""
MOST_ASKS = 256
STILLS_IN_A_ROW = 8
MOST_TRIES = 2


class Ask(Struct, eq=False):
    """A question, and where its answer goes."""

    units: tuple[UnitIn, ...]
    make: Callable[[int], Work | Still | Layout]
    answer: asyncio.Future[Done | Picture]
    is_still: bool
    tries: int = 0


class AskQueue:
    """Stills first, in order; after some in a row, one look: a still waits for one GOP at most, and a look is not put
    off for ever. Who replays much asks GOP by GOP, so that several take turns. Pure."""

    def __init__(self) -> None:
        self._stills: deque[Ask] = deque()
        self._looks: deque[Ask] = deque()
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._stills) + len(self._looks)

    def add(self, ask: Ask, *, first: bool = False) -> None:
        """An ask, behind its like or (when it has been waiting before) in front of them."""
        queue = self._stills if ask.is_still else self._looks
        if first:
            queue.appendleft(ask)
        else:
            queue.append(ask)

    def take(self) -> Ask | None:
        """What is answered next; None: nothing. Those that nobody waits for any more are left out."""
        for queue in (self._stills, self._looks):
            while queue and queue[0].answer.done():
                queue.popleft()
        is_turn = bool(self._looks) and (not self._stills or self._in_a_row >= STILLS_IN_A_ROW)
        queue = self._looks if is_turn else self._stills
        self._in_a_row = 0 if is_turn else self._in_a_row + 1
        return queue.popleft() if queue else None


class AskDesk:
    """One ask at a time is with the worker.

    Attributes:
        wants: Modules that the worker is to load: a still needs none.
    """

    def __init__(self, clock: Clock, numbers: Iterator[int]) -> None:
        self.name = "desk worker"
        self.link = WorkerLink(clock, self._heard)
        self.wants: frozenset[str] = frozenset()
        self._numbers = numbers
        self._queue = AskQueue()
        self._job = 0
        self._asked: Ask | None = None

    async def still(self, units: tuple[UnitIn, ...], make: Callable[[int], Still | Layout]) -> bytes:
        """The JPEG.

        Raises:
            Invalid: The units hold no picture.
            Unavailable: ``vision-busy``, ``decoder-died``.
        """
        answer = await self._ask(Ask(units, make, asyncio.get_running_loop().create_future(), True), STILL_S)
        if not isinstance(answer, Picture):
            raise Unavailable("the decode worker answered something else", code="vision-busy")
        return answer.jpeg

    async def look(
        self, units: tuple[UnitIn, ...], make: Callable[[int], Work], modules: Collection[str] = DEFAULT
    ) -> Done:
        """What modules see in the units of one GOP.

        Raises:
            Unavailable: ``vision-busy``, ``decoder-died``.
        """
        self.wants |= frozenset(modules)
        answer = await self._ask(Ask(units, make, asyncio.get_running_loop().create_future(), False), LOOK_S)
        if not isinstance(answer, Done):
            raise Unavailable("the decode worker answered something else", code="vision-busy")
        return answer

    def suspect(self) -> UnitIn | None:
        """The unit that the worker was decoding when it died."""
        progress = self.link.last_progress
        if progress is None or self._asked is None or progress.job != self._job:
            return None
        return self._asked.units[progress.index] if 0 <= progress.index < len(self._asked.units) else None

    def mourn(self) -> None:
        """The worker is gone: what it was asked is asked again, once."""
        self.link.last_progress = None
        ask, self._asked = self._asked, None
        if ask is None or ask.answer.done():
            return
        if ask.tries < MOST_TRIES:
            self._queue.add(ask, first=True)
            return
        error: HaechiError = Unavailable("decoding this ended the decode worker twice", code="decoder-died")
        ask.answer.set_exception(error)

    async def _ask(self, ask: Ask, limit_s: float) -> Done | Picture:
        if len(self._queue) >= MOST_ASKS:
            raise Unavailable("too many pictures are being asked for; try again in a moment", code="vision-busy")
        self._queue.add(ask)
        self._pump()
        try:
            async with asyncio.timeout(limit_s):
                return await ask.answer
        except TimeoutError as error:
            raise Unavailable("no decode worker answered in time", code="vision-busy", limit_s=limit_s) from error

    def _pump(self) -> None:
        ready = self.link.ready
        if self._asked is not None or ready is None:
            return
        if not self.wants <= set(ready.modules):
            self.link.retire()
            return
        ask = self._queue.take()
        if ask is None:
            return
        ask.tries += 1
        self._asked, self._job = ask, next(self._numbers)
        self.link.send(ask.make(self._job))

    def _heard(self, reply: Reply) -> None:
        match reply:
            case Ready():
                log.info("desk worker ready", pid=self.link.pid, confined=reply.confined)
            case Done() | Picture():
                self._answer(reply)
            case Failed():
                if self._asked is not None and reply.job == self._job and not self._asked.answer.done():
                    self._asked.answer.set_exception(Invalid(reply.message, code=reply.code))
                self._asked = None
            case Progress() | Saved():
                return
        self._pump()

    def _answer(self, reply: Done | Picture) -> None:
        if self._asked is None or reply.job != self._job:
            return
        if not self._asked.answer.done():
            self._asked.answer.set_result(reply)
        if isinstance(reply, Done):
            self.link.send(Forget(again(reply.job)), owes_answer=False)
        self._asked = None


def again(job: int) -> str:
    """The name of the decoder of a look again."""
    return f"again:{job}"
