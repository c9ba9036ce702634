"""The process that decodes a sound file: it gets a file and a pipe, locks itself in (`confine`), and writes samples.

Started as ``python -m haechi.vision.speech.worker FILE PIPE CONTAINER``. The first byte on the pipe says what follows:
``+`` samples (signed, 16 bits, 8 kHz, one channel, this machine's byte order), ``-`` one sentence on what is wrong.
"""

from __future__ import annotations

import io
import os
import sys
import wave
from collections.abc import Iterator
from typing import BinaryIO

import av
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from haechi.base.confine import confine, die_with_parent
from haechi.media.g711 import RATE_HZ
from haechi.vision.speech.reader import MOST_SAMPLES

MEMORY_BYTES = 1024 * 1024 * 1024
NICENESS = 10


def samples_of(file: BinaryIO, container: str) -> Iterator[bytes]:
    """The first track of sound, piece by piece, as far as `MOST_SAMPLES`.

    Raises:
        FFmpegError: The file is no such thing, or is damaged.
    """
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    left = 2 * MOST_SAMPLES
    with av.open(file, "r", format=container) as opened:
        track = opened.streams.best("audio")
        if track is None:
            return
        for frame in opened.decode(track):
            for piece in resampler.resample(frame):  # type: ignore[arg-type]
                data = piece.to_ndarray().tobytes()[:left]
                left -= len(data)
                yield data
            if left <= 0:
                return
        for piece in resampler.resample(None):
            yield piece.to_ndarray().tobytes()[:left]


def warm_up() -> None:
    """Have everything loaded that is loaded late: afterwards no file can be opened."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(17_640))
    sound.seek(0)
    assert sum(len(piece) for piece in samples_of(sound, "wav")) > 0


def write(descriptor: int, data: bytes) -> None:
    """All of it."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def main(file: int, pipe: int, container: str) -> int:
    """One file, then the end."""
    die_with_parent()
    os.nice(NICENESS)
    warm_up()
    confine(MEMORY_BYTES)
    is_first = True
    try:
        for piece in samples_of(io.FileIO(file, "rb"), container):
            write(pipe, b"+" * is_first + piece)
            is_first = False
    except (FFmpegError, MemoryError) as error:
        if is_first:
            write(pipe, f"-this sound cannot be read: {getattr(error, 'strerror', None) or 'damaged'}".encode())
            return 1
    if is_first:
        write(pipe, b"-there is no sound in this file")
        return 1
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
