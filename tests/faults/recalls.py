"""SIGKILL and power cuts while footage of the past is filled in: what a camera remembers is lost by no crash of ours.

A folder is recorded to, then the camera is away, then it is back and sends what it remembers, GOP by GOP, and somewhere
there the process dies. After the next start, what was said to be held is held, exactly the units that are said to be
held lie on the disk, and when the camera has sent the rest, all of it is there: once, in order, in one piece (D9).
"""

import asyncio
import os
import random
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from haechi.base.errors import HaechiError
from haechi.media.reverse.edge import EdgeRun
from haechi.record.index.ranges import joined, without
from haechi.record.repair.check import CheckLevel, check
from haechi.record.write.recorder import RecorderSettings
from haechi.record.write.segmenter import Limits
from tests.faults.cases import Fault, Outcome, Try, outcome
from tests.faults.disk import Cut
from tests.faults.evidence import Damaged, read_footage, read_index, unlisted
from tests.faults.judge import NAMED_MOST, Verdict, tiles
from tests.faults.orders import NEVER, Order
from tests.faults.pcfs import PowerCutDisk, can_mount
from tests.faults.stage import Child, Hung, Tracer, can_trace
from tests.faults.victim import tell
from tests.record.archive import MAIN
from tests.record.backfill.camera import GOP, Camera, Site
from tests.streams import START_NS

STRIKES = 4
APART_NS = 3_600_000_000_000
"""Between two strikes on one folder."""
AWAY, BACK, END = 60, 300, 340
"""Units: what came before the camera was away, where it is back, and how far it goes."""
CALLS = {"pwrite64": 150, "fdatasync": 40, "openat": 60, "fsync": 6, "ftruncate": 2, "close": 40, "unlink": 2}
"""Which calls are struck, and how many of them a life makes, about."""
CHANGES_MOST = 330
LIFE_S = 60.0


