"""What the machine has, what of it is idle, and what a process takes. Blocking, but short: files of /proc and /sys."""

from __future__ import annotations

import math
import os
from pathlib import Path

from msgspec import Struct

FADE_S = 15.0
_PROC = Path("/proc")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


class Ticks(Struct, frozen=True):
    """Time of all processors since the machine started, in seconds. Source: proc(5), stat."""

    idle_s: float
    all_s: float


def cores() -> float:
    """Processors that we may use: those of our affinity, and no more than a container was given."""
    ours = float(len(os.sched_getaffinity(0)))
    try:
        quota, period = _QUOTA.read_text().split()
    except (OSError, ValueError):
        return ours
    return ours if quota == "max" else max(0.1, min(ours, int(quota) / int(period)))


def processor_time() -> Ticks | None:
    """None where the system does not tell. Waiting for a disk is idle."""
    try:
        words = (_PROC / "stat").read_text().splitlines()[0].split()
    except (OSError, IndexError):
        return None
    if len(words) < 6 or words[0] != "cpu":
        return None
    ticks = [int(word) for word in words[1:9]]
    per_s = os.sysconf("SC_CLK_TCK")
    return Ticks((ticks[3] + ticks[4]) / per_s, sum(ticks) / per_s)


def memory_of(pid: int) -> int | None:
    """Bytes of memory that a process takes, its part of what it shares counted in part (PSS); where only its owner may
    know that, all that it has in memory (RSS). None: it is gone, or the system does not tell.
    """
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration, ValueError):
        return _resident(pid)


def _resident(pid: int) -> int | None:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


class IdleCores:
    """How many processors had nothing to do of late: a mean that forgets in `FADE_S`."""

    def __init__(self) -> None:
        self._before: Ticks | None = None
        self._idle_s = self._all_s = 0.0

    def measure(self) -> None:
        """Call it every second or so."""
        before, self._before = self._before, processor_time()
        if before is None or self._before is None or self._before.all_s <= before.all_s:
            return
        past_s = self._before.all_s - before.all_s
        keep = math.exp(-past_s / (FADE_S * (os.cpu_count() or 1)))
        self._idle_s = keep * self._idle_s + max(0.0, self._before.idle_s - before.idle_s)
        self._all_s = keep * self._all_s + past_s

    def cores(self) -> float | None:
        """Of those that we may use; None: not known, or not yet."""
        return cores() * self._idle_s / self._all_s if self._all_s else None
