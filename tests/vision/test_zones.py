"""Polygons hold who stands in them; bad ones say what is wrong."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId, ZoneId
from haechi.store.database import Database
from haechi.vision.result import Detection
from haechi.vision.zones import Point, Zone, ZoneStore, checked

CAMERA, OTHER = CameraId("cam_door"), CameraId("cam_yard")
SQUARE: tuple[Point, ...] = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))


def zone(*points: Point, name: str = "door") -> Zone:
    return Zone(CAMERA, name, points or SQUARE)


def test_a_person_stands_where_the_feet_are() -> None:
    tall = Detection("person", 0.9, 0.4, 0.0, 0.1, 0.5)
    assert zone().holds(tall)
    assert not zone().holds(Detection("person", 0.9, 0.4, 0.3, 0.1, 0.6)), "the head is in, the feet are below"
    assert zone((0, 0), (1, 0), (1, 1), (0, 1)).holds(Detection("person", 0.9, 0.4, 0.5, 0.1, 0.5)), "at the very edge"


grid = st.integers(0, 20).map(lambda step: step / 20)
points = st.lists(st.tuples(grid, grid), min_size=3, max_size=7).map(tuple)


@given(points)
def test_what_is_accepted_is_a_simple_polygon_and_nothing_simple_is_refused(corners: tuple[Point, ...]) -> None:
    polygon = shapely.Polygon(corners)
    is_simple = polygon.is_valid and polygon.area >= 1e-5 and all(a != b for a, b in pairwise(corners))
    is_simple = is_simple and corners[0] != corners[-1]
    try:
        checked(zone(*corners))
        accepted = True
    except Invalid:
        accepted = False
    assert accepted == is_simple


@given(points, st.floats(0, 1), st.floats(0, 1))
def test_inside_means_what_geometry_says(corners: tuple[Point, ...], x: float, y: float) -> None:
    polygon = shapely.Polygon(corners)
    assume(polygon.is_valid and polygon.boundary.distance(shapely.Point(x, y)) > 1e-9)
    assert zone(*corners).contains(x, y) == polygon.contains(shapely.Point(x, y))


def test_a_crossing_names_both_edges() -> None:
    with pytest.raises(Invalid, match="edge 3 of the zone crosses edge 1") as error:
        checked(zone((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)))
    assert (error.value.context["edge"], error.value.context["other_edge"]) == (3, 1)


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        (((0.1, 0.1), (0.9, 0.9)), "3 to 64 points"),
        (((0.1, 0.1), (0.9, 0.9), (0.5, 1.01)), "outside the picture"),
        (((0.1, 0.1), (0.9, 0.9), (float("nan"), 0.5)), "outside the picture"),
        (((0.1, 0.1), (0.1, 0.1), (0.5, 0.9)), "are the same"),
        (((0.1, 0.1), (0.5, 0.5), (0.9, 0.9)), "crosses edge"),
        (tuple((n / 100, n % 2 / 2) for n in range(65)), "3 to 64 points"),
    ],
)
def test_a_bad_polygon_is_refused_with_the_reason(corners: tuple[Point, ...], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        checked(Zone(CAMERA, "door", corners))


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\x00b"])
def test_a_zone_needs_a_name(name: str) -> None:
    with pytest.raises(Invalid, match="name"):
        checked(zone(name=name))


def test_zones_are_kept_changed_and_removed(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    store = ZoneStore(database)
    changes: list[int] = []
    store.on_change(lambda: changes.append(1))

    async def play() -> None:
        first, second = await store.put(CAMERA, [zone(name="a"), zone(name="b")])
        assert first.points == SQUARE
        await store.put(OTHER, [Zone(OTHER, "far", SQUARE)])
        moved = Zone(CAMERA, "a2", ((0, 0), (1, 0), (1, 1)), "#00ff00", first.id)
        assert list(await store.put(CAMERA, [moved])) == [moved]
        assert [one.name for one in await store.list()] == ["a2", "far"]
        assert second.id != first.id
        await store.forget(CAMERA)
        assert [one.name for one in await store.list()] == ["far"]

    asyncio.run(play())
    assert len(changes) == 4
    database.close()


def test_a_foreign_zone_answers_like_an_unknown_one_and_nothing_is_changed(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    store = ZoneStore(database)

    async def play() -> None:
        theirs = (await store.put(OTHER, [Zone(OTHER, "far", SQUARE)]))[0]
        mine = await store.put(CAMERA, [zone()])
        for foreign in (theirs.id, ZoneId("zon_nosuchzone")):
            with pytest.raises(NotFound) as error:
                await store.put(CAMERA, [Zone(CAMERA, "stolen", SQUARE, id=foreign)])
            assert error.value.code == "zone-not-found"
        assert await store.list(CAMERA) == mine
        assert (await store.list(OTHER))[0] == theirs

    asyncio.run(play())
    database.close()
