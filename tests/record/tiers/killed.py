"""Moves footage and is killed at its N-th step: between any two of them, or in the middle of an upload.

python -m tests.record.tiers.killed FOLDER ENDPOINT PREFIX N
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from haechi.record.tiers.mover import Pace
from haechi.record.tiers.objects import Objects
from haechi.record.tiers.packing import Packing
from haechi.store.database import Database
from tests.record.tiers.stage import Stage, until_moved

T = TypeVar("T")
PACE = Pace(packing=Packing(target_bytes=2_000_000), at_once=1)


class Steps:
    """Counts, and ends the process without a word when the count is reached."""

    def __init__(self, last: int) -> None:
        self.left = last

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Mortal(Objects):
    """A store whose every call is a step before and a step after, and every chunk of an upload one."""

    steps = Steps(0)

    async def put(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        async def counted() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                yield chunk
                if self.steps.left % 7 == 0:
                    await asyncio.sleep(0.05)  # parts get on their way
                self.steps.step()

        await super().put(path, counted())
        self.steps.step()

    async def fetch(self, path: str, offset: int, size: int) -> bytes:
        data = await super().fetch(path, offset, size)
        self.steps.step()
        return data

    async def remove(self, path: str) -> None:
        self.steps.step()
        await super().remove(path)
        self.steps.step()


def mortal(database: Database, steps: Steps) -> None:
    """Each transaction is a step before and a step after."""
    write = database.write

    async def counted(work: Callable[[Any], T]) -> T:
        steps.step()
        done = await write(work)
        steps.step()
        return done

    database.write = counted  # type: ignore[method-assign]


async def main(stage: Stage, endpoint: str, prefix: str, last: int) -> None:
    """Move everything."""
    place = await stage.objects(endpoint, prefix)
    steps = Steps(last)
    place.__class__ = Mortal
    Mortal.steps = steps
    for known in list(stage.places.values()):
        remove = known.remove

        async def counted(path: str, remove: Any = remove) -> None:
            steps.step()
            await remove(path)
            steps.step()

        known.remove = counted  # type: ignore[method-assign]
    mortal(stage.database, steps)
    await until_moved(stage.mover(place, PACE, encrypt=True), stage)
    print(f"done with {steps.left} left", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Stage.at(Path(sys.argv[1])), sys.argv[2], sys.argv[3], int(sys.argv[4])))
