"""Who is compared in `bench.ingest` and `bench.record`, and what is read of their processes."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

PORT = 9554
TLS_PORT = 9555
WARM_UP_S = 10.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Written(NamedTuple):
    """What processes wrote so far: bytes that they handed to the kernel, and bytes that go to the disk."""

    handed_bytes: int
    disk_bytes: int


def cpu_s(pids: list[int]) -> float:
    """User and system time that the processes have used so far."""
    total = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) * TICK_S
    return total


def pss_mb(pids: list[int]) -> float:
    """Proportional set size: shared pages count once over all processes."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def written(pids: list[int]) -> Written:
    """From /proc/PID/io (see proc(5)): ``wchar``, and ``write_bytes`` less what was truncated before it was written."""
    handed = disk = 0
    for pid in pids:
        fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        handed += int(fields["wchar"])
        disk += int(fields["write_bytes"]) - int(fields["cancelled_write_bytes"])
    return Written(handed, disk)


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """End processes in good order, or by force after 10 s."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def haechi(count: int, folder: Path) -> Iterator[list[int]]:
    """Our ingest and recording of ``count`` cameras; its process."""
    command = [sys.executable, "-m", "bench.ours", "--url", f"rtsp://127.0.0.1:{PORT}", "--count", str(count)]
    with (folder / "out").open("wb") as log:
        processes = [subprocess.Popen([*command, "--folder", str(folder)], stdout=log)]
    try:
        yield [process.pid for process in processes]
    finally:
        stop(processes)


def ffmpeg(count: int, folder: Path) -> AbstractContextManager[list[int]]:
    """One ffmpeg per camera that copies the stream into fragmented files of a minute; their processes."""
    return _ffmpeg(f"rtsp://127.0.0.1:{PORT}", count, folder)


def ffmpeg_tls(count: int, folder: Path) -> AbstractContextManager[list[int]]:
    """The same over TLS (GnuTLS, where Debian built it)."""
    return _ffmpeg(f"rtsps://127.0.0.1:{TLS_PORT}", count, folder)


@contextmanager
def _ffmpeg(cameras_at: str, count: int, folder: Path) -> Iterator[list[int]]:
    processes = []
    for number in range(count):
        target = folder / f"{number}-%03d.mp4"
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp"]
        command += ["-i", f"{cameras_at}/{number}", "-c", "copy", "-f", "segment"]
        command += ["-segment_time", "60", "-segment_format_options", "movflags=+frag_keyframe+empty_moov", str(target)]
        processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
    try:
        yield [process.pid for process in processes]
    finally:
        stop(processes)


CONTESTANTS: dict[str, Callable[[int, Path], AbstractContextManager[list[int]]]] = {"haechi": haechi, "ffmpeg": ffmpeg}


@contextmanager
def cameras() -> Iterator[None]:
    """The cameras that all contestants record, in a process of their own."""
    command = [sys.executable, "-m", "bench.cameras", "--port", str(PORT), "--tls-port", str(TLS_PORT)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        stop([process])


def ffmpeg_version() -> str:
    """Of the ffmpeg that is compared with."""
    return subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]


def spread(values: list[float], digits: int) -> str:
    """Median and, in brackets, least and most."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"
