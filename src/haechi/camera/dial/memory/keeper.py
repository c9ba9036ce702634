"""The camera's memory as a whole: numbers what is taken, has it written, and gives out what the server asks for.

All that touches the disk runs in one thread of its own. What is taken never waits for it: when the disk does not keep
up, units are left out of the memory and counted, and are live all the same.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import structlog

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import PeerError
from haechi.camera.dial.memory.numbers import Numbering
from haechi.camera.dial.memory.segment import SpoolUnit
from haechi.camera.dial.memory.spool import Spool
from haechi.camera.virtual.memory import Borrower
from haechi.camera.virtual.units import FeedUnit
from haechi.media.access_unit import CodecParams
from haechi.media.reverse.acknowledge import Acknowledged, parse_acknowledgement
from haechi.media.reverse.edge import MOST_EDGE_RUN, EdgeMark, EdgeRun, EdgeUnit
from haechi.media.reverse.mark import OUR_NUMBERS, mark_extension
from haechi.media.reverse.share import Share
from haechi.media.reverse.words import (
    PART_BYTES,
    TRACK_NAME,
    Done,
    Echo,
    Grant,
    Params,
    Part,
    Stock,
    Unit,
    Want,
    pack,
    unpack,
)
from haechi.media.sdp import MediaTrack

log = structlog.get_logger(__name__)

SYNC_S = 1.0
STOCK_S = 10.0
MOST_PENDING_BYTES = 32 * 1024 * 1024
"""Taken and not yet written: some ten seconds in which a slow disk may catch up."""
READ_UNITS = 16

T = TypeVar("T")


def new_run() -> EdgeRun:
    """A number that no other run has."""
    return EdgeRun(secrets.randbelow(MOST_EDGE_RUN) + 1)


class Keeper:
    """A `haechi.camera.virtual.memory.Memory` over a spool. Keep `run` going.

    Args:
        share: Of the link, that giving out may take.

    Attributes:
        dropped: Units that were left out of the memory, as the disk did not keep up or failed.
    """

    def __init__(self, spool: Spool, clock: Clock, *, share: float) -> None:
        self._spool = spool
        self._clock = clock
        self._share = share
        self._numbering = Numbering(new_run)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._pending: list[EdgeUnit] = []
        self._pending_bytes = 0
        self._arrived = asyncio.Event()
        self._acknowledged: list[Acknowledged] = []
        self._loan: _Loan | None = None
        self._changed = asyncio.Event()
        self._came = asyncio.Event()
        self._is_failing = False
        self.dropped = 0

    @property
    def run_number(self) -> EdgeRun:
        """The edge run of what is taken now."""
        return self._numbering.run

    async def run(self) -> None:
        """Write, make durable, give out, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._write, self._sync, self._tell, self._lend):
                    group.create_task(work())
        finally:
            units, self._pending = self._pending, []
            self._thread.submit(self._append, units)
            self._thread.submit(self._spool.close)
            await asyncio.to_thread(self._thread.shutdown)

    # -- `Memory` ----------------------------------------------------------------------------------------------------
    def track(self) -> MediaTrack:
        """See `Memory`."""
        return MediaTrack("application", 127, TRACK_NAME, 90_000, control="memory")

    def extensions(self) -> dict[str, int]:
        """See `Memory`."""
        return dict(OUR_NUMBERS)

    def keep(self, unit: FeedUnit, params: CodecParams, wall_ns: int) -> bytes:
        """See `Memory`."""
        kept = self._numbering.next(unit, params, wall_ns)
        if self._pending_bytes + len(kept.data) > MOST_PENDING_BYTES:
            self.dropped += 1
        else:
            self._pending.append(kept)
            self._pending_bytes += len(kept.data)
            self._arrived.set()
        return mark_extension(EdgeMark(kept.edge, wall_ns))

    def opened(self, borrower: Borrower) -> None:
        """See `Memory`."""
        self._loan = _Loan(borrower)
        self._changed.set()
        self._came.set()

    def closed(self, borrower: Borrower) -> None:
        """See `Memory`."""
        if self._loan is not None and self._loan.borrower is borrower:
            self._loan.end()
            self._loan = None

    def word(self, borrower: Borrower, packet: bytes) -> None:
        """See `Memory`. What cannot be read is passed over: the server is the one who is believed here."""
        loan = self._loan
        if loan is None or loan.borrower is not borrower:
            return
        try:
            loan.take(unpack(packet))
        except PeerError as error:
            log.warning("the server says something unknown about the camera's memory", error=error.message)

    def parameters(self, body: bytes) -> None:
        """See `Memory`."""
        self._acknowledged += parse_acknowledgement(body)
        self._arrived.set()

    # -- the disk ----------------------------------------------------------------------------------------------------
    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            units, self._pending, self._pending_bytes = self._pending, [], 0
            acknowledged, self._acknowledged = self._acknowledged, []
            await self._do(lambda: self._append(units))  # noqa: B023 - awaited at once
            await self._do(lambda: self._free(acknowledged))  # noqa: B023 - awaited at once

    def _append(self, units: list[EdgeUnit]) -> None:
        if not units:
            return
        try:
            self._spool.append(units)
        except OSError as error:
            self.dropped += len(units)
            self._failing(error)
        else:
            self._is_failing = False

    def _free(self, acknowledged: list[Acknowledged]) -> None:
        try:
            for one in acknowledged:
                self._spool.free(one.role, one.run, one.spans)
        except OSError as error:
            self._failing(error)

    async def _sync(self) -> None:
        while True:
            await self._clock.sleep(SYNC_S)
            try:
                await self._do(self._spool.sync)
            except OSError as error:
                self._failing(error)

    def _failing(self, error: OSError) -> None:
        if not self._is_failing:
            log.warning("the camera's memory cannot be written", error=error.strerror)
        self._is_failing = True

    # -- giving out --------------------------------------------------------------------------------------------------
    async def _tell(self) -> None:
        """Say what there is, when somebody comes and every now and then."""
        while True:
            self._changed.clear()
            loan = self._loan
            if loan is not None:
                loan.say(await self._do(self._stock))
            wait = asyncio.ensure_future(self._changed.wait())
            pause = asyncio.ensure_future(self._clock.sleep(STOCK_S))
            try:
                await asyncio.wait({wait, pause}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                wait.cancel()
                pause.cancel()

    def _stock(self) -> Stock:
        return self._spool.stock()

    async def _lend(self) -> None:
        while True:
            loan = self._loan
            if loan is None:
                self._came.clear()
                await self._came.wait()
                continue
            want = await loan.next_want()
            if want is not None:
                await self._answer(loan, want)

    async def _answer(self, loan: _Loan, want: Want) -> None:
        """Send what is wanted, as fast as the link and the server allow."""
        pace = Share(want.bytes_per_s, self._share)
        pacer = _Pacer(loan, want, pace, self._clock)
        units = await self._do(lambda: self._spool.read(EdgeRun(want.run), want.ranges))
        if not await pacer.measure():
            return
        while True:
            batch = await self._do(lambda: self._some(units))
            for params, unit in batch:
                if not await self._send(pacer, params, unit):
                    return
            if not batch:
                break
        loan.say(await self._do(self._stock))
        if loan.is_current(want):
            loan.say(Done(want.want))

    def _some(self, units: Iterator[tuple[Params, SpoolUnit]]) -> list[tuple[Params, SpoolUnit]]:
        try:
            return list(islice(units, READ_UNITS))
        except OSError as error:
            log.warning("the camera's memory cannot be read", error=error.strerror)
            return []

    async def _send(self, pacer: _Pacer, params: Params, unit: SpoolUnit) -> bool:
        """Send a unit; False when nobody wants it any more."""
        loan, want = pacer.loan, pacer.want
        if params.key not in loan.told:
            loan.told.add(params.key)
            loan.say(params)
        head = Unit(
            want.want,
            want.run,
            unit.role,
            unit.seq,
            unit.pts,
            unit.dts,
            unit.wall_ns,
            unit.is_sync,
            unit.key,
            len(unit.data),
        )
        loan.say(head)
        for start in range(0, len(unit.data), PART_BYTES):
            part = unit.data[start : start + PART_BYTES]
            if not await pacer.room(len(part)):
                return False
            loan.say(Part(part))
        return True


class _Loan:
    """One connection over which units are given out."""

    def __init__(self, borrower: Borrower) -> None:
        self.borrower = borrower
        self.told: set[bytes] = set()
        self.is_over = False
        self.granted = 0
        self.echoed = 0
        self._want: Want | None = None
        self._served = 0
        self._news = asyncio.Event()

    def say(self, word: Stock | Params | Unit | Part | Echo | Done) -> None:
        """Send a word, if anybody is there."""
        if not self.is_over:
            self.borrower.say(pack(word))

    def take(self, word: object) -> None:
        """A word of the server."""
        match word:
            case Want() if self._want is None or word.want > self._want.want:
                self._want, self.granted = word, 0
            case Grant(number, granted) if self._want is not None and number == self._want.want:
                self.granted = max(self.granted, granted)
            case Echo(number):
                self.echoed = max(self.echoed, number)
            case _:
                return
        self._news.set()

    def end(self) -> None:
        """Nobody is there any more."""
        self.is_over = True
        self._news.set()

    def is_current(self, want: Want) -> bool:
        """Whether it is still what is wanted."""
        return not self.is_over and self._want is want

    async def next_want(self) -> Want | None:
        """What is wanted next; None when the connection is over."""
        while not self.is_over:
            if self._want is not None and self._want.want > self._served:
                self._served = self._want.want
                return self._want
            await self.news()
        return None

    async def news(self) -> None:
        """Wait for anything to change."""
        self._news.clear()
        await self._news.wait()


class _Pacer:
    """Lets the words of one answer go when there is room for them."""

    def __init__(self, loan: _Loan, want: Want, pace: Share, clock: Clock) -> None:
        self.loan = loan
        self.want = want
        self._pace = pace
        self._clock = clock
        self._sent = 0
        self._window = 0
        self._began_ns = 0

    async def measure(self) -> bool:
        """How long an empty way takes; False when nobody is there."""
        return await self._echo()

    async def room(self, size: int) -> bool:
        """Wait until so many bytes may go; False when nobody wants them any more."""
        if self._window and self._window + size > self._pace.window_bytes and not await self._echo():
            return False
        if not self._window:
            self._began_ns = self._clock.monotonic_ns()
        while self.loan.is_current(self.want) and self._sent + size > self.loan.granted:
            await self.loan.news()
        self._sent += size
        self._window += size
        return self.loan.is_current(self.want)

    async def _echo(self) -> bool:
        """Ask the server to say when it has read what was sent; then rest, so that others have the link."""
        loan = self.loan
        number = loan.echoed + 1
        began_ns = self._began_ns if self._window else self._clock.monotonic_ns()
        loan.say(Echo(number))
        while loan.is_current(self.want) and loan.echoed < number:
            await loan.news()
        took_s = (self._clock.monotonic_ns() - began_ns) / NS_PER_S
        sent, self._window = self._window, 0
        await self._clock.sleep(self._pace.read(sent, took_s))
        return loan.is_current(self.want)