class Past(Struct, frozen=True):
    """One outage of one camera.

    Attributes:
        number: Outages of a folder count from 1; each is an edge run of its own.
        seed: Of the order in which the camera sends.
    """

    folder: Path
    number: int
    seed: int

    @property
    def camera(self) -> Camera:
        return Camera(EdgeRun(self.number), start_ns=START_NS + self.number * APART_NS)

    def parts(self, first: int, end: int) -> list[tuple[int, int]]:
        """Whole GOPs as they are sent: mostly one by one and in order."""
        draw = random.Random(self.seed)
        starts = [first, *(one for one in range(first // GOP * GOP + GOP, end, GOP) if draw.random() < 0.8)]
        found = list(pairwise([*starts, end]))
        if draw.random() < 0.2:
            draw.shuffle(found)
        return found


def site(past: Past, seq: int) -> Site:
    """The recorder at a time; short files, so that many are begun and closed."""
    limits = Limits(file_ticks=8 * 90_000)
    made = Site(past.folder, settings=RecorderSettings(gather_s=0, settled_s=0.2, limits=limits, reserve_bytes=0))
    made.now.now_ns = past.camera.taken_ns(seq)
    return made


def before(past: Past, voice: int) -> None:
    """Until the camera is away."""

    async def live(here: Site) -> None:
        async with here:
            await here.live(past.camera, 0, AWAY)
            await here.until_acknowledged(AWAY)
        os.write(voice, b"away\n")

    _run(live, site(past, 0))


def back(past: Past, voice: int) -> None:
    """The camera is back, and sends; ``h`` first end: said to be held."""

    async def live(here: Site) -> None:
        async with here:
            await here.live(past.camera, BACK, END)
            await here.until_acknowledged(END - BACK)
            for first, end in past.parts(AWAY, BACK):
                await here.fill(past.camera, first, end)
                os.write(voice, f"h {first} {end}\n".encode())
        os.write(voice, b"stopped\n")

    try:
        _run(live, site(past, BACK))
    except HaechiError as error:
        tell(voice, error.code, error.message)


def after(past: Past, promised: list[tuple[int, int]], voice: int) -> None:
    """The next start: what is there, then the rest, then all of it. Writes a verdict."""
    wrong: list[str] = []

    async def look(here: Site) -> None:
        async with here:
            held = await here.held(past.camera)
            wrong.extend(f"D2 said to be held, and is not: {one}" for one in without(promised, held))
            wrong.extend(compared(past, held))
            await here.live(past.camera, END, END + GOP)
            await here.until_acknowledged(GOP)
            for first, end in without([(0, END)], held):
                await here.fill(past.camera, first, end)
            if (whole := await here.held(past.camera)) != [(0, END + GOP)]:
                wrong.append(f"D9 the camera has sent all, and held is {whole}")
        report = await check(here.index, here.volume, CheckLevel.HASH)
        wrong.extend(f"D2 check: {issue}" for issue in report.issues[:NAMED_MOST])

    _run(look, site(past, END))
    wrong += compared(past, [(0, END + GOP)])
    wrong += [f"D2 neither listed nor removed: {path}" for path in unlisted(past.folder)]
    os.write(voice, msgspec.json.encode(Verdict(tuple(wrong), sum(b - a for a, b in promised))))


def compared(past: Past, held: list[tuple[int, int]]) -> list[str]:
    """What lies on the disk, beside what is said to be held; and D6 and D7 of all that is listed."""
    index, wrong = read_index(past.folder / "haechi.db"), list[str]()
    last_ns, mark, found = 0, f"{MAIN}:{past.number}:", list[int]()
    for row in index.rows:
        try:
            units = list(
                read_footage((past.folder / "record" / row.path).read_bytes()[: row.size_bytes], row.init_bytes)
            )
        except (Damaged, OSError) as error:
            wrong.append(f"D2 listed, but not readable: {row.path}: {error}")
            continue
        stamps = [last_ns, *(unit.captured_ns for unit in units)]
        wrong += [f"D7 {row.path}: stamps do not increase"] * any(a >= b for a, b in pairwise(stamps))
        last_ns = stamps[-1]
        texts = [unit.payload.decode().rstrip(".") for unit in units]
        found += [int(text.removeprefix(mark)) for text in texts if text.startswith(mark)]
    wrong += [f"D9 units are there twice: {len(found) - len(set(found))}"] * (len(found) != len(set(found)))
    there = joined((seq, seq + 1) for seq in sorted(set(found)))
    wrong += [f"D9 said to be held: {held}; on the disk: {there}"] * (there != held)
    wrong += [f"D9 not in order: {mark}"] * (found != sorted(found))
    for row in index.rows:
        within = [one for one in index.holes if one.end_ns is None or one.end_ns > row.start_ns]
        wrong += [f"D6 a gap lies within {row.path}" for one in within if one.start_ns < row.end_ns]
    return wrong + list(tiles(MAIN, index))


def _run(live: Callable[[Site], Coroutine[Any, Any, None]], here: Site) -> None:
    try:
        asyncio.run(live(here))
    finally:
        here.close()


def kill(one: Try) -> Iterator[Outcome]:
    """A folder whose recorder is killed in the middle of each of its outages."""
    draw = one.draw()
    for number in range(1, STRIKES + 1):
        past = Past(one.root, number, draw.randrange(1 << 30))
        call = draw.choice(list(CALLS))
        when = draw.randint(1, CALLS[call])
        wrong = _quiet(past)
        child = Child(partial(back, past))
        tracer = Tracer(child.pid, ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={when}"])
        try:
            child.go()
            status = child.end()
        except Hung as hung:
            status, wrong = 0, (*wrong, str(hung))
        finally:
            tracer.close()
        is_killed = os.WIFSIGNALED(status)
        if not is_killed and b"stopped\n" not in child.said:
            wrong = (*wrong, f"broke down: {child.said[-600:].decode()}")
        verdict = _judged(past, child.said) if not wrong else Verdict(())
        yield outcome(f"SIGKILL before {call} {when}", verdict, struck=is_killed, also=wrong)


def cut(one: Try) -> Iterator[Outcome]:
    """A disk that forgets what was not synced."""
    draw = one.draw()
    disk = PowerCutDisk(one.root / "disk")
    try:
        for number in range(1, STRIKES + 1):
            past = Past(disk.folder, number, draw.randrange(1 << 30))
            order = Order(draw.randint(1, CHANGES_MOST), draw.choice(list(Cut)), draw.randrange(1 << 30))
            disk.mount()
            wrong = _quiet(past)
            disk.unmount()
            disk.mount(order)
            child = Child(partial(back, past))
            child.go()
            deadline = time.monotonic() + LIFE_S
            while child.read(0.02) and not disk.is_cut and time.monotonic() < deadline:
                pass
            child.kill()
            child.end()
            is_cut = disk.is_cut
            disk.unmount()
            if not is_cut and b"stopped\n" not in child.said:
                wrong = (*wrong, f"broke down or hung: {child.said[-600:].decode()}")
            disk.mount()
            verdict = _judged(past, child.said) if not wrong else Verdict(())
            disk.unmount()
            what = f"power cut at change {order.when}, {order.cut.value}"
            yield outcome(what, verdict, struck=is_cut and order.when < NEVER, also=wrong)
    finally:
        disk.close()


def _quiet(past: Past) -> tuple[str, ...]:
    child = Child(partial(before, past))
    child.go()
    try:
        child.end()
    except Hung as hung:
        return (f"before: {hung}",)
    return () if child.said.endswith(b"away\n") else (f"before: {child.said[-600:].decode()}",)


def _judged(past: Past, said: bytes) -> Verdict:
    lines = [line.split() for line in said.split(b"\n")[:-1] if line.startswith(b"h ")]
    promised = joined(sorted((int(first), int(end)) for _, first, end in lines))
    child = Child(partial(after, past, promised))
    child.go()
    try:
        status = child.end()
    except Hung as hung:
        return Verdict((f"after: {hung}",))
    if status or not child.said.endswith(b"}"):
        return Verdict((f"after: {child.said[-900:].decode(errors='replace')}",))
    return msgspec.json.decode(child.said.rpartition(b"\n")[2], type=Verdict)


FAULT = Fault(
    "recall", "SIGKILL while footage of the past is filled in",
    "D2 D7 D9: what was said to be held is held; nothing is lost, twice, or over one another",
    count=200, strikes=STRIKES, play=kill, missing=can_trace,
)  # fmt: skip
POWER = Fault(
    "recall-power", "power cut while footage of the past is filled in",
    "D2 D7 D9: the same",
    count=200, strikes=STRIKES, play=cut, missing=can_mount,
)  # fmt: skip
