"""A month of 25 cameras in an index: rows as a running server writes them, and no footage (no bytes are read).

Recordings of a minute with their packed layouts, interleaved as they come; accounts of every hour; three gaps and forty
events a day and camera. One real file stands in for all of a camera: it holds what a decoder must know.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId, EventId, StreamId, new_id, stream_of
from haechi.bus.ledger import Entry, GapCause
from haechi.events.tables import events
from haechi.media.access_unit import Codec, VideoParams
from haechi.media.fmp4.muxer import init_segment
from haechi.media.fmp4.stamps import Source
from haechi.record.index.accounts import pack as pack_hour
from haechi.record.index.accounts import peaks
from haechi.record.index.layouts import FragmentRow
from haechi.record.index.layouts import pack as pack_layout
from haechi.record.tables import gaps, hours, layouts, recordings
from haechi.store.database import Database
from haechi.vision.hours import Hour, Sample
from haechi.vision.hours import pack as pack_moves
from haechi.vision.result import CELLS_BYTES
from haechi.vision.tables import activity

MINUTE_NS = 60 * NS_PER_S
FRAGMENTS = 30
FRAGMENT_BYTES = 500_000
FPS = 15
INIT_BYTES = 1000
SIZE_BYTES = INIT_BYTES + FRAGMENTS * FRAGMENT_BYTES
GAPS_A_DAY = 3
EVENTS_A_DAY = 40
START_NS = 1_760_000_400 * NS_PER_S // (3600 * NS_PER_S) * 3600 * NS_PER_S
PARAMS = VideoParams(Codec.H264, 1920, 1080, (bytes.fromhex("6764002aacd9"), bytes.fromhex("68ebe3cb")), "avc1.64002a")


class Month(NamedTuple):
    """What there is."""

    cameras: list[CameraId]
    start_ns: int
    end_ns: int


def fill(database: Database, folder: Path, cameras: list[CameraId], days: int, seed: int) -> Month:
    """Put everything in; ``folder`` is the volume's."""
    chance = random.Random(seed)
    streams = [stream_of(camera) for camera in cameras]
    minutes = days * 1440
    holes = {stream: _holes(chance, days) for stream in streams}
    for stream in streams:
        _init_file(folder, stream)
    for first in range(0, minutes, 1440):
        database.write_now(partial(_recordings, streams, holes, range(first, first + 1440)))
    database.write_now(lambda c: _gaps(c, holes))
    database.write_now(lambda c: _hours(c, streams, days, chance))
    database.write_now(lambda c: _events(c, cameras, days, chance))
    database.write_now(lambda c: _activity(c, streams, days))
    return Month(cameras, START_NS, START_NS + minutes * MINUTE_NS)


def _holes(chance: random.Random, days: int) -> dict[int, int]:
    """Minutes in which footage is missing, and how many seconds at their end."""
    return {chance.randrange(days * 1440): chance.randint(2, 50) for _ in range(days * GAPS_A_DAY)}


def _layout(minute: int, units_before: int) -> bytes:
    rows = []
    for n in range(FRAGMENTS):
        seq, begins = units_before + n * 2 * FPS, START_NS + minute * MINUTE_NS + n * 2 * NS_PER_S
        ticks = seq * 90_000 // FPS
        rows.append(
            FragmentRow(n, INIT_BYTES + n * FRAGMENT_BYTES, FRAGMENT_BYTES, begins, begins + 1_933_333_333, ticks,
                        ticks, 180_000, seq, 2 * FPS, True, minute.to_bytes(8, "big") * 2)
        )  # fmt: skip
    return pack_layout(rows)


def _recordings(
    streams: list[StreamId], holes: dict[StreamId, dict[int, int]], minutes: range, connection: Connection
) -> None:
    rows, packed = [], []
    number = minutes.start * len(streams)
    for minute in minutes:
        layout = _layout(minute, minute * 60 * FPS)
        for stream in streams:
            number += 1
            start_ns = START_NS + minute * MINUTE_NS
            end_ns = start_ns + MINUTE_NS - holes[stream].get(minute, 0) * NS_PER_S
            rows.append(
                {"id": number, "volume": "", "stream": stream, "run": 1, "params": 0, "start_ns": start_ns,
                 "path": f"{stream}/{minute}.mp4", "end_ns": end_ns, "first_seq": minute * 60 * FPS,
                 "last_seq": (minute + 1) * 60 * FPS - 1, "init_bytes": INIT_BYTES, "size_bytes": SIZE_BYTES,
                 "is_open": False, "base_bytes": 0, "seal": None}
            )  # fmt: skip
            packed.append({"recording": number, "pieces": layout})
    connection.execute(recordings.insert(), rows)
    connection.execute(layouts.insert(), packed)


