"""Viewers for benchmarks: N real WebSocket connections to ``/api/live``, each of which takes every chunk and drops it.

They offer compression as browsers do, and note for each chunk how long after ``captured_ns`` it was read. Their CPU
time is not counted. Speaks on stdin and stdout: prints ``ready``, then for each ``mark`` line forgets what it counted,
and for each ``tell`` line prints ``received expected p50_ms p99_ms``.

    python -m bench.viewers --address 127.0.0.1:8300 --cookie NAME=VALUE --camera cam_… --count 100
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import struct
import sys
import time
from typing import cast

import uvloop
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

HEAD = struct.Struct(">HBBIQQ")
KIND_CHUNK = 2


class Viewer(asyncio.Protocol):
    """One connection that watches one camera."""

    def __init__(self, address: str, cookie: str, camera: str) -> None:
        self._machine = ClientProtocol(
            parse_uri(f"ws://{address}/api/live"),
            extensions=[ClientPerMessageDeflateFactory(client_max_window_bits=True)],
            max_size=None,
        )
        self._headers = Headers({"Cookie": cookie, "Origin": f"http://{address}"})
        self._camera = camera
        self.playing = asyncio.Event()
        self.delays_ns: list[int] = []
        self.units: list[tuple[int, int]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        request = self._machine.connect()
        request.headers.update(self._headers)
        self._machine.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        read_ns = time.time_ns()
        self._machine.receive_data(data)
        for event in self._machine.events_received():
            if isinstance(event, Response):
                wish = {"type": "subscribe", "id": 1, "camera": self._camera}
                self._machine.send_text(json.dumps(wish).encode())
            elif isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                _, kind, _, run, seq, captured_ns = HEAD.unpack_from(event.data)
                if kind == KIND_CHUNK:
                    self.playing.set()
                    self.delays_ns.append(read_ns - captured_ns)
                    self.units.append((run, seq))
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.playing.set()

    def forget(self) -> None:
        """Count from here on."""
        self.delays_ns.clear()
        self.units.clear()

    def _flush(self) -> None:
        for data in self._machine.data_to_send():
            if data:
                self._transport.write(data)


def told(viewers: list[Viewer]) -> str:
    """What all viewers saw together. Expected of each are all units from the first that it saw to the last."""
    received = sum(len(viewer.units) for viewer in viewers)
    expected = sum(viewer.units[-1][1] - viewer.units[0][1] + 1 for viewer in viewers if viewer.units)
    delays = sorted(delay for viewer in viewers for delay in viewer.delays_ns)
    p50, p99 = statistics.median(delays) / 1e6, delays[int(len(delays) * 0.99)] / 1e6
    return f"{received} {expected} {p50:.2f} {p99:.2f}"


async def run(address: str, cookie: str, camera: str, count: int) -> None:
    loop = asyncio.get_running_loop()
    host, _, port = address.partition(":")
    viewers = []
    for _ in range(count):
        viewer = Viewer(address, cookie, camera)
        await loop.create_connection(lambda viewer=viewer: viewer, host, int(port))  # type: ignore[misc]
        viewers.append(viewer)
    await asyncio.gather(*(viewer.playing.wait() for viewer in viewers))
    print("ready", flush=True)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        if line.strip() == b"mark":
            for viewer in viewers:
                viewer.forget()
        else:
            print(told(viewers), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--cookie", required=True)
    parser.add_argument("--camera", required=True)
    parser.add_argument("--count", type=int, required=True)
    args = parser.parse_args()
    uvloop.run(run(args.address, args.cookie, args.camera, args.count))


if __name__ == "__main__":
    main()
