"""How hard it is to keep up with a stream, in steps: fewer looks per second first, then sync units only. Pure."""

from __future__ import annotations

from enum import IntEnum

from haechi.base.clock import NS_PER_S

STEP_S = 0.4


class Level(IntEnum):
    """What is given up."""

    NOTHING = 0
    HALF = 1
    """Every second look."""
    QUARTER = 2
    """Three of four looks."""
    SYNC = 3
    """All but the sync units: nothing else is decoded."""


class Strain:
    """The level of one stream: up when its work waits, down by one step after ``calm_s`` without that.

    Time is that of the units. Steps up are `STEP_S` apart, so that each can show what it brings.
    """

    def __init__(self, slow_wait_s: float, calm_s: float) -> None:
        self._slow_wait_s = slow_wait_s
        self._calm_ns = int(calm_s * NS_PER_S)
        self._until_ns = 0
        self._step_ns = 0
        self.level = Level.NOTHING

    def waited(self, now_ns: int, waited_s: float) -> Level:
        """The oldest unanswered work of the stream has waited for so long. Gives the level."""
        if self.level and now_ns >= self._until_ns:
            self.level = Level(self.level - 1)
            self._until_ns = now_ns + self._calm_ns
        if waited_s >= self._slow_wait_s:
            self._until_ns = now_ns + self._calm_ns
            if now_ns >= self._step_ns and self.level < Level.QUARTER:
                self.level = Level(self.level + 1)
                self._step_ns = now_ns + int(STEP_S * NS_PER_S)
        return self.level

    def overrun(self, now_ns: int) -> None:
        """Work of the stream had to be given up: fewer looks; if that was tried before, sync units only."""
        if now_ns < self._step_ns:
            return
        self._step_ns = now_ns + int(STEP_S * NS_PER_S)
        self.level = Level.SYNC if self.level >= Level.QUARTER else Level.QUARTER
        self._until_ns = now_ns + self._calm_ns
