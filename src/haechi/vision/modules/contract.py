"""What a module is: says what it wants to see (`Spec`), and answers batches of it across cameras.

A package offers one by an entry point of the group ``haechi.modules``: its name is what the module is called, its value
a factory that takes nothing. What the factory gives is a `Module`, or a plain function that is shown one picture after
the other (`Look`). Nothing of Haechi needs to be imported for it: `spec` may be a mapping, and so may answers. All that
a module says is read with limits: it is somebody else's code. Documented in docs/ref/modules.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Literal, Protocol, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Struct, structs

from haechi.base.errors import Invalid, NotFound
from haechi.media.access_unit import UnitRef
from haechi.media.push.words import MOST_BOXES, Box, Point
from haechi.vision.messages import MOST_STATE_BYTES
from haechi.vision.result import (
    MOST_EMBEDDING_BYTES,
    MOST_LABEL,
    MOST_NS,
    MOST_POINTS,
    MOST_REASON,
    MOST_REASONS,
    MOST_REFS,
    MOST_SCORES,
    Score,
)
from haechi.vision.runtime import Pixels

__all__ = [
    "MOST_STATE_BYTES",
    "Answer",
    "Glimpse",
    "Look",
    "Module",
    "Score",
    "Spec",
    "Stateful",
    "Thing",
    "opened",
    "read_spec",
]

GROUP = "haechi.modules"
OWN = frozenset({"objects", "people", "pose", "embedding", "view", "echo"})
"""Names that are ours."""
MOST_TRACK = 2**53
"""Beyond it not every reader of a result can tell one number from the next (RFC 8259 section 6)."""
MOST_THING_LABEL = 80
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
Kind = Literal["frame", "keyframe", "track", "snippet"]
Need = Literal["boxes", "pose", "tracks", "embedding"]
Side = Annotated[int, Meta(ge=16, le=4096)]
T = TypeVar("T")


class About(Struct, frozen=True):
    """Which picture a module is shown.

    Attributes:
        stream, run, seq: The access unit that it was decoded from.
        pts: Presentation time in 90 kHz ticks since the start of the run.
        captured_ns: Our estimate of when it was taken, ns since 1970.
        width_px, height_px: Size of the picture that is shown.
    """

    stream: str
    run: int
    seq: int
    pts: int
    captured_ns: int
    width_px: int
    height_px: int


class Spec(Struct, frozen=True):
    """What a module is, and what it wants to see.

    Attributes:
        kind: ``frame``: pictures, one at a time. ``keyframe``: the pictures of sync units. ``track``: things that are
            followed, without pictures. ``snippet``: several pictures in a row.
        fps: How many pictures a second it wants, at most (frame, snippet).
        every_s: Least time between two looks at a camera (keyframe).
        frames, stride: Pictures per look, and how many of them a look is after the one before (snippet).
        size_px: Width and height that it wants pictures in; None: as they are decoded.
        needs: What must be known of a picture before it looks: of boxes, their joints, their tracks, what they look
            like.
        is_causal: Whether an answer depends on what came before its end only.
        sha256: Of weights and configuration: the same hash means the same answers.
        deadline_s: A look that takes longer is counted as missed.
    """

    name: Annotated[str, Meta(max_length=MOST_LABEL)]
    version: Annotated[str, Meta(max_length=80)] = ""
    licence: Annotated[str, Meta(max_length=80)] = ""
    kind: Kind = "frame"
    fps: Annotated[float, Meta(gt=0, le=120)] = 5.0
    every_s: Annotated[float, Meta(ge=0, le=86_400)] = 0.0
    frames: Annotated[int, Meta(ge=1, le=256)] = 1
    stride: Annotated[int, Meta(ge=1, le=256)] = 1
    size_px: tuple[Side, Side] | None = None
    needs: frozenset[Need] = frozenset()
    is_causal: bool = True
    sha256: Annotated[str, Meta(max_length=64)] = ""
    deadline_s: Annotated[float, Meta(ge=0.01, le=60)] = 1.0


class Thing(Struct, frozen=True):
    """One thing in a picture. All numbers but ``track`` in [0, 1]; places are shares of the picture from the top left.

    Attributes:
        box: Left, top, width, height.
        track: Number of the thing within the stream, the same from picture to picture; None: unknown.
        points: Joints or the like: x, y, score.
        embedding: What it looks like, as `haechi.vision.appearance.packed` writes it.
    """

    label: str
    score: float = 1.0
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    track: Annotated[int, Meta(ge=-MOST_TRACK, le=MOST_TRACK)] | None = None
    points: tuple[tuple[float, float, float], ...] = ()
    embedding: Annotated[bytes, Meta(max_length=MOST_EMBEDDING_BYTES)] = b""


class Glimpse(Struct, frozen=True):
    """What a module is shown of one camera in one look.

    Attributes:
        about: The newest picture.
        pictures: Oldest first, each height x width x 3, uint8, BGR; none for a ``track`` module.
        abouts: One for each picture.
        things: What the module needs to know of the newest picture.
    """

    about: About
    pictures: tuple[Pixels, ...]
    abouts: tuple[About, ...]
    things: tuple[Thing, ...] = ()


class Answer(Struct, frozen=True):
    """What a module says of one glimpse."""

    things: tuple[Thing, ...] = ()
    scores: tuple[Score, ...] = ()


class Module(Protocol):
    """Judges pictures of many cameras. It may keep state for each (`About.stream` names it); see `Stateful`."""

    spec: Spec

    def look(self, batch: Sequence[Glimpse]) -> Sequence[Answer]:
        """One answer for each glimpse, in order. The glimpses may be of different cameras."""


class Stateful(Module, Protocol):
    """A module whose state of a camera can be saved, moved to another process, and dropped."""

    def save(self, stream: str) -> bytes:
        """The state of a camera, `MOST_STATE_BYTES` at most; empty: there is none."""

    def restore(self, stream: str, state: bytes) -> None:
        """Go on from what `save` gave. What cannot be read is as if there were nothing."""

    def forget(self, stream: str) -> None:
        """The camera is gone."""


Look = Callable[[Pixels, About], Iterable[Mapping[str, Any]]]
"""The plain form: a picture (height x width x 3, uint8, BGR) in, what is in it out; see `read_findings`."""


class Opened:
    """A module of whatever form, as a `Stateful` one whose answers are what they ought to be."""

    def __init__(self, module: Any, spec: Spec) -> None:
        self.spec = spec
        self._module = module

    @property
    def has_state(self) -> bool:
        """Whether it can save what it knows of a camera."""
        return callable(getattr(self._module, "save", None)) and callable(getattr(self._module, "restore", None))

    def look(self, batch: Sequence[Glimpse]) -> Sequence[Answer]:
        """Show it a batch.

        Raises:
            Invalid: ``module-answer``.
        """
        said = self._module.look(batch)
        return read_answers(list(said) if isinstance(said, Iterator) else said, len(batch), self.spec.name)

    def save(self, stream: str) -> bytes:
        """As `Stateful.save`.

        Raises:
            Invalid: ``module-state``: it is no bytes, or too many.
        """
        state = self._module.save(stream) if self.has_state else b""
        if not isinstance(state, bytes) or len(state) > MOST_STATE_BYTES:
            message = f"the state of a camera is at most {MOST_STATE_BYTES} bytes"
            raise Invalid(message, code="module-state", module=self.spec.name)
        return state

    def restore(self, stream: str, state: bytes) -> None:
        """As `Stateful.restore`."""
        if self.has_state and state:
            self._module.restore(stream, state)

    def forget(self, stream: str) -> None:
        """As `Stateful.forget`."""
        forget = getattr(self._module, "forget", None)
        if callable(forget):
            forget(stream)


class _Plain:
    """A plain function as a module: it is shown the newest picture of each glimpse."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def look(self, batch: Sequence[Glimpse]) -> Sequence[Answer]:
        return [Answer(read_things(list(self._look(one.pictures[-1], one.about)))) for one in batch]


