"""A short part of the fault suite, always with the same seed. The whole of it: `make faults`, docs/ref/faults.md."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import clocks, moves
from tests.faults.pcfs import can_mount
from tests.faults.stage import can_mount_own, can_trace

REPOSITORY = Path(__file__).parents[2]
SEED = 20261121


def nothing() -> str:
    return ""


SHORT: list[tuple[str, int, Callable[[], str]]] = [
    ("kill", 8, can_trace),
    ("power", 8, can_mount),
    ("moves", 4, moves.missing),
    ("recall", 4, can_trace),
    ("recall-power", 4, can_mount),
    ("errors", 9, can_trace),
    ("damage", 5, nothing),
    ("mounts", 3, can_mount_own),
    ("protected", 1, can_mount_own),
    ("locked", 1, nothing),
    ("clock", 1, clocks.missing),
]
"""Fault, strikes, and why it cannot be tried here."""


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "count", "missing"), SHORT, ids=[fault for fault, _, _ in SHORT])
def test_whatever_strikes_the_promises_hold(fault: str, count: int, missing: Callable[[], str]) -> None:
    """In a process of its own: it forks, and a test runner has threads."""
    if reason := missing():
        pytest.skip(f"{count} strikes of the fault suite left out: {reason}")
    command = [sys.executable, "-m", "tests.faults.run", fault, "--count", str(count), "--seed", str(SEED)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "0 broken promises" in done.stdout
    assert "SKIPPED" not in done.stdout
