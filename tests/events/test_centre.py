"""From the camera's unit to the event, its picture, its clip and its replay; nothing is faked."""

import asyncio
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.base.errors import NotFound
from haechi.base.ids import EventId
from haechi.events.archive import Change, EventArchive
from haechi.events.desk import AROUND_NS
from haechi.events.event import Event
from haechi.media.access_unit import AccessUnit
from haechi.vision.settings import VisionSettings
from tests.events.house import House, house
from tests.vision.scenes import STREAM, visitor

pytestmark = pytest.mark.slow


async def visit(home: House, *, spoil: int | None = None) -> tuple[Event, tuple[AccessUnit, ...]]:
    """The visitor comes and goes; ``spoil`` flips a byte of that unit on the way to the recorder's disk afterwards."""
    params, units = visitor()
    await home.forbid_the_floor()
    over = asyncio.create_task(home.until_stored(ended=True))
    await home.until_watching()
    home.rig.open(params)
    await home.rig.play(units)
    home.rig.close()
    event = await over
    await home.until_recorded(units[-1])
    if spoil is not None:
        flip(home.folder, units[spoil])
    return event, units


def flip(folder: Path, unit: AccessUnit) -> None:
    """Change one byte of a unit where it lies on disk."""
    for path in (folder / "footage").rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        place = data.find(unit.data)
        if place >= 0:
            changed = bytearray(data)
            changed[place + len(unit.data) // 2] ^= 0x10
            path.write_bytes(changed)
            return
    raise AssertionError("the unit is not on disk")


def test_a_visitor_leads_to_one_event_with_picture_exact_clip_boxes_and_an_identical_replay(tmp_path: Path) -> None:
    async def play() -> None:
        async with house(tmp_path) as home:
            event, units = await visit(home)
            assert await home.events() == (event,)
            start, end = (home.seq_at(units, at_ns) for at_ns in (event.start_ns, event.end_ns or 0))
            assert 20 <= start <= 30
            assert 93 <= end <= 105
            assert (event.first_ref, event.last_ref) == (units[start].ref, units[end].ref)
            assert event.model_name == "picodet-s"
            await picture_shows_the_visitor(home, event)
            await clip_is_exact(home, event, units)
            looks = await home.centre.detections(event.id)
            assert {unit.ref for unit in units} >= {look.ref for look in looks}
            best = next(look for look in looks if look.ref == event.best_ref)
            assert event.best_box in {(d.x, d.y, d.w, d.h) for d in best.detections}
            report = await home.centre.replay(event.id)
            assert report.identical, report
            assert report.compared == len(looks) > 30
            assert await home.pins() == [(event.start_ns - AROUND_NS, (event.end_ns or 0) + AROUND_NS)]
            await home.centre.set_reviewed([event.id], reviewed=True)
            assert (await home.centre.get(event.id)).reviewed
            for question in (home.centre.get, home.centre.snapshot, home.centre.clip, home.centre.replay):
                with pytest.raises(NotFound):
                    await question(EventId("evt_nosuchevent"))

    asyncio.run(play())


async def picture_shows_the_visitor(home: House, event: Event) -> None:
    picture = cv2.imdecode(np.frombuffer(await home.centre.snapshot(event.id), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (360, 640, 3)
    x, y, w, h = event.best_box
    box = picture[int(y * 360) : int((y + h) * 360), int(x * 640) : int((x + w) * 640)]
    orange = (box[:, :, 2].astype(int) - box[:, :, 0]) > 60
    assert orange.mean() > 0.2, "the astronaut's suit is in the box"
    (tmp,) = (home.folder / "events").iterdir()
    tmp.unlink()
    assert (await home.centre.snapshot(event.id)).startswith(b"\xff\xd8"), "made again from the recording"


async def clip_is_exact(home: House, event: Event, units: tuple[AccessUnit, ...]) -> None:
    path = await home.centre.clip(event.id)
    with av.open(str(path), format="mp4") as container:
        frames = sum(1 for _ in container.decode(video=0))
    path.unlink()
    first, last = event.start_ns - AROUND_NS, (event.end_ns or 0) + AROUND_NS
    assert frames == sum(first <= unit.captured_ns <= last for unit in units)


def test_a_flipped_byte_in_the_recording_is_found_and_named(tmp_path: Path) -> None:
    async def play() -> None:
        async with house(tmp_path) as home:
            event, _ = await visit(home, spoil=47)
            report = await home.centre.replay(event.id)
            assert not report.identical
            assert report.stage == "bytes"
            assert report.ref is not None
            assert 40 <= report.ref.seq < 60, "in the GOP of the byte"
            assert report.differing > 0

    asyncio.run(play())


def test_another_model_is_named_as_the_stage_that_differs(tmp_path: Path) -> None:
    async def play() -> None:
        async with house(tmp_path) as home:
            event, _ = await visit(home)
        async with house(tmp_path, VisionSettings(detector="yolox-tiny", runtime="onnxruntime")) as home:
            report = await home.centre.replay(event.id)
            assert (report.identical, report.stage) == (False, "detector")
            assert "another model" in report.message
        async with house(tmp_path, VisionSettings(threads=2)) as home:
            report = await home.centre.replay(event.id)
            assert (report.identical, report.stage) == (False, "detector")
            assert "configuration" in report.message
        async with house(tmp_path) as home:
            assert (await home.centre.replay(event.id)).identical, "and the same again after all the restarts"

    asyncio.run(play())


def test_what_a_crash_left_open_is_closed_at_the_next_start(tmp_path: Path) -> None:
    params, units = visitor()

    async def play() -> None:
        async with house(tmp_path) as home:
            await home.forbid_the_floor()
            opened = asyncio.create_task(home.until_stored(ended=False))
            await home.until_watching()
            home.rig.open(params)
            await home.rig.play(units[:60])
            event = await opened
            assert event.end_ns is None
        async with house(tmp_path) as home:
            (left,) = await home.events()
            assert left.id == event.id
            assert left.is_cut
            assert left.end_ns is not None
            assert left.end_ns >= event.start_ns
            assert (await home.centre.replay(left.id)).identical

    asyncio.run(play())


def test_a_camera_that_goes_away_ends_its_event(tmp_path: Path) -> None:
    params, units = visitor()

    async def play() -> None:
        async with house(tmp_path) as home:
            await home.forbid_the_floor()
            over = asyncio.create_task(home.until_stored(ended=True))
            await home.until_watching()
            home.rig.open(params)
            await home.rig.play(units[:60])
            await home.rig.settle()
            home.rig.close()
            event = await over
            assert event.is_cut
            assert (await home.centre.replay(event.id)).identical

    asyncio.run(play())


def test_a_thousand_events_are_listed_fast(tmp_path: Path) -> None:
    async def play() -> None:
        async with house(tmp_path) as home:
            event, _ = await visit(home)
            basis = await EventArchive(home.stores.database).basis(event.id)
            many = tuple(
                (structs.replace(event, id=EventId(f"evt_{n:06d}"), start_ns=event.start_ns - n * NS_PER_S), basis)
                for n in range(1, 1001)
            )
            await EventArchive(home.stores.database).write(Change(many, ()))
            began = time.perf_counter()
            assert len(await home.events()) == 50
            assert time.perf_counter() - began < 1.0
            assert event.stream == STREAM

    asyncio.run(play())
