"""The only module that starts other programs (CONTRACT S5): an argument list, never a shell, a bare environment."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from haechi.base.errors import Unavailable

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "TZ")
"""What a child may see of our environment. Everything else, secrets above all, stays here (CONTRACT S9)."""


TICKS_PER_S = os.sysconf("SC_CLK_TCK")
"""Of the processor time that proc(5) tells."""


class Finished(Struct, frozen=True):
    """How a program ended. ``output`` is what it said on both streams, its last 64 kB."""

    code: int
    output: str


class Activity(Struct, frozen=True):
    """What a process does.

    Attributes:
        cpu_ticks: Processor time of all its threads so far, in ticks of 10 ms.
        is_running: Its first thread runs, or waits for a processor or a disk: only the machine keeps it from going on.
    """

    cpu_ticks: int
    is_running: bool


def activity_of(pid: int) -> Activity | None:
    """What a process does now; None where the system does not tell, or the process is gone. Source: proc(5), stat."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return Activity(int(fields[11]) + int(fields[12]), fields[0] in {"R", "D"})


def bare_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment reduced to `KEPT_VARIABLES`, and ``extra``."""
    return {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ} | dict(extra or {})


def run_program(
    arguments: Sequence[str], *, timeout_s: float, folder: Path | None = None, environment: Mapping[str, str]
) -> Finished:
    """Run a program to its end. Blocking: call it off the event loop.

    Raises:
        Unavailable: It cannot be started, or it did not end within ``timeout_s`` and was killed.
    """
    try:
        done = subprocess.run(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            cwd=folder,
            env=dict(environment),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable("a program did not end in time", code="program-timeout", limit_s=timeout_s) from error
    except OSError as error:
        raise Unavailable("a program cannot be started", code="program-missing", reason=str(error)) from error
    return Finished(done.returncode, done.stdout[-65_536:].decode(errors="replace"))


async def start_module(
    module: str, arguments: Sequence[str], *, pass_fds: Sequence[int] = (), environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start ``python -m module`` with nothing inherited but ``pass_fds`` and standard error.

    Raises:
        Unavailable: The process cannot be started.
    """
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=tuple(pass_fds),
            env=bare_environment(environment),
        )
    except OSError as error:
        raise Unavailable("a process cannot be started", code="program-missing", reason=str(error)) from error
