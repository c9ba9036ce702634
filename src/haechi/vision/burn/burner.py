"""The server's end of the burning process: hands it GOPs, takes back units coded anew."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterable, AsyncIterator

from msgspec import Struct

from haechi.base.errors import PeerError, Unavailable
from haechi.base.framing import Unpacker
from haechi.base.process import start_module
from haechi.media.access_unit import Codec, VideoParams
from haechi.media.annexb import split_units
from haechi.vision.burn.messages import Burned, BurnUnit, Coded, Gop, Ready, Reply, Setup, pack, read_reply

WORKER_MODULE = "haechi.vision.burn.worker"
MEMORY_BYTES = 3 * 1024**3
LOAD_S = 60.0
GOP_S = 120.0
"""How long one GOP may take: some seconds of 4K on a slow core take half a minute."""
_READ_BYTES = 1 << 18


class BurnedUnit(Struct, frozen=True):
    """A unit that was coded anew: H.264, each NAL unit after its 4-byte length. Decode order is show order.

    Attributes:
        params: Set on the first unit, and where they change.
    """

    pts: int
    is_sync: bool
    data: bytes
    params: VideoParams | None


async def burn(params: VideoParams, gops: AsyncIterable[tuple[BurnUnit, ...]]) -> AsyncIterator[BurnedUnit]:
    """Units of ``gops`` decoded, their text drawn, and coded as H.264, in a locked-in process of its own.

    Args:
        params: In force for all units.
        gops: Each begins with a sync unit; decode order.

    Raises:
        Unavailable: ``burn-failed``: the process ended, hung, or nothing could be decoded.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = await start_module(
            WORKER_MODULE,
            [str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            environment={"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"},
        )
        theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        conversation = _Conversation(reader, writer)
        try:
            count = 0
            async for unit in _burn(conversation, params, gops):
                count += 1
                yield unit
            if not count:
                raise _failed("no picture could be decoded")
        finally:
            writer.transport.abort()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _burn(
    conversation: _Conversation, params: VideoParams, gops: AsyncIterable[tuple[BurnUnit, ...]]
) -> AsyncIterator[BurnedUnit]:
    """One GOP ahead, so that the last one can be called the last."""
    answer = await conversation.ask(Setup(params, MEMORY_BYTES), LOAD_S)
    if not isinstance(answer, Ready):
        raise _failed("the process answered something else")
    waiting: tuple[BurnUnit, ...] | None = None
    async for units in gops:
        if waiting is not None:
            for unit in _units((await conversation.burn(Gop(waiting, is_last=False))).coded):
                yield unit
        waiting = units
    if waiting is not None:
        for unit in _units((await conversation.burn(Gop(waiting, is_last=True))).coded):
            yield unit


class _Conversation:
    """Question and answer, one at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._unpacker = Unpacker()

    async def burn(self, gop: Gop) -> Burned:
        answer = await self.ask(gop, GOP_S)
        if not isinstance(answer, Burned):
            raise _failed("the process answered something else")
        return answer

    async def ask(self, question: Setup | Gop, limit_s: float) -> Reply:
        try:
            async with asyncio.timeout(limit_s):
                self._writer.write(pack(question))
                while True:
                    data = await self._reader.read(_READ_BYTES)
                    if not data:
                        raise _failed("the process ended")
                    for body in self._unpacker.feed(data):
                        return read_reply(body)
        except TimeoutError as error:
            raise _failed("the process does not answer") from error
        except (OSError, PeerError) as error:
            raise _failed(str(error)) from error


def _units(coded: tuple[Coded, ...]) -> list[BurnedUnit]:
    """The pictures of one GOP as we keep units. What is no H.264 comes from a broken process.

    Raises:
        Unavailable: ``burn-failed``.
    """
    try:
        units = list(split_units(b"".join(one.data for one in coded), Codec.H264))
        return [
            BurnedUnit(one.pts, unit.is_sync, unit.data, unit.params) for one, unit in zip(coded, units, strict=True)
        ]
    except (PeerError, ValueError) as error:
        raise _failed(str(error)) from error


def _failed(reason: str) -> Unavailable:
    return Unavailable("the text could not be written into the pictures", code="burn-failed", reason=reason)
