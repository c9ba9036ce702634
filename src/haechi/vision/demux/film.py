"""The server's end of a film that is being read: hands the file to a locked-in process, takes its units back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from haechi.base.errors import DataLoss, Invalid, PeerError
from haechi.base.framing import Unpacker
from haechi.base.process import start_module
from haechi.media.container import SNIFF_BYTES, FilmBatch, FilmHead, container_of
from haechi.vision.demux.messages import Batch, Failed, More, Opened, Reply, Request, Setup, pack, read_reply

WORKER_MODULE = "haechi.vision.demux.worker"
MEMORY_BYTES = 2 * 1024**3
OPEN_S = 60.0
BATCH_S = 60.0
_READ_BYTES = 1 << 18


class OpenFilm:
    """A film in a process of its own.

    Attributes:
        head: What the file says of itself.
        confined: What holds the process.
    """

    def __init__(self, line: _Line, opened: Opened) -> None:
        self._line = line
        self.head: FilmHead = opened.head
        self.confined = opened.confined

    async def batches(self) -> AsyncIterator[FilmBatch]:
        """All units of the film, as fast as they are taken: the next ones are read when they are asked for.

        Raises:
            Invalid: Something in it cannot be taken in; the message says what to do.
            DataLoss: ``film-broken``: the process that read it ended, or hung.
        """
        is_last = False
        while not is_last:
            answer = await self._line.ask(More(), BATCH_S)
            if not isinstance(answer, Batch):
                raise _broken("the process answered something else")
            is_last = answer.is_last
            yield answer.batch


@asynccontextmanager
async def open_film(path: Path, *, sound: bool) -> AsyncGenerator[OpenFilm, None]:
    """Open a film file in a locked-in process, and close it with the block.

    Args:
        sound: Whether its sound is wanted.

    Raises:
        Invalid: ``film-container``, ``film-codec`` and others: it cannot be taken in; the message says what to do.
        DataLoss: ``film-broken``.
        Unavailable: The process cannot be started.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs, path.open("rb", buffering=0) as file:
        container = container_of(file.read(SNIFF_BYTES))
        setup = Setup(container, os.fstat(file.fileno()).st_size, sound, MEMORY_BYTES)
        file.seek(0)
        process = await start_module(
            WORKER_MODULE,
            [str(theirs.fileno()), str(file.fileno())],
            pass_fds=(theirs.fileno(), file.fileno()),
            environment={"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"},
        )
        theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        line = _Line(reader, writer)
        try:
            answer = await line.ask(setup, OPEN_S)
            if not isinstance(answer, Opened):
                raise _broken("the process answered something else")
            yield OpenFilm(line, answer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class _Line:
    """Question and answer, one at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._unpacker = Unpacker()

    async def ask(self, question: Request, limit_s: float) -> Reply:
        try:
            async with asyncio.timeout(limit_s):
                self._writer.write(pack(question))
                answer = await self._answer()
        except TimeoutError as error:
            raise _broken("the process does not answer") from error
        except (OSError, PeerError) as error:
            raise _broken(str(error)) from error
        if isinstance(answer, Failed):
            raise Invalid(answer.message, code=_code(answer.code))
        return answer

    async def _answer(self) -> Reply:
        while data := await self._reader.read(_READ_BYTES):
            for body in self._unpacker.feed(data):
                return read_reply(body)
        raise _broken("the process ended")


FILM_CODES = frozenset(
    {"film-broken", "film-codec", "film-sound-codec", "film-no-video", "film-no-times", "film-too-large-picture"}
)


def _code(code: str) -> str:
    """The process is not trusted with the names of conditions either."""
    return code if code in FILM_CODES else "film-broken"


def _broken(reason: str) -> DataLoss:
    return DataLoss("this film cannot be read to its end; is the file whole?", code="film-broken", reason=reason)
