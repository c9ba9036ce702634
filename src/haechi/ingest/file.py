"""A file as a source: one of our recordings, or a bare H.264 or H.265 byte stream. For tests, benches and analysis.

Read by our own parsers only; libav has no part in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Invalid, NotFound, PeerError
from haechi.ingest.source import Sink, Track
from haechi.media.access_unit import TICKS_PER_S, Codec, CodecParams, RawUnit, VideoParams
from haechi.media.annexb import split_units
from haechi.media.fmp4.reader import Scan, ScannedFragment, scan, verify

LARGEST_STREAM_BYTES = 512 * 1024 * 1024
"""A bare stream is held in memory whole; a recording is read a fragment at a time and may have any size."""
_SUFFIXES = {
    Codec.H264: ("264", "h264", "avc"),
    Codec.H265: ("265", "h265", "hevc"),
}


class Timed(Struct, frozen=True):
    """A unit of the file. ``dts`` is when it is due, in 90 kHz ticks; ``end`` when the one after it is."""

    raw: RawUnit
    dts: int
    end: int


class FileSource:
    """A `Source` that plays a file: in real time or as fast as the sink takes it, once or for ever.

    Played fast, units still arrive, by the time that the sink is told, as far apart as they were taken: what is
    derived from them is the same as in real time, but their stamps run ahead of the clock.

    Args:
        fps: Pictures a second of a bare stream, which tells no times; its pictures must not be reordered (no
            B-pictures). Recordings carry their own times.
        loops: Begin again at the end, media time going on. An end without it returns from `run`.
    """

    def __init__(
        self, path: Path, clock: Clock, *, fps: float = 25.0, is_paced: bool = True, loops: bool = False
    ) -> None:
        self._path = path
        self._clock = clock
        self._fps = fps
        self._is_paced = is_paced
        self._loops = loops

    async def run(self, sink: Sink) -> None:
        """See `Source`.

        Raises:
            NotFound: There is no such file.
            Invalid: Neither a recording nor a byte stream that begins with a picture (``not-playable``).
            PeerError: The file is damaged or cut off; all before that was delivered.
            DataLoss: A fragment's bytes are not those that were written.
        """
        play = await asyncio.to_thread(self._open)
        (is_wanted,) = await sink.opened([Track(play.codec, TICKS_PER_S)])
        if not is_wanted:
            return
        began_ns = self._clock.monotonic_ns()
        offset = 0
        while True:
            end = offset
            async with aclosing(play.units()) as units:
                async for unit in units:
                    due_ns = began_ns + (unit.dts + offset) * NS_PER_S // TICKS_PER_S
                    sink.unit(0, _later(unit.raw, offset), await self._arrival(due_ns))
                    end = unit.end + offset
            if not self._loops or end == offset:
                return
            offset = end

    async def _arrival(self, due_ns: int) -> int:
        """Wait until a unit is due, and tell when it arrived. Unpaced: let others run, and say that it was on time."""
        if not self._is_paced:
            await asyncio.sleep(0)
            return due_ns
        wait_ns = due_ns - self._clock.monotonic_ns()
        if wait_ns > 0:
            await self._clock.sleep(wait_ns / NS_PER_S)
        return self._clock.monotonic_ns()

    def _open(self) -> _Recording | _ByteStream:
        try:
            with self._path.open("rb") as file:
                head = file.read(8)
        except OSError as error:
            raise NotFound("there is no such file", code="no-such-file", file=self._path.name) from error
        if head[4:] == b"ftyp":
            return _Recording.open(self._path)
        if head.startswith((b"\0\0\1", b"\0\0\0\1")):
            return _ByteStream.open(self._path, self._fps)
        raise Invalid(
            "the file is neither a recording of ours nor a bare H.264 or H.265 stream",
            code="not-playable",
            file=self._path.name,
        )


class _Recording:
    """A fragmented MP4 of ours, read a fragment at a time off the event loop."""

    def __init__(self, path: Path, found: Scan) -> None:
        self._path = path
        self._found = found
        self._first_dts = found.fragments[0].units[0].sample.dts

    @property
    def codec(self) -> Codec:
        return self._found.init.params.codec

    @classmethod
    def open(cls, path: Path) -> _Recording:
        """Find the fragments.

        Raises:
            Invalid: Not one of our recordings, or not one whole fragment in it.
        """
        with path.open("rb") as file:
            try:
                found = scan(file)
            except PeerError as error:
                raise Invalid(f"not a recording: {error.message}", code="not-playable", file=path.name) from error
        if not found.fragments:
            raise Invalid("the recording holds no whole fragment", code="not-playable", file=path.name)
        return cls(path, found)

    async def units(self) -> AsyncGenerator[Timed, None]:
        """Every unit up to the last whole fragment; then, where the file ends torn, the error that says where."""
        params: CodecParams | None = self._found.init.params
        with await asyncio.to_thread(self._path.open, "rb") as file:
            for fragment in self._found.fragments:
                data = await asyncio.to_thread(_read, file, fragment)
                for unit in fragment.units:
                    sample = unit.sample
                    start = sample.offset - fragment.offset
                    payload = data[start : start + sample.size]
                    dts = sample.dts - self._first_dts
                    raw = RawUnit(sample.pts - self._first_dts, sample.is_sync, payload, params)
                    params = None
                    yield Timed(raw, dts, dts + max(sample.duration, 1))
        tail = self._found.tail
        if tail is not None:
            raise PeerError(
                f"the recording ends before its time: {tail.message}",
                offset=tail.offset,
                code="recording-torn",
                units=self._count(),
            )

    def _count(self) -> int:
        return sum(len(fragment.units) for fragment in self._found.fragments)


class _ByteStream:
    """An Annex B file: pictures at equal distances, in the order in which they stand."""

    def __init__(self, data: bytes, codec: Codec, fps: float) -> None:
        self._data = data
        self.codec = codec
        self._fps = fps

    @classmethod
    def open(cls, path: Path, fps: float) -> _ByteStream:
        """Read the file and its first picture.

        Raises:
            Invalid: The name tells no codec, the file is too large, or no picture is in it.
        """
        suffix = path.suffix.lower().lstrip(".")
        codec = next((codec for codec, names in _SUFFIXES.items() if suffix in names), None)
        if codec is None:
            raise Invalid(
                "a byte stream's name must end in .264 or .265, so that its codec is known",
                code="not-playable",
                file=path.name,
            )
        if not 0 < fps <= 1000:
            raise Invalid("pictures a second must be above 0, at most 1000", code="not-playable", fps=fps)
        if path.stat().st_size > LARGEST_STREAM_BYTES:
            limit = LARGEST_STREAM_BYTES >> 20
            raise Invalid(f"the file is larger than {limit} MB", code="not-playable", file=path.name)
        stream = cls(path.read_bytes(), codec, fps)
        try:
            first = next(stream.timed(), None)
        except PeerError as error:
            raise Invalid(f"not a video: {error.message}", code="not-playable", file=path.name) from error
        if first is None or not first.raw.is_sync or not isinstance(first.raw.params, VideoParams):
            raise Invalid(
                "the file does not begin with a picture that can be decoded alone",
                code="not-playable",
                file=path.name,
            )
        return stream

    def timed(self) -> Iterator[Timed]:
        """Every picture with its time."""
        for number, unit in enumerate(split_units(self._data, self.codec)):
            dts, end = (round(index * TICKS_PER_S / self._fps) for index in (number, number + 1))
            yield Timed(RawUnit(dts, unit.is_sync, unit.data, unit.params), dts, end)

    async def units(self) -> AsyncGenerator[Timed, None]:
        """Every picture with its time."""
        for unit in self.timed():
            yield unit


def _read(file: BinaryIO, fragment: ScannedFragment) -> bytes:
    """A fragment's bytes, compared with the digest that it carries."""
    file.seek(fragment.offset)
    data = file.read(fragment.size)
    verify(data, fragment.digest)
    return data


def _later(raw: RawUnit, ticks: int) -> RawUnit:
    return RawUnit(raw.rtp_ticks + ticks, raw.is_sync, raw.data, raw.params) if ticks else raw
