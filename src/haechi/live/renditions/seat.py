"""The server's end of one process that makes renditions: starts it, hands it units, watches it, says when it died."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable, Hashable

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import PeerError, Unavailable
from haechi.base.framing import Unpacker
from haechi.base.process import Activity, activity_of, start_module
from haechi.live.renditions.messages import Close, Done, Open, Ready, Setup, Shape, Unit, pack, read_reply
from haechi.media.access_unit import VideoParams

log = structlog.get_logger(__name__)

WORKER_MODULE = "haechi.live.renditions.worker"
MEMORY_BYTES = 4 * 1024**3
LOAD_S = 60.0
SILENT_S = 15.0
"""A process that owes an answer and gives none for so long hangs, and is ended."""
STILL_S = 5.0
"""So long where it takes no processor time meanwhile, and waits for none: it is frozen; see `vision.link`."""
CHECK_S = 1.0
AWAY_S = 2.5
"""We look every second. When that was so long ago we stood still ourselves, and answers may lie unread."""
IDLE_S = 30.0
"""How long a process stays when it has nothing to make."""
MOST_UNSENT_BYTES = 32 * 1024 * 1024
_READ_BYTES = 1 << 18


class Owed(Struct, frozen=True):
    """A unit that waits for its answer, and since when (monotonic)."""

    unit: Unit
    since_ns: int


class Seat:
    """One process at a time, and the renditions that it makes.

    Attributes:
        on_lost: Called when the process died by itself, with the unit that it was busy with.
        starts: Processes started so far.
    """

    def __init__(self, clock: Clock, on_lost: Callable[[Unit | None], None]) -> None:
        self._clock = clock
        self._on_lost = on_lost
        self._takers: dict[int, Callable[[Done], None]] = {}
        self._weights: dict[Hashable, int] = {}
        self._owed: deque[Owed] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._wanted = asyncio.Event()
        self._heard_ns = self._moved_ns = self._checked_ns = self._idle_ns = 0
        self._activity: Activity | None = None
        self._is_retired = self._is_killed = False
        self.confined: tuple[str, ...] = ()
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The process id of the present process."""
        return self._process.pid if self._process is not None else None

    @property
    def is_ready(self) -> bool:
        """Whether units can be handed over."""
        return self._writer is not None and self._writer.transport.get_write_buffer_size() < MOST_UNSENT_BYTES

    @property
    def weight(self) -> int:
        """How much it has to do."""
        return sum(self._weights.values())

    def join(self, who: Hashable, weight: int) -> None:
        """Something is to be made here; a process is started when there is none."""
        self._weights[who] = weight
        self._wanted.set()

    def leave(self, who: Hashable) -> None:
        """It is not made here any more."""
        self._weights.pop(who, None)
        self._idle_ns = self._clock.monotonic_ns()

    def open(self, key: int, params: VideoParams, shape: Shape, take: Callable[[Done], None]) -> None:
        """Begin a rendition; ``take`` gets the answers to its units."""
        self._takers[key] = take
        self._send(Open(key, params, shape))

    def feed(self, unit: Unit) -> None:
        """Hand a unit over."""
        if self._writer is None:
            return
        now_ns = self._clock.monotonic_ns()
        if not self._owed:
            self._heard_ns = now_ns
        self._owed.append(Owed(unit, now_ns))
        self._send(unit)

    def close(self, key: int) -> None:
        """Nothing more comes of a rendition."""
        if self._takers.pop(key, None) is not None:
            self._send(Close(key))

    def behind_s(self) -> float:
        """How long the oldest unanswered unit waits."""
        return (self._clock.monotonic_ns() - self._owed[0].since_ns) / NS_PER_S if self._owed else 0.0

    async def run(self) -> None:
        """Have a process whenever something is to be made, until cancelled.

        Raises:
            Unavailable: ``worker-gone``: it ended, hung, or could not be started.
        """
        while True:
            await self._wanted.wait()
            self._is_retired = self._is_killed = False
            ours, theirs = socket.socketpair()
            with ours, theirs:
                self.starts += 1
                environment = {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}
                self._process = await start_module(
                    WORKER_MODULE, [str(theirs.fileno())], pass_fds=(theirs.fileno(),), environment=environment
                )
                theirs.close()
                died = False
                try:
                    await self._serve(ours)
                except Unavailable:
                    died = not self._is_retired
                    if died:
                        raise
                finally:
                    await self._bury(died=died)

    def check(self) -> None:
        """End a process that hangs, or that has had nothing to do for a while. Call every second or so."""
        now_ns = self._clock.monotonic_ns()
        was_away = now_ns - self._checked_ns > AWAY_S * NS_PER_S
        self._checked_ns = now_ns
        if self._writer is None or not self._owed or was_away:
            self._heard_ns = self._moved_ns = now_ns
            if self._writer is not None and not self._weights and now_ns - self._idle_ns > IDLE_S * NS_PER_S:
                self._is_retired = True
                self._wanted.clear()
                self._kill()
            return
        activity = activity_of(self._process.pid) if self._process is not None else None
        if activity is None or activity.is_running or activity != self._activity:
            self._moved_ns = now_ns
        self._activity = activity
        silent_ns, still_ns = now_ns - self._heard_ns, now_ns - max(self._heard_ns, self._moved_ns)
        if silent_ns > SILENT_S * NS_PER_S or still_ns > STILL_S * NS_PER_S:
            log.warning("a process that makes renditions hangs and is ended", silent_s=round(silent_ns / NS_PER_S, 1))
            self._kill()

    async def _serve(self, ours: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        unpacker = Unpacker()
        try:
            writer.write(pack(Setup(MEMORY_BYTES)))
            async with asyncio.timeout(LOAD_S):
                bodies: list[bytes] = []
                while not bodies:
                    bodies = await self._read(reader, unpacker)
            ready = read_reply(bodies.pop(0))
            if not isinstance(ready, Ready):
                raise Unavailable("a process that makes renditions answered something else", code="worker-gone")
            self.confined = ready.confined
            self._writer = writer
            self._idle_ns = self._heard_ns = self._clock.monotonic_ns()
            while True:
                self._take(bodies)
                bodies = await self._read(reader, unpacker)
        except TimeoutError as error:
            raise Unavailable("a process that makes renditions did not load in time", code="worker-gone") from error
        except (OSError, PeerError) as error:
            message = "a process that makes renditions broke off"
            raise Unavailable(message, code="worker-gone", reason=str(error)) from error
        finally:
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader, unpacker: Unpacker) -> list[bytes]:
        data = await reader.read(_READ_BYTES)
        if not data:
            raise Unavailable("a process that makes renditions ended", code="worker-gone")
        return unpacker.feed(data)

    def _take(self, bodies: list[bytes]) -> None:
        for body in bodies:
            done = read_reply(body)
            unit = self._owed[0].unit if self._owed else None
            if not isinstance(done, Done) or unit is None or (done.key, done.number) != (unit.key, unit.number):
                raise PeerError("an answer to nothing that was asked", offset=0, code="worker-message")
            self._owed.popleft()
            self._heard_ns = self._clock.monotonic_ns()
            take = self._takers.get(done.key)
            if take is not None:
                take(done)

    def _send(self, message: Open | Unit | Close) -> None:
        if self._writer is not None:
            self._writer.write(pack(message))

    def _kill(self) -> None:
        """Once: asking again could reap it before asyncio does."""
        if self._process is not None and not self._is_killed:
            self._is_killed = True
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _bury(self, *, died: bool) -> None:
        """Nothing of the process stays; whatever it made begins again at the next sync unit, in the next one."""
        self._writer = None
        owed, self._owed = self._owed, deque()
        self._takers.clear()
        self._kill()
        if self._process is not None:
            await self._process.wait()
            self._process = None
        self._on_lost(owed[0].unit if owed and died else None)
