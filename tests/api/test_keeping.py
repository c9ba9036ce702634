"""Retention, storage, exports and bookmarks over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.api.shapes.exports import ExportMessage, ExportOut
from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import CameraId, UserId, stream_of
from haechi.record.index.pins import pins_over
from haechi.record.index.policies import PinKind
from tests.api.world import START_NS, Browser, World

START_MS = START_NS // NS_PER_MS
KEEP = {"continuous_days": 7, "motion_days": 14, "event_days": 60}


class Set:
    """A world with two cameras and three people."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.door, self.yard = self.world.camera("Front door"), self.world.camera("Yard")
        self.app = self.world.app()
        self.ids = {
            "ann": self.world.user("Ann", "admin"),
            "vera": self.world.user("Vera", "viewer", (self.door,)),
            "otto": self.world.user("Otto", "viewer", (self.door, self.yard)),
        }
        self.ann, self.vera, self.otto = (Browser(self.app, self.world.token(user)) for user in self.ids.values())

    def user(self, name: str) -> UserId:
        return self.ids[name]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Set]:
    made = Set(tmp_path)
    yield made
    made.world.close()


def one(camera: CameraId, rest: str) -> str:
    return f"/api/cameras/{camera}/{rest}"


def test_by_default_footage_stays_thirty_days_and_sound_is_not_recorded(stage: Set) -> None:
    assert stage.ann.get("/api/retention").json() == {
        "continuous_days": 30.0,
        "motion_days": 30.0,
        "event_days": 30.0,
        "max_bytes": None,
        "purpose": "",
        "audio": False,
    }
    own = stage.vera.get(one(stage.door, "retention")).json()
    assert own["effective"]["audio"] is False
    assert own["continuous_days"] is None


def test_what_a_camera_says_counts_and_the_rest_is_the_default(stage: Set) -> None:
    assert stage.ann.ask("PUT", "/api/retention", KEEP | {"purpose": "Theft", "audio": True}).status_code == 200
    wish = {"continuous_days": 3, "max_bytes": 10**12, "audio": False}
    answer = stage.ann.ask("PUT", one(stage.door, "retention"), wish).json()
    assert answer["effective"] == KEEP | {
        "continuous_days": 3.0,
        "max_bytes": 10**12,
        "purpose": "Theft",
        "audio": False,
    }
    assert (answer["motion_days"], answer["audio"], answer["enabled"]) == (None, False, None)
    assert stage.ann.get(one(stage.yard, "retention")).json()["effective"] == KEEP | {
        "max_bytes": None,
        "purpose": "Theft",
        "audio": True,
    }
    assert stage.ann.get("/api/settings").json()["retention_days"] == 7


@pytest.mark.parametrize(
    "wish",
    [
        {"continuous_days": -1},
        {"continuous_days": "NaN"},
        {"max_bytes": 0},
        {"purpose": "x" * 501},
        {"audio": "loud"},
        {"continous_days": 3},
    ],
)
def test_wishes_that_make_no_sense_are_refused(stage: Set, wish: dict[str, object]) -> None:
    assert stage.ann.ask("PUT", one(stage.door, "retention"), wish).status_code == 422
    assert stage.ann.ask("PUT", "/api/retention", KEEP | wish).status_code == 422


