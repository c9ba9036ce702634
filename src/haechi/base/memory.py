"""The garbage collector, set for a server: few cycles, many objects that live long."""

import gc

from haechi.base.clock import Clock

COLLECT_S = 30.0


def settle_memory() -> None:
    """Call once when everything is loaded and made.

    What is loaded by then (about half a million objects) lives until the end: it is taken out of every later
    collection, which otherwise costs a fifth of the intake of 50 cameras. Units hold no references to themselves and
    are not tracked at all (``gc=False``), so collections may be rare. But they must come (`collect_now_and_then`). The
    second collection is for CPython's own rule, which puts off a full one until what is new is a quarter of what the
    last full one found.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(10_000, 10, 10)


async def collect_now_and_then(clock: Clock) -> None:
    """Until cancelled.

    A connection that ended leaves a hundred objects in cycles, with its buffers. CPython collects by how many more
    objects there are than before, and cameras that come and go make enough in hours only. What lives is some ten
    thousand objects, so that a collection takes some milliseconds.
    """
    while True:
        await clock.sleep(COLLECT_S)
        gc.collect()
