"""kill -9 between any two steps of a move, and in the middle of an upload: nothing is lost, nothing is left over."""

import asyncio
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from haechi.record.tiers.objects import IDENTITY_OBJECT
from haechi.record.tiers.places import stored_path
from tests.record.tiers.killed import PACE
from tests.record.tiers.stage import Stage, until_moved
from tests.s3 import BUCKET, S3, client

SEED = 20261121
KILLS = 8


def play(folder: Path, s3: S3, prefix: str, last: int) -> subprocess.CompletedProcess[str]:
    """Run `killed` to its end."""
    command = [sys.executable, "-m", "tests.record.tiers.killed", str(folder), s3.endpoint, prefix, str(last)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def names(s3: S3, prefix: str) -> set[str]:
    """Everything that lies in the store, without the prefix."""
    found: Any = client(s3.port).list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
    return {one["Key"].removeprefix(f"{prefix}/") for one in found.get("Contents", [])}


@pytest.mark.slow
def test_a_kill_at_any_step_loses_nothing_and_leaves_nothing_over(tmp_path: Path, s3: S3) -> None:
    draw = random.Random(SEED)
    whole = Stage(tmp_path / "whole", minutes=4)
    whole.keys.add(whole.clock)
    whole.close()
    done = play(tmp_path / "whole", s3, "whole", 100_000)
    left = re.search(r"done with (\d+) left", done.stdout)
    assert left is not None, done.stderr
    steps = 100_000 - int(left[1])
    points = sorted(draw.sample(range(1, steps + 1), KILLS))
    print(f"seed {SEED}: of {steps} steps, killed at {points}")
    for number in points:
        stage = Stage(tmp_path / f"at-{number}", minutes=4)
        stage.keys.add(stage.clock)
        stage.close()
        killed = play(stage.root, s3, f"at-{number}", number)
        assert killed.returncode == -9, (number, killed.stdout, killed.stderr)
        stage.open()

        async def go_on(stage: Stage = stage, prefix: str = f"at-{number}") -> None:
            place = await stage.objects(s3.endpoint, prefix)
            mover = stage.mover(place, PACE, encrypt=True)
            assert stage.digests() == stage.before, f"after the kill at step {prefix}"
            await until_moved(mover, stage)
            await stage.reaper.once()

        asyncio.run(go_on())
        assert stage.digests() == stage.before, f"resumed after the kill at step {number}"
        assert stage.local_files() == []
        assert [stage.count("moves"), stage.count("doomed")] == [0, 0]
        used = {stored_path(row.path) for row in stage.rows()}
        assert names(s3, f"at-{number}") == used | {IDENTITY_OBJECT}, f"after the kill at step {number}"
        stage.close()
