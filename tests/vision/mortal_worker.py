"""The real decode worker, with a decoder that breaks on certain bytes, as one with a hole in it would.

A unit that holds `KILLS` ends the process in the midst of decoding; one that holds `HANGS` or `SPINS` never returns,
idle or busy.
"""

import os
import sys
import time

from haechi.vision import gops, worker
from haechi.vision.decode import Decoded, GopDecoder

KILLS, HANGS, SPINS = b"poison: kill", b"poison: hang", b"poison: spin"


class MortalDecoder(GopDecoder):
    """A decoder with a hole."""

    def feed(self, index: int, pts: int, data: bytes) -> list[Decoded]:
        """Decode, or break."""
        if KILLS in data:
            os.abort()
        while HANGS in data:
            time.sleep(1)
        while SPINS in data:
            sum(range(10_000))
        return super().feed(index, pts, data)


if __name__ == "__main__":
    vars(gops)["GopDecoder"] = vars(worker)["GopDecoder"] = MortalDecoder
    raise SystemExit(worker.main(int(sys.argv[1])))
