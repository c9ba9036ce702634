"""The short form of ``python -m bench.soak``: cameras of every kind, struck one after the other, all come back."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHORT = ["--minutes", "0.4", "--cameras", "17", "--pause", "5", "--rest", "8", "--longest", "3", "--limit", "90"]
"""How soon they come back is for the long form to judge, on a machine that has nothing else to do."""
STRIKES = "reboot,drop,stall,codec,size"


@pytest.mark.e2e
@pytest.mark.slow
def test_cameras_of_every_kind_that_are_struck_all_come_back_with_picture_and_sound() -> None:
    command = [sys.executable, "-m", "bench.soak", *SHORT, "--strikes", STRIKES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4_000:]
    assert "| reboot |" in done.stdout
