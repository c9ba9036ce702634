"""Cameras with a memory, on loopback; and a keeper of footage that holds all in its own memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import Connection

from haechi.base.clock import SystemClock
from haechi.base.errors import Unavailable
from haechi.base.ids import CameraId, StreamId
from haechi.base.supervise import Backoff
from haechi.bus.frames import FrameBus, Subscription
from haechi.camera.dial.dialler import Dialler
from haechi.camera.dial.line import Identity, Server
from haechi.camera.dial.memory.keeper import Keeper
from haechi.camera.dial.memory.spool import Spool
from haechi.camera.virtual.server import Feed, FeedUnit, VirtualCamera
from haechi.fleet.dialling import signer
from haechi.media.access_unit import AccessUnit, AudioParams, Codec, CodecParams
from haechi.media.reverse.edge import EdgeId, EdgeRun, EdgeUnit
from haechi.media.reverse.spans import Spans, holds, union
from haechi.record.disk.volume import Volume
from haechi.record.index.layouts import Fragment
from haechi.record.index.spans import Recording, fragments_in, recordings_between
from haechi.record.playback.read import units_in
from haechi.record.tiers.vault import Vault
from haechi.store.database import Database
from tests.cameras import StreamFeed
from tests.dialling import end

SOUND = AudioParams(Codec.PCMA, 8000, 1, b"", "alaw")


class Talking:
    """A feed with sound: pictures of another feed, and between them 20 ms of G.711 each."""

    def __init__(self, feed: StreamFeed) -> None:
        self._feed = feed

    def tracks(self) -> tuple[CodecParams, ...]:
        return (*self._feed.tracks(), SOUND)

    async def units(self) -> AsyncIterator[FeedUnit]:
        number = 0
        async for unit in self._feed.units():
            while number * 0.02 <= unit.due_s:
                yield FeedUnit(1, number.to_bytes(4, "big") * 40, number * 160, number * 0.02, True)
                number += 1
            yield unit


class Shelf:
    """An `EdgeStore`: what comes live is durable when it was taken off the bus.

    Attributes:
        kept: Data of each unit by stream and the camera's own number, and whether it came live.
        order: Numbers in the order in which they were kept, of what did not come live.
    """

    def __init__(self, bus: FrameBus) -> None:
        self.kept: dict[tuple[StreamId, EdgeId], tuple[bytes, bool]] = {}
        self.order: list[tuple[StreamId, EdgeId]] = []
        self.twice = 0
        self.is_full = False
        self._bus = bus
        self._notes: dict[tuple[StreamId, int], list[tuple[int, EdgeId]]] = {}
        self._lanes: dict[StreamId, Subscription] = {}

    async def run(self) -> None:
        """Take what comes live off the bus."""
        while True:
            self._drain()
            await asyncio.sleep(0.02)

    def _drain(self) -> None:
        for stream in self._bus.streams():
            if stream not in self._lanes:
                self._lanes[stream] = self._bus.record(stream)
            lane = self._lanes[stream]
            while lane.pending():
                item = lane.take()
                if isinstance(item, AccessUnit):
                    self._take(item)

    def _take(self, unit: AccessUnit) -> None:
        notes = self._notes.get((unit.ref.stream, unit.ref.run), [])
        seq, edge = next(note for note in reversed(notes) if note[0] <= unit.ref.seq)
        self._keep(unit.ref.stream, EdgeId(edge.run, edge.seq + unit.ref.seq - seq), unit.data, is_live=True)

    def _keep(self, stream: StreamId, edge: EdgeId, data: bytes, *, is_live: bool) -> None:
        self.twice += (stream, edge) in self.kept
        self.kept[stream, edge] = data, is_live
        if not is_live:
            self.order.append((stream, edge))

    def spans(self, stream: StreamId, run: EdgeRun) -> Spans:
        """What is held."""
        return union((edge.seq, edge.seq + 1) for one, edge in self.kept if one == stream and edge.run == run)

    # -- `EdgeStore` -------------------------------------------------------------------------------------------------
    async def held(self, stream: StreamId, edge_run: EdgeRun) -> Sequence[tuple[int, int]]:
        return self.spans(stream, edge_run)

    def note_live(self, stream: StreamId, run: int, unit_seq: int, edge: EdgeId) -> None:
        self._notes.setdefault((stream, run), []).append((unit_seq, edge))

    async def store(self, stream: StreamId, units: Sequence[EdgeUnit], offset_ns: int) -> None:
        if self.is_full:
            raise Unavailable("the disk is full", code="disk-full")
        self._drain()
        held = self.spans(stream, units[0].edge.run)
        for unit in units:
            if not holds(held, unit.edge.seq):
                self._keep(stream, unit.edge, unit.data, is_live=False)


class Device:
    """A camera of software with a memory; what it took, by track."""

    def __init__(self, feed: Feed, folder: Path, limit_bytes: int, clock: SystemClock) -> None:
        self.spool = Spool(folder, limit_bytes)
        self.keeper = Keeper(self.spool, clock, share=0.3)
        self.camera = VirtualCamera({"/main": feed}, port=None, clock=clock)
        self.taken: dict[int, list[bytes]] = {0: [], 1: []}
        self.camera.on_unit = self._note
        self.camera.remember(self.keeper)

    def _note(self, _path: str, unit: FeedUnit) -> None:
        self.taken[unit.track].append(unit.data)


@asynccontextmanager
async def remembering(
    device: Device, server: Server, camera: CameraId, token: str, clock: SystemClock
) -> AsyncIterator[Device]:
    """A camera with a memory that dials ``server`` for as long as the block lasts."""
    device.spool.open()
    dialler = Dialler(server, Identity(camera, signer(token)), device.camera, clock)
    dialler._lost = Backoff(0.1, 0.4)
    tasks = [asyncio.create_task(one()) for one in (device.camera.run, device.keeper.run, dialler.run)]
    try:
        yield device
    finally:
        await end(*tasks)


async def recorded(database: Database, volume: Path, stream: StreamId) -> dict[EdgeId, AccessUnit]:
    """Every unit on disk by the camera's own number; nothing overlaps, and time goes forward (D7)."""

    def listed(connection: Connection) -> list[tuple[Recording, list[Fragment]]]:
        all_of_it = sorted(recordings_between(connection, stream, 0, 1 << 62), key=lambda one: one.start_ns)
        return [(one, fragments_in(connection, [one.id])) for one in all_of_it]

    vault = Vault(Volume(volume))
    found: dict[EdgeId, AccessUnit] = {}
    last_ns = 0
    for one, pieces in await database.read(listed):
        assert one.edge_run is not None
        assert one.edge_seq is not None
        for unit in (unit for piece in pieces for unit in units_in(vault, one, piece)):
            edge = EdgeId(EdgeRun(one.edge_run), one.edge_seq + unit.ref.seq - one.first_seq)
            assert edge not in found, "a unit is there twice"
            assert unit.captured_ns > last_ns, "recordings overlap"
            found[edge] = unit
            last_ns = unit.captured_ns
    return found
