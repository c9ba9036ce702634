"""Reads a sound file into samples that can be said to a camera; libav does it in a process of its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from haechi.base.errors import DataLoss, Invalid, NotFound, Unavailable
from haechi.base.process import start_module
from haechi.media.g711 import RATE_HZ

PATIENCE_S = 120.0
MOST_SAMPLES = RATE_HZ * 601
"""A second more than may be said: whoever says it sees that it is too much."""
MOST_FILE_BYTES = 1024 * 1024 * 1024
CONTAINERS = {
    ".wav": "wav", ".mp3": "mp3", ".flac": "flac", ".ogg": "ogg", ".opus": "ogg", ".aac": "aac",
    ".m4a": "mov", ".mp4": "mov", ".mov": "mov", ".mkv": "matroska", ".webm": "matroska",
}  # fmt: skip
"""By the end of the name. The kind is never guessed: some of libav's open other files and addresses (CONTRACT S6)."""


async def read_speech(path: Path) -> bytes:
    """Signed samples of 16 bits, 8 kHz, one channel, in this machine's byte order; ten minutes and a second at most.

    Raises:
        NotFound: ``sound-not-found``.
        Invalid: ``sound-unknown``: it is of another kind; ``sound-too-large``.
        DataLoss: ``sound-broken``.
        Unavailable: ``sound-slow``: it took too long.
    """
    container = CONTAINERS.get(path.suffix.lower())
    if container is None:
        kinds = " ".join(sorted(kind[1:] for kind in CONTAINERS))
        raise Invalid(f"this kind of file is not known; want one of: {kinds}", code="sound-unknown")
    descriptor = _open(path)
    mine, theirs = os.pipe()
    try:
        process = await start_module(
            "haechi.vision.speech.worker", [str(descriptor), str(theirs), container], pass_fds=(descriptor, theirs)
        )
    finally:
        os.close(theirs)
        os.close(descriptor)
    try:
        async with asyncio.timeout(PATIENCE_S):
            said = await asyncio.to_thread(_all, mine)
            await process.wait()
    except TimeoutError as error:
        raise Unavailable("reading the sound took too long", code="sound-slow", limit_s=PATIENCE_S) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if said[:1] != b"+":
        message = said[1:].decode(errors="replace") or "this sound cannot be read: the decoder broke off"
        raise DataLoss(message, code="sound-broken", file=path.name)
    return said[1:]


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(descriptor).st_size
    except OSError as error:
        raise NotFound("there is no such sound file", code="sound-not-found", reason=error.strerror) from error
    if size > MOST_FILE_BYTES:
        os.close(descriptor)
        raise Invalid("this file is larger than any speech", code="sound-too-large", limit=MOST_FILE_BYTES)
    return descriptor


def _all(descriptor: int) -> bytes:
    """Everything until the other side closes, and never more than what may come."""
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read(2 * MOST_SAMPLES + 1)
