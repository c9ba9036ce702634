"""A real coturn, with the configuration that `haechi turn config` prints."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from haechi.app.reflection import reflected
from haechi.base.errors import Unavailable
from haechi.fleet.phones.coturn import Turn, configuration
from haechi.fleet.phones.ice import IceUrl, parse_ice_url

SECRET = "6f1c0b5e4d0a4b0e9b7ce4c5"
START_S = 30.0
PROGRAM = shutil.which("turnserver")

Run = Callable[[Callable[[], tuple[str, int]]], tuple[str, int]]


def here(work: Callable[[], tuple[str, int]]) -> tuple[str, int]:
    """Run something on this host."""
    return work()


@contextmanager
def coturn(folder: Path, address: str, port: int, command: Callable[..., Sequence[str]], run: Run) -> Iterator[IceUrl]:
    """A TURN server, when it answers; skips the test where the program is missing.

    Args:
        command: Makes of a program's words how it is started on its host.
        run: Runs something on that host.
    """
    if PROGRAM is None:
        pytest.skip("no turnserver on this machine; Debian has it as coturn")
    file, log = folder / "turnserver.conf", folder / "turnserver.log"
    file.write_text(configuration(Turn(SECRET, "haechi.test", address, port=port)))
    words = (PROGRAM, "-c", str(file), "--pidfile", str(folder / "turnserver.pid"), "--db", str(folder / "turn.db"))
    with log.open("wb") as out:
        program = subprocess.Popen(command(*words), stdout=out, stderr=out, start_new_session=True)
    url = parse_ice_url(f"turn:{address}:{port}")
    try:
        deadline = time.monotonic() + START_S
        while True:
            assert program.poll() is None, log.read_text()
            try:
                run(lambda: reflected(url))
                break
            except Unavailable:
                assert time.monotonic() < deadline, log.read_text()
        yield url
    finally:
        program.terminate()
        program.wait(START_S)
