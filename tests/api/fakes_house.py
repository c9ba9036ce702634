"""Rooms of the house for the tests of the edge: the real ones where they are light, behaviour where they are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from msgspec import Struct, structs

from haechi.base.errors import NotFound
from haechi.base.ids import CameraId, EventId, RecordingId, RuleId, StreamId, ZoneId, new_id, stream_of
from haechi.events.event import Event, EventFilter, EventPage, ReplayReport
from haechi.events.rules import Rule
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.vision.result import Detection, FrameResult

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
"""The smallest thing that begins and ends like a JPEG."""


class FakeVision:
    """Pictures without a decoder: the bytes name the unit that they show."""

    def __init__(self) -> None:
        self.stills = 0
        self._listeners: list[Callable[[FrameResult], None]] = []

    def on_result(self, callback: Callable[[FrameResult], None]) -> None:
        self._listeners.append(callback)

    async def still(
        self, units: Sequence[AccessUnit], params: VideoParams, width_px: int | None = None, quality: int = 80
    ) -> bytes:
        self.stills += 1
        await asyncio.sleep(0)
        return JPEG[:-2] + f"{units[-1].ref} {width_px} {params.codec} {quality}".encode() + JPEG[-2:]

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
        self.units: dict[StreamId, Found] = {}

    async def playlist(self, stream: StreamId, start_ns: int, end_ns: int, uri: Callable[[RecordingId], str]) -> str:
        mine = [number for known, number in self.files if known == stream]
        return "#EXTM3U\n" + "".join(f"#EXTINF:{(end_ns - start_ns) / 1e9:.3f},\n{uri(n)}\n" for n in mine)

    async def recording(self, stream: StreamId, recording: RecordingId) -> RecordingFile:
        found = self.files.get((stream, recording))
        if found is None:
            raise NotFound("no such recording", code="recording-not-found")
        return found

    async def clip(self, stream: StreamId, start_ns: int, end_ns: int) -> Path:
        if not any(known == stream for known, _ in self.files):
            raise NotFound("nothing is recorded in that range", code="clip-empty")
        path = self._scratch / f"{new_id('clip')}.mp4"
        path.write_bytes(f"clip {stream} {start_ns} {end_ns}".encode() * 100)
        return path

    async def unit_at(self, stream: StreamId, captured_ns: int) -> Found:
        found = self.units.get(stream)
        if found is None:
            raise NotFound("nothing is recorded there", code="unit-not-recorded", at_ns=captured_ns)
        return found


class FakeRules:
    """Rules in memory."""

    def __init__(self) -> None:
        self._rules: dict[CameraId, list[Rule]] = {}

    async def list(self, camera: CameraId) -> Sequence[Rule]:
        return self._rules.get(camera, [])

    async def put(self, camera: CameraId, rules: Sequence[Rule]) -> Sequence[Rule]:
        self._rules[camera] = [structs.replace(rule, id=rule.id or RuleId(new_id("rul"))) for rule in rules]
        return self._rules[camera]

    async def forget(self, camera: CameraId) -> None:
        self._rules.pop(camera, None)


class FakeEvents:
    """Events in memory, newest first."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self.events: dict[EventId, Event] = {}
        self._listeners: list[asyncio.Queue[Event]] = []

    def happen(self, camera: CameraId, start_ns: int, *, label: str = "person") -> Event:
        event = Event(
            id=EventId(new_id("evt")),
            camera=camera,
            stream=stream_of(camera),
            rule=RuleId("rul_aaaaaaaaaaaaaaaa"),
            zone=ZoneId("zon_aaaaaaaaaaaaaaaa"),
            rule_name="Nobody here at night",
            zone_name="Yard",
            label=label,
            severity="alert",
            score=0.9,
            start_ns=start_ns,
            last_ns=start_ns + 5_000_000_000,
            end_ns=start_ns + 5_000_000_000,
            first_ref=UnitRef(stream_of(camera), 1, 10),
            last_ref=UnitRef(stream_of(camera), 1, 80),
            best_ref=UnitRef(stream_of(camera), 1, 30),
            best_ns=start_ns + 2_000_000_001,
            best_box=(0.1, 0.2, 0.3, 0.4),
            model_name="picodet-s",
            model_hash="ab" * 32,
            config_hash="cd" * 32,
        )
        self.events[event.id] = event
        for listener in self._listeners:
            listener.put_nowait(event)
        return event

    async def get(self, event_id: EventId) -> Event:
        if event_id not in self.events:
            raise NotFound("no such event", code="event-not-found")
        return self.events[event_id]

    async def list(self, wanted: EventFilter) -> EventPage:
        newest = sorted(self.events.values(), key=lambda event: -event.start_ns)
        found = [event for event in newest if _fits(event, wanted)]
        mine = [event for event in newest if wanted.cameras is None or event.camera in wanted.cameras]
        page = tuple(found[: wanted.limit])
        next_ns = page[-1].start_ns if len(found) > wanted.limit else None
        return EventPage(page, next_ns, sum(not event.reviewed for event in mine))

    async def set_reviewed(self, ids: Sequence[EventId], reviewed: bool) -> None:
        for event_id in ids:
            self.events[event_id] = structs.replace(self.events[event_id], reviewed=reviewed)

    async def subscribe(self) -> AsyncIterator[Event]:
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._listeners.append(queue)
        while True:
            yield await queue.get()

    async def snapshot(self, event_id: EventId, width_px: int | None = None) -> bytes:
        return JPEG[:-2] + f"{event_id} {width_px}".encode() + JPEG[-2:]

    async def clip(self, event_id: EventId) -> Path:
        path = self._scratch / f"{new_id('clip')}.mp4"
        path.write_bytes(f"clip of {event_id}".encode() * 50)
        return path

    async def clip_span(self, event_id: EventId) -> tuple[int, int] | None:
        event = self.events[event_id]
        return event.start_ns - 3_000_000_000, event.start_ns + 8_000_000_000

    async def detections(self, event_id: EventId) -> Sequence[FrameResult]:
        event = self.events[event_id]
        return [result_of(event.camera, event.start_ns, 30)]

    async def replay(self, event_id: EventId) -> ReplayReport:
        await self.get(event_id)
        return ReplayReport(True, None, 3, 0, None, "the same detections again")


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


def _fits(event: Event, wanted: EventFilter) -> bool:
    return (
        (wanted.cameras is None or event.camera in wanted.cameras)
        and wanted.label in (None, event.label)
        and wanted.severity in (None, event.severity)
        and wanted.reviewed in (None, event.reviewed)
        and (wanted.before_ns is None or event.start_ns < wanted.before_ns)
        and (wanted.after_ns is None or event.start_ns >= wanted.after_ns)
    )
