"""What a server's memory is made of, for `bench.soak`: from the outside again and again, from the inside when asked."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

EVERY_S = 10.0
WARM_UP = 0.2
"""Share of the run that the slope leaves out."""
_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
_SHOWN = ("arena", "hblkhd", "uordblks", "fordblks")


class Weight(NamedTuple):
    """Memory at one moment, in MB: proportional set size, of it the process's own, of it pages of files; open files."""

    at_s: float
    pss: float
    own: float
    mapped: float
    files: int


def weight_of(pid: int, at_s: float) -> Weight:
    """See proc(5), smaps_rollup."""
    kb: Counter[str] = Counter()
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        kb[name] += int(value.split()[0])
    files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Weight(at_s, kb["Pss"] / 1024, kb["Pss_Anon"] / 1024, kb["Pss_File"] / 1024, files)


async def weigh(pid: int, weights: list[Weight], look_s: float) -> None:
    """Again and again, into ``weights``; each ``look_s`` seconds the server is asked to say more (0: never)."""
    began_s = time.monotonic()
    looked_s = -look_s
    while True:
        at_s = time.monotonic() - began_s
        weights.append(weight_of(pid, at_s))
        if look_s and at_s - looked_s >= look_s:
            looked_s = at_s
            os.kill(pid, signal.SIGUSR1)
        await asyncio.sleep(EVERY_S)


def slope_mb_h(weights: Sequence[Weight]) -> float:
    """Growth of the proportional set size by least squares, of what comes after the warm-up."""
    late = [(one.at_s, one.pss) for one in weights if one.at_s >= WARM_UP * weights[-1].at_s]
    if len(late) < 3:
        return 0.0
    return statistics.linear_regression(*zip(*late, strict=True)).slope * 3600


def show() -> None:
    """What there is of Python's objects, and what the C library holds and does not use (KB), to stderr."""
    counts = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    held = ctypes.CDLL(None).mallinfo2
    held.restype = _MallInfo
    now = held()
    line = {
        "objects": dict(counts.most_common(60)),
        "tracked": sum(counts.values()),
        "threads": threading.active_count(),
        "malloc": {name: int(getattr(now, name)) >> 10 for name in _SHOWN},
        "python_blocks": sys.getallocatedblocks(),
    }
    sys.stderr.write("memory " + msgspec.json.encode(line).decode() + "\n")
    sys.stderr.flush()


class _MallInfo(ctypes.Structure):
    """mallinfo2(3), in bytes."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]
