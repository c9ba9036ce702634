"""What viewers cost: one camera, the real server with recording on, N viewers over ``/api/live``.

    python -m bench.live [--counts 1,20,100] [--repeats 5] [--seconds 10]

Prints a table and writes docs/ref/bench-live.md. A repeat is one server: its CPU (user + system) is read without
viewers, with each number of viewers, and without them again; a viewer-second costs what N viewers add to the mean of
the two empty windows, divided by N. The CPU of camera and viewers, which are processes of their own, is not counted.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

import httpx2

from bench.contestants import PORT, pss_mb, spread, stop

BUDGET_MS = 0.5
SETTLE_S = 3.0
REPORT = Path(__file__).resolve().parents[1] / "docs" / "ref" / "bench-live.md"


class Server(NamedTuple):
    """A running server, somebody who is logged in, and its camera."""

    process: subprocess.Popen[str]
    address: str
    cookie: str
    camera: str


class Sample(NamedTuple):
    """One window with viewers."""

    cpu_ms: float
    pss_mb: float
    received: int
    expected: int
    p50_ms: float
    p99_ms: float


def cpu_ns(pid: int) -> int:
    """Time that all threads of a process have run so far; finer than the ticks of ``/proc/PID/stat``."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


@contextmanager
def served() -> Iterator[Server]:
    """The whole server as its users start it, in a new folder; detection is off."""
    with tempfile.TemporaryDirectory(prefix="haechi-bench-") as folder:
        environment = {
            **os.environ,
            "HAECHI_DATA_DIR": f"{folder}/data",
            "HAECHI_CACHE_DIR": f"{folder}/cache",
            "HAECHI_CONFIG": f"{folder}/none.yaml",
            "HAECHI_HTTP__PORT": "9655",
            "HAECHI_VISION__ENABLED": "false",
            "HAECHI_SOURCES__ALLOW": '["127.0.0.0/8"]',
            "HAECHI_LOG_LEVEL": "warning",
        }
        command = [sys.executable, "-c", "from haechi.app.cli import main; main()", "serve"]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            link = None
            while link is None:
                line = process.stderr.readline()
                if not line:
                    sys.exit("bench.live: the server ended before it was ready")
                link = re.search(r"(http://\S+)/setup[?#]token=(\S+)", line)
            threading.Thread(target=_pass_on, args=(process.stderr,), daemon=True).start()
            yield moved_in(process, link[1], link[2])
        finally:
            stop([process])  # type: ignore[list-item]


def _pass_on(lines: IO[str]) -> None:
    """Show what the server says: it would wait for ever where nobody reads it."""
    for line in lines:
        print(line, end="", file=sys.stderr)


def moved_in(process: subprocess.Popen[str], base: str, token: str) -> Server:
    """Set the server up and add the camera."""
    with httpx2.Client(base_url=base, headers={"Origin": base}) as http:
        person = {"token": token, "name": "bench", "password": "correct horse battery staple"}
        answer = http.post("/api/setup", json=person).raise_for_status()
        http.headers["X-Haechi-CSRF"] = answer.json()["csrf"]
        wish = {"name": "bench", "url": f"rtsp://127.0.0.1:{PORT}/0", "transport": "tcp"}
        camera = http.post("/api/cameras", json=wish).raise_for_status().json()["id"]
        cookie = f"haechi_session={http.cookies['haechi_session']}"
        while http.get(f"/api/cameras/{camera}").json()["status"]["state"] != "live":
            time.sleep(0.2)
    return Server(process, base.removeprefix("http://"), cookie, camera)


def window(pid: int, seconds: float) -> float:
    """CPU ms per second over a window."""
    before, started = cpu_ns(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_ns(pid) - before) / 1e6 / (time.monotonic() - started)


def with_viewers(server: Server, count: int, seconds: float) -> Sample:
    """One window; ``cpu_ms`` and ``pss_mb`` are still those of the whole server."""
    command = [sys.executable, "-m", "bench.viewers", "--address", server.address, "--cookie", server.cookie]
    command += ["--camera", server.camera, "--count", str(count)]
    viewers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert viewers.stdin is not None
    assert viewers.stdout is not None
    try:
        viewers.stdout.readline()
        time.sleep(SETTLE_S)
        viewers.stdin.write("mark\n")
        cpu = window(server.process.pid, seconds)
        viewers.stdin.write("tell\n")
        pss = pss_mb([server.process.pid])
        received, expected, p50, p99 = viewers.stdout.readline().split()
    finally:
        viewers.stdin.close()
        viewers.wait(20)
    return Sample(cpu, pss, int(received), int(expected), float(p50), float(p99))


def repeat(counts: list[int], seconds: float) -> dict[int, Sample]:
    """One server, all numbers of viewers."""
    with served() as server:
        time.sleep(SETTLE_S)
        pid = server.process.pid
        empty_mb = pss_mb([pid])
        first = window(pid, seconds)
        raw = {count: with_viewers(server, count, seconds) for count in counts}
        time.sleep(1)
        empty = (first + window(pid, seconds)) / 2
    print(f"  without viewers: {empty:.2f} ms per second, {empty_mb:.1f} MB", file=sys.stderr, flush=True)
    return {
        count: sample._replace(cpu_ms=(sample.cpu_ms - empty) / count, pss_mb=sample.pss_mb - empty_mb)
        for count, sample in raw.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="1,20,100")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()
    counts = [int(part) for part in args.counts.split(",")]
    camera = subprocess.Popen([sys.executable, "-m", "bench.cameras", "--port", str(PORT)], stdout=subprocess.PIPE)
    assert camera.stdout is not None
    camera.stdout.readline()
    repeats = []
    try:
        for number in range(args.repeats):
            repeats.append(repeat(counts, args.seconds))
            for count, sample in repeats[-1].items():
                print(f"  run {number + 1}, {count} viewers: {sample}", file=sys.stderr, flush=True)
    finally:
        stop([camera])
    rows = [row(count, [samples[count] for samples in repeats]) for count in counts]
    print("\n".join(rows))
    write_report(rows, args.repeats, args.seconds)


def row(count: int, samples: list[Sample]) -> str:
    """One line of the table."""
    lost = sum(sample.expected - sample.received for sample in samples)
    cells = [
        str(count),
        spread([sample.cpu_ms for sample in samples], 2),
        spread([sample.pss_mb for sample in samples], 1),
        f"{sum(sample.received for sample in samples)} / {lost}",
        spread([sample.p50_ms for sample in samples], 1),
        spread([sample.p99_ms for sample in samples], 1),
    ]
    return "| " + " | ".join(cells) + " |"


def write_report(rows: list[str], repeats: int, seconds: float) -> None:
    head = (
        "# Viewers\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, shared with camera and viewers,"
        f" Python {platform.python_version()}. `python -m bench.live`: {repeats} servers, {seconds:g} s measured for"
        " each number of viewers. One camera, 720p15 H.264, 1.5 Mbit/s, a sync unit every 4 s, recorded, detection"
        " off; each viewer is a WebSocket of its own on `/api/live`. Median (least-most) over the servers. CPU is what"
        f" a viewer adds, in ms per second (user + system); budget {BUDGET_MS} ms. The first viewer also bears what"
        " all share: each unit is put into boxes once, and sessions and cameras are looked up once a second. Memory is"
        " the growth of"
        " PSS over the same server without viewers. Delay runs from `captured_ns` to the read in the viewer's"
        " process.\n\n"
        "| viewers | CPU ms per viewer-second | memory MB | chunks received / lost | delay p50 ms | delay p99 ms |\n"
        "|---|---|---|---|---|---|\n"
    )
    REPORT.write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
