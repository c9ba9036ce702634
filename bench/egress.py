"""What it costs to give one camera to N viewers, by protocol, beside a named peer where there is one.

    python -m bench.egress [--ways rtsp,mse,whep,hls] [--peers NAME] [--counts 1,20,100,200] [--repeats 3] [--seconds 8]
                           [--stopped 20]

Prints a table and writes docs/ref/bench-egress.md. A repeat is one server; its CPU (user + system, all threads) is read
without viewers, with each number of them, and without them again; a viewer-second costs what N viewers add to the mean
of the two empty windows, divided by N. Camera and viewers are processes of their own and are not counted. Where the
machine was busy with other things, the report says how busy. With ``--stopped`` the middle number of viewers is
measured once more beside so many that have stopped reading (their process is halted). However many watch, the camera
must have been connected to once: else it ends.

**To add a protocol**: write a module like `bench.egress_rtsp` (prints ``ready``; at ``mark`` forgets; at ``tell``
prints ``packets lost pictures``), and put a function into `WAYS` that gives its command for a running server, or into
`PEERS` one that starts somebody else's server and gives its process and that command.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx2

from bench.contestants import PORT, pss_mb, spread, stop
from bench.live import SETTLE_S, Server, served, window

REPORT = Path(__file__).resolve().parents[1] / "docs" / "ref" / "bench-egress.md"
SYSTEM_PYTHON = "/usr/bin/python3"
GSTREAMER = Path(__file__).resolve().parents[1] / "tests" / "interop" / "gstreamer_camera.py"


class Served(NamedTuple):
    """Somebody's running server: its process, and the viewers' command without ``--count``."""

    pid: int
    viewers: list[str]


class Sample(NamedTuple):
    """What N viewers added."""

    cpu_ms: float
    pss_mb: float
    packets: int
    lost: int
    pictures: int


def rtsp(server: Server) -> list[str]:
    """Our RTSP server, with a read token."""
    return [sys.executable, "-m", "bench.egress_rtsp", "--url", rtsp_url(server)]


def rtsp_url(server: Server) -> str:
    """Where the camera is, with a new read token."""
    name, token = read_token(server)
    with httpx2.Client(base_url=f"http://{server.address}", headers={"Cookie": server.cookie}) as http:
        address: str = http.get(f"/api/cameras/{server.camera}/addresses").raise_for_status().json()["rtsp"]
    return address.replace("rtsp://", f"rtsp://{name}:{token}@")


def whep(server: Server) -> list[str]:
    """WebRTC: ICE, DTLS and SRTP for each viewer, with a read token."""
    url = f"http://{server.address}/{server.camera}/whep"
    return [sys.executable, "-m", "bench.egress_whep", "--url", url, "--token", read_token(server)[1]]


def read_token(server: Server) -> tuple[str, str]:
    """A new one: its name, and itself."""
    base = f"http://{server.address}"
    with httpx2.Client(base_url=base, headers={"Origin": base, "Cookie": server.cookie}) as http:
        http.headers["X-Haechi-CSRF"] = http.get("/api/session").raise_for_status().json()["csrf"]
        made = http.post("/api/read-tokens", json={"name": "bench"}).raise_for_status().json()
    return made["read_token"]["id"], made["token"]


def mse(server: Server) -> list[str]:
    """A WebSocket for each viewer, as `bench.live` measures it."""
    command = [sys.executable, "-m", "bench.viewers", "--address", server.address, "--cookie", server.cookie]
    return [*command, "--camera", server.camera]


def hls(server: Server) -> list[str]:
    """Low-Latency HLS: blocking reloads, each part by its hint; the pictures alone."""
    command = [sys.executable, "-m", "bench.egress_hls", "--address", server.address, "--cookie", server.cookie]
    return [*command, "--camera", server.camera]


WAYS: dict[str, Callable[[Server], list[str]]] = {"rtsp": rtsp, "mse": mse, "whep": whep, "hls": hls}


@contextmanager
def gst_rtsp_server() -> Iterator[Served]:
    """GStreamer's RTSP server (Debian) that pulls the camera once and gives its packets to all, not coded again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launch = f"( rtspsrc location=rtsp://127.0.0.1:{PORT}/0 protocols=tcp latency=0 ! rtph264depay ! h264parse ! "
    launch += "rtph264pay name=pay0 pt=96 config-interval=-1 )"
    command = [SYSTEM_PYTHON, str(GSTREAMER), "--port", str(port), launch]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        url = f"rtsp://127.0.0.1:{port}/live"
        yield Served(process.pid, [sys.executable, "-m", "bench.egress_rtsp", "--url", url])
    finally:
        stop([process])


PEERS: dict[str, Callable[[], AbstractContextManager[Served]]] = {"gst-rtsp-server": gst_rtsp_server}


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("bench.egress: the peer never listened")


