"""Files as sources: every unit with its bytes, at its time, up to the last one that is whole."""

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from haechi.base.clock import SimulatedClock, SystemClock
from haechi.base.errors import DataLoss, HaechiError, Invalid, NotFound, PeerError
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import FrameBus
from haechi.ingest.camera import CameraIngest, Numbers
from haechi.ingest.file import FileSource
from haechi.ingest.runs import RunNumbers
from haechi.ingest.source import Track
from haechi.media.access_unit import Codec, CodecParams, RawUnit
from haechi.media.annexb import split_units
from haechi.media.fmp4.muxer import fragment, init_segment
from haechi.media.fmp4.reader import scan
from haechi.media.fmp4.stamps import Source as Origin
from haechi.media.nal import join_annexb, split_lengths
from haechi.store.database import Database
from tests.cameras import no_floor, units_of, until
from tests.footage import footage, footage_names
from tests.streams import CodedUnit, aac_stream, h264_stream, h265_stream, stamped

STREAM = StreamId("cam_a/main")
FPS = 15
FRAGMENT = 15


class Taker:
    """A sink that keeps what it gets, and by whose clock it came."""

    def __init__(self, clock: SystemClock | SimulatedClock, *, wants: bool = True) -> None:
        self._clock = clock
        self._wants = wants
        self.tracks: Sequence[Track] = ()
        self.units: list[RawUnit] = []
        self.arrived_ns: list[int] = []
        self.clock_ns: list[int] = []

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        self.tracks = tracks
        return [self._wants] * len(tracks)

    def unit(self, track: int, raw: RawUnit, arrived_ns: int) -> None:
        assert track == 0
        self.units.append(raw)
        self.arrived_ns.append(arrived_ns)
        self.clock_ns.append(self._clock.monotonic_ns())

    def report(self, track: int, camera_wall_ns: int, rtp_ticks: int) -> None:
        raise AssertionError("a file has no sender reports")


def recording(path: Path, stream: tuple[CodecParams, list[CodedUnit]]) -> bytes:
    """Write a recording as the recorder does, a fragment for each second; gives its bytes."""
    params, coded = stream
    units = stamped(coded, STREAM, run=7, first_ticks=900_000)
    parts = [init_segment(params, Origin(STREAM, 7))]
    for number, start in enumerate(range(0, len(units), FRAGMENT)):
        parts.append(fragment(units[start : start + FRAGMENT], params, number + 1))
    data = b"".join(parts)
    path.write_bytes(data)
    return data


def played(source: FileSource, taker: Taker) -> HaechiError | None:
    """Run the source to its end; the error that it ended with."""

    async def run() -> None:
        await asyncio.wait_for(source.run(taker), 30)

    try:
        asyncio.run(run())
    except HaechiError as error:
        return error
    return None


@pytest.mark.parametrize(
    "stream",
    [h264_stream(frames=60), h264_stream(frames=45, bframes=2), h265_stream(frames=30), aac_stream(frames=40)],
    ids=["h264", "h264-reordered", "h265", "aac"],
)
def test_every_unit_of_a_recording_comes_with_its_bytes_and_times(
    tmp_path: Path, stream: tuple[CodecParams, list[CodedUnit]]
) -> None:
    params, coded = stream
    recording(tmp_path / "a.mp4", stream)
    taker = Taker(SystemClock())
    assert played(FileSource(tmp_path / "a.mp4", SystemClock(), is_paced=False), taker) is None
    assert taker.tracks == [Track(params.codec, 90_000)]
    assert [(raw.data, raw.is_sync, raw.rtp_ticks) for raw in taker.units] == [
        (unit.data, unit.is_sync, unit.pts - coded[0].dts) for unit in coded
    ]
    assert [raw.params for raw in taker.units] == [params] + [None] * (len(coded) - 1)


@pytest.mark.parametrize("suffix", ["264", "265"])
def test_every_picture_of_a_bare_stream_comes_with_its_bytes_at_its_rate(tmp_path: Path, suffix: str) -> None:
    params, coded = h264_stream(frames=30) if suffix == "264" else h265_stream(frames=30)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(join_annexb(params.sets) + b"".join(join_annexb(split_lengths(unit.data)) for unit in coded))
    taker = Taker(SystemClock())
    assert played(FileSource(path, SystemClock(), fps=10, is_paced=False), taker) is None
    assert [(raw.data, raw.is_sync) for raw in taker.units] == [(unit.data, unit.is_sync) for unit in coded]
    assert [raw.rtp_ticks for raw in taker.units] == [9_000 * number for number in range(30)]
    steps = [later - before for before, later in zip(taker.arrived_ns, taker.arrived_ns[1:], strict=False)]
    assert set(steps) == {100_000_000}


@pytest.mark.parametrize("name", [*footage_names("h264/*.264"), *footage_names("h265/*.265")] or ["h264/BA_MW_D.264"])
def test_streams_of_other_encoders_come_whole(name: str) -> None:
    path = footage(name)
    taker = Taker(SystemClock())
    failure = played(FileSource(path, SystemClock(), is_paced=False), taker)
    codec = Codec.H264 if path.suffix == ".264" else Codec.H265
    units = list(split_units(path.read_bytes(), codec))
    if failure is not None:
        assert failure.code == "not-playable"
        assert not units or not units[0].is_sync
    else:
        assert [raw.data for raw in taker.units] == [unit.data for unit in units]


