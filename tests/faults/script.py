"""What the cameras of a fault run send: everything follows from a seed, so that a judge outside knows every byte. Pure.

A run of the suite is a row of *lives*: each is one process that records until it is stopped or struck down. The lives
of a folder follow one another in time and share the seed.
"""

import hashlib
import random
from collections.abc import Iterator

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId, StreamId
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, Codec, UnitRef, VideoParams

EPOCH_NS = 1_763_712_000 * NS_PER_S
LIFE_NS = 3600 * NS_PER_S
"""Lives begin this far apart: a life has at most 1,000 steps."""
STEPS_MOST = 1_000
RUNS_PER_LIFE = 1_000
FPS = 5
GOP = 10
STEP_NS = GOP * NS_PER_S // FPS
"""One step is one GOP is one fragment: 2 s."""
PARAMS = VideoParams(Codec.MJPEG, 64, 48)


class Chunk(Struct, frozen=True):
    """One GOP of one stream.

    Attributes:
        ends_run: The camera goes away after it; the next chunk of the stream is a new run.
    """

    stream: StreamId
    run: int
    first_seq: int
    start_ns: int
    ends_run: bool = False

    @property
    def last_seq(self) -> int:
        return self.first_seq + GOP - 1


class Script(Struct, frozen=True):
    """All cameras of a folder.

    Attributes:
        size_most: Largest payload of a unit, bytes.
        ends_share: How often a camera goes away, per step.
    """

    seed: int
    cameras: int = 3
    size_most: int = 3000
    ends_share: float = 0.04

    def streams(self) -> list[StreamId]:
        return [StreamId(f"cam_{number}/main") for number in range(self.cameras)]

    def camera_ids(self) -> list[CameraId]:
        return [CameraId(f"cam_{number}") for number in range(self.cameras)]

    def steps(self, life: int, count: int) -> Iterator[list[Chunk]]:
        """What happens in a life, step by step; within a step the cameras send by turns."""
        draw = random.Random(f"{self.seed}/{life}")
        state = dict.fromkeys(self.streams(), (life * RUNS_PER_LIFE + 1, 0))
        away = dict.fromkeys(self.streams(), 0)
        for step in range(count):
            chunks = []
            for stream in self.streams():
                if away[stream]:
                    away[stream] -= 1
                    continue
                run, seq = state[stream]
                ends = draw.random() < self.ends_share
                start_ns = life_start_ns(life) + step * STEP_NS
                chunks.append(Chunk(stream, run, seq, start_ns, ends))
                state[stream] = (run + 1, 0) if ends else (run, seq + GOP)
                away[stream] = draw.randint(1, 4) if ends else 0
            yield chunks

    def units(self, chunk: Chunk) -> list[AccessUnit]:
        """The units of a chunk, the first of them a sync unit."""
        return [self.unit(chunk, number) for number in range(GOP)]

    def unit(self, chunk: Chunk, number: int) -> AccessUnit:
        """One unit of a chunk."""
        seq = chunk.first_seq + number
        ticks = seq * TICKS_PER_S // FPS
        return AccessUnit(
            UnitRef(chunk.stream, chunk.run, seq),
            pts=ticks,
            dts=ticks,
            captured_ns=chunk.start_ns + number * NS_PER_S // FPS,
            is_sync=number == 0,
            params=0,
            data=self.payload(chunk.stream, chunk.run, seq),
        )

    def payload(self, stream: StreamId, run: int, seq: int) -> bytes:
        """Camera, run and number in clear, then noise of a length that follows from the three."""
        name = f"{self.seed} {stream} {run} {seq} ".encode()
        key = hashlib.shake_128(name)
        size = int.from_bytes(key.digest(4), "big") % (self.size_most // 2) + self.size_most // 2
        return name + key.digest(size)


def life_start_ns(life: int) -> int:
    """When the first units of a life are taken."""
    return EPOCH_NS + life * LIFE_NS
