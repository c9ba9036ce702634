"""Modules that look at key frames, with what they know of each stream."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S
from haechi.base.errors import HaechiError
from haechi.base.faults import is_bug
from haechi.vision.messages import Saved
from haechi.vision.modules.contract import About, Glimpse, Opened, Thing, opened
from haechi.vision.programme import KEYFRAMES
from haechi.vision.result import MOST_SCORES, Detection, Step
from haechi.vision.runtime import Pixels
from haechi.vision.steps.sight import Sight

FACTORIES = {"view": "haechi.vision.view.module:make"}
"""Where each of `haechi.vision.programme.KEYFRAMES` is made."""
SAVE_NS = 60 * NS_PER_S
"""How much of what a module knows of a stream is lost with a worker, at most."""
_MOST_REASON = 400


class _Seen(Struct):
    """A stream: when it was looked at, and when and what was saved of it."""

    looked_ns: int
    saved_ns: int = 0
    saved: bytes = b""


class KeyframeStep:
    """One module. ``send`` takes what is to be kept of it."""

    def __init__(self, module: Opened, send: Callable[[Saved], None]) -> None:
        self.name = module.spec.name
        self.deadline_s = module.spec.deadline_s
        self._module = module
        self._send = send
        self._seen: dict[str, _Seen] = {}

    def wants(self, sight: Sight) -> bool:
        """Sync units, none sooner than the module asks for. Never again: what it said depends on what it knew then."""
        if sight.is_again or not sight.unit.is_sync:
            return False
        key, now_ns = str(sight.unit.ref.stream), sight.unit.captured_ns
        seen = self._seen.get(key)
        if seen is not None and abs(now_ns - seen.looked_ns) < self._module.spec.every_s * NS_PER_S:
            return False
        self._seen.setdefault(key, _Seen(0)).looked_ns = now_ns
        return True

    def look(self, sights: Sequence[Sight]) -> str:
        """Adds its scores. An error of the module's costs its answer."""
        glimpses = [_glimpse(sight, self._module.spec.size_px) for sight in sights]
        kept = _Kept()
        with kept:
            answers = self._module.look(glimpses)
            for sight, answer in zip(sights, answers, strict=True):
                scores = (*sight.result.scores, *answer.scores)[:MOST_SCORES]
                sight.result = structs.replace(sight.result, scores=scores)
                sight.saw(sight.result.detections, Step(self.name, self._module.spec.sha256))
            for sight in sights:
                self._save_now_and_then(str(sight.unit.ref.stream), sight.unit.captured_ns)
        return kept.reason

    def forget(self, key: str) -> None:
        """The stream is gone."""
        self._seen.pop(key, None)
        with _Kept():
            self._module.forget(key)

    def restore(self, key: str, state: bytes) -> None:
        """Go on from what was saved."""
        with _Kept():
            self._module.restore(key, state)

    def save(self, key: str) -> None:
        """Send what the module knows of a stream, unless that is what was sent last."""
        seen = self._seen.get(key)
        if seen is None or not self._module.has_state:
            return
        with _Kept():
            state = self._module.save(key)
            digest = hashlib.sha256(state).digest()
            if state and digest != seen.saved:
                seen.saved = digest
                self._send(Saved(key, self.name, state))

    def _save_now_and_then(self, key: str, now_ns: int) -> None:
        seen = self._seen.setdefault(key, _Seen(now_ns))
        if now_ns - seen.saved_ns >= SAVE_NS:
            seen.saved_ns = now_ns
            self.save(key)


class _Kept(AbstractContextManager[None]):
    """Keeps an error of a module to itself: the cameras go on without its answer.

    Attributes:
        reason: What it was; empty: nothing.
    """

    def __init__(self) -> None:
        self.reason = ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None or not (is_bug(error) or isinstance(error, HaechiError)) or isinstance(error, MemoryError):
            return False
        self.reason = f"{type(error).__name__}: {error}"[:_MOST_REASON]
        return True


def open_keyframe(name: str) -> Opened | None:
    """One of our own modules of key frames; None where this release has none of that name."""
    if name not in KEYFRAMES:
        return None
    place, factory = FACTORIES[name].split(":")
    if importlib.util.find_spec(place.rpartition(".")[0]) is None or importlib.util.find_spec(place) is None:
        return None
    return opened(getattr(importlib.import_module(place), factory)(), name)


def _glimpse(sight: Sight, size_px: tuple[int, int] | None) -> Glimpse:
    unit, picture = sight.unit, _picture(sight, size_px)
    height, width = picture.shape[:2]
    ref = unit.ref
    about = About(str(ref.stream), ref.run, ref.seq, unit.pts, unit.captured_ns, width, height)
    return Glimpse(about, (picture,), (about,), tuple(_thing(one) for one in sight.result.detections))


def _picture(sight: Sight, size_px: tuple[int, int] | None) -> Pixels:
    frame = sight.frame
    if frame is None:
        raise ValueError("the frame was not kept")
    return frame.scaled(*(size_px or (frame.width_px, frame.height_px)))


def _thing(one: Detection) -> Thing:
    return Thing(one.label, one.score, (one.x, one.y, one.w, one.h), one.track, one.points, one.embedding)
