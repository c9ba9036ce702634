"""The result socket under load: how much video goes in, what the way there and back adds, and peers beside it.

python -m bench.client [--runs 5] [--seconds 3]

Server and clients are processes of their own on this machine, over loopback. The module is ``echo``, which answers for
each unit at once: what is measured is the socket, the protocol, depacketising, stamping and the bus, not a detector.

1. Throughput: one client sends pictures of 4 Mbit as fast as the connection takes them, over TCP and TLS; pictures of
   0.8 Mbit over UDP, paced at 450 Mbit/s at most. Every unit must come back, in order. Beside it, in the same run:
   ffmpeg and GStreamer (where they are installed) receive the same packets from the same sender and write what arrives.
2. Round trip: 1 and 25 clients, 25 pictures a second each at 2 Mbit/s, over TCP, from the last byte written to the
   result read; and one client that sends the next picture when it has the result of the last. The first ten of each
   client are left out, but for the column of the first. Beside it, in the same run, the floor: two processes that send
   each other as many bytes over a bare blocking socket, at the same pace; and over two event loops (uvloop).

The framework of 2019 that this answers reports above 300 Mbit/s, above 15 pictures a second, 50 us in the mean and 2 ms
for the first; it cannot be installed here.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop
from tests.ingest.rtp_push.stage import push_server

from bench.client_floor import SMALL_BYTES, between_loops, floor, told
from bench.client_peers import measured as peer_run
from bench.client_peers import present
from haechi.base.clock import SystemClock
from haechi.client.line import Place, open_line
from haechi.client.sending import Outgoing, Seen, UdpWay
from haechi.ingest.rtp_push.server import PushLimits
from haechi.media.access_unit import Codec, RawUnit, VideoParams
from haechi.media.annexb import split_units
from haechi.media.push.words import Announce

BIG_BYTES = 500_000
DATAGRAM_PICTURE_BYTES = 100_000
FPS = 25
GOP = 50
UDP_MBIT_S = 450
STEP = 225
"""90 kHz ticks from picture to picture: 400 a second, about as many as are sent."""
IN_FLIGHT = 8
"""Units on their way: enough that neither side waits, few enough that the round trip is none of the queue."""


def sample() -> tuple[VideoParams, list[bytes]]:
    """Parameters, and two small pictures that the parsers take: a sync picture and one that follows it."""
    import av
    import numpy as np

    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 640, 360, "yuv420p"
    encoder.framerate = Fraction(FPS)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "sliced-threads=0:threads=1"}
    frame = av.VideoFrame.from_ndarray(np.zeros((360, 640, 3), np.uint8), format="rgb24")
    packets = [*encoder.encode(frame), *encoder.encode(frame), *encoder.encode(None)]
    first, second = split_units(b"".join(bytes(packet) for packet in packets), Codec.H264)
    assert first.params is not None
    assert not second.is_sync
    return first.params, [first.data, second.data]


def padded(data: bytes, size: int) -> bytes:
    """The picture's last NAL unit made as long as a real one; nobody decodes it here."""
    at = 0
    while at + 4 + int.from_bytes(data[at : at + 4], "big") < len(data):
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    nal = data[at + 4 :] + os.urandom(max(0, size - len(data))).replace(b"\0\0", b"\0\1")
    return data[:at] + len(nal).to_bytes(4, "big") + nal


def units(size: int, params: VideoParams, data: list[bytes]) -> Iterator[RawUnit]:
    """Pictures without end, one in `GOP` a sync picture."""
    sync, other = (padded(one, size) for one in data)
    number = 0
    while True:
        is_sync = number % GOP == 0
        yield RawUnit(number * STEP, is_sync, sync if is_sync else other, None if number else params)
        number += 1


