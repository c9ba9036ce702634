"""What a fault is, what a try of it gives, and how tries are named so that each can be replayed."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from tests.faults.judge import Verdict


class Outcome(Struct, frozen=True):
    """One strike and what came of it.

    Attributes:
        struck: False: the life ended before the fault came; judged, but not counted as a strike.
        loss_units: Most units of one camera that were lost.
        what: The fault in a few words.
        resumed_s: How long it took until footage was acknowledged again, where the fault measures that.
    """

    what: str
    violations: tuple[str, ...] = ()
    struck: bool = True
    acknowledged: int = 0
    loss_units: int = 0
    resumed_s: float | None = None


class Try(Struct, frozen=True):
    """One folder and the strikes on it.

    Attributes:
        seed, number: Of the suite's run, and of the try in it: everything random follows from the two.
        root: Where it may make folders.
    """

    fault: str
    seed: int
    number: int
    root: Path

    def draw(self) -> random.Random:
        """The dice of this try."""
        return random.Random(f"{self.fault}/{self.seed}/{self.number}")


class Fault(Struct, frozen=True):
    """A kind of fault.

    Attributes:
        promise: What must hold, by the numbers of CONTRACT.md, for the table.
        count: Strikes in a whole run of the suite.
        strikes: Strikes in one try.
        play: Plays one try.
        missing: Why it cannot be tried on this machine; empty when it can.
        mounts: It needs mounts of its own.
        measures_loss: What is lost is at most the fragment in flight; elsewhere it shows in gaps.
    """

    name: str
    title: str
    promise: str
    count: int
    strikes: int
    play: Callable[[Try], Iterator[Outcome]]
    missing: Callable[[], str] = lambda: ""
    mounts: bool = False
    measures_loss: bool = False


def outcome(what: str, verdict: Verdict, *, struck: bool = True, also: tuple[str, ...] = ()) -> Outcome:
    """A verdict as the outcome of a strike; ``also``: what was seen to be wrong before the judge came."""
    return Outcome(what, also + verdict.violations, struck, verdict.acknowledged, verdict.loss_units if struck else 0)