def opened(made: Any, name: str) -> Opened:
    """What a factory gave, whatever its form, under the name by which it was asked for.

    Raises:
        Invalid: ``module-spec``: it is neither a module nor a function, or its spec cannot be read.
    """
    if callable(getattr(made, "look", None)):
        return Opened(made, structs.replace(read_spec(getattr(made, "spec", None), name), name=name))
    if callable(made):
        return Opened(_Plain(made), Spec(name))
    raise Invalid("a factory gives a module or a function", code="module-spec", module=name)


def read_spec(said: object, name: str) -> Spec:
    """A spec in its own or any other words; ``name`` is used where it names none.

    Raises:
        Invalid: ``module-spec``: it cannot be read; the message says what is wrong.
    """
    try:
        plain = _plain(said)
        spec = msgspec.convert({"name": name, **plain} if isinstance(plain, dict) else plain, Spec, strict=False)
    except _UNREADABLE as error:
        raise Invalid(f"the module's spec cannot be read: {error}", code="module-spec", module=name) from error
    if spec.stride > spec.frames:
        raise Invalid("a stride beyond the frames of a look leaves some unseen", code="module-spec", module=name)
    return spec


def read_answers(said: object, glimpses: int, module: str) -> tuple[Answer, ...]:
    """What a module returned for a batch. Numbers beyond the picture are cut to it, long texts cut short.

    Args:
        module: Its name, for its scores.

    Raises:
        Invalid: ``module-answer``: it is not what a module returns; the message says what is wrong.
    """
    answers = _read(said, tuple[Answer, ...])
    if len(answers) != glimpses:
        raise Invalid(f"{glimpses} glimpses were shown, {len(answers)} answers came", code="module-answer")
    return tuple(Answer(_things(one.things), _scores(one.scores, module)) for one in answers)


