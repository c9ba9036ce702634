"""What a stream costs a live worker, and what it would cost if all that is asked for were done. Pure.

A worker says how long each piece of work took. How much of that goes to decoding a unit and how much to looking at one
is estimated from many pieces (least squares that forget), because both are given up separately: a stream that is looked
at half as often as asked for costs less than it wants, and where to put it is decided by what it wants.
"""

from __future__ import annotations

import math

from msgspec import Struct

from haechi.base.clock import NS_PER_S

FADE_S = 15.0
"""Rates are means in which what happened so long ago counts 1/e."""
KEEP = 0.995
"""The same for pieces of work, as a factor per piece: about 200 of them count."""
PRIOR_UNIT_NS, PRIOR_LOOK_NS = 3_000_000.0, 20_000_000.0
"""What is believed before anything was measured, as strongly as one piece of work: 720p, and PicoDet on an old core."""
KNOWN_S = 3.0
"""A stream that was measured for less is not known."""


class Done(Struct, frozen=True):
    """What happened with a stream since it is followed.

    Attributes:
        wanted_units, wanted_looks: What was asked for.
        given_units, given_looks: What the worker did of it.
        used_ns: Time of the worker that this took.
    """

    wanted_units: int = 0
    wanted_looks: int = 0
    given_units: int = 0
    given_looks: int = 0
    used_ns: int = 0


class Rates(Struct, frozen=True):
    """Of `Done`, per second. ``used``: seconds of the worker per second."""

    wanted_units: float = 0.0
    wanted_looks: float = 0.0
    given_units: float = 0.0
    given_looks: float = 0.0
    used: float = 0.0


class Cost:
    """Time per unit decoded and per look, from pieces of work that had some of both.

    A look is one that was asked for: where nothing moves and the detector is spared, it costs less on the mean.
    """

    def __init__(self) -> None:
        self._units2 = self._looks2 = 1.0
        self._both = 0.0
        self._units_took, self._looks_took = PRIOR_UNIT_NS, PRIOR_LOOK_NS

    def learn(self, units: int, looks: int, took_ns: int) -> None:
        """A piece of work was done."""
        self._units2 = KEEP * self._units2 + units * units
        self._looks2 = KEEP * self._looks2 + looks * looks
        self._both = KEEP * self._both + units * looks
        self._units_took = KEEP * self._units_took + units * took_ns
        self._looks_took = KEEP * self._looks_took + looks * took_ns

    def each_ns(self) -> tuple[float, float]:
        """Of a unit, and of a look. None is negative; where they cannot be told apart, their sum is right."""
        least = 1e-3 * max(self._units2, self._looks2, 1e-9)
        units2, looks2 = self._units2 + least, self._looks2 + least
        units_took = self._units_took + least * PRIOR_UNIT_NS
        looks_took = self._looks_took + least * PRIOR_LOOK_NS
        divisor = units2 * looks2 - self._both**2
        unit_ns = (units_took * looks2 - looks_took * self._both) / divisor
        look_ns = (looks_took * units2 - units_took * self._both) / divisor
        if unit_ns < 0:
            return 0.0, max(0.0, looks_took / looks2)
        if look_ns < 0:
            return max(0.0, units_took / units2), 0.0
        return unit_ns, look_ns

    def share(self, units_per_s: float, looks_per_s: float) -> float:
        """Seconds of a worker per second."""
        unit_ns, look_ns = self.each_ns()
        return (unit_ns * units_per_s + look_ns * looks_per_s) / NS_PER_S


class Fading:
    """A rate per second, as a mean that forgets; right from the first second on."""

    def __init__(self) -> None:
        self._sum = self.time_s = 0.0

    def add(self, amount: float, past_s: float) -> None:
        """So much happened in the last so many seconds."""
        keep = math.exp(-past_s / FADE_S)
        self._sum = keep * self._sum + amount
        self.time_s = keep * self.time_s + past_s

    def per_s(self) -> float:
        """The rate; 0 of nothing."""
        return self._sum / self.time_s if self.time_s else 0.0


class Usage:
    """Which share of a worker's time is used."""

    def __init__(self) -> None:
        self._took_ns = 0
        self._before_ns: int | None = None
        self._rate = Fading()

    def add(self, took_ns: int) -> None:
        """A piece of work was done."""
        self._took_ns += took_ns

    def measure(self, now_ns: int) -> None:
        """Take what happened until now (monotonic) into the mean."""
        before_ns, self._before_ns = self._before_ns, now_ns
        if before_ns is not None and now_ns > before_ns:
            self._rate.add(self._took_ns / NS_PER_S, (now_ns - before_ns) / NS_PER_S)
        self._took_ns = 0

    @property
    def share(self) -> float:
        """Of late: 0 to 1."""
        return min(1.0, self._rate.per_s())


class Meter:
    """The rates of one stream, and its cost. It is told about once a second what happened so far."""

    def __init__(self) -> None:
        self.cost = Cost()
        self._before: tuple[int, Done] | None = None
        self._rates = tuple(Fading() for _ in range(5))

    @property
    def is_known(self) -> bool:
        """Whether it was measured for long enough to decide by it."""
        return self._rates[2].time_s >= KNOWN_S and self._rates[2].per_s() > 0

    def note(self, now_ns: int, done: Done) -> None:
        """What happened until now (monotonic)."""
        before, self._before = self._before, (now_ns, done)
        if before is None or now_ns <= before[0]:
            return
        past_s = (now_ns - before[0]) / NS_PER_S
        for rate, amount in zip(self._rates, _difference(before[1], done), strict=True):
            rate.add(amount, past_s)

    def rates(self) -> Rates:
        """Per second, of late."""
        return Rates(*(rate.per_s() for rate in self._rates))

    def wanted(self) -> float:
        """Seconds of a worker per second that the stream would take if it were given all that is asked for."""
        rates = self.rates()
        return self.cost.share(rates.wanted_units, rates.wanted_looks)


def _difference(before: Done, after: Done) -> tuple[float, float, float, float, float]:
    """Never negative: a stream that is followed anew counts from nought again."""
    return (
        max(0, after.wanted_units - before.wanted_units),
        max(0, after.wanted_looks - before.wanted_looks),
        max(0, after.given_units - before.given_units),
        max(0, after.given_looks - before.given_looks),
        max(0, after.used_ns - before.used_ns) / NS_PER_S,
    )
