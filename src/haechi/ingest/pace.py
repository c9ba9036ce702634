"""How far apart the units of a stream come, and how many are missing where one comes too late; pure."""

from haechi.media.access_unit import TICKS_PER_S

ALIKE = 3
"""So many steps in a row that are alike are the pace of the stream; cameras change it, by night for example."""
LEAST_TICKS = TICKS_PER_S // 1000
SILENCE_TICKS = TICKS_PER_S
"""Where no packet was lost, a pause shorter than this is the camera's own: encoders leave pictures out."""
SILENCE_STEPS = 4
MISSING_MOST = 10_000
UNRESOLVED_MOST = 64
NONE = (0, 0)


class Pace:
    """Learns the distance between units from their decode times, in ticks."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._least = self._most = -1
        self._step = 0
        self._candidate = 0
        self._alike = 0
        self._unresolved: list[tuple[int, int]] = []

    def before(self, dts: int, *, damaged: int, has_loss: bool) -> tuple[int, int]:
        """Units that are missing before the one that is decoded at ``dts`` ticks: those that were lost on the way, and
        those that never came because the camera was silent.

        Args:
            damaged: Units since the last one that came damaged and were dropped: at least these are missing.
            has_loss: Packets were lost since the last unit.
        """
        last, self._last = self._last, dts
        if last is None:
            return damaged, 0
        step = dts - last
        if self._least <= step <= self._most and not damaged:
            self._alike = 0
            return NONE
        return self._unusual(step, damaged, has_loss=has_loss or damaged > 0)

    def _unusual(self, step: int, damaged: int, *, has_loss: bool) -> tuple[int, int]:
        known = self._step
        if not has_loss:
            self._learn(step)
        if not known:
            if has_loss and len(self._unresolved) < UNRESOLVED_MOST:
                self._unresolved.append((step, damaged))
            return damaged + self._resolve(), 0
        if has_loss:
            return max(damaged, _absent(step, known)), 0
        return (0, _absent(step, known)) if step >= max(SILENCE_TICKS, SILENCE_STEPS * known) else NONE

    def _resolve(self) -> int:
        """What was lost while the pace was not known yet, beyond what came damaged: known now, or still not."""
        if not self._step:
            return 0
        unresolved, self._unresolved = self._unresolved, []
        return min(sum(max(_absent(step, self._step) - damaged, 0) for step, damaged in unresolved), MISSING_MOST)

    def _learn(self, step: int) -> None:
        if step < LEAST_TICKS:
            return
        is_like = abs(step - self._candidate) * 4 <= self._candidate
        self._alike = self._alike + 1 if is_like else 1
        self._candidate = step
        if self._alike >= ALIKE:
            self._step, self._least, self._most, self._alike = step, step * 3 // 4, step * 5 // 4, 0


def _absent(step: int, known: int) -> int:
    """Units that should have come within a step."""
    return min(max((step + known // 2) // known - 1, 0), MISSING_MOST)
