"""A source that is pushed, and its results: the Python API of the client.

async with connect("server:8342", "door.mp4", token_file=Path("token")) as link:
    async for seen in link.results():
        print(seen.ref, seen.boxes)
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock, SystemClock
from haechi.base.errors import Invalid
from haechi.client.line import DEFAULT_PORT, Line, Place, open_line
from haechi.client.sending import DEFAULT_WAY, Outgoing, Seen, UdpWay
from haechi.client.sources import Playable, Timed, open_source
from haechi.media.access_unit import TICKS_PER_S, RawUnit, VideoParams
from haechi.media.push.words import Announce

AT_ONCE = 16
"""Units of a file that are read in one go, off the event loop."""
WINDOW = 6
"""Units whose result is awaited before more is sent, when played as fast as results come."""
STALL_S = 1.0
"""A decoder may hold pictures back: after so long without a result the next units are sent all the same."""
FAST_GAP_S = 0.005
"""The server looks at no more than 240 pictures a second of one stream."""
LONGEST_TOKEN_FILE_BYTES = 4096
_PIN_DIGITS = 64


class Wish(Struct, frozen=True):
    """How a source is to be played.

    Attributes:
        module: What is to look at it; empty: nothing.
        fast: A file is sent as fast as results come, not at its own pace.
        transport: ``tcp`` or ``udp``.
        way: How datagrams go, with ``udp``.
        use: ``camera``: as the camera that the server's administrator made of this client; ``judge``: for results only;
            empty: as registered.
    """

    module: str = "objects"
    fast: bool = False
    transport: str = "tcp"
    way: UdpWay = DEFAULT_WAY
    name: str = ""
    use: str = ""


class Link:
    """A source on its way. Make it with `connect`.

    Attributes:
        stream: What was sent and what the server left out; None until the source plays.
        taps: Called with each unit as it is sent.
        progress: Share of a file that was sent, in [0, 1]; 0 where its length is not known.
    """

    def __init__(self, line: Line, source: Playable, wish: Wish, clock: Clock, about: str) -> None:
        self._line = line
        self._source = source
        self._wish = wish
        self._clock = clock
        self._about = about
        self._ready = asyncio.Event()
        self._ahead: deque[int] = deque()
        self._moved = asyncio.Event()
        self.stream: Outgoing | None = None
        self.taps: list[Callable[[RawUnit], None]] = []
        self.progress = 0.0
        self.fps = source.fps

    async def results(self) -> AsyncIterator[Seen]:
        """What the module says, until the source has ended and all of it was judged.

        Raises:
            HaechiError: The source, the stream or the connection broke off.
        """
        play = asyncio.create_task(self._play())
        began = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait((play, began), return_when=asyncio.FIRST_COMPLETED)
            if self.stream is not None:
                async for seen in self.stream.seen():
                    self._judged(seen)
                    yield seen
            await play
        finally:
            for task in (play, began):
                task.cancel()
            await asyncio.gather(play, began, return_exceptions=True)

    async def _play(self) -> None:
        units = self._source.units()
        batch = await self._read(units)
        if not batch or not isinstance(batch[0].unit.params, VideoParams):
            raise Invalid("there is no picture in the source that can be decoded", code="no-video")
        wish = self._wish
        about = Announce(
            codec="",
            transport=wish.transport,
            name=wish.name[:80],
            source=self._about[:80],
            fps=min(1000.0, self.fps),
            use=wish.use,
        )
        stream = await Outgoing.begin(self._line, self._clock, batch[0].unit.params, about, way=wish.way)
        stream.is_hurried = wish.fast and not self._source.is_live
        try:
            if wish.module:
                await stream.request(wish.module)
            self.stream = stream
            self._ready.set()
            began_ns = self._clock.monotonic_ns() - batch[0].due * NS_PER_S // TICKS_PER_S
            while batch:
                for timed in batch:
                    await self._wait(timed, began_ns)
                    await self._send(stream, timed)
                batch = await self._read(units)
            await stream.end()
        finally:
            stream.close()

    async def _read(self, units: Iterator[Timed]) -> Sequence[Timed]:
        return await asyncio.to_thread(lambda: list(islice(units, 1 if self._source.is_live else AT_ONCE)))

    async def _send(self, stream: Outgoing, timed: Timed) -> None:
        stream.send(timed.unit)
        self._ahead.append(timed.unit.rtp_ticks)
        for tap in self.taps:
            tap(timed.unit)
        if self._source.duration_s:
            self.progress = min(1.0, timed.due / TICKS_PER_S / self._source.duration_s)
        await stream.drain()

    async def _wait(self, timed: Timed, began_ns: int) -> None:
        """Until the unit is due."""
        if self._source.is_live:
            return
        if not self._wish.fast:
            wait_ns = began_ns + timed.due * NS_PER_S // TICKS_PER_S - self._clock.monotonic_ns()
            if wait_ns > 0:
                await self._clock.sleep(wait_ns / NS_PER_S)
            return
        await self._clock.sleep(FAST_GAP_S if self._wish.module else 0)
        while self._wish.module and len(self._ahead) >= WINDOW:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), STALL_S)
            except TimeoutError:
                self._ahead.clear()

    def _judged(self, seen: Seen) -> None:
        """A result answers for all units before it as well."""
        while self._ahead and seen.ticks in self._ahead:
            self._ahead.popleft()
        self._moved.set()


def place_of(server: str, token_file: Path) -> Place:
    """Where ``HOST[:PORT]`` is, and what is in the file that ``haechi push add`` wrote: the token, and perhaps a pin.

    Raises:
        Invalid: ``bad-server``, ``no-token-file``.
    """
    host, separator, port = server.rpartition(":")
    if not separator or server.endswith("]"):
        host, port = server, str(DEFAULT_PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise Invalid("the server is given as HOST or HOST:PORT", code="bad-server")
    try:
        with token_file.open("rb") as file:
            lines = file.read(LONGEST_TOKEN_FILE_BYTES).decode("ascii", "replace").split()
    except OSError as error:
        message = "the file with the token cannot be read; make one with: haechi push add NAME --file FILE"
        raise Invalid(message, code="no-token-file", file=str(token_file), reason=error.strerror) from error
    if not lines or len(lines) > 2 or (len(lines) == 2 and len(lines[1]) != _PIN_DIGITS):
        message = "the file holds no token; make one with: haechi push add NAME --file FILE"
        raise Invalid(message, code="no-token-file", file=str(token_file))
    return Place(host, int(port), lines[0], lines[1] if len(lines) == 2 else "")


@asynccontextmanager
async def connect(
    server: str, source: str, *, token_file: Path, wish: Wish | None = None, clock: Clock | None = None
) -> AsyncIterator[Link]:
    """Push ``source`` (a file, ``rtsp://…``, ``webcam:0``) to ``server`` (``HOST[:PORT]``).

    Raises:
        Invalid: An argument cannot be taken as it is.
        Denied: The server does not know the token, or is not the one that is pinned.
        Unavailable: The server or the source cannot be reached.
    """
    ticking = clock or SystemClock()
    how = wish or Wish()
    place = place_of(server, token_file)
    played = await asyncio.to_thread(open_source, source)
    try:
        async with playing(place, played, how, ticking, _shown(source)) as link:
            yield link
    finally:
        await asyncio.to_thread(played.close)


@asynccontextmanager
async def playing(place: Place, source: Playable, wish: Wish, clock: Clock, about: str) -> AsyncIterator[Link]:
    """The same with a source of any kind; it is not closed."""
    async with open_line(place, clock) as line:
        if wish.module and wish.module not in line.modules:
            message = f"the server has no module of this name; it has: {', '.join(line.modules)}"
            raise Invalid(message, code="unknown-module", module=wish.module)
        yield Link(line, source, wish, clock, about)


def _shown(source: str) -> str:
    """A source as the server may know it: no path, no password."""
    if "://" in source:
        scheme, _, rest = source.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2].partition('/')[0]}"
    return source if source.startswith("webcam:") else Path(source).name
