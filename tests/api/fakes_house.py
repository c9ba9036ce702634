"""Rooms of the house for the tests of the edge: the real ones where they are light, behaviour where they are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from haechi.base.errors import NotFound
from haechi.base.ids import CameraId, EventId, RecordingId, RuleId, StreamId, ZoneId, new_id, stream_of
from haechi.bus.frames import RunEnded
from haechi.events.desk import Basis
from haechi.events.event import Event
from haechi.events.rules import Rule, RuleState, Watch
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.record.disk.volume import Volume
from haechi.record.tiers.places import Folder
from haechi.vision.capacity import Capacity, StreamLoad, WorkerLoad
from haechi.vision.cost import Rates
from haechi.vision.feed import Demand
from haechi.vision.messages import Use
from haechi.vision.result import Detection, FrameResult, Moved, Score
from haechi.vision.settings import VisionStatus
from haechi.vision.strain import Level
from haechi.vision.track import TrackerState

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
"""The smallest thing that begins and ends like a JPEG."""


class FakeVision:
    """Pictures without a decoder: the bytes name the unit that they show."""

    def __init__(self) -> None:
        self.stills = self.looked = 0
        self.results: list[FrameResult] = []
        self.others: Callable[[FrameResult], FrameResult] = lambda result: result
        self.programmes: dict[StreamId, tuple[str, ...]] = {}
        self.looked_at: list[StreamId] = []
        self.stopped: set[StreamId] = set()
        self._listeners: list[Callable[[FrameResult], None]] = []
        self._moved: list[Callable[[Moved], None]] = []

    def status(self) -> VisionStatus:
        """What a pool says of itself that has not begun."""
        return VisionStatus(0, (), (), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, "")

    def on_result(self, callback: Callable[[FrameResult], None]) -> None:
        self._listeners.append(callback)

    def on_moved(self, callback: Callable[[Moved], None]) -> None:
        self._moved.append(callback)

    async def still(
        self, units: Sequence[AccessUnit], params: VideoParams, width_px: int | None = None, quality: int = 80
    ) -> bytes:
        self.stills += 1
        await asyncio.sleep(0)
        return JPEG[:-2] + f"{units[-1].ref} {width_px} {params.codec} {quality}".encode() + JPEG[-2:]

    async def laid_out(
        self, pictures: Sequence[bytes], columns: int, cell_px: tuple[int, int], quality: int = 80
    ) -> bytes:
        await asyncio.sleep(0)
        return JPEG[:-2] + f"{columns} {cell_px} {quality} ".encode() + b"|".join(pictures) + JPEG[-2:]

    def on_tracked(self, _callback: Callable[[FrameResult, TrackerState], None]) -> None:
        """Nobody tracks here."""

    def on_run_ended(self, _callback: Callable[[RunEnded], None]) -> None:
        """No run ends here."""

    def capacity(self) -> Capacity:
        """One worker, one stream that is known, and what the fake was told not to look at."""
        worker = WorkerLoad(0, None, True, 1, 0.2, 0.25, 0.1, 2)
        rates = Rates(25, 5, 20, 4, 0.2)
        streams = tuple(StreamLoad(one, 0, 0.25, rates, 3, 4, Level.HALF) for one in self.looked_at)
        return Capacity((worker,), streams, frozenset(self.stopped))

    def idle_cores(self) -> float | None:
        return 1.5

    def programme(self, stream: StreamId, modules: tuple[str, ...]) -> None:
        """Which modules look."""
        self.programmes[stream] = modules

    def module_failures(self) -> Mapping[str, str]:
        """All of them can look."""
        return {}

    def uses(self) -> Mapping[str, Use]:
        """None has looked."""
        return {}

    def on_scored(self, _callback: Callable[[StreamId, str, Score], None]) -> None:
        """Nobody scores here."""

    def on_saved(self, _callback: Callable[[StreamId, str, bytes], None]) -> None:
        """No module knows anything."""

    def restore(self, _stream: StreamId, _module: str, _state: bytes) -> None:
        """Whatever it knew."""

    def demand(self, _stream: StreamId, _demand: Demand) -> None:
        """Whatever is asked."""

    async def picture(self, ref: UnitRef, width_px: int | None = None, quality: int = 80) -> bytes:
        return JPEG[:-2] + f"{ref} {width_px} {quality}".encode() + JPEG[-2:]

    async def infer(
        self,
        units: Sequence[AccessUnit],
        _params: VideoParams,
        looks: Collection[UnitRef] | None = None,
        _modules: Collection[str] = (),
    ) -> list[FrameResult]:
        self.looked += len(units)
        return [result for ref in looks or () for result in self.results if result.ref == ref]

    def see(self, result: FrameResult) -> None:
        for listener in self._listeners:
            listener(result)


class Found(Struct, frozen=True):
    """A unit of the past."""

    units: tuple[AccessUnit, ...]
    params: VideoParams


class RecordingFile(Struct, frozen=True):
    """Where a recording is."""

    path: Path
    size_bytes: int


class FakePlayback:
    """Recordings that are any files."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self.files: dict[tuple[StreamId, RecordingId], RecordingFile] = {}
        self.moments: dict[StreamId, Found] = {}

    async def playlist(self, stream: StreamId, start_ns: int, end_ns: int, uri: Callable[[RecordingId], str]) -> str:
        mine = [number for known, number in self.files if known == stream]
        return "#EXTM3U\n" + "".join(f"#EXTINF:{(end_ns - start_ns) / 1e9:.3f},\n{uri(n)}\n" for n in mine)

    async def recording(self, stream: StreamId, recording: RecordingId) -> RecordingFile:
        found = self.files.get((stream, recording))
        if found is None:
            raise NotFound("no such recording", code="recording-not-found")
        return found

    async def bytes_of(self, recording: RecordingFile, start: int, end: int) -> AsyncGenerator[bytes]:
        yield Folder(Volume(recording.path.parent)).read(recording.path.name, start, end - start)

    async def clip(self, stream: StreamId, start_ns: int, end_ns: int, *, sound: bool = True) -> Path:
        if not any(known == stream for known, _ in self.files):
            raise NotFound("nothing is recorded in that range", code="clip-empty")
        path = self._scratch / f"{new_id('clip')}.mp4"
        path.write_bytes(f"clip {stream} {start_ns} {end_ns}{'' if sound else ' silent'}".encode() * 100)
        return path

    async def units(self, stream: StreamId, run: int, first_seq: int, last_seq: int) -> Found:
        if stream not in self.moments:
            raise NotFound("not all of these units are recorded", code="unit-not-recorded", run=run, seq=last_seq)
        return self.moments[stream]

    async def unit_at(self, stream: StreamId, captured_ns: int) -> Found:
        found = self.moments.get(stream)
        if found is None:
            raise NotFound("nothing is recorded there", code="unit-not-recorded", at_ns=captured_ns)
        return found