def test_a_plan_of_a_wished_policy_deletes_nothing(stage: Set) -> None:
    for body in (None, {}, KEEP, {"camera": stage.door, "continuous_days": 1}):
        answer = stage.ann.ask("POST", "/api/retention/plan", body)
        assert (answer.status_code, answer.json()) == (200, {"cameras": [], "total_recordings": 0, "total_bytes": 0})
    unknown = stage.ann.ask("POST", "/api/retention/plan", {"camera": "cam_aaaaaaaaaaaaaaaa"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "camera-not-found")


def test_storage_tells_each_what_they_may_know(stage: Set) -> None:
    for browser, shows in ((stage.ann, True), (stage.vera, False)):
        report = browser.get("/api/storage").json()
        assert [tier["name"] for tier in report["tiers"]] == ["disk"]
        assert bool(report["tiers"][0]["url"]) == shows
        assert (report["forecast"]["full_at_ms"], report["forecast"]["steady_bytes"]) == (None, 0)
        assert (report["protected_bytes"], report["alarm"]) == (0, None)


def test_a_full_disk_of_protected_footage_is_told_to_everybody(stage: Set) -> None:
    retention = stage.world.keeping.retention
    retention.last = type(retention.last)(only_protected=True)
    assert stage.vera.get("/api/storage").json()["alarm"] == "only-protected"
    assert stage.vera.get("/api/system").json()["storage"]["alarm"] == "only-protected"
    assert "haechi_record_only_protected 1.0" in stage.ann.get("/metrics").text


def test_exports_are_for_those_who_asked_for_them(stage: Set) -> None:
    export = stage.world.export(stage.door, stage.user("vera"))
    path = f"/api/exports/{export}"
    for browser, status in ((stage.vera, 200), (stage.ann, 200), (stage.otto, 404)):
        assert browser.get(path).status_code == status
        assert browser.get(f"{path}/file.mp4").status_code == status
        assert len(browser.get("/api/exports?all=true").json()["exports"]) == (status == 200)
    assert [len(one.get("/api/exports").json()["exports"]) for one in (stage.vera, stage.ann)] == [1, 0]
    assert stage.otto.ask("DELETE", path).status_code == 404


def test_who_loses_the_camera_loses_the_export(stage: Set) -> None:
    export = stage.world.export(stage.door, stage.user("vera"))
    assert stage.vera.get(f"/api/exports/{export}").status_code == 200
    stage.ann.ask("PATCH", f"/api/users/{stage.user('vera')}", {"cameras": []})
    assert stage.vera.get(f"/api/exports/{export}/file.mp4").status_code == 404
    assert stage.vera.get("/api/exports").json() == {"exports": []}


def test_a_file_comes_by_range_under_a_name_that_is_safe(stage: Set) -> None:
    export = stage.world.export(stage.door, stage.user("vera"))
    path = f"/api/exports/{export}/file.mp4"
    answer = stage.vera.get(path, Range="bytes=10-19")
    assert (answer.status_code, len(answer.content)) == (206, 10)
    assert 'filename="Front_door.mp4"' in answer.headers["Content-Disposition"]
    assert stage.vera.get(f"{path}?part=2").status_code == 404


def test_an_export_of_nothing_or_of_a_foreign_camera_is_refused(stage: Set) -> None:
    body = {"camera": stage.door, "start_ms": START_MS - 5000, "end_ms": START_MS - 1000}
    nothing = stage.vera.ask("POST", "/api/exports", body)
    assert (nothing.status_code, nothing.json()["code"]) == (404, "clip-empty")
    foreign = stage.vera.ask("POST", "/api/exports", body | {"camera": stage.yard})
    unknown = stage.vera.ask("POST", "/api/exports", body | {"camera": "cam_aaaaaaaaaaaaaaaa"})
    assert {answer.json()["code"] for answer in (foreign, unknown)} == {"camera-not-found"}
    backwards = stage.vera.get(f"{one(stage.door, 'clip/estimate')}?start_ms=2000&end_ms=1000")
    assert (backwards.status_code, backwards.json()["code"]) == (422, "bad-range")


def test_removing_an_export_removes_its_file(stage: Set) -> None:
    export = stage.world.export(stage.door, stage.user("vera"))
    folder = stage.world.record_path.parent / "exports" / export
    assert folder.exists()
    assert stage.vera.ask("DELETE", f"/api/exports/{export}").status_code == 204
    assert not folder.exists()
    assert stage.vera.get(f"/api/exports/{export}").status_code == 404


def test_bookmarks_are_seen_by_who_sees_the_camera_and_changed_by_who_made_them(stage: Set) -> None:
    body = {"camera": stage.door, "start_ms": START_MS, "note": "  a\tfox ", "keep": True}
    made = stage.vera.ask("POST", "/api/bookmarks", body)
    assert made.status_code == 201
    mark = made.json()
    assert (mark["note"], mark["by"], mark["end_ms"], mark["keep"]) == ("a fox", "Vera", None, True)
    path = f"/api/bookmarks/{mark['id']}"
    assert [row["id"] for row in stage.otto.get("/api/bookmarks").json()["bookmarks"]] == [mark["id"]]
    assert stage.otto.ask("PATCH", path, {"keep": False}).status_code == 404
    assert stage.otto.ask("DELETE", path).status_code == 404
    changed = stage.ann.ask("PATCH", path, {"note": "two foxes"}).json()
    assert (changed["note"], changed["keep"]) == ("two foxes", True)
    pins = stage.world.database.read_now(lambda c: pins_over(c, stage.door, 0, 1 << 62))
    assert [(pin.kind, pin.stream) for pin in pins] == [(PinKind.PROTECTED, stream_of(stage.door))]
    assert stage.vera.ask("DELETE", path).status_code == 204
    assert stage.world.database.read_now(lambda c: pins_over(c, stage.door, 0, 1 << 62)) == []


def test_bookmarks_are_found_by_camera_and_time(stage: Set) -> None:
    for camera, start, end in ((stage.door, 0, 10), (stage.door, 20, None), (stage.yard, 5, 15)):
        body = {"camera": camera, "start_ms": START_MS + start * 1000, "note": f"{start}"}
        body |= {} if end is None else {"end_ms": START_MS + end * 1000}
        assert stage.ann.ask("POST", "/api/bookmarks", body).status_code == 201

    def found(query: str, browser: Browser = stage.ann) -> list[str]:
        return [row["note"] for row in browser.get(f"/api/bookmarks{query}").json()["bookmarks"]]

    assert found("") == ["20", "5", "0"]
    assert found("", stage.vera) == ["20", "0"]
    assert found(f"?camera={stage.yard}") == ["5"]
    assert found(f"?start_ms={START_MS + 12_000}") == ["20", "5"]
    assert found(f"?start_ms={START_MS + 16_000}&end_ms={START_MS + 20_000}") == []
    assert stage.vera.get(f"/api/bookmarks?camera={stage.yard}").status_code == 404


@pytest.mark.parametrize("change", [{"end_ms": START_MS}, {"end_ms": START_MS + 90_000_000}, {"note": "x" * 501}])
def test_bookmarks_that_make_no_sense_are_refused(stage: Set, change: dict[str, object]) -> None:
    body = {"camera": stage.door, "start_ms": START_MS} | change
    assert stage.ann.ask("POST", "/api/bookmarks", body).status_code == 422


def test_news_of_an_export_go_to_its_owner_only(stage: Set) -> None:
    export = stage.world.do(stage.world.keeping.exports.get(stage.world.export(stage.door, stage.user("vera"))))
    push = stage.app.state.push
    pages = {}
    for name in ("ann", "vera", "otto"):
        token = stage.world.token(stage.user(name))
        principal = stage.world.do(stage.world.auth.sessions.find(token))
        assert principal is not None
        pages[name] = push.open(principal)
    push.on_export(export)
    wanted = ExportMessage(export=ExportOut.of(export)).model_dump_json()
    assert stage.world.do(pages["vera"].next()) == wanted
    assert [len(pages[name]._messages) for name in ("ann", "otto")] == [0, 0]
    assert export.parts[0].end_ns - export.parts[0].start_ns == 60 * NS_PER_S