def test_a_recording_is_played_in_real_time_and_again_and_again(tmp_path: Path) -> None:
    recording(tmp_path / "a.mp4", h264_stream(frames=30, fps=FPS))
    clock = SimulatedClock()
    taker = Taker(clock)

    async def run() -> None:
        task = asyncio.create_task(FileSource(tmp_path / "a.mp4", clock, loops=True).run(taker))
        while len(taker.units) < 75:
            await until(lambda: bool(clock._sleepers) or task.done())
            assert not task.done()
            clock.advance(clock._sleepers[0][0] - clock.monotonic_ns())
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert [raw.rtp_ticks for raw in taker.units[:75]] == [6_000 * number for number in range(75)]
    assert all(abs(ns - number * 1_000_000_000 / FPS) < 1_000 for number, ns in enumerate(taker.clock_ns[:75]))
    assert taker.arrived_ns == taker.clock_ns
    assert [raw.is_sync for raw in taker.units[:60]] == [number % 15 == 0 for number in range(60)]


@pytest.mark.parametrize("cut", [1, 700, 5_000])
def test_a_recording_that_is_cut_off_ends_with_an_error_after_its_last_whole_fragment(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.mp4"
    data = recording(path, h264_stream(frames=60))
    path.write_bytes(data[:-cut])
    whole = sum(len(found.units) for found in scan(data[:-cut]).fragments)
    taker = Taker(SystemClock())
    failure = played(FileSource(path, SystemClock(), is_paced=False, loops=True), taker)
    assert isinstance(failure, PeerError)
    assert failure.code == "recording-torn"
    assert len(taker.units) == whole
    assert failure.context["units"] == whole
    assert scan(data).fragments[whole // FRAGMENT].offset <= failure.offset <= len(data)


def test_a_recording_with_another_byte_than_was_written_is_not_played_on(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    data = bytearray(recording(path, h264_stream(frames=60)))
    second = scan(bytes(data)).fragments[1].units[3].sample
    data[second.offset + second.size // 2] ^= 1
    path.write_bytes(data)
    taker = Taker(SystemClock())
    failure = played(FileSource(path, SystemClock(), is_paced=False), taker)
    assert isinstance(failure, DataLoss)
    assert len(taker.units) == FRAGMENT


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mp4", b"hello, this is text"),
        ("a.264", b""),
        ("a.264", b"\0\0\0\1\x41\x9a\x02"),
        ("a.264", b"\0\0\0\1\x67"),
        ("a.bin", b"\0\0\0\1\x67\x64\0\x1f"),
        ("a.mp4", b"\0\0\0\x10ftypisom\0\0\0\0"),
        ("a.mp4", init_segment(h264_stream()[0], Origin(STREAM, 1))),
    ],
    ids=["text", "empty", "no-parameters", "cut-sps", "unnamed", "only-ftyp", "no-fragment"],
)
def test_what_is_no_video_is_refused_before_anything_is_delivered(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    taker = Taker(SystemClock())
    failure = played(FileSource(tmp_path / name, SystemClock(), is_paced=False), taker)
    assert isinstance(failure, Invalid)
    assert failure.code == "not-playable"
    assert taker.tracks == ()


def test_a_file_that_is_not_there_is_named_without_its_folder(tmp_path: Path) -> None:
    failure = played(FileSource(tmp_path / "gone.mp4", SystemClock()), Taker(SystemClock()))
    assert isinstance(failure, NotFound)
    assert str(tmp_path) not in str(failure)


def test_a_file_that_nobody_wants_is_not_played(tmp_path: Path) -> None:
    recording(tmp_path / "a.mp4", h264_stream(frames=30))
    taker = Taker(SystemClock(), wants=False)
    assert played(FileSource(tmp_path / "a.mp4", SystemClock()), taker) is None
    assert taker.units == []


def test_a_played_recording_is_on_the_bus_what_the_camera_sent(tmp_path: Path) -> None:
    stream = h264_stream(frames=60)
    recording(tmp_path / "a.mp4", stream)

    async def run() -> None:
        database = Database.at(tmp_path / "haechi.db")
        database.migrate()
        bus, clock = FrameBus(), SystemClock()
        subscription = bus.record(STREAM)
        ingest = CameraIngest(
            CameraId("cam_a"),
            lambda: FileSource(tmp_path / "a.mp4", clock, is_paced=False),
            bus,
            clock,
            numbers=Numbers(RunNumbers(database), no_floor),
        )
        task = asyncio.create_task(ingest.run())
        units = await units_of(subscription, 60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        database.close()
        assert [unit.data for unit in units] == [unit.data for unit in stream[1]]
        assert [(unit.pts, unit.dts) for unit in units] == [(unit.pts, unit.dts) for unit in stream[1]]
        spans = [later.captured_ns - before.captured_ns for before, later in itertools.pairwise(units)]
        assert all(abs(span - 1_000_000_000 / FPS) < 100_000 for span in spans)

    asyncio.run(run())
