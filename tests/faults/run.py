"""Runs the fault suite, or a part of it.

    python -m tests.faults.run [FAULT ...] [--count N] [--seed S] [--only NUMBER] [--results FOLDER]

Without ``--count`` each fault is struck as often as ``FAULTS_KILL=50`` and the like in the environment say, or as the
whole suite wants. The exit status is 1 when a promise was
broken.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from tests.faults import clocks, cuts, damage, errors, full, house, kills, mounts, moves, recalls, stage
from tests.faults.cases import Fault, Outcome, Try

FAULTS = [
    kills.FAULT,
    cuts.FAULT,
    moves.FAULT,
    recalls.FAULT,
    recalls.POWER,
    errors.FAULT,
    errors.LOCKED,
    full.FULL,
    full.NAMES,
    full.PROTECTED,
    mounts.FAULT,
    damage.FAULT,
    clocks.FAULT,
    house.FAULT,
]
NAMED_MOST = 20
TELL_S = 60.0


class Result(msgspec.Struct):
    """What came of one fault."""

    fault: str
    seed: int
    strikes: int = 0
    tries: int = 0
    missed: int = 0
    violations: int = 0
    acknowledged: int = 0
    loss_units: int = 0
    resumed_s: float | None = None
    seconds: float = 0.0
    commit: str = ""
    date: str = ""
    skipped: str = ""

    def note(self, outcome: Outcome) -> None:
        self.strikes += outcome.struck
        self.missed += not outcome.struck
        self.violations += bool(outcome.violations)
        self.acknowledged += outcome.acknowledged
        self.loss_units = max(self.loss_units, outcome.loss_units)
        if outcome.resumed_s is not None:
            self.resumed_s = max(self.resumed_s or 0.0, outcome.resumed_s)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.faults.run", description="Runs the fault suite.")
    made.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(fault.name for fault in FAULTS))
    made.add_argument("--count", type=int, help="strikes of each fault (default: as the whole suite wants)")
    made.add_argument("--seed", type=int, help="default: drawn, and printed")
    made.add_argument("--seconds", type=float, default=float("inf"), help="stop each fault after so long")
    made.add_argument("--only", type=int, help="only the try of this number, as a failure prints it")
    made.add_argument("--keep", action="store_true", help="keep the folders of tries that failed")
    made.add_argument("--verbose", action="store_true", help="name every strike, and let the victims log")
    made.add_argument("--results", type=Path, help="write what came of each fault there")
    return made


def run(fault: Fault, options: argparse.Namespace, seed: int, mounts: str) -> Result:
    """All tries of one fault."""
    result = Result(fault.name, seed, commit=_commit(), date=time.strftime("%Y-%m-%d", time.gmtime()))
    result.skipped = fault.missing() or (mounts if fault.mounts else "")
    if result.skipped:
        print(f"faults: {fault.name}: SKIPPED: {result.skipped}", flush=True)
        return result
    began = time.monotonic()
    count = options.count or int(os.environ.get(f"FAULTS_{fault.name.upper()}", fault.count))
    number = 0 if options.only is None else options.only
    told = began
    while result.strikes < count and time.monotonic() - began < options.seconds:
        if time.monotonic() - told > TELL_S:
            told = time.monotonic()
            print(f"faults: {fault.name}: {result.strikes} of {count} strikes, {result.violations} broken", flush=True)
        one = Try(fault.name, seed, number, Path(tempfile.mkdtemp(prefix=f"haechi-{fault.name}-")))
        bad = _play(fault, one, result, verbose=options.verbose)
        result.tries += 1
        if not (bad and options.keep):
            shutil.rmtree(one.root, ignore_errors=True)
        if options.only is not None:
            break
        number += 1
    result.seconds = time.monotonic() - began
    return result


def _play(fault: Fault, one: Try, result: Result, *, verbose: bool) -> bool:
    bad = False
    for outcome in fault.play(one):
        result.note(outcome)
        if verbose:
            loss = f"{outcome.acknowledged} units acknowledged so far, {outcome.loss_units} lost"
            print(f"faults: {fault.name} try {one.number}: {outcome.what}: struck {outcome.struck}, {loss}", flush=True)
        if outcome.violations:
            bad = True
            print(f"faults: {fault.name} try {one.number}: {outcome.what}: BROKEN, folder {one.root}")
            for violation in outcome.violations[:NAMED_MOST]:
                print(f"    {violation}")
            print(
                f"    replay: python -m tests.faults.run {fault.name} --seed {one.seed} --only {one.number}", flush=True
            )
    return bad


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    options = parser().parse_args(arguments)
    if not options.verbose:
        structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    seed = random.SystemRandom().randrange(1 << 31) if options.seed is None else options.seed
    mounts = stage.own_mounts()
    unknown = set(options.faults) - {fault.name for fault in FAULTS}
    if unknown:
        print(f"faults: there is no fault {min(unknown)}; there are {', '.join(one.name for one in FAULTS)}")
        return 2
    chosen = [fault for fault in FAULTS if fault.name in options.faults or not options.faults]
    broken = 0
    print(f"faults: seed {seed}", flush=True)
    for fault in chosen:
        result = run(fault, options, seed, mounts)
        broken += result.violations
        loss_s = result.loss_units / 5
        print(
            f"faults: {fault.name}: {result.strikes} strikes in {result.tries} tries ({result.missed} came too late), "
            f"{result.violations} broken promises, worst loss {loss_s:.1f} s of a camera, {result.seconds:.0f} s",
            flush=True,
        )
        if options.results is not None:
            options.results.mkdir(parents=True, exist_ok=True)
            (options.results / f"{fault.name}-{seed}.json").write_bytes(msgspec.json.encode(result))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
