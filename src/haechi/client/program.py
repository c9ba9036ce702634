"""The whole of ``haechi client``: play, tell what is seen, draw it, measure."""

from __future__ import annotations

import asyncio
import sys
import webbrowser
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from haechi.base.clock import NS_PER_MS, NS_PER_S, Clock, SystemClock
from haechi.base.errors import Invalid, Unavailable
from haechi.base.supervise import Backoff
from haechi.client.annotate import Annotator, Picture, VideoFile
from haechi.client.page import Page
from haechi.client.playing import Link, Wish, connect
from haechi.client.sending import Seen
from haechi.media.access_unit import RawUnit

MOST_TIMES = 20_000
AGAIN_S = (0.5, 5.0)


class Options(Struct, frozen=True):
    """What the command line asks for.

    Attributes:
        out: Where the annotated video goes.
        show: In a browser.
        json: A line for each result.
        keep: Begin again whenever the connection or the source breaks off.
    """

    server: str
    source: str
    token_file: Path
    wish: Wish
    out: Path | None = None
    show: bool = False
    json: bool = False
    keep: bool = False


class Tally:
    """How many results, how fast, how late."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times: deque[int] = deque(maxlen=MOST_TIMES)
        self._first_ns = self._last_ns = 0
        self.results = 0
        self.skipped = 0
        self.boxes = 0

    def add(self, seen: Seen) -> None:
        """A result came."""
        now_ns = self._clock.monotonic_ns()
        self._first_ns = self._first_ns if self.results else now_ns
        self._last_ns = now_ns
        self._times.append(seen.round_trip_ns)
        self.results += 1
        self.skipped += seen.skipped
        self.boxes += len(seen.boxes)

    @property
    def fps(self) -> float:
        """Results a second, from the first to the last."""
        return (self.results - 1) * NS_PER_S / (self._last_ns - self._first_ns) if self.results > 1 else 0.0

    def round_trip_ms(self) -> tuple[float, float, float]:
        """Mean, median and 95th percentile, of the last results."""
        times = sorted(self._times)
        if not times:
            return 0.0, 0.0, 0.0
        last = len(times) - 1
        mean_ns = sum(times) / len(times)
        return mean_ns / NS_PER_MS, times[last // 2] / NS_PER_MS, times[round(last * 0.95)] / NS_PER_MS

    def line(self) -> str:
        """In one line."""
        mean, median, high = self.round_trip_ms()
        return (
            f"{self.results} results, {self.fps:.1f} fps, round trip {mean:.1f} ms (p50 {median:.1f}, p95 {high:.1f})"
        )


class _Canvas:
    """Draws in a thread of its own, in order; pictures go to a file and to a browser."""

    def __init__(self, file: VideoFile | None, page: Page | None) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawing")
        self._annotator = Annotator(self._give)
        self._file = file
        self._page = page
        self._newest: Picture | None = None
        self._is_new = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._failure: BaseException | None = None

    def sent(self, unit: RawUnit) -> None:
        self._do(lambda: self._annotator.sent(unit))

    def judged(self, seen: Seen) -> None:
        self._do(lambda: self._annotator.judged(seen))

    async def finish(self) -> None:
        """Draw what waits, close the file."""

        def close() -> None:
            self._annotator.finish()
            if self._file is not None:
                self._file.close()

        self._do(close)
        await asyncio.to_thread(self._thread.shutdown)
        if self._failure is not None:
            raise self._failure

    async def show(self) -> None:
        """Show the newest picture whenever there is a new one."""
        while self._page is not None:
            await self._is_new.wait()
            self._is_new.clear()
            if self._newest is not None:
                await self._page.show(self._newest)

    def _do(self, work: Callable[[], None]) -> None:
        self._thread.submit(work).add_done_callback(lambda done: self._note(done.exception()))

    def _note(self, failure: BaseException | None) -> None:
        self._failure = self._failure or failure

    def _give(self, picture: Picture, ticks: int) -> None:
        if self._file is not None:
            self._file.add(picture, ticks)
        if self._page is not None:
            self._newest = picture
            self._loop.call_soon_threadsafe(self._is_new.set)


async def play(options: Options, err: Console, clock: Clock | None = None) -> Tally:
    """Play to the end of the source, or until cancelled.

    Raises:
        HaechiError: It cannot be played, or broke off (with ``keep`` only for what trying again cannot change).
    """
    if options.keep and options.out is not None:
        raise Invalid("--keep begins again and again: it can show results, not write one file", code="bad-out-file")
    ticking = clock or SystemClock()
    tally, backoff = Tally(ticking), Backoff(*AGAIN_S)
    while True:
        before = tally.results
        try:
            await _play(options, tally, err, ticking)
        except Unavailable as error:
            if not options.keep:
                raise
            err.print(f"{error.message} ({error.code}); trying again", markup=False)
        else:
            return tally
        if tally.results > before:
            backoff.reset()
        await ticking.sleep(backoff.next_s())


async def _play(options: Options, tally: Tally, err: Console, clock: Clock) -> None:
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(
            connect(options.server, options.source, token_file=options.token_file, wish=options.wish)
        )
        canvas = await _canvas(options, link, stack, err)
        bar = stack.enter_context(_bar(err))
        task = bar.add_task("", total=None, text="waiting for the server")
        if not options.wish.module:
            sending = asyncio.create_task(_count(link, bar, task, clock))
            stack.callback(sending.cancel)
        try:
            async for seen in link.results():
                tally.add(seen)
                if options.json:
                    sys.stdout.write(json_line(seen) + "\n")
                if canvas is not None:
                    canvas.judged(seen)
                bar.update(task, completed=link.progress, total=1.0 if link.progress else None, text=tally.line())
        finally:
            if canvas is not None:
                await canvas.finish()
    _conclude(link, tally, err)


async def _count(link: Link, bar: Progress, task: TaskID, clock: Clock) -> None:
    """Where no results are asked for: what was sent."""
    while True:
        await clock.sleep(0.5)
        stream = link.stream
        text = f"{stream.units} units, {stream.sent_bytes / 1e6:.1f} MB sent" if stream is not None else ""
        bar.update(task, completed=link.progress, total=1.0 if link.progress else None, text=text)


async def _canvas(options: Options, link: Link, stack: AsyncExitStack, err: Console) -> _Canvas | None:
    if options.out is None and not options.show:
        return None
    page = Page() if options.show else None
    file = VideoFile(options.out, link.fps) if options.out is not None else None
    canvas = _Canvas(file, page)
    link.taps.append(canvas.sent)
    if page is not None:
        await stack.enter_async_context(page.served())
        showing = asyncio.create_task(canvas.show())
        stack.callback(showing.cancel)
        err.print(f"showing at {page.address}", soft_wrap=True)
        await asyncio.to_thread(webbrowser.open, page.address)
    return canvas


def _bar(err: Console) -> Progress:
    columns = (BarColumn(bar_width=20), TaskProgressColumn(), TextColumn("{task.fields[text]}"))
    return Progress(*columns, console=err, transient=True)


def _conclude(link: Link, tally: Tally, err: Console) -> None:
    if tally.results:
        err.print(tally.line())
    if link.stream is not None:
        stream = link.stream
        left = ", ".join(f"{count} {reason}" for reason, count in sorted(stream.left_out.items()))
        if stream.camera:
            err.print(f"it was camera {stream.camera}")
        err.print(f"{stream.units} units, {stream.sent_bytes / 1e6:.1f} MB sent; left out: {left or 'nothing'}")


def json_line(seen: Seen) -> str:
    """A result for other programs."""
    facts = {
        "ref": str(seen.ref),
        "module": seen.module,
        "ticks": seen.ticks,
        "captured_ns": seen.captured_ns,
        "round_trip_ms": round(seen.round_trip_ns / NS_PER_MS, 3),
        "skipped": seen.skipped,
        "boxes": [
            {"label": b.label, "score": b.score, "x": b.x, "y": b.y, "w": b.w, "h": b.h, "track": b.track}
            | ({"points": [[point.x, point.y, point.score] for point in b.points]} if b.points else {})
            for b in seen.boxes
        ],
    }
    return msgspec.json.encode(facts).decode()
