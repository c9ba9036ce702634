"""What finds objects in a picture: a port with an adapter per network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import av
import msgspec
from msgspec import Struct

from haechi.base.errors import NotFound
from haechi.vision.result import Detection
from haechi.vision.runtime import Pixels, RuntimeName

RECIPE = 1
"""Grows when our own code around a network (scaling, thresholds, suppression) changes what comes out."""


class DetectorSetup(Struct, frozen=True):
    """All that a worker needs to load a detector.

    Attributes:
        kind: Which adapter: ``picodet`` or ``yolox``.
        files: Name of each file of the model to its path.
        min_score: Least score of a detection that is given out; rules and the tracker ask for more.
        batch: Pictures per pass. One is right on a CPU: [measured] PicoDet takes 20.8 ms for one picture and 23.9 ms
            for each of eight.
    """

    name: str
    kind: str
    version: str
    licence: str
    model_hash: str
    files: dict[str, str]
    runtime: RuntimeName = "openvino"
    threads: int = 1
    batch: int = 1
    min_score: float = 0.3

    def file(self, suffix: str) -> Path:
        """The path of the file that ends in ``suffix``.

        Raises:
            NotFound: There is none.
        """
        for name, path in self.files.items():
            if name.endswith(suffix):
                return Path(path)
        raise NotFound("the model lacks a file", code="model-missing", model=self.name, suffix=suffix)


class DetectorSpec(Struct, frozen=True):
    """What a loaded detector is.

    Attributes:
        config_hash: SHA-256 over everything besides the weights that decides the detections: adapter, runtime and
            its version, threads, batch, thresholds, input size, and the libraries that decode and scale.
        size_px: Side of the square input.
    """

    name: str
    version: str
    licence: str
    runtime: str
    model_hash: str
    config_hash: str
    labels: tuple[str, ...]
    size_px: int


class Detector(Protocol):
    """Finds objects in pictures."""

    @property
    def spec(self) -> DetectorSpec:
        """What it is."""

    def input_size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height to which a frame of this size must be scaled for `detect`."""

    def detect(self, pictures: Sequence[Pixels]) -> list[tuple[Detection, ...]]:
        """The objects in each picture, best first, boxes in [0, 1] of that picture.

        The pictures may come from different cameras; what is found in one does not depend on the others.
        """


def config_hash(setup: DetectorSetup, runtime_version: str, facts: Mapping[str, float]) -> str:
    """The hash in `DetectorSpec.config_hash`."""
    libraries = {name: list(version) for name, version in sorted(av.library_versions.items())}
    recipe = {
        "recipe": RECIPE,
        "kind": setup.kind,
        "runtime": runtime_version,
        "threads": setup.threads,
        "batch": setup.batch,
        "min_score": setup.min_score,
        "facts": dict(facts),
        "libav": libraries,
    }
    return hashlib.sha256(msgspec.json.encode(recipe, order="deterministic")).hexdigest()


def open_detector(setup: DetectorSetup) -> Detector:
    """Load a detector.

    Raises:
        NotFound: ``detector-unknown`` or ``model-missing``.
        Unavailable: ``model-unreadable``.
    """
    if setup.kind == "picodet":
        from haechi.vision.detectors.picodet import PicoDet

        return PicoDet(setup)
    if setup.kind == "yolox":
        from haechi.vision.detectors.yolox import YoloX

        return YoloX(setup)
    raise NotFound("no adapter for this kind of detector", code="detector-unknown", kind=setup.kind)
