"""Cameras for `bench.soak` that come to us: they dial, push or publish; see `bench.soak_yard`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any, cast

import httpx2
from aiortc import MediaStreamTrack
from av.packet import Packet
from tests.whip import Playing, Publisher, film, tones

from bench.soak_server import Door, Doors
from bench.soak_yard import FPS, Kind, RtspYard, Show, Video, Yard, sound, video
from haechi.base.clock import SystemClock
from haechi.base.errors import HaechiError
from haechi.base.ids import CameraId
from haechi.camera.dial.dialler import Dialler
from haechi.camera.dial.line import Identity, Server
from haechi.camera.virtual.server import VirtualCamera
from haechi.client.line import Place
from haechi.client.playing import Wish, playing
from haechi.client.sources import Timed
from haechi.fleet.dialling import signer
from haechi.media.access_unit import RawUnit, VideoParams

AGAIN_S = 1.0
"""How soon a client that pushes or publishes tries again."""
LOOK_S = 0.02


class ReverseYard(RtspYard):
    """A camera that calls."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind, None)
        self._dialler: asyncio.Task[None] | None = None
        self._door = Door("")
        self._pin = b""

    @property
    def url(self) -> str:
        return "reverse:"

    def meet(self, door: Door, doors: Doors) -> None:
        self._door, self.way.target, self._pin = door, doors.reverse[0], bytes.fromhex(doors.reverse[1])

    async def start(self) -> None:
        if not self._pin:
            return
        self._show = Show(video(self.codec, self.size), sound(self.kind.audio))
        self._camera = VirtualCamera({"/main": self._show}, port=None)
        await self._camera.__aenter__()
        identity = Identity(CameraId(self._door.camera), signer(self._door.token))
        server = Server("127.0.0.1", self.way.port, self._pin)
        self._dialler = asyncio.create_task(Dialler(server, identity, self._camera, SystemClock()).run())

    async def stop(self) -> None:
        task, self._dialler = self._dialler, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await super().stop()


class Clip:
    """What a client pushes, for ever, at its own pace: ``units`` blocks, as a webcam does."""

    is_live = True
    duration_s = 0.0
    fps = float(FPS)

    def __init__(self, shown: Video) -> None:
        self.shown = shown
        self.is_stalled = False
        self._is_over = False

    def units(self) -> Iterator[Timed]:
        show, params = Show(self.shown, None), self.shown[0]
        began_s, is_new = time.monotonic(), True
        for unit in show.pictures():
            show.shown = self.shown
            params = unit.params if isinstance(unit.params, VideoParams) else params
            while not self._is_over and (self.is_stalled or began_s + unit.due_s > time.monotonic()):
                is_new = is_new or self.is_stalled
                time.sleep(LOOK_S)
            if self._is_over:
                return
            is_late = time.monotonic() > began_s + unit.due_s + 1  # of the time in which it was stalled
            is_new = is_late or (is_new and not unit.is_sync)
            if not is_new:
                sets = params if unit.is_sync else None
                yield Timed(RawUnit(unit.rtp_ticks, unit.is_sync, unit.data, sets), unit.rtp_ticks)

    def close(self) -> None:
        self._is_over = True