def read_things(said: object) -> tuple[Thing, ...]:
    """What a plain function returned. Raises as `read_answers` does."""
    return _things(_read(said, tuple[Thing, ...]))


def read_findings(said: object) -> tuple[Box, ...]:
    """What a plain function returned, in the words of the result socket. Raises as `read_answers` does."""
    return tuple(box_of(one) for one in read_things(said))


def box_of(thing: Thing) -> Box:
    """A thing in the words of the result socket."""
    return Box(thing.label, thing.score, *thing.box, thing.track, tuple(Point(*point) for point in thing.points))


def installed() -> dict[str, EntryPoint]:
    """The modules that are installed beside us, by name. None of their code is run."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    return {name: found[name] for name in sorted(found) if _NAME.fullmatch(name) and name not in OWN}


def factory_of(name: str, value: str) -> Callable[[], Any]:
    """Load a module's factory: this runs its code. `opened` takes what it gives.

    Raises:
        NotFound: ``module-broken``: it cannot be imported.
    """
    try:
        factory = EntryPoint(name, value, GROUP).load()
    except (ImportError, AttributeError, SyntaxError) as error:
        raise NotFound(f"the module cannot be imported: {error}", code="module-broken", module=name) from error
    if not callable(factory):
        raise NotFound("the module's entry point is no factory", code="module-broken", module=name)
    made: Callable[[], Any] = factory
    return made


_UNREADABLE = (msgspec.ValidationError, OverflowError, RecursionError, TypeError, ValueError)


def _read(said: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(_plain(said), kind, strict=False)
    except _UNREADABLE as error:
        raise Invalid(f"the module's answer cannot be read: {error}", code="module-answer") from error


def _plain(said: object) -> Any:
    """In builtin types: structs and dataclasses as dicts, numbers and arrays of numpy as Python's."""
    return msgspec.to_builtins(said, builtin_types=(bytes,), enc_hook=_from_numpy)


def _from_numpy(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} says nothing")


def _things(said: Sequence[Thing]) -> tuple[Thing, ...]:
    if len(said) > MOST_BOXES:
        raise Invalid(f"more than {MOST_BOXES} things in one picture", code="module-answer")
    return tuple(_thing(one) for one in said)


def _thing(said: Thing) -> Thing:
    if len(said.points) > MOST_POINTS:
        raise Invalid(f"more than {MOST_POINTS} points of one thing", code="module-answer")
    left, top, width, height = said.box
    x, y = _share(left), _share(top)
    box = (x, y, max(0.0, _share(left + width) - x), max(0.0, _share(top + height) - y))
    points = tuple((_share(px), _share(py), _share(score)) for px, py, score in said.points)
    return Thing(_text(said.label, MOST_THING_LABEL), _share(said.score), box, said.track, points, said.embedding)


def _scores(said: Sequence[Score], module: str) -> tuple[Score, ...]:
    if len(said) > MOST_SCORES:
        raise Invalid(f"more than {MOST_SCORES} scores in one answer", code="module-answer")
    return tuple(_score(one, module) for one in said)


def _score(said: Score, module: str) -> Score:
    if not 0 <= said.t0_ns <= said.t1_ns <= MOST_NS:
        raise Invalid("a score is of a time that begins before it ends", code="module-answer")
    refs: tuple[UnitRef, ...] = said.refs[:MOST_REFS]
    reasons = tuple(_text(one, MOST_REASON) for one in said.reasons[:MOST_REASONS])
    return Score(_text(said.name, MOST_LABEL), _share(said.value), said.t0_ns, said.t1_ns, reasons, refs, module)


def _share(value: float) -> float:
    """Cut to [0, 1]; what is no number is 0."""
    return min(1.0, max(0.0, value)) if value == value else 0.0  # noqa: PLR0124 - NaN alone differs from itself


def _text(value: str, most: int) -> str:
    """Cut, and such that it can be written."""
    return value[:most].encode("utf-8", "replace").decode()