def _init_file(folder: Path, stream: StreamId) -> None:
    """The first recording of a stream begins like a real one; it is as long as its row says, and takes no room."""
    head = init_segment(PARAMS, Source(stream, 1, 0))
    path = folder / stream / "0.mp4"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(SIZE_BYTES)


def _gaps(connection: Connection, holes: dict[StreamId, dict[int, int]]) -> None:
    causes = itertools.cycle([GapCause.UNREACHABLE, GapCause.CAMERA_CLOSED, GapCause.STALLED])
    rows = []
    for stream, mine in holes.items():
        for minute, seconds in sorted(mine.items()):
            end_ns = START_NS + (minute + 1) * MINUTE_NS
            rows.append(
                {"stream": stream, "start_ns": end_ns - seconds * NS_PER_S, "end_ns": end_ns, "cause": next(causes),
                 "detail": "the camera did not answer"}
            )  # fmt: skip
    connection.execute(gaps.insert(), rows)


def _hours(connection: Connection, streams: list[StreamId], days: int, chance: random.Random) -> None:
    rows = []
    for hour, stream in itertools.product(range(days * 24), streams):
        minutes: dict[int, Entry] = {}
        for minute in range(60):
            entry = minutes[minute] = Entry()
            entry.received = entry.stored = 60 * FPS
            entry.decoded = 30
            entry.motion = chance.choice((0, 0, 0, 1, 9, 60))
            entry.score = chance.choice((0, 0, 0, 0, 150, 220))
            if chance.random() < 0.01:
                entry.missing = {"packet-loss": 3}
        at = START_NS // (3600 * NS_PER_S) + hour
        rows.append({"stream": stream, "hour": at, "peaks": peaks(minutes), "body": pack_hour(minutes)})
    connection.execute(hours.insert(), rows)


def _activity(connection: Connection, streams: list[StreamId], days: int) -> None:
    """The first camera's picture never rests, its cells as hard to pack as they get; that of the others moves in
    a tenth of all seconds, in one place or another."""
    chance = random.Random(3)
    restless, calm = Hour(), Hour()
    for second in range(3600):
        restless.judge(second * 1000)
        calm.judge(second * 1000)
        restless.add(Sample(second * 1000, 9, chance.randbytes(CELLS_BYTES)))
        if second % 60 < 6:
            place = chance.randrange(CELLS_BYTES - 4)
            calm.add(Sample(second * 1000, 3, bytes(place) + b"\x0f" * 4 + bytes(CELLS_BYTES - 4 - place)))
    bodies = [pack_moves(restless), *[pack_moves(calm)] * (len(streams) - 1)]
    first = START_NS // (3600 * NS_PER_S)
    for stream, body in zip(streams, bodies, strict=True):
        rows = [{"stream": stream, "hour": first + hour, "body": body} for hour in range(days * 24)]
        connection.execute(activity.insert(), rows)


def _events(connection: Connection, cameras: list[CameraId], days: int, chance: random.Random) -> None:
    rows = list(_event_rows(cameras, days, chance))
    connection.execute(events.insert(), rows)


def _event_rows(cameras: list[CameraId], days: int, chance: random.Random) -> Iterator[dict[str, object]]:
    for camera in cameras:
        for _ in range(days * EVENTS_A_DAY):
            start_ns = START_NS + chance.randrange(days * 86_400) * NS_PER_S
            end_ns = start_ns + 9 * NS_PER_S
            ref = f"{stream_of(camera)}:1:0"
            yield {
                "id": EventId(new_id("evt")), "camera": camera, "stream": stream_of(camera), "rule": "rul_a",
                "rule_name": "Yard", "zone": None, "zone_name": "", "label": "person", "severity": "detection",
                "score": 0.8, "start_ns": start_ns, "last_ns": end_ns, "end_ns": end_ns,
                "first_ref": ref, "last_ref": ref, "best_ref": ref, "best_ns": start_ns, "best_box": [0, 0, 1, 1],
                "model_name": "picodet-s", "model_hash": "0" * 64, "config_hash": "0" * 64, "reviewed": False,
                "is_cut": False, "basis": bytes(1500),
            }  # fmt: skip