class PushYard(Yard):
    """A thin client whose stream is a camera."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self._task: asyncio.Task[None] | None = None
        self._place = Place("", 0, "")
        self._clip: Clip | None = None
        self._is_stalled = False
        if kind.way == "push-udp":
            self.strikes = tuple(strike for strike in self.strikes if strike != "nat")

    @property
    def url(self) -> str:
        return "push:"

    def meet(self, door: Door, doors: Doors) -> None:
        port, pin = doors.push
        self.way.target = port
        is_udp = self.kind.way == "push-udp"  # datagrams must come from where the connection does
        self._place = Place("127.0.0.1", port if is_udp else self.way.port, door.token, "" if is_udp else pin)

    async def start(self) -> None:
        if self._place.port:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        transport = "udp" if self.kind.way == "push-udp" else "tcp"
        wish = Wish(module="", transport=transport, use="camera")
        while True:
            clip = self._clip = Clip(video(self.codec, self.size))
            clip.is_stalled = self._is_stalled
            try:
                with contextlib.suppress(HaechiError, OSError):
                    async with playing(self._place, clip, wish, SystemClock(), "soak") as link:
                        async for _ in link.results():
                            pass
            finally:
                clip.close()
            await asyncio.sleep(AGAIN_S)

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def drop(self) -> None:
        """The client is ended and begins anew at once."""
        if self._task is not None:
            self._task.cancel()
            self._task = asyncio.create_task(self._run())

    def stall(self, is_stalled: bool) -> None:
        """The client stays connected, and has nothing to send."""
        self._is_stalled = is_stalled
        if self._clip is not None:
            self._clip.is_stalled = is_stalled

    def resize(self) -> None:
        super().resize()
        if self._clip is not None:
            self._clip.shown = video(self.codec, self.size)


class DatagramWay(asyncio.DatagramProtocol):
    """A router for datagrams: each sender has a port of its own on the other side, until it is forgotten."""

    def __init__(self) -> None:
        self.target = 0
        self.port = 0
        self.is_cut = False
        self._inside: asyncio.DatagramTransport | None = None
        self._outside: dict[tuple[str, int], asyncio.DatagramTransport | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._inside, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._inside.get_extra_info("sockname")[1]

    def forget(self) -> None:
        """What is sent from now on comes from other ports, and nothing comes back to the old ones."""
        outside, self._outside = self._outside, {}
        for one in outside.values():
            if one is not None:
                one.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.is_cut:
            return
        if addr not in self._outside:
            self._outside[addr] = None
            task = asyncio.ensure_future(self._out(addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        outside = self._outside[addr]
        if outside is not None:
            outside.sendto(data)

    async def _out(self, addr: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Back(self, addr), remote_addr=("127.0.0.1", self.target)
        )
        self._outside[addr] = transport

    def back(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self.is_cut and self._inside is not None:
            self._inside.sendto(data, addr)


class _Back(asyncio.DatagramProtocol):
    def __init__(self, way: DatagramWay, addr: tuple[str, int]) -> None:
        self._way = way
        self._addr = addr

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._way.back(data, self._addr)


class Camera(Playing):
    """A browser's camera: its clock goes on while it shows nothing; another film begins with a sync picture."""

    is_stalled = False
    next: list[bytes] | None = None

    async def recv(self) -> Packet[Any]:
        self.sent.clear()
        if self.next is not None and self._number % len(self.next) == 0:
            self._units, self.next = self.next, None
        packet = await super().recv()
        while self.is_stalled:
            packet = await super().recv()
        return packet


class WhipYard(Yard):
    """A browser that publishes, and again when it was sent away."""

    strikes = ("reboot", "drop", "stall", "nat", "size", "flap")
    outlived = frozenset(("stall", "size", "nat"))
    _films: dict[tuple[int, int], list[bytes]] = {}  # noqa: RUF012 - one for all

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.datagrams = DatagramWay()
        self._task: asyncio.Task[None] | None = None
        self._door, self._http = Door(""), ""
        self._camera: Camera | None = None
        self._is_stalled = False

    @property
    def url(self) -> str:
        return "whip:"

    async def prepare(self) -> None:
        await self.datagrams.open()

    def meet(self, door: Door, doors: Doors) -> None:
        self._door, self._http = door, doors.http

    async def start(self) -> None:
        if self._http:
            self.datagrams.is_cut = False
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self.datagrams.is_cut = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def drop(self) -> None:
        """The page is loaded anew."""
        if self._task is not None:
            self._task.cancel()
            self._task = asyncio.create_task(self._run())

    def forget(self) -> None:
        self.datagrams.forget()

    def stall(self, is_stalled: bool) -> None:
        self._is_stalled = is_stalled
        if self._camera is not None:
            self._camera.is_stalled = is_stalled

    def resize(self) -> None:
        super().resize()
        if self._camera is not None:
            self._camera.next = self._film()

    def _film(self) -> list[bytes]:
        if self.size not in self._films:
            self._films[self.size] = film(4.0, fps=FPS, gop=2 * FPS, size=self.size)
        return self._films[self.size]

    async def _run(self) -> None:
        while True:
            publisher = Publisher()
            try:
                with contextlib.suppress(httpx2.HTTPError, ConnectionError):
                    await self._publish(publisher)
            finally:
                await publisher.connection.close()
            await asyncio.sleep(AGAIN_S)

    async def _publish(self, publisher: Publisher) -> None:
        self._camera = camera = Camera("video", self._film(), 1 / FPS)
        camera.is_stalled = self._is_stalled
        tracks = cast(list[MediaStreamTrack], [camera, Playing("audio", tones(1.0), 0.02)])
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {self._door.token}"}
        async with httpx2.AsyncClient(base_url=self._http, timeout=30) as http:
            answer = await http.post(
                f"/{self._door.camera}/whip", content=await publisher.offer(tracks), headers=headers
            )
        if answer.status_code != 201:
            return
        await publisher.answered(self._by_the_way(answer.text))
        began_s = time.monotonic()
        while (state := publisher.connection.connectionState) not in ("closed", "failed"):
            if state != "connected" and time.monotonic() > began_s + 10:
                return
            await asyncio.sleep(0.2)

    def _by_the_way(self, answer: str) -> str:
        """The answer with our router's port in its candidates."""
        lines = answer.split("\r\n")
        for at, line in enumerate(lines):
            if line.startswith("a=candidate:"):
                words = line.split(" ")
                self.datagrams.target = int(words[5])
                words[4:6] = ["127.0.0.1", str(self.datagrams.port)]
                lines[at] = " ".join(words)
        return "\r\n".join(lines)
