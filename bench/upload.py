"""Upload throughput into an S3 server on this machine: Haechi's mover beside aioboto3, same bytes, in turns.

python -m bench.upload [--runs 5] [--megabytes 256]

Haechi reads recordings, compares every fragment with its hash, packs them into objects of 64 MB and uploads them by
multipart with SHA-256 for each part; then it reads everything back and compares (left out in the second row), and
moves the index rows. aioboto3 uploads files of the same bytes and size with its defaults, and checks nothing.
"""

import argparse
import asyncio
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from tests.record.tiers.stage import Stage
from tests.s3 import ACCESS_KEY, BUCKET, S3, SECRET_KEY, s3_server

from haechi.record.tiers.mover import Pace
from haechi.record.tiers.objects import Limits

OBJECT_BYTES = 64 * 1024 * 1024
PATIENT = Limits(60.0, 120.0, 5.0)
CAMERA_BPS = 1_500_000
CAMERAS = 25


async def ours(stage: Stage, s3: S3, name: str, *, seal: bool, verify: bool) -> tuple[float, int]:
    """Seconds, and bytes of footage that were moved."""
    if seal:
        stage.keys.add(stage.clock)
    place = await stage.objects(s3.endpoint, name, PATIENT)
    mover = stage.mover(place, Pace(verify=verify), encrypt=seal)
    began_s = time.perf_counter()
    while await mover.round():
        pass
    took_s = time.perf_counter() - began_s
    return took_s, mover.stats.moved_bytes


async def theirs(files: list[Path], s3: S3, name: str, *, verify: bool) -> tuple[float, int]:
    """aioboto3's upload_file for each file, two at a time, as the mover has two objects on their way."""
    import aioboto3

    session = aioboto3.Session(ACCESS_KEY, SECRET_KEY, region_name="us-east-1")
    began_s = time.perf_counter()
    async with session.client("s3", endpoint_url=s3.endpoint) as client:
        queue = iter(files)

        async def work() -> None:
            for file in queue:
                key = f"{name}/{file.name}"
                await client.upload_file(str(file), BUCKET, key)
                if verify:
                    answer = await client.get_object(Bucket=BUCKET, Key=key)
                    hashed = hashlib.sha256()
                    async for chunk in answer["Body"].iter_chunks(1 << 20):
                        hashed.update(chunk)
                    with file.open("rb") as opened:
                        assert hashlib.file_digest(opened, "sha256").digest() == hashed.digest()

        await asyncio.gather(work(), work())
    return time.perf_counter() - began_s, sum(file.stat().st_size for file in files)


def objects_of(folder: Path, target: Path) -> list[Path]:
    """The same recordings, joined into files as large as our objects."""
    found: list[Path] = []
    size = OBJECT_BYTES
    for path in sorted((folder / "record").rglob("*.mp4")):
        if not found or size + path.stat().st_size > OBJECT_BYTES:
            found.append(target / f"{len(found):04}.bin")
            size = 0
        with found[-1].open("ab") as out:
            out.write(path.read_bytes())
        size += path.stat().st_size
    return found


Contestant = Callable[[Stage, str], Coroutine[None, None, tuple[float, int]]]


def main() -> None:
    """Measure in turns, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=256)
    wish = parser.parse_args()
    minutes = 10
    size = wish.megabytes * 1_000_000 // (2 * minutes * 60)
    with tempfile.TemporaryDirectory(prefix="haechi-upload-") as scratch:
        root = Path(scratch)
        with s3_server(root / "s3") as s3:
            Stage(root / "source", minutes, size).close()
            files = objects_of(root / "source", root)
            rows: dict[str, Contestant] = {
                "Haechi, read back": lambda at, name: ours(at, s3, name, seal=False, verify=True),
                "Haechi, not read back": lambda at, name: ours(at, s3, name, seal=False, verify=False),
                "Haechi, sealed, read back": lambda at, name: ours(at, s3, name, seal=True, verify=True),
                "aioboto3, read back": lambda _, name: theirs(files, s3, name, verify=True),
                "aioboto3, not read back": lambda _, name: theirs(files, s3, name, verify=False),
            }
            found = measure(rows, wish.runs, root, (minutes, size))
    report(found)


def measure(
    rows: dict[str, Contestant], runs: int, root: Path, footage: tuple[int, int]
) -> dict[str, list[tuple[float, float]]]:
    """MB/s and CPU seconds of this process per GB, of each run; one warm-up run is thrown away."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    for run in range(runs + 1):
        for number, (name, contestant) in enumerate(rows.items()):
            stage = Stage(root / f"run-{run}-{number}", *footage)
            os.sync()
            cpu_s = time.process_time()
            took_s, moved = asyncio.run(contestant(stage, f"b{run}-{number}"))
            cpu_s = time.process_time() - cpu_s
            stage.close()
            if run:
                found[name].append((moved / took_s / 1e6, cpu_s / moved * 1e9))
            print(f"run {run} {name}: {moved / took_s / 1e6:.0f} MB/s", file=sys.stderr)
    return found


def report(found: dict[str, list[tuple[float, float]]]) -> None:
    """Medians and spread."""
    needed = CAMERA_BPS * CAMERAS / 8 / 1e6
    print(f"| | MB/s, median (least-most) | CPU s per GB | × real time of {CAMERAS} cameras |\n|---|---|---|---|")
    for name, runs in found.items():
        speeds, cpu = [run[0] for run in runs], [run[1] for run in runs]
        middle = statistics.median(speeds)
        span = f"{middle:.0f} ({min(speeds):.0f}-{max(speeds):.0f})"
        print(f"| {name} | {span} | {statistics.median(cpu):.1f} | {middle / needed:.0f} |")


if __name__ == "__main__":
    main()
