"""What the judge of a view finds, as scores: the way in which modules say things. Pure, both ways.

The number of a score is for the chart: how far the view lies off, or how much is wrong. What the server needs to know
exactly stands in its reasons, a word and a value each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from haechi.base.errors import Invalid
from haechi.media.access_unit import UnitRef
from haechi.vision.result import Score
from haechi.vision.view.follow import Asked, AskReason, Moved, Settled
from haechi.vision.view.geometry import IDENTITY, Size, Transform, checked, shift_of
from haechi.vision.view.health import TROUBLES, Trouble
from haechi.vision.view.judge import Finding, Referenced, Sick, ViewJudge, Well

DRIFT = "drift"
Word = Literal["referenced", "moved", "asked", "settled", "sick", "well"]
WORDS: tuple[Word, ...] = get_args(Word)
_DIGITS = 10


class Said(Struct, frozen=True):
    """A finding as the server reads it.

    Attributes:
        transform: Where the view lies (root to now); of ``asked``: where it seems to lie.
        detail: The trouble, the light, or why a person is asked.
        error_px: How far off a corner may be, in pixels of a picture 768 wide.
        inliers: Points that agree on it.
        ref: The unit that it was found in.
    """

    word: Word
    at_ns: int
    detail: str = ""
    transform: Transform | None = None
    error_px: float = 0.0
    inliers: int = 0
    ref: UnitRef | None = None


def scored(finding: Finding, at_ns: int, ref: UnitRef, size: Size) -> Score:
    """A finding as a score of one picture."""
    word, detail, transform, error_px, inliers = _parts(finding)
    reasons = [f"{detail or word}"]
    value = 1.0
    if transform is not None:
        value = min(1.0, shift_of(transform, size).corner)
        reasons += ["transform " + " ".join(f"{term:.{_DIGITS}g}" for term in transform)]
        reasons += [f"error_px {error_px:.3f}", f"inliers {inliers}"]
    return Score(word, value, at_ns, at_ns, tuple(reasons), (ref,))


def standing(judge: ViewJudge, at_ns: int, size: Size) -> Score:
    """How far the view lies off, and what is wrong, for the chart."""
    troubles = sorted(judge.troubles)
    return Score(DRIFT, min(1.0, shift_of(judge.transform, size).corner), at_ns, at_ns, tuple(troubles))


def said(score: Score) -> Said | None:
    """The finding in a score; None when it holds none.

    Raises:
        Invalid: ``bad-finding``: it names one, and cannot be read: a worker is not trusted.
    """
    if score.name not in WORDS:
        return None
    word = score.name
    detail = score.reasons[0] if score.reasons else ""
    values = dict(one.partition(" ")[::2] for one in score.reasons[1:])
    try:
        transform = _transform(values)
        error_px, inliers = float(values.get("error_px", "0")), int(values.get("inliers", "0"))
    except ValueError as error:
        raise Invalid("what was found of a view cannot be read", code="bad-finding") from error
    _check(word, detail, transform)
    if not 0 <= error_px <= 1e4 or not 0 <= inliers <= 1 << 20:
        raise Invalid("what was found of a view cannot be read", code="bad-finding")
    ref = score.refs[0] if score.refs else None
    return Said(word, score.t0_ns, detail, transform, error_px, inliers, ref)


def _check(word: Word, detail: str, transform: Transform | None) -> None:
    allowed: Mapping[Word, tuple[str, ...]] = {
        "sick": TROUBLES,
        "well": TROUBLES,
        "asked": get_args(AskReason),
        "referenced": ("day", "night"),
    }
    if (word == "moved" and transform is None) or (word in allowed and detail not in allowed[word]):
        raise Invalid("what was found of a view cannot be read", code="bad-finding")
    checked(transform or IDENTITY)


def _transform(values: Mapping[str, str]) -> Transform | None:
    if "transform" not in values:
        return None
    terms = [float(one) for one in values["transform"].split()]
    if len(terms) != len(IDENTITY):
        raise ValueError("a transform has nine terms")
    a, b, c, d, e, f, g, h, i = terms
    return (a, b, c, d, e, f, g, h, i)


def _parts(finding: Finding) -> tuple[Word, str, Transform | None, float, int]:
    match finding:
        case Referenced(mode):
            return "referenced", mode, None, 0.0, 0
        case Sick(trouble):
            return "sick", _name(trouble), None, 0.0, 0
        case Well(trouble):
            return "well", _name(trouble), None, 0.0, 0
        case Moved(transform, estimate):
            return "moved", "", transform, estimate.error_px, estimate.inliers
        case Asked(ask, estimate):
            error_px, inliers = (estimate.error_px, estimate.inliers) if estimate is not None else (0.0, 0)
            return "asked", ask.reason, ask.proposal, error_px, inliers
        case Settled():
            return "settled", "", None, 0.0, 0


def _name(trouble: Trouble) -> str:
    return trouble