def event_of(camera: CameraId, start_ns: int, *, label: str = "person") -> Event:
    """Somebody stood in the yard for five seconds."""
    stream = stream_of(camera)
    return Event(
        id=EventId(new_id("evt")),
        camera=camera,
        stream=stream,
        rule=RuleId("rul_aaaaaaaaaaaaaaaa"),
        rule_name="Nobody here at night",
        zone=ZoneId("zon_aaaaaaaaaaaaaaaa"),
        zone_name="Yard",
        label=label,
        severity="alert",
        score=0.9,
        start_ns=start_ns,
        last_ns=start_ns + 5_000_000_000,
        end_ns=start_ns + 5_000_000_000,
        first_ref=UnitRef(stream, 1, 10),
        last_ref=UnitRef(stream, 1, 80),
        best_ref=UnitRef(stream, 1, 30),
        best_ns=start_ns + 2_000_000_001,
        best_box=(0.1, 0.2, 0.3, 0.4),
        model_name="picodet-s",
        model_hash="ab" * 32,
        config_hash="cd" * 32,
    )


def basis_of(event: Event) -> Basis:
    """What such an event is decided from."""
    rule = Rule(event.camera, event.rule_name, event.label, id=event.rule)
    return Basis(Watch(rule, None), event.first_ref, TrackerState(), RuleState())


def result_of(camera: CameraId, captured_ns: int, seq: int) -> FrameResult:
    """A frame with a person in it."""
    return FrameResult(
        ref=UnitRef(stream_of(camera), 1, seq),
        captured_ns=captured_ns,
        detections=(Detection("person", 0.9, 0.1, 0.2, 0.3, 0.4, 7),),
        width_px=1280,
        height_px=720,
        motion=0.2,
        model_hash="ab" * 32,
        config_hash="cd" * 32,
        unit_sha256="ef" * 32,
        gop_sha256="12" * 32,
        frame_sha256="01" * 32,
        sync_seq=0,
    )
