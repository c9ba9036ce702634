"""kill -9 between any two steps of a move, and in the middle of an upload: nothing is lost, nothing is left over."""

import asyncio
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.record.tiers.identity import IDENTITY_OBJECT
from haechi.record.tiers.places import stored_path
from tests.record.tiers.killed import PACE
from tests.record.tiers.stage import Stage, until_moved
from tests.s3 import BUCKET, S3, client

SEED = 20261121
KILLS = 4


def play(folder: Path, s3: S3, prefix: str, last: int) -> subprocess.CompletedProcess[str]:
    """Run `killed` to its end."""
    command = [sys.executable, "-m", "tests.record.tiers.killed", str(folder), s3.endpoint, prefix, str(last)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def names(s3: S3, prefix: str) -> set[str]:
    """Everything that lies in the store, without the prefix."""
    found: Any = client(s3.port).list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
    return {one["Key"].removeprefix(f"{prefix}/") for one in found.get("Contents", [])}


def footage(root: Path) -> Stage:
    stage = Stage(root, minutes=4)
    stage.keys.add(stage.clock)
    stage.close()
    return stage


async def go_on(stage: Stage, s3: S3, prefix: str) -> None:
    """What a start after a kill does."""
    place = await stage.objects(s3.endpoint, prefix)
    mover = stage.mover(place, PACE, encrypt=True)
    assert stage.digests() == stage.before, f"before going on, {prefix}"
    await until_moved(mover, stage)
    await stage.reaper.once()
    now_ns = SystemClock().wall_ns()
    await place.tidy(now_ns + 60 * NS_PER_S, now_ns)


def is_tidy(stage: Stage, s3: S3, prefix: str) -> None:
    """All footage is there and read from the store, and nothing else is anywhere."""
    assert stage.digests() == stage.before, prefix
    assert stage.local_files() == []
    assert [stage.count("moves"), stage.count("doomed")] == [0, 0]
    used = {stored_path(row.path) for row in stage.rows()}
    assert names(s3, prefix) == used | {IDENTITY_OBJECT}, prefix
    assert "Uploads" not in client(s3.port).list_multipart_uploads(Bucket=BUCKET, Prefix=f"{prefix}/")


@pytest.mark.slow
def test_a_kill_at_any_step_loses_nothing_and_leaves_nothing_over(tmp_path: Path, s3: S3) -> None:
    kills, seed = int(os.environ.get("HAECHI_KILLS", KILLS)), int(os.environ.get("HAECHI_SEED", SEED))
    done = play(footage(tmp_path / "whole").root, s3, "whole", 100_000)
    left = re.search(r"done with (\d+) left", done.stdout)
    assert left is not None, done.stderr
    steps = 100_000 - int(left[1])
    points = sorted(random.Random(seed).sample(range(1, steps + 1), min(kills, steps)))
    print(f"seed {seed}: of {steps} steps, killed at {points}")
    for number in points:
        prefix = f"at-{number}"
        stage = footage(tmp_path / prefix)
        killed = play(stage.root, s3, prefix, number)
        assert killed.returncode == -9, (number, killed.stdout, killed.stderr)
        stage.open()
        asyncio.run(go_on(stage, s3, prefix))
        is_tidy(stage, s3, prefix)
        stage.close()
