"""Webcams. No machine that runs these tests has one: libav's own test picture, and files, stand in for the device,
behind the very process and socket that a device would be read by."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.container import InputContainer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from haechi.app.cli.commands import app
from haechi.base.clock import SystemClock
from haechi.base.errors import HaechiError, Invalid, PeerError, Unavailable
from haechi.fleet.address import parse_address
from haechi.ingest.session import no_note
from haechi.ingest.source import Track
from haechi.ingest.webcam.devices import devices, plan_for
from haechi.ingest.webcam.messages import Coded, Failed, Opened, Plan, Word, Words, pack
from haechi.ingest.webcam.source import WebcamSource
from haechi.media.access_unit import Codec, RawUnit, VideoParams
from haechi.media.annexb import split_units
from haechi.media.jpeg import HUFFMAN_TABLES
from haechi.media.webcam import Webcam, with_huffman_tables
from tests.api.world import Browser, World
from tests.cameras import until
from tests.whip import film

LAVFI = Plan("lavfi", "testsrc2=size=320x240:rate=15", {})


class Kept:
    """A `Sink` that keeps everything."""

    def __init__(self) -> None:
        self.tracks: Sequence[Track] = ()
        self.units: list[RawUnit] = []

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        self.tracks = tracks
        return [True] * len(tracks)

    def unit(self, _track: int, raw: RawUnit, _arrived_ns: int) -> None:
        self.units.append(raw)

    def report(self, _track: int, _camera_wall_ns: int, _rtp_ticks: int) -> None:
        raise AssertionError("a webcam reports nothing")


def taken(plan: Plan, count: int) -> tuple[Kept, HaechiError | None]:
    """What comes of a device, ``count`` units or to its end."""

    async def run() -> tuple[Kept, HaechiError | None]:
        sink = Kept()
        task = asyncio.create_task(WebcamSource(plan, SystemClock(), no_note).run(sink))
        await until(lambda: len(sink.units) >= count or task.done(), 60)
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        return sink, ended if isinstance(ended, HaechiError) else None

    return asyncio.run(run())


def test_a_camera_that_codes_nothing_is_encoded_with_a_sync_picture_every_two_seconds() -> None:
    sink, _ = taken(LAVFI, 64)
    assert [track.codec for track in sink.tracks] == [Codec.H264]
    params = sink.units[0].params
    assert isinstance(params, VideoParams)
    assert (params.width_px, params.height_px) == (320, 240)
    assert [index for index, unit in enumerate(sink.units[:64]) if unit.is_sync] == [0, 30, 60]
    steps = [b.rtp_ticks - a.rtp_ticks for a, b in itertools.pairwise(sink.units)]
    assert set(steps) == {6000}


def test_size_rate_and_bitrate_of_what_we_encode_are_as_wished() -> None:
    sink, _ = taken(Plan("lavfi", "testsrc2=size=640x480:rate=30", {}, 160, 120, 10, 100), 40)
    params = sink.units[0].params
    assert isinstance(params, VideoParams)
    assert (params.width_px, params.height_px) == (160, 120)
    assert {b.rtp_ticks - a.rtp_ticks for a, b in itertools.pairwise(sink.units)} == {9000}
    seconds = len(sink.units) / 10
    assert sum(len(unit.data) for unit in sink.units) * 8 / seconds < 200_000


def test_what_a_camera_codes_itself_arrives_byte_for_byte(tmp_path: Path) -> None:
    pictures = film(2.0)
    path = tmp_path / "camera.h264"
    path.write_bytes(b"".join(pictures))
    sink, ended = taken(Plan("h264", str(path), {}), 10_000)
    assert [unit.data for unit in sink.units] == [unit.data for unit in split_units(b"".join(pictures), Codec.H264)]
    assert ended is not None
    assert ended.code == "camera-closed"


def jpegs(count: int) -> list[bytes]:
    """Pictures as a webcam sends them."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 160, 120, "yuvj420p"
    encoder.time_base = Fraction(1, 10)
    out: list[bytes] = []
    with av.open("testsrc2=size=160x120:rate=10", "r", format="lavfi") as container:
        assert isinstance(container, InputContainer)
        for frame in container.decode(video=0):
            picture = frame.reformat(format="yuvj420p")
            picture.pts = len(out)
            out += [bytes(packet) for packet in encoder.encode(picture)]
            if len(out) >= count:
                return out
    return out


def test_motion_jpeg_arrives_byte_for_byte(tmp_path: Path) -> None:
    pictures = jpegs(6)
    path = tmp_path / "camera.mjpeg"
    path.write_bytes(b"".join(pictures))
    sink, _ = taken(Plan("mjpeg", str(path), {}), 10_000)
    assert [track.codec for track in sink.tracks] == [Codec.MJPEG]
    assert [unit.data for unit in sink.units] == pictures
    assert sink.units[0].params == VideoParams(Codec.MJPEG, 160, 120)
    assert sink.units[1].params is None


def test_a_jpeg_without_its_standard_tables_gets_them_and_is_the_same_picture() -> None:
    whole = with_huffman_tables(without_tables(jpegs(1)[0]))
    assert all(table in whole for table in HUFFMAN_TABLES.values())
    assert with_huffman_tables(whole) == whole
    with av.open(io.BytesIO(whole), "r", format="mjpeg") as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (160, 120)