# -- the server
def server_process(pipe: Connection) -> None:
    """Serve until told to stop; answers ``cpu`` with the CPU seconds used."""
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            limits = PushLimits(client_bytes_s=2_000_000_000)
            async with push_server(Path(folder), limits=limits) as stage:
                pipe.send((stage.port, stage.token, stage.pin))
                loop = asyncio.get_running_loop()
                stop = loop.create_future()

                def told() -> None:
                    if pipe.recv() == "stop":
                        stop.set_result(None)
                    else:
                        usage = resource.getrusage(resource.RUSAGE_SELF)
                        pipe.send(usage.ru_utime + usage.ru_stime)

                loop.add_reader(pipe.fileno(), told)
                await stop

    uvloop.run(run())


class Server:
    """The server's process."""

    def __init__(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=server_process, args=(theirs,), daemon=True)

    def __enter__(self) -> Server:
        self._process.start()
        self.port, self.token, self.pin = self._pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send("stop")
        self._process.join(10)

    def place(self, *, tls: bool = False) -> Place:
        return Place("127.0.0.1", self.port, self.token, self.pin if tls else "")

    def cpu_s(self) -> float:
        self._pipe.send("cpu")
        return float(self._pipe.recv())


# -- the clients
@asynccontextmanager
async def outgoing(place: Place, params: VideoParams, transport: str) -> Any:
    async with open_line(place, SystemClock()) as line:
        way = UdpWay(mbit_s=UDP_MBIT_S)
        stream = await Outgoing.begin(line, SystemClock(), params, Announce(codec="", transport=transport), way=way)
        await stream.request("echo")
        yield stream


async def collect(stream: Outgoing, into: list[Seen]) -> None:
    async for seen in stream.seen():
        into += (seen,)


async def throughput(place: Place, transport: str, seconds: float) -> dict[str, float]:
    """One client as fast as it goes."""
    params, data = sample()
    seen: list[Seen] = []
    async with outgoing(place, params, transport) as stream:
        reader = asyncio.create_task(collect(stream, seen))
        source = units(DATAGRAM_PICTURE_BYTES if transport == "udp" else BIG_BYTES, params, data)
        began_s = time.perf_counter()
        while time.perf_counter() - began_s < seconds:
            if transport != "udp" and stream.units - len(seen) >= IN_FLIGHT:
                await asyncio.sleep(0.0005)
                continue
            stream.send(next(source))
            await stream.drain()
        took_s = time.perf_counter() - began_s
        await stream.end()
        await reader
        in_order = [one.ref.seq for one in seen] == list(range(len(seen)))
        lost = stream.units - len(seen)
        packets_lost = stream.left_out.get("lost-packets", 0) + stream.left_out.get("unsent", 0)
        return {
            "mbit_s": stream.sent_bytes * 8 / took_s / 1e6,
            "fps": len(seen) / took_s,
            "lost_units": lost if in_order else -1,
            "lost_packets": packets_lost,
            "seconds": took_s,
        }


async def one_by_one(place: Place, seconds: float) -> dict[str, float]:
    """One client that waits for each result: nothing sleeps for long, and nothing queues."""
    params, data = sample()
    trips: list[int] = []
    server_us: list[int] = []
    async with outgoing(place, params, "tcp") as stream:
        source, seen = units(SMALL_BYTES, params, data), stream.seen()
        began_s = time.perf_counter()
        while time.perf_counter() - began_s < seconds:
            stream.send(next(source))
            one = await anext(seen)
            trips.append(one.round_trip_ns)
            server_us.append(one.server_us)
        await stream.end()
    return told(trips[10:], server_us[10:], [trips[0]], seconds)


async def round_trips(place: Place, clients: int, seconds: float) -> dict[str, float]:
    """Clients at the pace of cameras."""
    params, data = sample()
    trips: list[int] = []
    server_us: list[int] = []
    firsts: list[int] = []
    lost = 0

    async def one(number: int) -> None:
        nonlocal lost
        seen: list[Seen] = []
        async with outgoing(place, params, "tcp") as stream:
            reader = asyncio.create_task(collect(stream, seen))
            source = units(SMALL_BYTES, params, data)
            began_s = time.perf_counter() + number / clients / FPS
            for turn in range(int(seconds * FPS)):
                await asyncio.sleep(max(0.0, began_s + turn / FPS - time.perf_counter()))
                stream.send(next(source))
            await stream.end()
            await reader
            lost += stream.units - len(seen)
        firsts.append(seen[0].round_trip_ns)
        late = seen[10:]
        trips.extend(each.round_trip_ns for each in late)
        server_us.extend(each.server_us for each in late)

    await asyncio.gather(*(one(number) for number in range(clients)))
    return {**told(trips, server_us, firsts, seconds), "lost_units": lost}


