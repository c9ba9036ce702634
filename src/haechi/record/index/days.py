"""The recordings of one camera on one day (UTC), on disk and in the index: the unit in which the two are compared.

A file lies in the folder of the hour in which its first unit was captured:
`haechi.record.disk.volume.relative_path`.
"""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.ids import RecordingId, StreamId
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import LONGEST_RECORDING_NS
from haechi.record.tables import recordings

NS_PER_HOUR = 3600 * NS_PER_S
NS_PER_DAY = 24 * NS_PER_HOUR
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_HOUR = re.compile(r"\d\d")
_AFTER_A_SLASH = "0"
"""The character after ``/``: names that begin with ``camera/`` are below ``camera0``."""


class Day(Struct, frozen=True, order=True):
    """One camera's folder of one date such as ``2026-11-21``."""

    date: str
    camera: str

    @property
    def prefix(self) -> str:
        """What the paths of its files begin with."""
        return f"{self.camera}/{self.date}/"

    @property
    def start_ns(self) -> int:
        """When it begins. ValueError: there is no such date."""
        return int(datetime.fromisoformat(self.date).replace(tzinfo=UTC).timestamp()) * NS_PER_S


class Listed(Struct, frozen=True):
    """A recording as far as it is compared with its file."""

    id: RecordingId
    size_bytes: int
    is_open: bool


def on_disk(volume: Volume) -> tuple[set[Day], list[str]]:
    """Every day of which there is a folder, and the files that are in no such folder."""
    days: set[Day] = set()
    strays: list[str] = []
    for camera, is_folder in _entries(volume.root):
        if not is_folder:
            strays.append(camera)
            continue
        for name, is_inner in _entries(volume.root / camera):
            if is_inner and _is_date(name):
                days.add(Day(name, camera))
            elif is_inner:
                strays += (path for path, _ in volume.files(f"{camera}/{name}/"))
            else:
                strays.append(f"{camera}/{name}")
    return days, [path for path in strays if path.endswith(".mp4")]


def hours_since(volume: Volume, since_ns: int) -> Iterator[tuple[Day, int]]:
    """The hours on disk that may hold something that was captured at ``since_ns`` or later."""
    since = datetime.fromtimestamp((since_ns - LONGEST_RECORDING_NS) // NS_PER_S, UTC)
    first = (f"{since:%Y-%m-%d}", f"{since:%H}")
    for camera, is_folder in _entries(volume.root):
        dates = _entries(volume.root / camera) if is_folder else ()
        for date in (name for name, is_inner in dates if is_inner and _is_date(name) and name >= first[0]):
            for hour, _ in _entries(volume.root / camera / date):
                if _HOUR.fullmatch(hour) and (date, hour) >= first:
                    yield Day(date, camera), int(hour)


def newest_files(volume: Volume) -> Iterator[str]:
    """The newest file of each stream by its name: for when the index knows nothing."""
    for camera, is_folder in _entries(volume.root):
        dates = sorted(name for name, is_inner in _entries(volume.root / camera) if _is_date(name)) if is_folder else []
        hours = sorted(name for name, _ in _entries(volume.root / camera / dates[-1])) if dates else []
        if hours:
            paths = sorted(path for path, _ in volume.files(f"{camera}/{dates[-1]}/{hours[-1]}/"))
            yield from {path.split("_")[-2:-1][0]: path for path in paths if path.count("_") >= 2}.values()


def streams_of(connection: Connection, camera: str = "") -> list[StreamId]:
    """Every stream of which something is listed, of one camera or of all. Steps from one to the next in the index."""
    found: list[StreamId] = []
    first = f"{camera}/" if camera else ""
    within = [recordings.c.stream < f"{camera}{_AFTER_A_SLASH}"] if camera else []
    while True:
        after = found[-1] if found else first
        query = sa.select(sa.func.min(recordings.c.stream)).where(recordings.c.stream > after, *within)
        name = connection.execute(query).scalar()
        if name is None:
            return found
        found.append(StreamId(name))


def days_listed(connection: Connection) -> set[Day]:
    """Every day on which a recording begins, wherever it lies."""
    found: set[Day] = set()
    for stream in streams_of(connection):
        number = (recordings.c.start_ns / sa.literal(NS_PER_DAY, sa.BigInteger)).cast(sa.BigInteger)
        query = sa.select(number).where(recordings.c.stream == stream).distinct()
        camera = stream.partition("/")[0]
        for day in connection.execute(query).scalars():
            found.add(Day(f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}", camera))
    return found


def listed_on(connection: Connection, volume: str, day: Day, hour: int | None = None) -> dict[str, Listed]:
    """The recordings of a volume whose files are in the folder of a day, or of one hour of it, by path."""
    found: dict[str, Listed] = {}
    start_ns = day.start_ns + (hour or 0) * NS_PER_HOUR
    end_ns = start_ns + (NS_PER_DAY if hour is None else NS_PER_HOUR) + LONGEST_RECORDING_NS
    prefix = day.prefix if hour is None else f"{day.prefix}{hour:02d}/"
    for stream in streams_of(connection, day.camera):
        query = sa.select(recordings.c.path, recordings.c.id, recordings.c.size_bytes, recordings.c.is_open).where(
            recordings.c.stream == stream,
            recordings.c.start_ns >= start_ns,
            recordings.c.start_ns < end_ns,
            recordings.c.volume == volume,
        )
        for path, recording, size, is_open in connection.execute(query):
            if path.startswith(prefix):
                found[path] = Listed(recording, size, is_open)
    return found


def newest_end_ns(connection: Connection, volume: str) -> int | None:
    """When the newest recording of a volume ends; None: there is none."""
    return connection.execute(sa.select(sa.func.max(recordings.c.end_ns)).where(recordings.c.volume == volume)).scalar()


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Names in a folder and whether they are folders; none when it is gone meanwhile."""
    try:
        with os.scandir(folder) as entries:
            return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_date(name: str) -> bool:
    if not _DATE.fullmatch(name):
        return False
    try:
        datetime.fromisoformat(name)
    except ValueError:
        return False
    return True
