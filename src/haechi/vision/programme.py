"""Which modules look at a stream: its programme. Pure.

A programme names modules of the live worker, which share what is decoded. ``objects`` is the server's detector;
``people`` finds people better and is merged with it; ``pose`` gives people their joints, ``embedding`` says what things
look like, so that they are known again; the others look at key frames.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from haechi.base.errors import Invalid

OBJECTS, PEOPLE, POSE, EMBEDDING = "objects", "people", "pose", "embedding"
WEIGHTS = {PEOPLE: ("yolox-tiny",), POSE: ("rtmpose-s",), EMBEDDING: ("mobilenet-v3-small",)}
"""What modules besides the server's detector need, by its name in the manifest."""
KEYFRAMES = ("view",)
"""Modules of key frames; they need no weights. `haechi.vision.steps.keyframe` knows where each is."""
KNOWN = (OBJECTS, PEOPLE, POSE, EMBEDDING, *KEYFRAMES)
"""In the order in which they look."""
DEFAULT = (OBJECTS, "view")


def programme(modules: Iterable[str]) -> tuple[str, ...]:
    """The modules in the order in which they look, each once, with what they need of one another.

    Raises:
        Invalid: ``module-unknown``: no such module looks in the live worker.
    """
    wanted = set(modules)
    unknown = sorted(wanted - set(KNOWN))
    if unknown:
        raise Invalid("no such module looks at cameras here", code="module-unknown", module=unknown[0])
    if wanted & {POSE, EMBEDDING} and not wanted & {OBJECTS, PEOPLE}:
        wanted.add(OBJECTS)
    return tuple(name for name in KNOWN if name in wanted)


def detectors_of(modules: Collection[str]) -> tuple[str, ...]:
    """Those of a programme that find boxes."""
    return tuple(name for name in (OBJECTS, PEOPLE) if name in modules)
