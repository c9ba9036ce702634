"""How the vision stage works, what it says of itself, and which detector that comes to."""

from __future__ import annotations

from msgspec import Struct, structs

from haechi.vision.detectors import DetectorSetup, DetectorSpec
from haechi.vision.feed import FeedSettings
from haechi.vision.models import ModelStore
from haechi.vision.runtime import RuntimeName


class VisionSettings(Struct, frozen=True):
    """How the pool works.

    Attributes:
        detector: Name in the manifest, or several joined by ``+``, which are merged; ``runtime`` and ``threads`` say
            how it computes, and enter the configuration hash, because the last bit of a score depends on them.
        min_score: Least score of a detection that is reported at all; rules ask for more.
        workers: Processes; each stream stays with one of them. None: nothing is looked at, but stills are made.
        memory_bytes: Address space of a worker; it uses about 0.85 GB of it, 0.2 GB of memory.
        fetch_models: Whether a missing model is pulled at start.
    """

    detector: str = "picodet-s"
    runtime: RuntimeName = "openvino"
    threads: int = 1
    min_score: float = 0.3
    workers: int = 1
    memory_bytes: int = 3 * 1024**3
    fetch_models: bool = True
    feed: FeedSettings = FeedSettings()

    @property
    def detectors(self) -> tuple[str, ...]:
        """Names in the manifest."""
        return tuple(dict.fromkeys(self.detector.split("+")))


DEFAULTS = VisionSettings()
MOST_AUTO_WORKERS = 8


class VisionStatus(Struct, frozen=True):
    """What the pool is doing, for people and for metrics.

    Attributes:
        shed_units: Units that were wanted and not decoded, since start, of the streams of now.
        thinned_looks: Looks that were planned and left out for want of time; the units were decoded.
        strained_streams: Streams of which less is looked at than asked for, because the machine cannot keep up.
        modules: What all ready workers have loaded.
        late_s: From the arrival of a picture to its result: the 95th percentile of the last 10 s; 0 without results.
    """

    ready_workers: int
    detectors: tuple[DetectorSpec, ...]
    confined: tuple[str, ...]
    starts: int
    streams: int
    decoded_frames: int
    looked_frames: int
    damaged_units: int
    shed_units: int
    thinned_looks: int
    dropped_units: int
    quarantined_units: int
    strained_streams: int
    late_s: float
    error: str
    modules: tuple[str, ...] = ()


def detector_setups(models: ModelStore, settings: VisionSettings) -> tuple[DetectorSetup, ...]:
    """What a worker needs to load the detector of ``settings``, or all that are merged into it. Blocking, and
    raises, as `detector_setup` does."""
    return tuple(detector_setup(models, structs.replace(settings, detector=name)) for name in settings.detectors)


def workers_for(cores: float) -> int:
    """How many workers a machine is given: half of its processors, because the other half records, serves, and answers
    people's questions; no more than 8 (0.2 GB of memory each).

    Args:
        cores: Processors that we may use.
    """
    return max(1, min(MOST_AUTO_WORKERS, int(cores / 2)))


def detector_setup(models: ModelStore, settings: VisionSettings) -> DetectorSetup:
    """What is needed to load one network, the ``detector`` of ``settings``. Blocking: reads and verifies the files.

    Raises:
        NotFound: ``model-unknown``, ``model-missing``.
        DataLoss: ``model-damaged``.
    """
    artefact = models.artefact(settings.detector)
    return DetectorSetup(
        name=artefact.name,
        kind=artefact.kind,
        version=artefact.version,
        licence=artefact.licence,
        model_hash=artefact.model_hash,
        files={name: str(path) for name, path in models.files(artefact.name).items()},
        runtime=settings.runtime,
        threads=settings.threads,
        min_score=settings.min_score,
    )
