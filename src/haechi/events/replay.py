"""Makes a stored decision again from the recording, and names the first stage that differs.

The stages are those of the frame's walk: the recording must hold the bytes that the decoder was given, these must
decode to the same picture, the detector must find the same in it to the last bit, and so must every module that looked
after it (joints, appearance, scores), and the rules must decide the same. What others' modules saw, and what depends on
what a module knew of the stream before, is taken as it is stored: it is evidence, and cannot be made again from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct, structs

from haechi.base.errors import DataLoss, Invalid, NotFound
from haechi.events.desk import Basis
from haechi.events.event import Event, ReplayReport
from haechi.events.footage import Footage
from haechi.events.rules import Closed, Decision, Opened, decide, finish
from haechi.media.access_unit import UnitRef, VideoParams
from haechi.vision.pool import VisionPool
from haechi.vision.programme import EMBEDDING, KEYFRAMES, OBJECTS, POSE, detectors_of
from haechi.vision.result import Detection, FrameResult
from haechi.vision.track import track

Stage = Literal["bytes", "decode", "detector", "pose", "embedding", "scores", "rules"]
_ORDER: tuple[Stage, ...] = ("bytes", "decode", "detector", "pose", "embedding", "scores")
_Check = tuple[bool, Stage, str]


class Difference(Struct, frozen=True):
    """Where a replay differs from what is stored."""

    stage: Stage
    ref: UnitRef
    message: str


async def replay(
    event: Event, basis: Basis, looks: Sequence[FrameResult], *, footage: Footage, pool: VisionPool
) -> ReplayReport:
    """Compare every look around an event, and the decision.

    Raises:
        Unavailable: No decode worker answered; that says nothing about the decision.
    """
    since = next((n for n, look in enumerate(looks) if look.ref == basis.ref), None)
    if since is None or not looks:
        return _report(Difference("bytes", basis.ref, "the results of the event are not stored any more"), 0, 0)
    looks = looks[since:]
    found: list[Difference] = []
    for group in _by_gop(looks):
        found += await _look_again(group, footage, pool)
    if found:
        first = min(found, key=lambda one: _ORDER.index(one.stage))
        return _report(first, len(looks), sum(one.stage == first.stage for one in found))
    return _report(decide_again(event, basis, looks), len(looks), 1)


async def _look_again(looks: Sequence[FrameResult], footage: Footage, pool: VisionPool) -> list[Difference]:
    """Looks of one GOP with the same modules, against what decoding and looking give now."""
    first, last = looks[0], max(looks, key=lambda look: look.ref.seq)
    run, sync_seq = first.ref.run, first.sync_seq
    try:
        held = await footage.units(first.ref.stream, run, sync_seq, last.ref.seq)
    except (NotFound, DataLoss) as error:
        return [
            Difference("bytes", look.ref, f"the recording does not give the unit: {error.message}") for look in looks
        ]
    if not isinstance(held.params, VideoParams) or not held.units or held.units[0].ref.seq != sync_seq:
        return [Difference("bytes", look.ref, "the recording does not begin at the same sync unit") for look in looks]
    try:
        results = await pool.infer(held.units, held.params, {look.ref for look in looks}, modules_of(first))
    except Invalid as error:
        return [Difference("decode", look.ref, error.message) for look in looks]
    now = {result.ref: result for result in results}
    differences = [compare(look, now.get(look.ref)) for look in looks]
    return [difference for difference in differences if difference is not None]


def compare(then: FrameResult, now: FrameResult | None) -> Difference | None:
    """The first stage at which a look differs."""
    if now is None:
        return Difference("decode", then.ref, "the unit does not decode to a picture any more")
    checks: tuple[_Check, ...] = (
        (now.unit_sha256 == then.unit_sha256, "bytes", "the recorded unit is not the one that the decoder was given"),
        (
            now.gop_sha256 == then.gop_sha256,
            "bytes",
            "a unit before this one in its GOP is not the one that was decoded",
        ),
        (now.frame_sha256 == then.frame_sha256, "decode", "the same bytes decode to another picture"),
        (now.model_hash == then.model_hash, "detector", "another model is in use now than when this was decided"),
        (now.config_hash == then.config_hash, "detector", "the detector runs in another configuration or version now"),
        (_boxes(now) == _boxes(then), "detector", "the same picture gives other detections"),
        *_later_checks(then, now),
    )
    return next((Difference(stage, then.ref, message) for is_same, stage, message in checks if not is_same), None)


def _later_checks(then: FrameResult, now: FrameResult) -> tuple[_Check, ...]:
    """What looked after the detector. Not of each thing in each frame is told what it looks like."""
    pairs = list(zip(_own(then), now.detections, strict=False))
    scored = {step.module for step in now.steps}
    scores = tuple(score for score in then.scores if score.module in scored)
    return (
        (_hash(now, POSE) == _hash(then, POSE), "pose", "the network of joints is another now, or runs in another way"),
        (all(a.points == b.points for a, b in pairs), "pose", "the same people have other joints"),
        (
            _hash(now, EMBEDDING) == _hash(then, EMBEDDING),
            "embedding",
            "the network of appearance is another now, or runs in another way",
        ),
        (
            all(a.embedding in (b"", b.embedding) for a, b in pairs),
            "embedding",
            "the same things look another way to the network",
        ),
        (now.scores == scores, "scores", "the modules score the same frame in another way"),
    )


def modules_of(look: FrameResult) -> tuple[str, ...]:
    """With which modules it is looked at again: those that looked, but for those of key frames."""
    steps = [step.module for step in look.steps if step.module not in KEYFRAMES]
    if look.config_hash and not detectors_of(steps):
        steps.append(OBJECTS)
    return tuple(steps)


def _own(look: FrameResult) -> tuple[Detection, ...]:
    """What the house saw itself in this frame."""
    return tuple(found for found in look.detections if not found.by)


def _boxes(look: FrameResult) -> tuple[Detection, ...]:
    return tuple(structs.replace(found, track=None, points=(), embedding=b"") for found in _own(look))


def _hash(look: FrameResult, module: str) -> str:
    return next((step.sha256 for step in look.steps if step.module == module), "")


def decide_again(event: Event, basis: Basis, looks: Sequence[FrameResult]) -> Difference | None:
    """Tracks and the rule, from the state that they were in; None when the same event comes out."""
    tracker, state = basis.tracker, basis.state
    decided: list[Decision] = []
    has_begun = False  # an earlier event may still be going on at the basis: its end is not the one that is looked for
    for look in looks:
        tracker, detections = track(tracker, look.captured_ns, _untracked(look.detections))
        if detections != look.detections:
            return Difference("rules", look.ref, "the same detections give other tracks")
        state, decisions = decide(basis.watch, state, look)
        decided += decisions
        has_begun = has_begun or any(_begins(one, event) for one in decisions)
        is_end = event.is_cut and look.ref == event.last_ref
        if is_end or (has_begun and any(isinstance(one, Closed) for one in decisions)):
            break
    decided += finish(state)[1]
    if not any(_begins(one, event) for one in decided):
        return Difference("rules", event.first_ref, "the same tracks do not lead to the event")
    ends = [one for one in decided if isinstance(one, Closed)]
    if event.end_ns is not None and not any((one.end_ns, one.ref) == (event.end_ns, event.last_ref) for one in ends):
        return Difference("rules", event.last_ref, "the same tracks end the event at another moment")
    return None


def _begins(decision: Decision, event: Event) -> bool:
    """Whether the decision is the one that opened the event."""
    if not isinstance(decision, Opened):
        return False
    return (decision.start_ns, decision.start_ref) == (event.start_ns, event.first_ref)


def _by_gop(looks: Sequence[FrameResult]) -> list[list[FrameResult]]:
    groups: dict[tuple[int, int, tuple[str, ...]], list[FrameResult]] = {}
    for look in looks:
        groups.setdefault((look.ref.run, look.sync_seq, modules_of(look)), []).append(look)
    return list(groups.values())


def _untracked(detections: Sequence[Detection]) -> tuple[Detection, ...]:
    return tuple(structs.replace(found, track=None) for found in detections)


def _report(difference: Difference | None, compared: int, differing: int) -> ReplayReport:
    if difference is None:
        return ReplayReport(True, None, compared, 0, None, "the recording leads to the same decision, bit for bit")
    return ReplayReport(False, difference.stage, compared, differing, difference.ref, difference.message)
