"""A program that records without end and prints each fragment when it is acknowledged; made to be killed.

    python -m tests.record.crash_writer FOLDER FIRST_RUN [sealed]

Each line: stream run first_seq last_seq. What a unit holds follows from its reference (`pictures`).
"""

import asyncio
import os
import sys
from pathlib import Path

from haechi.base.ids import StreamId
from haechi.media.access_unit import TICKS_PER_S, UnitRef
from haechi.record.disk.keys import KeyRing
from haechi.record.write.recorder import Acknowledged, RecorderSettings
from haechi.record.write.segmenter import Limits
from tests.record.archive import JPEG, Archive, pictures

CAMERAS = 3
FILE_S = 12
"""Short files, so that many are begun and closed."""


def tell(done: list[Acknowledged]) -> None:
    lines = "".join(f"{one.stream} {one.run} {one.first_seq} {one.last_seq}\n" for one in done)
    os.write(1, lines.encode())


def main_for(root: Path, fragments: int) -> None:
    """Record so many fragments or until the disk fails, then stop as planned and say so."""
    asyncio.run(main(root, 1, fragments))
    os.write(1, b"stopped by itself\n")


async def main(root: Path, run: int, fragments: int = 1 << 62, *, is_sealed: bool = False) -> None:
    keys = KeyRing(root / "keys.json")
    limits = Limits(file_ticks=FILE_S * TICKS_PER_S)
    archive = Archive(
        root, settings=RecorderSettings(gather_s=0.01, limits=limits, keys=keys, encrypt=is_sealed), keys=keys
    )
    if is_sealed and not keys.keys():
        keys.add(archive.clock)
    archive.recorder.on_acknowledged(tell)
    streams = [StreamId(f"cam_{number}/main") for number in range(CAMERAS)]
    starts = {stream: await archive.index.newest_captured_ns(stream) for stream in streams}
    async with archive:
        os.write(1, b"ready\n")
        for number in range(100_000):
            for stream in streams:
                first = UnitRef(stream, run, 20 * number)
                start_ns = max(starts[stream] + 10**10, 1_763_712_000 * 10**9) + number * 2 * 10**9
                archive.publish(JPEG, pictures(20, first, start_ns, size=3000))
            await asyncio.sleep(0.002)
            stats = archive.recorder.stats
            if stats.fragments >= fragments or stats.failure:
                break
    archive.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), is_sealed="sealed" in sys.argv[3:]))