def without_tables(jpeg: bytes) -> bytes:
    """The same, as cameras on USB send it: no DHT."""
    out, at = jpeg[:2], 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        out += b"" if jpeg[at + 1] == 0xC4 else jpeg[at:end]
        at = end
    return out + jpeg[at:]


@given(st.binary(max_size=80))
def test_a_jpeg_of_noise_breaks_nothing(data: bytes) -> None:
    assert len(with_huffman_tables(b"\xff\xd8" + data)) >= len(data)


def test_a_camera_that_is_not_there_says_so() -> None:
    _, ended = taken(Plan("v4l2", "/dev/video250", {}), 1)
    assert ended is not None
    assert ended.code == "webcam-missing"
    with pytest.raises(Unavailable) as caught:
        plan_for(Webcam.parse("webcam:250"))
    assert caught.value.code == "webcam-missing"


def test_the_process_is_gone_when_its_source_is() -> None:
    async def run() -> list[str]:
        sink = Kept()
        task = asyncio.create_task(WebcamSource(LAVFI, SystemClock(), no_note).run(sink))
        await until(lambda: len(sink.units) >= 3 or task.done(), 60)
        before = readers()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [one for one in before if one in readers()]

    def readers() -> list[str]:
        ours = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    line = (entry / "cmdline").read_bytes()
                    parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                except OSError:
                    continue
                if b"haechi.ingest.webcam.reader" in line and int(parent) == os.getpid():
                    ours.append(entry.name)
        return ours

    assert asyncio.run(run()) == []


def test_devices_are_told_by_what_the_kernel_says(tmp_path: Path) -> None:
    root, dev = tmp_path / "sys", tmp_path / "dev"
    for number, name in ((0, "Desk camera"), (1, "Desk camera, metadata"), (10, "Door")):
        (root / f"video{number}").mkdir(parents=True)
        (root / f"video{number}" / "name").write_text(name + "\n")
    (root / "radio0").mkdir()
    dev.mkdir()
    (dev / "video1").write_bytes(b"")  # answers no question of a camera
    found = devices(root, dev)
    assert [(one.address, one.name, one.codes) for one in found] == [
        (f"webcam:{dev}/video0", "Desk camera", False),
        (f"webcam:{dev}/video10", "Door", False),
    ]
    assert all("no such camera" in one.problem for one in found)
    assert devices(tmp_path / "nothing") == []


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("webcam:0", "webcam:0"),
        (" WEBCAM:/dev/video2 ", "webcam:/dev/video2"),
        ("webcam:0?fps=15&size=1280x720", "webcam:0?size=1280x720&fps=15"),
        ("webcam:/dev/v4l/by-id/usb-046d_HD-video-index0", "webcam:/dev/v4l/by-id/usb-046d_HD-video-index0"),
        ("webcam:Integrated Camera", "webcam:Integrated Camera"),
        ("webcam:0?kbps=2000&codec=auto", "webcam:0"),
    ],
)
def test_an_address_is_read_and_written_the_one_way(typed: str, address: str) -> None:
    found = parse_address(typed)
    assert (found.url, found.kind) == (address, "webcam")
    assert parse_address(found.secret_url()) == found


@pytest.mark.parametrize(
    "typed",
    [
        "webcam:",
        "webcam:/etc/passwd",
        "webcam:/dev/video0/../sda",
        "webcam:/dev/v4l/by-id/../../sda",
        "webcam:0?size=1x1",
        "webcam:0?size=99999x10",
        "webcam:0?fps=0",
        "webcam:0?fps=1&fps=2",
        "webcam:0?exec=x",
        "webcam:0?codec=vp9",
        "webcam:video=a:audio=b",
    ],
)
def test_what_is_no_webcam_is_refused(typed: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_address(typed)
    assert caught.value.code == "bad-url"


def test_a_webcam_has_no_log_in() -> None:
    with pytest.raises(Invalid):
        parse_address("webcam:0").with_credentials("root", "root")


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 9))
def test_words_arrive_however_they_are_cut(pictures: list[bytes], step: int) -> None:
    said: list[Word] = [
        Opened("h264", encodes=False),
        *(Coded(index, data) for index, data in enumerate(pictures)),
        Failed("a", "b"),
    ]
    stream = b"".join(map(pack, said))
    words = Words()
    heard = [word for at in range(0, len(stream), step) for word in words.feed(stream[at : at + step])]
    assert heard == said


@given(st.binary(min_size=1, max_size=60))
def test_noise_is_no_word(data: bytes) -> None:
    try:
        assert all(isinstance(word, Opened | Coded | Failed) for word in Words().feed(data))
    except PeerError as error:
        assert error.code == "webcam-malformed"  # noqa: PT017 - either is right


def test_the_list_of_webcams_is_the_administrators(tmp_path: Path) -> None:
    world = World(tmp_path)
    admin = Browser(world.app(), world.token(world.user("Ann", "admin")))
    answer = admin.get("/api/webcams")
    assert answer.status_code == 200
    assert [one["address"] for one in answer.json()["webcams"]] == [one.address for one in devices()]
    world.close()


def test_the_command_says_what_there_is() -> None:
    told = CliRunner().invoke(app, ["webcam", "list"])
    assert told.exit_code == 0
    assert ("there is no camera in this machine" in told.output) == (devices() == [])
