"""The server's end of one decode worker: starts it, talks to it, watches it, and says when it died."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable

import structlog

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import PeerError, Unavailable
from haechi.base.framing import Unpacker
from haechi.base.process import TICKS_PER_S, Activity, activity_of, start_module
from haechi.vision.messages import Done, Progress, Ready, Reply, Request, Saved, Setup, pack, read_reply

log = structlog.get_logger(__name__)

WORKER_MODULE = "haechi.vision.worker"
LOAD_S = 90.0
"""Loading takes 1 s here; a slow disk and a cold cache may need much more."""
SILENT_S = 10.0
"""A worker that owes an answer and says nothing for so long hangs, and is killed."""
STILL_S = 4.0
"""So long where it does nothing meanwhile, either: no processor time, and none that it waits for. It is frozen, or it
waits for what never comes; a busy machine alone does not do that."""
SPUN_S = 5.0
"""So much processor time of a live worker without a word: it computes and gets nowhere. What it has in hand at a time
takes a fraction of a second. One that looks at whole GOPs again may need more, and is given `SILENT_S`."""
AWAY_S = 2.5
"""We look every second. When that was so long ago we stood still ourselves, and answers may lie unread."""
CPU_AHEAD_S = 120
"""CPU time that a worker may take before its limit is moved on by the next answer; then the kernel ends it."""
MOST_UNSENT_BYTES = 32 * 1024 * 1024
_READ_BYTES = 1 << 18


class WorkerLink:
    """One worker at a time. `run` starts one and returns by an error when it is gone.

    Attributes:
        ready: What the present worker loaded; None while there is none.
        setup: What the last worker was to load.
        starts: How many workers were started.
        last_progress: The unit (job, index) that the worker last said it was about to decode.
    """

    def __init__(self, clock: Clock, on_reply: Callable[[Reply], None], *, is_live: bool = False) -> None:
        self._clock = clock
        self._is_live = is_live
        self._on_reply = on_reply
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._heard_ns = self._moved_ns = self._checked_ns = 0
        self._activity: Activity | None = None
        self._spun = (0, 0)
        self._owed = 0
        self._cpu_limit_s = 0
        self._is_retired = False
        self._is_killed = False
        self.ready: Ready | None = None
        self.setup: Setup | None = None
        self.starts = 0
        self.last_progress: Progress | None = None

    @property
    def is_ready(self) -> bool:
        """Whether there is a worker that takes more work."""
        if self.ready is None or self._writer is None:
            return False
        return self._writer.transport.get_write_buffer_size() < MOST_UNSENT_BYTES

    @property
    def pid(self) -> int | None:
        """The process id of the present worker."""
        return self._process.pid if self._process is not None else None

    @property
    def heard_ns(self) -> int:
        """When the present worker, or the last one, said something (monotonic), or was first asked for an answer."""
        return self._heard_ns

    def send(self, request: Request, *, owes_answer: bool = True) -> None:
        """Hand a request over; it is written as the worker takes it. Nothing happens while there is no worker."""
        if self._writer is None or self.ready is None:
            return
        if self._owed == 0:
            self._heard_ns = self._clock.monotonic_ns()
        self._owed += owes_answer
        self._writer.write(pack(request))

    async def run(self, setup: Setup) -> None:
        """Start a worker, pass its replies on, until it is gone; returns when it was retired.

        Raises:
            Unavailable: ``worker-gone``: it ended, hung, or could not load.
        """
        self._is_retired = self._is_killed = False
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.starts += 1
            self.setup = setup
            arguments = [str(theirs.fileno())]
            environment = {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}
            self._process = await start_module(
                WORKER_MODULE, arguments, pass_fds=(theirs.fileno(),), environment=environment
            )
            theirs.close()
            try:
                await self._serve(ours, setup)
            except Unavailable:
                if not self._is_retired:
                    raise
            finally:
                await self._bury()

    def check(self) -> None:
        """Kill the worker when it hangs. Call every second or so."""
        now_ns = self._clock.monotonic_ns()
        was_away = now_ns - self._checked_ns > AWAY_S * NS_PER_S
        self._checked_ns = now_ns
        if self.ready is None or self._owed == 0 or was_away:
            self._heard_ns = self._moved_ns = now_ns
            return
        activity = activity_of(self._process.pid) if self._process is not None else None
        if activity is None or activity.is_running or activity != self._activity:
            self._moved_ns = now_ns
        self._activity = activity
        spun_s = self._spun_s(activity)
        silent_ns, still_ns = now_ns - self._heard_ns, now_ns - max(self._heard_ns, self._moved_ns)
        if silent_ns > SILENT_S * NS_PER_S or still_ns > STILL_S * NS_PER_S or spun_s > SPUN_S:
            log.warning("a decode worker hangs and is ended", silent_s=round(silent_ns / NS_PER_S, 1))
            self.kill()

    def _spun_s(self, activity: Activity | None) -> float:
        """Processor time that a live worker took since it last said something, less a second at most."""
        heard_ns, ticks = self._spun
        if activity is None or not self._is_live:
            return 0.0
        if heard_ns != self._heard_ns:
            self._spun = (self._heard_ns, activity.cpu_ticks)
            return 0.0
        return (activity.cpu_ticks - ticks) / TICKS_PER_S

    def retire(self) -> None:
        """End the present worker; `run` then returns."""
        self._is_retired = True
        self.kill()

    def kill(self) -> None:
        """End the present worker at once; `run` then ends too. Once: asking again could reap it before asyncio does."""
        if self._process is not None and not self._is_killed:
            self._is_killed = True
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _serve(self, ours: socket.socket, setup: Setup) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        self._writer = writer
        writer.write(pack(setup))
        unpacker = Unpacker()
        try:
            async with asyncio.timeout(LOAD_S):
                while self.ready is None:
                    self._take(await self._read(reader, unpacker))
            while True:
                self._take(await self._read(reader, unpacker))
        except TimeoutError as error:
            raise Unavailable("a decode worker did not load in time", code="worker-gone") from error
        except (OSError, PeerError) as error:
            raise Unavailable("a decode worker broke off", code="worker-gone", reason=str(error)) from error

    async def _read(self, reader: asyncio.StreamReader, unpacker: Unpacker) -> list[bytes]:
        data = await reader.read(_READ_BYTES)
        if not data:
            raise Unavailable("a decode worker ended", code="worker-gone")
        return unpacker.feed(data)

    def _take(self, bodies: list[bytes]) -> None:
        for body in bodies:
            reply = read_reply(body)
            self._heard_ns = self._clock.monotonic_ns()
            match reply:
                case Ready():
                    self.ready = reply
                    self._cpu_limit_s = 0
                case Progress():
                    self.last_progress = reply
                    continue
                case Saved():
                    pass
                case Done():
                    self._allow_cpu(reply.cpu_ns)
                    self._owed -= 1
                case _:
                    self._owed -= 1
            self._on_reply(reply)

    def _allow_cpu(self, used_ns: int) -> None:
        """Move the worker's CPU limit on, from outside: it cannot do so itself."""
        used_s = used_ns // NS_PER_S
        if self._process is None or used_s + CPU_AHEAD_S // 2 < self._cpu_limit_s:
            return
        self._cpu_limit_s = used_s + CPU_AHEAD_S
        with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
            resource.prlimit(self._process.pid, resource.RLIMIT_CPU, (self._cpu_limit_s, resource.RLIM_INFINITY))

    async def _bury(self) -> None:
        """Nothing of the worker stays: no process, no zombie, no half-sent message."""
        self.ready = None
        self._owed = 0
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None
        self.kill()
        if self._process is not None:
            await self._process.wait()
            self._process = None
