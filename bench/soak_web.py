"""Cameras for `bench.soak` that are pulled by HTTP (Motion JPEG, HLS) and RTMP; see `bench.soak_yard`."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from abc import abstractmethod
from pathlib import Path

from tests.hls import TYPES, streamed
from tests.rtmp import CHUNK_BYTES, begins, converse
from tests.web import Site, page

from bench.soak_yard import LARGE, SMALL, Kind, Show, Yard, sound, video
from haechi.camera.virtual.server import FeedUnit
from haechi.media.access_unit import AudioParams, Codec, CodecParams
from haechi.media.fmp4.parameter_sets import avc_record, hevc_record
from haechi.media.rtmp.chunks import Message, write_message

MOST_UNREAD_BYTES = 4 * 1024 * 1024
PIECE_S = 1.0
LISTED = 5
BOUNDARY = "frame"


class Broadcast(Yard):
    """A camera that sends the same to all who are connected, as it comes. ``begin`` and ``coded`` are its language."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self._show: Show | None = None
        self._port = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._listener: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._waiting: set[asyncio.StreamWriter] = set()
        self._is_stalled = False
        self.params: dict[int, CodecParams] = {}

    @abstractmethod
    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody came; `watch` makes a viewer of them. Returns when they are gone."""

    @abstractmethod
    def begin(self) -> bytes:
        """What stands before the first unit."""

    @abstractmethod
    def coded(self, unit: FeedUnit) -> bytes:
        """A unit in the camera's language."""

    async def start(self) -> None:
        self._show = Show(video(self.codec, self.size), sound(self.kind.audio))
        self.params = dict(enumerate(self._show.tracks()))
        self._listener = await asyncio.start_server(self._came, "127.0.0.1", self._port)
        self._port = self.way.target = self._listener.sockets[0].getsockname()[1]
        self._tasks = [asyncio.create_task(self._pump(self._show))]

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.drop()

    def drop(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()
        self._open.clear()
        self._waiting.clear()

    def stall(self, is_stalled: bool) -> None:
        self._is_stalled = is_stalled

    def resize(self) -> None:
        super().resize()
        if self._show is not None:
            self._show.shown = video(self.codec, self.size)

    def watch(self, writer: asyncio.StreamWriter) -> None:
        """Send to this one from the next sync unit on."""
        self._waiting.add(writer)

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self.talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            self._open.discard(writer)
            self._waiting.discard(writer)
            writer.transport.abort()

    async def _pump(self, show: Show) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        watching: set[asyncio.StreamWriter] = set()
        async for unit in show.units():
            await asyncio.sleep(max(0.0, began_s + unit.due_s - loop.time()))
            if unit.params is not None:
                self.params[unit.track] = unit.params
            if self._is_stalled:
                continue
            if unit.track == 0 and unit.is_sync:
                for writer in self._waiting:
                    if not writer.transport.is_closing():
                        writer.write(self.begin())
                watching |= self._waiting
                self._waiting.clear()
            watching &= self._open
            data = self.coded(unit) if watching else b""
            for writer in [one for one in watching if not one.transport.is_closing()]:  # uvloop refuses to write to it
                writer.write(data)
                if writer.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
                    writer.transport.abort()


class MjpegYard(Broadcast):
    """Motion JPEG over HTTP."""

    strikes = ("reboot", "drop", "stall", "nat", "size", "flap")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.way.port}/video.mjpg"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary={BOUNDARY}\r\n\r\n"
        writer.write(head.encode())
        self.watch(writer)
        await reader.read()

    def begin(self) -> bytes:
        return b""

    def coded(self, unit: FeedUnit) -> bytes:
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(unit.data)}\r\n\r\n"
        return head.encode() + unit.data + b"\r\n"


