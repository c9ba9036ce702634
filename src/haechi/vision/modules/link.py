"""The server's end of a module's process: starts it, feeds it, and ends it when it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Protocol

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import PeerError, Unavailable
from haechi.base.framing import Unpacker
from haechi.base.process import Activity, activity_of, start_module
from haechi.vision.modules.messages import (
    Broken,
    HostReply,
    HostRequest,
    HostSetup,
    Loaded,
    Looking,
    Taken,
    pack,
    read_reply,
)

log = structlog.get_logger(__name__)

HOST_MODULE = "haechi.vision.modules.host"
LOAD_S = 90.0
DECODE_S = 20.0
"""A process that was given units and says nothing for so long hangs; decoding one takes a fraction of a second."""
FROZEN_S = 4.0
"""One that takes no processor time for so long, and waits for none, is frozen: no busy machine is the reason."""
CHECK_S = 1.0
LAST_LOOK_S = 0.1
MOST_UNSENT_BYTES = 32 * 1024 * 1024
_READ_BYTES = 1 << 18


class Watcher(Protocol):
    """Who hears what becomes of a module's process."""

    def replied(self, reply: HostReply) -> None:
        """It said something."""

    def gone(self, kind: str) -> None:
        """One that was loaded is: ``deadline`` (it hung), ``died``, or ``ended`` by us. What it was given is lost."""


class _Owed(Struct):
    """What we wait for: units to be decoded, and one look to end."""

    units: int = 0
    heard_ns: int = 0
    looking_ns: int = 0
    moved_ns: int = 0
    activity: Activity | None = None


class ModuleLink:
    """One process at a time. `run` starts one, and returns by an error when it is gone.

    Args:
        deadline_s: How long one look may take; where a module's own deadline is near it, twice that.

    Attributes:
        loaded: What the present process loaded; None while there is none.
        starts: How many processes were started.
    """

    def __init__(self, clock: Clock, watcher: Watcher, deadline_s: float) -> None:
        self._clock = clock
        self._watcher = watcher
        self._least_deadline_s = deadline_s
        self._deadline_ns = int(deadline_s * NS_PER_S)
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._owed = _Owed()
        self._is_late = False
        self.loaded: Loaded | None = None
        self.starts = 0

    @property
    def is_loaded(self) -> bool:
        """Whether there is a process that can look."""
        return self.loaded is not None

    @property
    def has_room(self) -> bool:
        """Whether more may be sent."""
        if self._writer is None or not self.is_loaded:
            return False
        return self._writer.transport.get_write_buffer_size() < MOST_UNSENT_BYTES

    @property
    def pid(self) -> int | None:
        """The process id of the present process."""
        return self._process.pid if self._process is not None else None

    def send(self, request: HostRequest, *, is_unit: bool) -> None:
        """Hand a request over. Nothing happens while there is no process."""
        if self._writer is None or not self.is_loaded:
            return
        if is_unit:
            if not self._owed.units:
                self._owed.heard_ns = self._clock.monotonic_ns()
            self._owed.units += 1
        self._writer.write(pack(request))

    async def run(self, setup: HostSetup) -> None:
        """Serve with one process.

        Raises:
            Unavailable: ``module-gone``: it ended, hung, or could not load.
        """
        self._is_late, self._owed = False, _Owed()
        self.starts += 1
        ours, theirs = socket.socketpair()
        with ours, theirs:
            environment = {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}
            fds = (theirs.fileno(),)
            self._process = await start_module(HOST_MODULE, [str(fds[0])], pass_fds=fds, environment=environment)
            theirs.close()
            kind = "died"
            try:
                await self._serve(ours, setup)
            except asyncio.CancelledError:
                kind = "ended"
                raise
            finally:
                was, self.loaded = self.loaded, None
                await self._bury()
                if was is not None:
                    self._watcher.gone("deadline" if self._is_late else kind)

    async def _serve(self, ours: socket.socket, setup: HostSetup) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        self._writer = writer
        writer.write(pack(setup))
        unpacker = Unpacker()
        try:
            async with asyncio.timeout(LOAD_S):
                while not self.is_loaded:
                    await self._read(reader, unpacker)
            while True:
                try:
                    async with asyncio.timeout(self._patience_s()):
                        await self._read(reader, unpacker)
                except TimeoutError:
                    await self._end_if_late(setup.name, reader, unpacker)
        except TimeoutError as error:
            raise Unavailable("a module did not load in time", code="module-gone", module=setup.name) from error
        except (OSError, PeerError) as error:
            raise Unavailable("a module broke off", code="module-gone", reason=str(error)) from error

    async def _read(self, reader: asyncio.StreamReader, unpacker: Unpacker) -> None:
        data = await reader.read(_READ_BYTES)
        if not data:
            raise Unavailable("a module's process ended", code="module-gone")
        for body in unpacker.feed(data):
            self._take(read_reply(body))

    def _take(self, reply: HostReply) -> None:
        owed = self._owed
        owed.heard_ns = self._clock.monotonic_ns()
        match reply:
            case Loaded(_, spec):
                self.loaded = reply
                self._deadline_ns = int(max(self._least_deadline_s, 2 * spec.deadline_s) * NS_PER_S)
            case Broken(reason):
                raise Unavailable("the module cannot be loaded", code="module-gone", reason=reason)
            case Taken(_, units):
                owed.units = max(0, owed.units - units)
            case Looking():
                owed.looking_ns = owed.heard_ns
            case _:
                owed.looking_ns = 0
        self._watcher.replied(reply)

    def _patience_s(self) -> float | None:
        """How long it may say nothing now; None: as long as it likes."""
        owed, now_ns = self._owed, self._clock.monotonic_ns()
        if owed.looking_ns:
            return max(0.01, min(CHECK_S, (owed.looking_ns + self._deadline_ns - now_ns) / NS_PER_S))
        return CHECK_S

    async def _end_if_late(self, name: str, reader: asyncio.StreamReader, unpacker: Unpacker) -> None:
        """We may have been held up ourselves: what it said meanwhile counts."""
        owed, now_ns = self._owed, self._clock.monotonic_ns()
        is_slow = owed.looking_ns > 0 and now_ns - owed.looking_ns >= self._deadline_ns
        is_silent = owed.units > 0 and now_ns - owed.heard_ns >= DECODE_S * NS_PER_S
        if is_slow or is_silent or self._is_frozen(owed, now_ns):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_LOOK_S):
                    await self._read(reader, unpacker)
                    return
            log.warning("a module hangs and is ended", module=name, deadline_s=self._deadline_ns / NS_PER_S)
            self._is_late = True
            raise PeerError("it took too long", offset=0, code="module-late")

    def _is_frozen(self, owed: _Owed, now_ns: int) -> bool:
        """Whether it was given units and has neither answered nor taken processor time for `FROZEN_S`."""
        activity = activity_of(self._process.pid) if self._process is not None else None
        if not owed.units or owed.looking_ns or activity is None or activity.is_running or activity != owed.activity:
            owed.moved_ns = now_ns
        owed.activity = activity
        return now_ns - max(owed.moved_ns, owed.heard_ns) >= FROZEN_S * NS_PER_S

    async def _bury(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None
