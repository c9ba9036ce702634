"""The garbage collector, set for a server: few cycles, many objects that live long."""

import gc


def settle_memory() -> None:
    """Call once when everything is loaded and made.

    What is loaded by then (about half a million objects) lives until the end: it is taken out of every later
    collection, which otherwise costs a fifth of the intake of 50 cameras. Units hold no references to themselves and
    are not tracked at all (``gc=False``), so collections may be rare. But they must come: a connection that ended
    leaves a hundred objects in cycles, with its buffers. The second collection is for CPython's own rule, which puts
    off a full one until what is new is a quarter of what the last full one found.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(10_000, 10, 10)
