"""What the daemon of a power-cut disk is told."""

import msgspec

from tests.faults.disk import Cut

NEVER = 1 << 60


class Order(msgspec.Struct):
    """Mount, and cut at the ``when``-th change (counted from 1)."""

    when: int = NEVER
    cut: Cut = Cut.LOST
    seed: int = 0
