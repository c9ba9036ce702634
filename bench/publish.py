"""CPU of cameras that are published (WHIP) beside the same pictures over RTSP: ``python bench/publish.py``.

Senders are processes of their own (aiortc, and our virtual camera); what is measured is the process that takes in.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.cameras import StreamFeed
from tests.ingest.whip.test_whip import OnePort
from tests.streams import CodedUnit
from tests.whip import Playing, Publisher, film

from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId
from haechi.camera.virtual.server import VirtualCamera
from haechi.fleet.address import parse_address
from haechi.ingest.openers import target_of
from haechi.ingest.reach import LOOPBACK, Reach
from haechi.ingest.rtsp import RtspSource
from haechi.ingest.source import Source, Track
from haechi.ingest.whip.publishers import Publishers, Wish
from haechi.ingest.whip.source import WhipSource
from haechi.media.access_unit import Codec, RawUnit
from haechi.media.annexb import split_units
from haechi.webrtc.dtls import Identity
from haechi.webrtc.port import UdpPort

FPS = 15
SIZE = (1280, 720)


class Counting:
    """A `Sink` that counts."""

    def __init__(self) -> None:
        self.units = self.bytes = 0

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        return [True] * len(tracks)

    def unit(self, _track: int, raw: RawUnit, _arrived_ns: int) -> None:
        self.units += 1
        self.bytes += len(raw.data)

    def report(self, _track: int, _camera_wall_ns: int, _rtp_ticks: int) -> None:
        return


def pictures() -> list[bytes]:
    return film(4.0, fps=FPS, gop=FPS * 2, size=SIZE, kbps=1500)


async def send_rtsp() -> None:
    coded = list(split_units(b"".join(pictures()), Codec.H264))
    assert coded[0].params is not None
    units = [CodedUnit(one.data, at * 6000, at * 6000, one.is_sync) for at, one in enumerate(coded)]
    async with VirtualCamera({"/film": StreamFeed((coded[0].params, units), FPS)}) as camera:
        print(camera.url("/film"), flush=True)
        await asyncio.get_running_loop().create_future()


async def send_whip(streams: int) -> None:
    units, publishers = pictures(), [Publisher() for _ in range(streams)]
    for one in publishers:
        print(json.dumps(await one.offer([Playing("video", units, 1 / FPS)])), flush=True)
    loop = asyncio.get_running_loop()
    for one in publishers:
        await one.answered(json.loads(await loop.run_in_executor(None, sys.stdin.readline)))
    await loop.create_future()


async def measured(sources: Sequence[Source], sinks: Sequence[Counting], seconds: float) -> float:
    """Milliseconds of CPU per stream and second."""
    tasks = [asyncio.create_task(source.run(sink)) for source, sink in zip(sources, sinks, strict=True)]
    while min(sink.units for sink in sinks) < FPS:
        await asyncio.sleep(0.2)
        assert not any(task.done() for task in tasks), [task for task in tasks if task.done()]
    began, cpu, before = time.monotonic(), cpu_s(), sum(sink.units for sink in sinks)
    await asyncio.sleep(seconds)
    took, spent = time.monotonic() - began, cpu_s() - cpu
    units = sum(sink.units for sink in sinks) - before
    megabit = sum(sink.bytes for sink in sinks) / max(1, sum(sink.units for sink in sinks)) * FPS * 8 / 1e6
    print(f"  {units / took / len(sinks):.1f} pictures a second and stream, {megabit:.2f} Mbit/s", flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return spent * 1000 / took / len(sinks)


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def child(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )


async def over_rtsp(streams: int, seconds: float) -> float:
    sender = await child("--send", "rtsp")
    assert sender.stdout is not None
    url = (await sender.stdout.readline()).decode().strip()
    target, clock = target_of(parse_address(url), "tcp"), SystemClock()
    sources = [RtspSource(target, clock, reach=Reach(LOOPBACK)) for _ in range(streams)]
    try:
        return await measured(sources, [Counting() for _ in sources], seconds)
    finally:
        sender.kill()
        await sender.wait()


async def over_whip(streams: int, seconds: float) -> float:
    sender = await child("--send", "whip", "--streams", str(streams))
    assert sender.stdout is not None
    assert sender.stdin is not None
    clock = SystemClock()
    publishers = Publishers(clock)
    port = UdpPort.bind("127.0.0.1", 0, Identity(dt.datetime.now(dt.UTC)), clock)
    port.start()
    publishers.stage = OnePort(port)
    cameras = [CameraId(f"cam_{number}") for number in range(streams)]

    async def grant() -> bool:
        return True

    async def answer() -> None:
        for camera in cameras:
            offer = json.loads(await sender.stdout.readline())  # type: ignore[union-attr]
            wish = Wish(offer.encode(), grant, "127.0.0.1", "", "127.0.0.1")
            _, text = await publishers.offer(camera, wish, audio=False)
            sender.stdin.write(json.dumps(text.decode()).encode() + b"\n")  # type: ignore[union-attr]

    answering = asyncio.create_task(answer())
    try:
        sources = [WhipSource(camera, publishers, clock) for camera in cameras]
        return await measured(sources, [Counting() for _ in sources], seconds)
    finally:
        await answering
        port.close()
        sender.kill()
        await sender.wait()


async def compare(streams: int, seconds: float, rounds: int) -> None:
    for number in range(rounds):
        rtsp = await over_rtsp(streams, seconds)
        whip = await over_whip(streams, seconds)
        print(f"round {number + 1}: RTSP {rtsp:.2f}, WHIP {whip:.2f} ms of CPU per stream and second", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--send", choices=("rtsp", "whip"))
    asked = parser.parse_args()
    if asked.send == "rtsp":
        asyncio.run(send_rtsp())
    elif asked.send == "whip":
        asyncio.run(send_whip(asked.streams))
    else:
        asyncio.run(compare(asked.streams, asked.seconds, asked.rounds))


if __name__ == "__main__":
    main()
