"""Lines are kept, and bad ones say what is wrong."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId, LineId
from haechi.store.database import Database
from haechi.vision.lines import Line, LineStore, checked
from haechi.vision.zones import Point

CAMERA, OTHER = CameraId("cam_door"), CameraId("cam_yard")
ACROSS: tuple[Point, ...] = ((0.2, 0.5), (0.5, 0.6), (0.8, 0.5))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"points": ((0.1, 0.1),)}, "2 to 16 points"),
        ({"points": tuple((n / 20, n % 2 / 2) for n in range(17))}, "2 to 16 points"),
        ({"points": ((0.1, 0.1), (1.1, 0.1))}, "outside the picture"),
        ({"points": ((0.1, 0.1), (float("nan"), 0.1))}, "outside the picture"),
        ({"points": ((0.1, 0.1), (0.1, 0.1))}, "are the same"),
        ({"points": ((0.1, 0.1), (0.105, 0.1))}, "too short"),
        ({"name": " "}, "name"),
        ({"forward": ""}, "direction"),
        ({"forward": "out"}, "different names"),
        ({"labels": ("x" * 41,)}, "classes"),
        ({"labels": tuple(f"thing {n}" for n in range(17))}, "classes"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_line_is_refused_with_the_reason(fields: dict[str, object], message: str) -> None:
    with pytest.raises(Invalid, match=message) as error:
        checked(structs.replace(Line(CAMERA, "gate", ACROSS), **fields))
    assert error.value.code == "bad-line"


def test_lines_are_kept_changed_and_removed_and_foreign_ones_are_not_known(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    store = LineStore(database)
    changes: list[int] = []
    store.on_change(lambda: changes.append(1))

    async def play() -> None:
        first, second = await store.put(CAMERA, [Line(CAMERA, "a", ACROSS), Line(CAMERA, "b", ACROSS)])
        theirs = (await store.put(OTHER, [Line(OTHER, "far", ACROSS)]))[0]
        moved = Line(
            CAMERA, "a  2", ((0, 0), (1, 1)), "to the yard", "away", ("car", "car", "bus"), "#00ff00", first.id
        )
        (kept,) = await store.put(CAMERA, [moved])
        assert kept == structs.replace(moved, name="a 2", labels=("car", "bus"))
        assert second.id != first.id
        for foreign in (theirs.id, LineId("lin_nosuchline")):
            with pytest.raises(NotFound) as error:
                await store.put(CAMERA, [Line(CAMERA, "stolen", ACROSS, id=foreign)])
            assert error.value.code == "line-not-found"
        assert list(await store.list()) == [kept, theirs]
        await store.forget(CAMERA)
        assert list(await store.list()) == [theirs]

    asyncio.run(play())
    assert len(changes) == 4
    database.close()
