"""RTSP viewers for benchmarks: N real connections over TCP, each of which takes every packet and drops it.

Speaks on stdin and stdout as `bench.viewers` does: prints ``ready``, forgets what it counted at ``mark``, and prints
``packets lost pictures`` at ``tell``. Its CPU time is not counted. Works against any server.

    python -m bench.egress_rtsp --url rtsp://user:password@127.0.0.1:8554/path --count 100
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import cast

import uvloop

from haechi.fleet.address import parse_address
from haechi.ingest.openers import target_of
from haechi.media.rtsp.client import RtpReceived, RtspClient, Wishes


class Viewer(asyncio.Protocol):
    """One connection. Only the video is counted."""

    def __init__(self, url: str) -> None:
        target = target_of(parse_address(url), "tcp")
        self._client = RtspClient(target.url, target.username, target.password, wishes=Wishes(audio=False))
        self.playing = asyncio.Event()
        self.packets = self.lost = self.pictures = 0
        self._next: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._client.start())

    def data_received(self, data: bytes) -> None:
        for event in self._client.feed(data):
            if isinstance(event, RtpReceived):
                self._count(event.data)
        answer = self._client.to_send()
        if answer:
            self._transport.write(answer)

    def _count(self, packet: bytes) -> None:
        self.playing.set()
        number = int.from_bytes(packet[2:4], "big")
        if self._next is not None:
            self.lost += (number - self._next) & 0xFFFF
        self._next = (number + 1) & 0xFFFF
        self.packets += 1
        self.pictures += packet[1] >> 7

    def connection_lost(self, exc: Exception | None) -> None:
        self.playing.set()

    def forget(self) -> None:
        """Count from here on."""
        self.packets = self.lost = self.pictures = 0
        self._next = None


async def run(url: str, count: int) -> None:
    loop = asyncio.get_running_loop()
    target = target_of(parse_address(url), "tcp")
    viewers = []
    for _ in range(count):
        _, viewer = await loop.create_connection(lambda: Viewer(url), target.host, target.port)
        viewers.append(viewer)
        await asyncio.sleep(0.01)
    await asyncio.gather(*(viewer.playing.wait() for viewer in viewers))
    print("ready", flush=True)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        if line.strip() == b"mark":
            for viewer in viewers:
                viewer.forget()
        else:
            sums = [sum(getattr(one, name) for one in viewers) for name in ("packets", "lost", "pictures")]
            print(*sums, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--count", type=int, required=True)
    args = parser.parse_args()
    uvloop.run(run(args.url, args.count))


if __name__ == "__main__":
    main()
