"""Processes to strike down: forked from one that has imported everything, so that a try costs a blink."""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress

LONGEST_S = 90.0


class Hung(Exception):
    """A process did not end in time."""


class Child:
    """A forked process that waits for `go`, does its work, and speaks on a pipe."""

    def __init__(self, work: Callable[[int], None]) -> None:
        ready, start = os.pipe()
        self._voice, voice = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            os.close(start)
            os.close(self._voice)
            _child(work, ready, voice)
        os.close(ready)
        os.close(voice)
        self._start = start
        self._said = b""
        self._heard = False

    def go(self) -> None:
        """Let it begin."""
        os.write(self._start, b"!")
        os.close(self._start)

    def read(self, timeout_s: float) -> bool:
        """Take in what it says for a while. Whether it can still speak."""
        if self._heard:
            return False
        if select.select([self._voice], [], [], timeout_s)[0]:
            some = os.read(self._voice, 1 << 16)
            self._said += some
            self._heard = not some
        return not self._heard

    @property
    def said(self) -> bytes:
        return self._said

    def kill(self) -> None:
        """SIGKILL."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def end(self, limit_s: float = LONGEST_S) -> int:
        """All that it says until it ends; its wait status.

        Raises:
            Hung: It does not end; it was killed.
        """
        deadline = time.monotonic() + limit_s
        while self.read(0.5):
            if time.monotonic() > deadline:
                self.kill()
                self.wait()
                raise Hung(f"still there after {limit_s:.0f} s")
        return self.wait()

    def wait(self) -> int:
        """Wait status of a process that is over or about to be."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self._voice)
        return status


def _child(work: Callable[[int], None], ready: int, voice: int) -> None:
    status = 1
    try:
        os.read(ready, 1)
        os.close(ready)
        work(voice)
        status = 0
    finally:
        if status:
            os.write(voice, b"\nnote bug " + traceback.format_exc()[-300:].replace("\n", " | ").encode() + b"\n")
        os._exit(status)


class Tracer:
    """strace on a `Child`, with faults to inject at chosen system calls.

    Args:
        options: Such as ``-e inject=fsync:signal=SIGKILL:when=3``; ``-P path`` for calls on one file only.
    """

    def __init__(self, pid: int, options: list[str], log: str = "/dev/null") -> None:
        command = ["strace", "-f", "-p", str(pid), "-o", log, *options]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        if "attached" not in line:
            raise RuntimeError(f"strace cannot attach: {line}")

    def close(self) -> None:
        """Let go of the process, which may be over."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        if self._process.poll() is None:
            self._process.terminate()
        self._process.communicate()


def can_trace() -> str:
    """Why system calls cannot be traced here; empty when they can."""
    try:
        done = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "strace is not installed"
    return "" if done.returncode == 0 else f"ptrace is not allowed: {done.stderr.strip()[:80]}"


NEW_MOUNTS = 0x00020000
"""CLONE_NEWNS, unshare(2)."""


def own_mounts() -> str:
    """From here on this process and its children have mounts of their own. Why not, where it cannot be."""
    if os.geteuid():
        return "mounts need root"
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS):
        return f"no mount namespace: {os.strerror(ctypes.get_errno())}"
    done = mount("--make-rprivate", "/")
    return "" if done == 0 else "mounts cannot be made private"


def can_mount_own() -> str:
    """Why mounts of our own cannot be had here; empty when they can. Asks in a process of its own."""
    code = "import sys; from tests.faults.stage import own_mounts; sys.stdout.write(own_mounts())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else "mounts cannot be tried"


def mount(*words: str) -> int:
    """mount(8). Its exit status."""
    return subprocess.run(["mount", *words], check=False, capture_output=True).returncode


def unmount(*words: str) -> int:
    """umount(8). Its exit status."""
    return subprocess.run(["umount", *words], check=False, capture_output=True).returncode
