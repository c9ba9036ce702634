"""A camera is bumped while it runs: its zones follow, rules go on in them, and a person has the last word."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from shapely.geometry import Polygon

from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId, stream_of
from haechi.camera.virtual.feed import BUMPED, BumpedFeed, SceneFeed, default_cache_dir
from haechi.camera.virtual.render import Renderer
from haechi.camera.virtual.scene import FPS, scene
from haechi.camera.virtual.server import VirtualCamera
from haechi.vision.view.book import View, ViewBook
from haechi.vision.view.geometry import Transform, of_pixels, placed
from haechi.vision.view.judge import ViewJudge
from haechi.vision.view.picture import seen
from haechi.vision.view.reference import PICTURES
from haechi.vision.view.state import packed
from tests.cameras import until
from tests.server import House, running, settings_for

ROOM = "entrance"
DOOR = ((0.33, 0.42), (0.66, 0.42), (0.70, 0.98), (0.22, 0.98))


def truth() -> Transform:
    return of_pixels(BUMPED, (1280, 720))


def overlap(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> float:
    """Intersection over union of two polygons."""
    one, other = Polygon(first), Polygon(second)
    return float(one.intersection(other).area / one.union(other).area)


def learnt() -> bytes:
    """What a judge knows that has watched the room for long enough: nobody waits a minute for it here."""
    renderer, judge = Renderer(scene(ROOM)), ViewJudge()
    for number in range(PICTURES):
        frame = number * 2 * FPS % scene(ROOM).frames
        picture = cv2.cvtColor(renderer.luma_chroma(frame), cv2.COLOR_YUV2BGR_I420)
        judge.take(seen(np.asarray(picture, np.uint8)), [], number * 2 * NS_PER_S)
    assert judge.state().references
    return packed(judge.state())


async def door_of(house: House, camera: str, at: int | None = None) -> list[list[float]]:
    query = "" if at is None else f"?at={at}"
    zones = (await house.http.get(f"/api/cameras/{camera}/zones{query}")).json()["zones"]
    points: list[list[float]] = zones[0]["points"]
    return points


async def watched_room(house: House, cameras: VirtualCamera) -> str:
    """A camera whose view is known, with one zone, and a rule for people in it."""
    added = await house.http.post("/api/cameras", json={"name": "Door", "url": cameras.url("/door")})
    camera: str = added.json()["id"]
    house.rooms.services.vision.restore(stream_of(CameraId(camera)), "view", learnt())
    zones = {"zones": [{"name": "Door", "points": DOOR}]}
    zone = (await house.http.put(f"/api/cameras/{camera}/zones", json=zones)).json()["zones"][0]["id"]
    rule = {"name": "Customer", "label": "person", "zone": zone, "min_duration_s": 0.5, "cooldown_s": 0}
    (await house.http.put(f"/api/cameras/{camera}/rules", json={"rules": [rule]})).raise_for_status()
    return camera


@pytest.mark.e2e
def test_zones_follow_a_camera_that_was_bumped_and_rules_go_on_in_them(tmp_path: Path) -> None:
    feed = BumpedFeed(SceneFeed(ROOM, default_cache_dir()), SceneFeed(ROOM, moved=BUMPED))

    async def run() -> None:
        async with VirtualCamera({"/door": feed}) as cameras, running(settings_for(tmp_path)) as house:
            camera = await watched_room(house, cameras)
            services = house.rooms.services
            book, vision = services.views.book, services.vision
            await until(lambda: "view" in vision.uses() and vision.uses()["view"].looks > 1, 120)
            feed.bump()
            moved = await first_view(book, CameraId(camera))
            assert overlap(placed(DOOR, truth()), await door_of(house, camera)) >= 0.95
            assert await door_of(house, camera, moved.at_ns // 1_000_000 - 1) == [list(point) for point in DOOR]

            events: list[dict[str, object]] = []
            async with asyncio.timeout(120):
                while not events:
                    await asyncio.sleep(0.2)
                    found = (await house.http.get(f"/api/events?camera={camera}")).json()["events"]
                    events = [one for one in found if one["start_ms"] * 1_000_000 > moved.at_ns]
            await accepted_and_undone(house, camera, moved.id)

    try:
        asyncio.run(run())
    finally:
        feed.close()


async def first_view(book: ViewBook, camera: CameraId) -> View:
    """The first entry of a camera's history, once there is one."""
    changed = asyncio.Event()
    book.on_change(changed.set)
    async with asyncio.timeout(120):
        while not (found := await book.list(camera)):
            changed.clear()
            await changed.wait()
    return found[0]


async def accepted_and_undone(house: House, camera: str, view: str) -> None:
    """What a person can do about it, over HTTP."""
    path = f"/api/cameras/{camera}/views"
    alarms = (await house.http.get("/api/views")).json()["alarms"]
    assert [(one["camera"], one["kind"]) for one in alarms] == [(camera, "moved")]
    for side in ("before", "after"):
        kept = house.rooms.services.views._path(f"{view}-{side}")
        await until(kept.is_file, 120)
        still = await house.http.get(f"{path}/{view}/{side}.jpg")
        assert still.status_code == 200
        assert still.content.startswith(b"\xff\xd8")
    accepted = (await house.http.post(f"{path}/{view}/accept")).json()
    assert accepted["status"] == "accepted"
    assert abs(accepted["shift"]["degrees"] - 1.2) < 0.2
    assert (await house.http.get("/api/views")).json()["alarms"] == []
    assert (await house.http.post(f"{path}/{view}/undo")).json()["status"] == "undone"
    assert await door_of(house, camera) == [list(point) for point in DOOR]