class RtmpYard(Broadcast):
    """FLV over RTMP, with H.265 as Enhanced RTMP has it."""

    @property
    def url(self) -> str:
        return f"rtmp://127.0.0.1:{self.way.port}/live/cam"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await converse(self._play, reader, writer)

    async def _play(self, writer: asyncio.StreamWriter, _path: str) -> None:
        writer.write(begins())
        self.watch(writer)

    def begin(self) -> bytes:
        return b"".join(self._head(one, 0) for one in self.params.values())

    def coded(self, unit: FeedUnit) -> bytes:
        time_ms = round(unit.due_s * 1000)
        if unit.track == 1:
            return self._tag(8, time_ms, b"\xaf\x01" + unit.data)
        frame = 1 if unit.is_sync else 2
        head = self._head(unit.params, time_ms) if unit.params is not None else b""
        if self.codec == "h264":
            return head + self._tag(9, time_ms, bytes((frame << 4 | 7, 1, 0, 0, 0)) + unit.data)
        return head + self._tag(9, time_ms, bytes((0x80 | frame << 4 | 3,)) + b"hvc1" + unit.data)

    def _head(self, params: CodecParams, time_ms: int) -> bytes:
        if isinstance(params, AudioParams):
            return self._tag(8, time_ms, b"\xaf\x00" + params.config)
        if params.codec is Codec.H264:
            return self._tag(9, time_ms, b"\x17\0\0\0\0" + avc_record(params.sets))
        return self._tag(9, time_ms, b"\x90hvc1" + hevc_record(params.sets))

    def _tag(self, kind: int, time_ms: int, data: bytes) -> bytes:
        return write_message(Message(kind, time_ms, data, 1), 6, CHUNK_BYTES)


class HlsYard(Yard):
    """Pieces of a second in a list. Each is asked for by a connection of its own: there is none to cut or to forget."""

    strikes = ("reboot", "stall", "codec", "size", "flap")

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self._site = Site({})
        self._opened: contextlib.AsyncExitStack | None = None
        self._cutting: asyncio.Task[None] | None = None
        self._pieces: dict[tuple[str, tuple[int, int]], tuple[list[bytes], bytes]] = {}
        self._is_stalled = False

    @property
    def url(self) -> str:
        return f"{self._site.base}/live.m3u8"

    async def prepare(self) -> None:
        form = "fmp4" if self.kind.way == "hls-mp4" else "mpegts"
        for codec in ("h264", "h265"):
            for size in (SMALL, LARGE):
                self._pieces[codec, size] = await asyncio.to_thread(_pieces, codec, size, form)

    async def start(self) -> None:
        stack = self._opened = contextlib.AsyncExitStack()
        self._site.answers.clear()
        await stack.enter_async_context(self._site.open())
        self._cutting = asyncio.create_task(self._cut())

    async def stop(self) -> None:
        cutting, self._cutting = self._cutting, None
        opened, self._opened = self._opened, None
        if cutting is not None:
            cutting.cancel()
            await asyncio.gather(cutting, return_exceptions=True)
        if opened is not None:
            await opened.aclose()

    def drop(self) -> None:
        return

    def stall(self, is_stalled: bool) -> None:
        self._is_stalled = is_stalled

    async def _cut(self) -> None:
        """A piece a second, each after the time that it lasts."""
        kind = TYPES[".m4s" if self.kind.way == "hls-mp4" else ".ts"]
        listed: list[tuple[int, bool, str]] = []
        number, was = 0, (self.codec, self.size)
        while True:
            await asyncio.sleep(PIECE_S)
            if self._is_stalled:
                continue
            now = (self.codec, self.size)
            pieces, init = self._pieces[now]
            name = f"/{now[0]}-{now[1][0]}.mp4" if init else ""
            listed.append((number, number > 0 and (now != was or number % len(pieces) == 0), name))
            self._site.answers[f"/{number}"] = page(pieces[number % len(pieces)], kind)
            if init:
                self._site.answers[name] = page(init, TYPES[".mp4"])
            self._site.answers.pop(f"/{number - 2 * LISTED}", None)
            del listed[:-LISTED]
            self._site.answers["/live.m3u8"] = page(_playlist(listed).encode(), TYPES[".m3u8"])
            number, was = number + 1, now


def _pieces(codec: str, size: tuple[int, int], form: str) -> tuple[list[bytes], bytes]:
    """Four pieces, and what stands before fragmented MP4."""
    with tempfile.TemporaryDirectory() as folder:
        made = streamed(
            Path(folder), codec=f"libx{codec[1:]}", seconds=4, b_frames=0, size=size, hls_segment_type=form
        ).folder
        files = sorted(made.glob("live*.m4s" if form == "fmp4" else "live*.ts"), key=lambda one: int(one.stem[4:]))
        init = (made / "init.mp4").read_bytes() if form == "fmp4" else b""
        return [one.read_bytes() for one in files], init


def _playlist(listed: list[tuple[int, bool, str]]) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{listed[0][0]}"]
    for number, is_break, init in listed:
        lines += ["#EXT-X-DISCONTINUITY"] if is_break else []
        lines += [f'#EXT-X-MAP:URI="{init}"'] if init else []
        lines += ["#EXTINF:1.0,", f"/{number}"]
    return "\n".join(lines) + "\n"
