"""The ``haechi`` command as a process of its own, over a folder of the test's own."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from haechi.base.clock import NS_PER_S, SystemClock

COMMAND = (sys.executable, "-c", "from haechi.app.cli import main; main()")
START_S = 40


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The machine's environment without its own Haechi settings; ``settings`` are names after ``HAECHI_``."""
    own = {
        "DATA_DIR": str(folder / "data"),
        "CACHE_DIR": str(folder / "cache"),
        "CONFIG": str(folder / "config.yaml"),
        "HTTP__PORT": "8300",
        "VISION__ENABLED": "false",
        "SOURCES__ALLOW": '["127.0.0.0/8"]',
        **settings,
    }
    machine = {name: value for name, value in os.environ.items() if not name.startswith("HAECHI_")}
    return {**machine, "COLUMNS": "200", "NO_COLOR": "1", **{f"HAECHI_{name}": value for name, value in own.items()}}


def haechi(*arguments: str, env: Mapping[str, str], seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run([*COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=seconds, check=False)


class Server:
    """``haechi serve`` as a process. Everything that it says goes to ``log``, which is only ever added to.

    Attributes:
        token: Of the set-up link, when it printed one.
    """

    def __init__(self, log: Path, env: Mapping[str, str], *arguments: str) -> None:
        self._log = log
        self._env = env
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""
        self.token = ""

    async def start(self) -> None:
        """Start it; returns when it listens."""
        begin = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as out:
            command = [*COMMAND, "serve", *self._arguments]
            self._process = subprocess.Popen(command, env=self._env, stdout=out, stderr=out, start_new_session=True)
        deadline_ns = SystemClock().monotonic_ns() + START_S * NS_PER_S
        found = None
        while found is None:
            assert self._process.poll() is None, self._log.read_text()
            assert SystemClock().monotonic_ns() < deadline_ns, self._log.read_text()
            await asyncio.sleep(0.05)
            said = self._log.read_bytes()[begin:].decode()
            found = re.search(r"Haechi listens on (http://[\d.:]+\d)\b(.*/setup[?#]token=(\S+)\n|\n)", said, re.DOTALL)
        self.address, self.token = found[1], found[3] or ""

    async def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = 10) -> int:
        """Send a signal; the exit status."""
        assert self._process is not None
        self._process.send_signal(how)
        return await asyncio.to_thread(self._process.wait, seconds)

    def close(self) -> None:
        """Whatever happened, it does not outlive the test."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