def upstream() -> int:
    """Connections to the camera that are open."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for row in rows if row[2].endswith(f":{PORT:04X}") and row[3] == "01")


@contextmanager
def halted(found: Served, count: int) -> Iterator[None]:
    """Beside others, viewers that take nothing more once they have begun."""
    if not count:
        yield
        return
    command = [*found.viewers, "--count", str(count)]
    viewers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert viewers.stdout is not None
    try:
        viewers.stdout.readline()
        viewers.send_signal(signal.SIGSTOP)
        yield
    finally:
        viewers.send_signal(signal.SIGCONT)
        stop([viewers])


def with_viewers(found: Served, count: int, seconds: float) -> Sample:
    """One window; CPU and memory are still those of the whole server."""
    command = [*found.viewers, "--count", str(count)]
    viewers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert viewers.stdin is not None
    assert viewers.stdout is not None
    try:
        viewers.stdout.readline()
        time.sleep(SETTLE_S)
        viewers.stdin.write("mark\n")
        cpu = window(found.pid, seconds)
        viewers.stdin.write("tell\n")
        pss = pss_mb([found.pid])
        packets, lost, pictures = _told(viewers.stdout.readline())
        if upstream() != 1:
            sys.exit(f"bench.egress: the camera is connected to {upstream()} times")
    finally:
        viewers.stdin.close()
        viewers.wait(30)
    return Sample(cpu, pss, packets, lost, pictures)


def _told(line: str) -> tuple[int, int, int]:
    """Packets, lost, pictures; of `bench.viewers`, which tells of units, the same with units for packets."""
    words = line.split()
    if len(words) == 4:
        return int(words[0]), int(words[1]) - int(words[0]), int(words[0])
    packets, lost, pictures = (int(word) for word in words)
    return packets, lost, pictures


def repeat(found: Served, counts: list[int], seconds: float, stopped: int = 0) -> dict[str, Sample]:
    """One server and one way, all numbers of viewers."""
    time.sleep(SETTLE_S)
    empty_mb, first = pss_mb([found.pid]), window(found.pid, seconds)
    raw = {(str(count), count): with_viewers(found, count, seconds) for count in counts}
    if stopped:
        middle = counts[len(counts) // 2]
        with halted(found, stopped):
            raw[f"{middle}, and {stopped} stopped", middle] = with_viewers(found, middle, seconds)
    time.sleep(2)
    empty = (first + window(found.pid, seconds)) / 2
    return {
        name: one._replace(cpu_ms=(one.cpu_ms - empty) / count, pss_mb=one.pss_mb - empty_mb)
        for (name, count), one in raw.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--counts", default="1,20,100,200")
    parser.add_argument("--stopped", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    args = parser.parse_args()
    counts = [int(part) for part in args.counts.split(",")]
    camera = subprocess.Popen([sys.executable, "-m", "bench.cameras", "--port", str(PORT)], stdout=subprocess.PIPE)
    assert camera.stdout is not None
    camera.stdout.readline()
    found: dict[tuple[str, str], list[Sample]] = {}
    try:
        for _ in range(args.repeats):
            for name, sample in measured(args.ways.split(","), [p for p in args.peers.split(",") if p], counts, args):
                for count, one in sample.items():
                    print(f"  {name}, {count} viewers: {one}", file=sys.stderr, flush=True)
                    found.setdefault((name, count), []).append(one)
    finally:
        stop([camera])
    rows = [row(name, count, samples) for (name, count), samples in found.items()]
    print("\n".join(rows))
    write_report(rows, args.repeats, args.seconds)


def measured(
    ways: list[str], peers: list[str], counts: list[int], args: argparse.Namespace
) -> Iterator[tuple[str, dict[str, Sample]]]:
    """Each way over one server of ours, then each peer over its own."""
    with served() as server:
        for name in ways:
            yield name, repeat(Served(server.process.pid, WAYS[name](server)), counts, args.seconds, args.stopped)
    for name in peers:
        if name == "gst-rtsp-server" and shutil.which("gst-launch-1.0") is None:
            print(f"  {name} is not here", file=sys.stderr)
            continue
        with PEERS[name]() as found:
            yield name, repeat(found, counts, args.seconds)


def row(name: str, count: str, samples: list[Sample]) -> str:
    """One line of the table."""
    cells = [
        name,
        count,
        spread([one.cpu_ms for one in samples], 2),
        spread([one.pss_mb for one in samples], 1),
        f"{sum(one.pictures for one in samples)}",
        f"{sum(one.lost for one in samples)}",
    ]
    return "| " + " | ".join(cells) + " |"


def write_report(rows: list[str], repeats: int, seconds: float) -> None:
    head = (
        "# What viewers cost, by protocol\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, shared with camera and viewers;"
        f" load average at the end {os.getloadavg()[1]:.1f}. Python {platform.python_version()}."
        f" `python -m bench.egress`: {repeats} runs, a server each, {seconds:g} s measured for each number of"
        " viewers. One camera, 720p15 H.264, 1.5 Mbit/s; ours records it beside, detection off. CPU is what a viewer"
        " adds, in ms per second (user + system), median (least-most); memory is the growth of PSS. `rtsp` is our RTSP"
        " server over TCP with Digest and a read token, `mse` a WebSocket each, `whep` WebRTC with ICE, DTLS and SRTP"
        ' each, `hls` Low-Latency HLS with blocking reloads; "stopped" viewers watch beside them and take nothing any'
        " more. The camera was connected to once all the time. `gst-rtsp-server` is GStreamer's, which pulls the same"
        " camera, has no log-in, records nothing, and while nobody watches does nothing: its first viewer bears"
        " the pull. Where fewer than 15 pictures a second and viewer came and none was lost, the viewers'"
        " process was short of CPU. ffmpeg serves no RTSP; MediaMTX was not at hand, nor any server of WHEP besides"
        " ours.\n\n"
        "| way | viewers | CPU ms per viewer-second | memory MB | pictures received | packets (mse: units) lost |\n"
        "|---|---|---|---|---|---|\n"
    )
    REPORT.write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
