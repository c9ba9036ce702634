"""Judges the view of one camera, picture by picture: is it healthy, and where does it lie? Pure.

Each picture costs a few milliseconds (health, trip-wire). Where the view lies is computed every ten seconds, and at
once, again and again, while something speaks for a move.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.vision.view.align import Abstained, Estimate, Model, aligned, model_of
from haechi.vision.view.follow import DEAD_PX, Asked, Course, Moved, Settled, Turn, placed_by, untold
from haechi.vision.view.geometry import IDENTITY, Transform, apart_px, composed
from haechi.vision.view.health import ON_NS, TROUBLES, Hold, Trouble, Usual, held, learnt, measured, troubles_in
from haechi.vision.view.picture import Mask, Mode, Picture, mode_of, without
from haechi.vision.view.reference import Gathering, Reference
from haechi.vision.view.state import KeptReference, ViewState, kept, restored
from haechi.vision.view.trip import RESPONSE_TO, SHIFT_PX, Wire, pulled, wire

EVERY_NS = 10 * NS_PER_S
SOON_NS = NS_PER_S * 4 // 5
"""Least time between two estimates: independent pictures."""
GATHER_NS = NS_PER_S
"""And between two pictures of a reference."""
MODE_LOOKS = 3
WEAK_SHARE = 0.35
WEAK_NS = 1800 * NS_PER_S
"""So little of the reference has been found for so long, although it lies where it should: it is made anew."""
BLINDING: frozenset[Trouble] = frozenset({"black", "covered", "frozen"})
"""Where the view lies is not asked of such pictures."""
Box = tuple[float, float, float, float]


class Referenced(Struct, frozen=True):
    """A reference was made: from now on moves of the view are seen in this light."""

    mode: Mode


class Sick(Struct, frozen=True):
    """Something is wrong with the picture."""

    trouble: Trouble


class Well(Struct, frozen=True):
    """It no longer is."""

    trouble: Trouble


Finding = Referenced | Sick | Well | Moved | Asked | Settled


class _Known(Struct):
    """A reference that is in use."""

    kept: KeptReference
    model: Model


class ViewJudge:
    """One camera.

    Attributes:
        estimates: How often it was computed where the view lies.
    """

    def __init__(self, state: ViewState | None = None) -> None:
        state = ViewState() if state is None else state
        self.estimates = 0
        self._mode = state.mode
        self._course = state.course
        self._known: dict[Mode, _Known] = {mode: _opened(one) for mode, one in state.references.items()}
        self._usual: dict[Mode, Usual] = dict(state.usual)
        self._holds: dict[Trouble, Hold] = dict(state.holds)
        self._before: Picture | None = None
        self._other_looks = 0
        self._gathering: Gathering | None = None
        self._gathered_ns = 0
        self._anchor: Wire | None = None
        self._response = 0.0
        self._estimated_ns = 0
        self._wait_ns = SOON_NS
        self._weak_ns = 0

    @property
    def transform(self) -> Transform:
        """Where the view lies: root to now."""
        return self._course.transform

    @property
    def course(self) -> Course:
        """The same, with what speaks against it."""
        return self._course

    @property
    def troubles(self) -> frozenset[Trouble]:
        """What is wrong at present."""
        return frozenset(trouble for trouble, hold in self._holds.items() if hold.is_on)

    def state(self) -> ViewState:
        """What another judge can go on from."""
        references = {mode: one.kept for mode, one in self._known.items()}
        return ViewState(1, self._mode, self._course, references, dict(self._usual), dict(self._holds))

    def take(self, picture: Picture, boxes: Sequence[Box], at_ns: int) -> tuple[Finding, ...]:
        """The next picture, what stands in it, and when it was taken."""
        if self._before is not None and self._before.size != picture.size:
            self._start_anew()
        mode = self._light(picture)
        seen = self._health(picture, mode, at_ns)
        findings: list[Finding] = list(self._hold(seen, at_ns))
        if not seen & BLINDING:
            free = without(picture.size, list(boxes))
            findings += self._gather(picture, free, mode, at_ns)
            findings += self._follow(picture, free, mode, at_ns)
        self._before = picture
        return tuple(findings)

    def _start_anew(self) -> None:
        """The camera sends another size: nothing can be compared; where the view lies is not known to have changed."""
        self._known, self._usual = {}, {}
        self._gathering, self._anchor, self._before = None, None, None

    def _light(self, picture: Picture) -> Mode:
        """The light; a change must last, or a lamp that flickers would make two views of one."""
        mode = mode_of(picture, self._mode)
        self._other_looks = self._other_looks + 1 if mode != self._mode else 0
        if self._mode is None or self._other_looks >= MODE_LOOKS:
            self._mode, self._other_looks = mode, 0
            self._gathering, self._anchor, self._weak_ns = None, None, 0
        return self._mode

    def _health(self, picture: Picture, mode: Mode, at_ns: int) -> frozenset[Trouble]:
        """What is wrong with this picture; a healthy one is learnt from."""
        measures = measured(picture, self._before)
        usual = self._usual.get(mode, Usual())
        seen = troubles_in(measures, usual)
        if not seen and not self.troubles and self._other_looks == 0:
            self._usual[mode] = learnt(usual, measures)
        return seen

    def _hold(self, seen: frozenset[Trouble], at_ns: int) -> list[Finding]:
        findings: list[Finding] = []
        for trouble in TROUBLES:
            before = self._holds.get(trouble, Hold())
            after = held(before, is_seen=trouble in seen, at_ns=at_ns, on_ns=ON_NS[trouble])
            self._holds[trouble] = after
            if after.is_on != before.is_on:
                findings.append(Sick(trouble) if after.is_on else Well(trouble))
        return findings

    def _gather(self, picture: Picture, free: Mask, mode: Mode, at_ns: int) -> list[Finding]:
        """Take pictures for a reference that is missing, or has grown old."""
        is_wanted = mode not in self._known or self._is_weak(at_ns)
        if not is_wanted or self._other_looks or self.troubles:
            self._gathering = None
            return []
        if self._gathering is None:
            self._gathering, self._gathered_ns = Gathering(picture.size), at_ns - GATHER_NS
        if at_ns - self._gathered_ns < GATHER_NS:
            return []
        self._gathered_ns = at_ns
        self._gathering.add(picture, free)
        if not self._gathering.is_full:
            return []
        reference, self._gathering = self._gathering.reference(), None
        return self._adopt(reference, picture, free, mode, at_ns)

    def _adopt(self, reference: Reference, picture: Picture, free: Mask, mode: Mode, at_ns: int) -> list[Finding]:
        """Use a new reference, if the view did not move while it was made; it lies where an older one says."""
        model = model_of(reference.even(), reference.mask)
        now = aligned(model, picture.even, free)
        if isinstance(now, Estimate) and apart_px(now.transform, IDENTITY, picture.size) > DEAD_PX:
            return []
        older = self._known.get(mode) or next(iter(self._known.values()), None)
        base = self._course.transform
        if older is not None:
            lies = aligned(older.model, model.even, model.mask)
            if isinstance(lies, Estimate):
                base = composed(lies.transform, older.kept.base)
            elif mode in self._known:
                self._weak_ns = 0
                return []
        self._known[mode] = _Known(kept(reference, base, at_ns), model)
        self._weak_ns = 0
        return [Referenced(mode)]

    def _is_weak(self, at_ns: int) -> bool:
        return self._weak_ns > 0 and at_ns - self._weak_ns >= WEAK_NS

    def _follow(self, picture: Picture, free: Mask, mode: Mode, at_ns: int) -> list[Finding]:
        """See where the view lies, when it is time to."""
        known = self._known.get(mode) or next(iter(self._known.values()), None)
        if known is None:
            return []
        is_tripped = self._trips(picture)
        since_ns = at_ns - self._estimated_ns
        is_urgent = is_tripped or bool(self._course.pending)
        if since_ns < (self._wait_ns if is_urgent else EVERY_NS):
            return []
        self._estimated_ns = at_ns
        self.estimates += 1
        found = aligned(known.model, picture.even, free)
        turn = self._turn(known, found, picture, at_ns, is_tripped=is_tripped and mode in self._known)
        is_at_rest = not self._course.pending and isinstance(found, Estimate)
        if is_at_rest or not is_tripped:
            self._anchor, self._response = wire(picture.small), 0.0
        self._wait_ns = min(2 * self._wait_ns, EVERY_NS) if is_tripped and not self._course.pending else SOON_NS
        return [] if turn is None else [turn]

    def _turn(
        self, known: _Known, found: Estimate | Abstained, picture: Picture, at_ns: int, *, is_tripped: bool
    ) -> Turn | None:
        if isinstance(found, Abstained):
            is_dark = found.reason == "few-features"
            self._course, turn = untold(self._course, at_ns, is_tripped=is_tripped and not is_dark)
            return turn
        where = composed(found.transform, known.kept.base)
        self._course, turn = placed_by(self._course, found, where, picture.size, at_ns)
        is_weak = found.share < WEAK_SHARE and not self._course.pending
        self._weak_ns = (self._weak_ns or at_ns) if is_weak else 0
        return turn

    def _trips(self, picture: Picture) -> bool:
        """Whether the view seems to have moved since the last time that it was known where it lies."""
        if self._anchor is None:
            return True
        shift, response = pulled(self._anchor, picture.small)
        self._response = self._response or response
        if shift > SHIFT_PX or response < RESPONSE_TO * self._response:
            return True
        self._response += 0.1 * (response - self._response)
        return False


def _opened(one: KeptReference) -> _Known:
    reference = restored(one)
    return _Known(one, model_of(reference.even(), reference.mask))
