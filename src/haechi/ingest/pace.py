"""How far apart the units of a stream come, and how many are missing where one comes too late; pure."""

from haechi.media.access_unit import TICKS_PER_S

ALIKE = 3
"""So many steps in a row that are alike are the pace of the stream; cameras change it, by night for example."""
LEAST_TICKS = TICKS_PER_S // 1000
SILENCE_TICKS = TICKS_PER_S
"""Where no packet was lost, a pause shorter than this is the camera's own: encoders leave pictures out."""
SILENCE_STEPS = 4
MISSING_MOST = 10_000


class Pace:
    """Learns the distance between units from their decode times, in ticks."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._least = self._most = -1
        self._step = 0
        self._candidate = 0
        self._alike = 0

    def before(self, dts: int, *, damaged: int, has_loss: bool) -> int:
        """Units that are missing before the one that is decoded at ``dts`` ticks.

        Args:
            damaged: Units since the last one that came damaged and were dropped: at least these are missing.
            has_loss: Packets were lost since the last unit.
        """
        last, self._last = self._last, dts
        if last is None:
            return damaged
        step = dts - last
        if self._least <= step <= self._most and not damaged:
            self._alike = 0
            return 0
        return self._unusual(step, damaged, has_loss=has_loss or damaged > 0)

    def _unusual(self, step: int, damaged: int, *, has_loss: bool) -> int:
        known = self._step
        if not has_loss:
            self._learn(step)
        if not known:
            return damaged
        absent = min(max((step + known // 2) // known - 1, 0), MISSING_MOST)
        if has_loss:
            return max(damaged, absent)
        return absent if step >= max(SILENCE_TICKS, SILENCE_STEPS * known) else 0

    def _learn(self, step: int) -> None:
        if step < LEAST_TICKS:
            return
        is_like = abs(step - self._candidate) * 4 <= self._candidate
        self._alike = self._alike + 1 if is_like else 1
        self._candidate = step
        if self._alike >= ALIKE:
            self._step, self._least, self._most, self._alike = step, step * 3 // 4, step * 5 // 4, 0
