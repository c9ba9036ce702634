"""What the machine can still look at, and switching inspection, over HTTP."""

from haechi.base.ids import StreamId, stream_of
from haechi.vision.inspection import InspectionStore
from tests.api.world import Browser, World


def admin_of(world: World) -> Browser:
    return Browser(world.app(), world.token(world.user("ada", "admin")))


def test_capacity_names_workers_cameras_by_cost_and_how_many_more_fit(world: World) -> None:
    admin = admin_of(world)
    door = world.camera("Door")
    yard = world.camera("Yard")
    world.vision.looked_at = [stream_of(door), StreamId("cam_gone/main")]
    world.vision.stopped = {stream_of(yard)}
    said = admin.get("/api/capacity").json()
    assert said["workers"] == [
        {
            "number": 0,
            "ready": True,
            "streams": 1,
            "used": 0.2,
            "wanted": 0.25,
            "late_s": 0.1,
            "memory_bytes": None,
            "restarts": 1,
        }
    ]
    assert [(one["camera"], one["on"], one["level"]) for one in said["cameras"]] == [
        (door, True, "half"),
        (yard, False, "all"),
    ]
    assert said["cameras"][0]["cost_ms_s"] == 250
    assert said["more"] == {"like_mean": 2, "like_dearest": 2}


def test_inspection_is_stopped_and_started_and_stays_so(world: World) -> None:
    admin = admin_of(world)
    camera = world.camera("Door")
    path = f"/api/cameras/{camera}/inspection"
    assert admin.get(path).json() == {"on": True}
    for on in (False, False, True):
        assert admin.ask("PUT", path, {"on": on}).json() == {"on": on}
        assert admin.get(path).json() == {"on": on}
    assert admin.ask("PUT", path, {"on": "perhaps"}).status_code == 422


def test_a_camera_that_is_deleted_is_forgotten(world: World) -> None:
    admin = admin_of(world)
    camera = world.camera("Door")
    admin.ask("PUT", f"/api/cameras/{camera}/inspection", {"on": False})
    assert admin.ask("DELETE", f"/api/cameras/{camera}").status_code == 204
    assert world.do(InspectionStore(world.database, world.clock).stopped()) == frozenset()
