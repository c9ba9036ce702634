"""Runs every fuzz target for some seconds each, prints a table, and fails when one crashed.

    python -m fuzz.run --seconds 5 [--only rtsp]

The corpus grows in .cache/fuzz from run to run.
An input that crashes a target is kept there as crash-*: make it a test.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache" / "fuzz"
_START_S = 120
"""What importing, instrumenting and encoding the seeds may take on a busy machine."""


def run_target(name: str, seconds: int) -> tuple[bool, int, int, str]:
    """(crashed, runs, coverage, last words) of one target."""
    corpus = CACHE / name
    corpus.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=16384"]
    command = [sys.executable, "-m", f"fuzz.{name}", str(corpus), *limits, f"-artifact_prefix={corpus}/"]
    try:
        done = subprocess.run(  # noqa: S603 - our own targets
            command, cwd=HERE.parent, capture_output=True, text=True, timeout=seconds + _START_S, check=False
        )
    except subprocess.TimeoutExpired:
        return True, 0, 0, "did not end in time"
    text = done.stdout + done.stderr
    runs = re.findall(r"Done (\d+) runs|stat::number_of_executed_units: +(\d+)", text)
    coverage = re.findall(r"cov: (\d+)", text)
    count = int(next((a or b for a, b in reversed(runs)), "0"))
    return done.returncode != 0 or not count, count, int(coverage[-1]) if coverage else 0, text[-3000:]


def main() -> int:
    parser = argparse.ArgumentParser(description="run the fuzz targets")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--only", default="", help="only targets with this in their name")
    wanted = parser.parse_args()
    names = sorted(path.stem for path in HERE.glob("fuzz_*.py") if wanted.only in path.stem)
    crashes = []
    print(f"{'target':24} {'runs':>9} {'coverage':>9}  result")
    for name in names:
        crashed, runs, coverage, words = run_target(name, wanted.seconds)
        print(f"{name:24} {runs:>9} {coverage:>9}  {'CRASH' if crashed else 'ok'}", flush=True)
        if crashed:
            crashes.append((name, words))
    for name, words in crashes:
        print(f"\n--- {name} ---\n{words}", file=sys.stderr)
    if not names:
        print("there is no such target", file=sys.stderr)
    return 1 if crashes or not names else 0


if __name__ == "__main__":
    sys.exit(main())
