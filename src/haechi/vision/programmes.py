"""The programmes of all streams: which modules the workers load for them, which cannot be had, what they know."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog
from msgspec import structs

from haechi.base.clock import Clock
from haechi.base.errors import DataLoss, NotFound, Unavailable
from haechi.base.ids import StreamId
from haechi.vision.detectors import DetectorSetup
from haechi.vision.link import WorkerLink
from haechi.vision.messages import ModelSetup, Setup, Use, added
from haechi.vision.models import ModelStore
from haechi.vision.programme import DEFAULT, KEYFRAMES, KNOWN, OBJECTS, WEIGHTS, programme
from haechi.vision.settings import VisionSettings, detector_setup, detector_setups

log = structlog.get_logger(__name__)

TRY_AGAIN_S = 300.0
LOOK_S = 1.0


class Programmes:
    """Weights are fetched beside the workers: a module whose weights are not here yet takes nothing from the others."""

    def __init__(self, models: ModelStore, settings: VisionSettings) -> None:
        self._models = models
        self._settings = settings
        self._by_stream: dict[StreamId, tuple[str, ...]] = {}
        self._here: set[str] = set()
        self._failures: dict[str, str] = {}
        self._uses: dict[str, Use] = {}

    def set(self, stream: StreamId, modules: Iterable[str]) -> tuple[str, ...]:
        """What looks at a stream from now on.

        Raises:
            Invalid: ``module-unknown``.
        """
        self._by_stream[stream] = programme(modules)
        return self._by_stream[stream]

    def of(self, stream: StreamId) -> tuple[str, ...]:
        """What looks at a stream."""
        return self._by_stream.get(stream, DEFAULT)

    @property
    def failures(self) -> Mapping[str, str]:
        """Modules that are asked for and cannot be had, and why."""
        return dict(self._failures)

    @property
    def uses(self) -> Mapping[str, Use]:
        """What each module did in live workers since start."""
        return dict(self._uses)

    def note(self, uses: Iterable[Use]) -> None:
        """What modules did in a job, as a worker says: it is not trusted."""
        for use in uses:
            if use.module not in KNOWN:
                continue
            before = self._uses.get(use.module, Use(use.module))
            if use.reason and use.reason != before.reason:
                log.warning("a module could not look", module=use.module, reason=use.reason)
            self._uses[use.module] = added(before, use)

    def wanted(self) -> frozenset[str]:
        """Modules that some stream asks for."""
        return frozenset(name for names in (DEFAULT, *self._by_stream.values()) for name in names)

    def lacks(self) -> bool:
        """Whether weights are to be fetched."""
        return bool(self.wanted() & set(WEIGHTS) - self._here)

    def is_behind(self, setup: Setup | None) -> bool:
        """Whether a worker that was set up like this lacks a module that is asked for and could be had."""
        if setup is None:
            return False
        loaded = {OBJECTS, *setup.keyframes, *(model.module for model in setup.models)}
        return not self.wanted() & (self._here | set(KEYFRAMES)) <= loaded

    def live(self, niceness: int) -> Setup:
        """What a live worker loads. Blocking: reads and verifies the files.

        Raises:
            Unavailable: The server's detector is not to be had.
        """
        models: list[ModelSetup] = []
        for name in sorted(self.wanted() & set(WEIGHTS)):
            if name in self._here or all(self._models.is_ready(one) for one in WEIGHTS[name]):
                models += self._tried(name)
        keyframes = tuple(name for name in KEYFRAMES if name in self.wanted())
        setup = Setup(self.detectors(), self._settings.memory_bytes, niceness=niceness)
        return structs.replace(setup, models=tuple(models), keyframes=keyframes)

    def desk(self, modules: Collection[str]) -> Setup:
        """What the desk loads to look with these modules. Blocking, and raises, as `live` does."""
        if not modules:
            return Setup((), self._settings.memory_bytes)
        models = [one for name in sorted(modules) if name in WEIGHTS for one in self._weights(name)]
        return structs.replace(Setup(self.detectors(), self._settings.memory_bytes), models=tuple(models))

    def check(self, modules: Collection[str]) -> None:
        """Whether the weights of modules are to be had; fetches them. Blocking.

        Raises:
            Unavailable: They are not.
        """
        self.detectors()
        for name in sorted(modules):
            self._fetch(WEIGHTS.get(name, ()))

    def detectors(self) -> tuple[DetectorSetup, ...]:
        """The server's detector. Blocking.

        Raises:
            Unavailable: It is not to be had.
        """
        self._fetch(self._settings.detectors)
        with _told():
            return detector_setups(self._models, self._settings)

    def fetch(self) -> None:
        """Fetch what is asked for and not here. Blocking; what cannot be had is told once, and tried again later."""
        for name in sorted(self.wanted() & set(WEIGHTS) - self._here):
            self._tried(name)

    async def run(self, clock: Clock) -> None:
        """Fetch weights that are asked for, beside everything else, until cancelled."""
        while True:
            if self.lacks():
                await asyncio.to_thread(self.fetch)
            await clock.sleep(TRY_AGAIN_S if self._failures else LOOK_S)

    def refit(self, links: Sequence[WorkerLink]) -> None:
        """Replace a worker that lacks a module, one after the other: the rest go on meanwhile. Call it now and then."""
        if any(link.ready is None for link in links):
            return
        behind = next((link for link in links if self.is_behind(link.setup)), None)
        if behind is not None:
            log.info("a decode worker is replaced by one with more modules", pid=behind.pid)
            behind.retire()

    def _tried(self, module: str) -> list[ModelSetup]:
        """The weights of a module; none where they cannot be had."""
        try:
            self._fetch(WEIGHTS[module])
            found = self._weights(module)
        except Unavailable as error:
            if module not in self._failures:
                log.warning("a module lacks its weights and does not look", module=module, reason=str(error))
            self._failures[module] = str(error)
            self._here.discard(module)
            return []
        self._failures.pop(module, None)
        self._here.add(module)
        return found

    def _fetch(self, weights: Iterable[str]) -> None:
        for name in weights:
            with _told():
                if self._settings.fetch_models:
                    self._models.pull(name)
                else:
                    self._models.verify(name)

    def _weights(self, module: str) -> list[ModelSetup]:
        found: list[ModelSetup] = []
        for name in WEIGHTS[module]:
            wish = structs.replace(self._settings, detector=name)
            with _told():
                found.append(ModelSetup(module, detector_setup(self._models, wish)))
        return found


@contextmanager
def _told() -> Iterator[None]:
    """What is missing or damaged is not to be had."""
    try:
        yield
    except (NotFound, DataLoss) as error:
        raise Unavailable(error.message, code=error.code, **error.context) from error