def measured(server: Server, work: Any) -> dict[str, float]:
    """A run, and the CPU of the server during it (share of one core)."""
    before_s, began_s = server.cpu_s(), time.perf_counter()
    found: dict[str, float] = uvloop.run(work)
    found["cpu"] = (server.cpu_s() - before_s) / (time.perf_counter() - began_s)
    return found


def spread(rows: list[dict[str, float]], key: str) -> str:
    """Median (least-most)."""
    digits = 2 if key == "cpu" else 0
    values = sorted(row[key] for row in rows)
    if math.isnan(values[0]):
        return "-"
    return f"{statistics.median(values):.{digits}f} ({values[0]:.{digits}f}-{values[-1]:.{digits}f})"


def table(first: str, columns: dict[str, str], runs: dict[str, list[dict[str, float]]]) -> None:
    """A table in Markdown; ``columns``: title by key."""
    print(f"\n| {first} | {' | '.join(columns.values())} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, rows in runs.items():
        print(f"| {name} | {' | '.join(spread(rows, key) for key in columns)} |")


FLOW_COLUMNS = {
    "mbit_s": "Mbit/s",
    "fps": "pictures/s",
    "lost_units": "units lost",
    "lost_packets": "packets lost",
    "cpu": "server's CPU, cores",
}
TRIP_COLUMNS = {
    "mean_us": "mean, us",
    "p50_us": "p50",
    "p99_us": "p99",
    "first_us": "first",
    "server_us": "server's share of the mean",
    "results_s": "results/s",
    "lost_units": "units lost",
    "cpu": "server's CPU, cores",
}


ONE, FLOOR, PACED_FLOOR = "1, one by one", "bare sockets, one by one", "bare sockets, 25 a second"
LOOPS = "bare event loops, one by one"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    peers = present()
    flows: dict[str, list[dict[str, float]]] = {name: [] for name in ("tcp", "tls", "udp", *peers)}
    trips: dict[str, list[dict[str, float]]] = {name: [] for name in (ONE, FLOOR, LOOPS, "1", "25", PACED_FLOOR)}
    loads = []
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        for _ in range(given.runs):
            loads.append(os.getloadavg()[0])
            for kind in ("tcp", "tls", "udp"):
                place = server.place(tls=kind == "tls")
                work = throughput(place, "udp" if kind == "udp" else "tcp", given.seconds)
                flows[kind].append(measured(server, work))
            params, data = sample()
            for name in peers:
                source = units(DATAGRAM_PICTURE_BYTES, params, data)
                flows[name].append(peer_run(name, Path(folder), source, params, (UDP_MBIT_S, given.seconds)))
            trips[ONE].append(measured(server, one_by_one(server.place(), given.seconds)))
            trips[FLOOR].append(floor(0.0, given.seconds))
            trips[LOOPS].append(between_loops(given.seconds))
            for clients in ("1", "25"):
                trips[clients].append(measured(server, round_trips(server.place(), int(clients), given.seconds)))
            trips[PACED_FLOOR].append(floor(1 / FPS, given.seconds))
            loads.append(os.getloadavg()[0])
            print("one run is done", file=sys.stderr)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, {given.runs} runs of {given.seconds:g} s, load {min(loads):.1f}-{max(loads):.1f}")
    table("video in by", FLOW_COLUMNS, flows)
    table("clients", TRIP_COLUMNS, trips)


if __name__ == "__main__":
    main()
