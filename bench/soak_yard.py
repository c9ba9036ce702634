"""Cameras for `bench.soak`: each of a kind, each of which can be struck. Their CPU and memory are not the server's."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator

from tests.streams import CodedUnit, aac_stream, h264_stream, h265_stream, mjpeg_stream, opus_stream, pcm_stream

from bench.soak_server import Door, Doors
from haechi.camera.virtual.server import FeedUnit, VirtualCamera
from haechi.media.access_unit import TICKS_PER_S, AudioParams, CodecParams, VideoParams
from haechi.media.rtsp.server import ServerPolicy

FPS = 15
SMALL, LARGE = (320, 240), (640, 360)
Video = tuple[VideoParams, list[CodedUnit]]
Sound = tuple[AudioParams, list[CodedUnit]]


def video(codec: str, size: tuple[int, int]) -> Video:
    """Four seconds, coded once for all cameras that show them."""
    if codec == "mjpeg":
        return mjpeg_stream(frames=4 * FPS, fps=FPS, size=size)
    return {"h264": h264_stream, "h265": h265_stream}[codec](frames=4 * FPS, fps=FPS, gop=2 * FPS, size=size)


def sound(codec: str) -> Sound | None:
    """A second of a tone, or nothing."""
    if not codec:
        return None
    if codec == "opus":
        return opus_stream()
    return aac_stream() if codec == "aac" else pcm_stream(law="ulaw" if codec == "pcmu" else "alaw")


class Show:
    """A feed whose video can be replaced while it plays; the change comes with the next loop, at most 4 s later."""

    def __init__(self, shown: Video, heard: Sound | None) -> None:
        self.shown = shown
        self._heard = heard
        self._first = shown[0]

    def tracks(self) -> tuple[CodecParams, ...]:
        return (self._first, *([self._heard[0]] if self._heard else []))

    async def units(self) -> AsyncIterator[FeedUnit]:
        pictures = self.pictures()
        samples = self._samples() if self._heard else iter(())
        next_sample = next(samples, None)
        for unit in pictures:
            while next_sample is not None and next_sample.due_s <= unit.due_s:
                yield next_sample
                next_sample = next(samples, None)
            yield unit

    def pictures(self) -> Iterator[FeedUnit]:
        number = 0
        while True:
            params, units = self.shown
            for index, unit in enumerate(units):
                ticks = number * TICKS_PER_S // FPS
                yield FeedUnit(0, unit.data, ticks, number / FPS, unit.is_sync, params if index == 0 else None)
                number += 1

    def _samples(self) -> Iterator[FeedUnit]:
        assert self._heard is not None
        params, units = self._heard
        step = 1024 if params.rate_hz == 48_000 else 160
        for number, unit in enumerate(itertools.cycle(units)):
            yield FeedUnit(1, unit.data, number * step, number * step / params.rate_hz, True)


class Way:
    """A way for connections that a router can forget: what stood before is neither carried on nor ended."""

    def __init__(self) -> None:
        self.target = 0
        self.port = 0
        self._age = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def forget(self) -> None:
        """From now on nothing comes through what is open."""
        self._age += 1

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        age = self._age
        pumps = [
            asyncio.ensure_future(self._pump(reader, inner[1], age)),
            asyncio.ensure_future(self._pump(inner[0], writer, age)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        if age != self._age:  # who is gone is not told of, as a router would not
            await asyncio.wait(pumps)
        for one in (writer, inner[1]):
            one.transport.abort()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, age: int) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                if age == self._age:
                    target.write(data)


class Kind:
    """What a camera of the plan is: how it is reached, what it sends."""

    def __init__(self, way: str, codec: str, audio: str = "") -> None:
        self.way, self.codec, self.audio = way, codec, audio

    @property
    def name(self) -> str:
        return f"{self.way} {self.codec}{'+' + self.audio if self.audio else ''}"


class Yard(ABC):
    """One camera.

    Attributes:
        strikes: What can befall it.
        outlived: Of these, what its run may go on after.
        width_px, codec: What it shows now.
    """

    strikes: tuple[str, ...] = ("reboot", "drop", "stall", "nat", "codec", "size", "flap")
    outlived: frozenset[str] = frozenset(("stall", "size"))

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.codec = kind.codec
        self.size = SMALL
        self.way = Way()

    @property
    @abstractmethod
    def url(self) -> str:
        """Its address for the server."""

    async def prepare(self) -> None:
        """Before the server starts."""
        await self.way.open()

    def meet(self, door: Door, doors: Doors) -> None:  # noqa: B027 - one that is called need not know who calls
        """Told of the server."""

    @abstractmethod
    async def start(self) -> None:
        """Power on."""

    @abstractmethod
    async def stop(self) -> None:
        """Power off, without a farewell."""

    @abstractmethod
    def drop(self) -> None:
        """Cut the connection only."""

    def forget(self) -> None:
        """Its router forgets what is open."""
        self.way.forget()

    def stall(self, is_stalled: bool) -> None:  # noqa: B027 - what is never struck by it
        """Stop sending, and send again."""

    def resize(self) -> None:
        """Another resolution, in the running stream."""
        self.size = LARGE if self.size == SMALL else SMALL

    def recode(self) -> None:
        """Another codec, from the next power-on."""
        self.codec = "h265" if self.codec == "h264" else "h264"


class RtspYard(Yard):
    """A camera that is called, by TCP, UDP or TLS."""

    def __init__(self, kind: Kind, tls: ssl.SSLContext | None) -> None:
        super().__init__(kind)
        self._tls = tls if kind.way == "rtsps" else None
        self._camera: VirtualCamera | None = None
        self._show: Show | None = None
        self._port = 0
        if kind.way == "udp":  # its packets go past the way
            self.strikes = tuple(strike for strike in self.strikes if strike != "nat")
        if kind.codec == "mjpeg":
            self.strikes = tuple(strike for strike in self.strikes if strike != "codec")

    @property
    def url(self) -> str:
        return f"{'rtsps' if self._tls else 'rtsp'}://127.0.0.1:{self.way.port}/live"

    async def start(self) -> None:
        self._show = Show(video(self.codec, self.size), sound(self.kind.audio))
        policy = ServerPolicy(udp=self.kind.way == "udp", tcp=self.kind.way != "udp")
        self._camera = VirtualCamera({"/live": self._show}, policy, port=self._port, tls=self._tls)
        await self._camera.__aenter__()
        self._port = self.way.target = self._camera.port

    async def stop(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            await camera.__aexit__(None, None, None)

    def drop(self) -> None:
        if self._camera is not None:
            self._camera.drop_connections()

    def stall(self, is_stalled: bool) -> None:
        if self._camera is not None:
            self._camera.is_stalled = is_stalled

    def resize(self) -> None:
        super().resize()
        if self._show is not None:
            self._show.shown = video(self.codec, self.size)
