"""The audit log: what goes into it, what does not, and that a line that was touched is found."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from hypothesis import given
from hypothesis import strategies as st

from haechi.api.access import Access
from haechi.api.audit import (
    COALESCE_NS,
    MOST_OWED,
    RETRY_S,
    Action,
    Actor,
    Audit,
    AuditFilter,
    Entry,
    digest_of,
)
from haechi.api.auth.tables import audit, audit_head
from haechi.api.policy import GuardedRoute
from haechi.api.trail import AUDITED, CHANGES_NOTHING
from haechi.base.clock import NS_PER_S
from tests.api.test_keeping import Set, one
from tests.api.world import CAMERA_PASSWORD, HOST, ORIGIN, PASSWORD, START_NS, Browser
from tests.cameras import until

ANN = Actor("usr_annannannann", "Ann")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Set]:
    made = Set(tmp_path)
    yield made
    made.world.close()


def lines(stage: Set) -> list[tuple[str, str, str, str]]:
    """What the log says, oldest first."""
    found = asyncio.run(stage.world.keeping.audit.entries(AuditFilter(limit=500)))
    return [(entry.user, entry.action, entry.object, entry.detail) for entry in reversed(found)]


def test_every_route_that_changes_something_is_written_down_or_says_why_not(stage: Set) -> None:
    routes = {
        (method, route.path)
        for route in stage.app.router.routes
        if isinstance(route, GuardedRoute)
        for method in route.methods or ()
    }
    changing = {(method, path) for method, path in routes if method not in {"GET", "HEAD"}}
    assert changing - set(AUDITED) - set(CHANGES_NOTHING) == set()
    assert set(AUDITED) <= routes
    assert set(CHANGES_NOTHING) <= changing


def test_every_route_that_gives_pictures_is_written_down(stage: Set) -> None:
    media = {
        route.path
        for route in stage.app.router.routes
        if isinstance(route, GuardedRoute)
        and route.access is not Access.PUBLIC
        and route.path.endswith((".mp4", ".m3u8", ".mjpeg", ".jpg", "/pieces", "/{piece}"))
    }
    assert media == {path for method, path in AUDITED if method == "GET" and path in media}


def test_looking_is_one_line_in_five_minutes_for_each_person_and_camera(stage: Set) -> None:
    span = "?start_ms=1000&end_ms=2000"
    for _ in range(3):
        assert stage.vera.get(f"{one(stage.door, 'index.m3u8')}{span}").status_code == 200
    stage.otto.get(f"{one(stage.door, 'index.m3u8')}{span}")
    stage.otto.get(f"{one(stage.yard, 'index.m3u8')}{span}")
    stage.world.clock.advance(COALESCE_NS)
    stage.vera.get(f"{one(stage.door, 'index.m3u8')}{span}")
    assert lines(stage) == [
        ("Vera", "view", stage.door, "index.m3u8"),
        ("Otto", "view", stage.door, "index.m3u8"),
        ("Otto", "view", stage.yard, "index.m3u8"),
        ("Vera", "view", stage.door, "index.m3u8"),
    ]


def test_what_is_refused_is_not_written_down_except_log_ins(stage: Set) -> None:
    assert stage.vera.get(f"{one(stage.yard, 'index.m3u8')}?start_ms=1&end_ms=2").status_code == 404
    assert stage.vera.ask("PUT", "/api/retention", {}).status_code == 403
    stranger = Browser(stage.app)
    for _ in range(2):
        wrong = {"name": "my-secret-password", "password": "wrong"}
        assert stranger.ask("POST", "/api/session", wrong).status_code == 401
    assert lines(stage) == [("", "refused", "", "from testclient")]


def test_changes_exports_pins_and_people_are_each_a_line_without_secrets(stage: Set) -> None:
    export = stage.world.export(stage.door, stage.user("vera"))
    stage.ann.ask("PUT", "/api/retention", {"continuous_days": 7, "motion_days": 7, "event_days": 7})
    stage.ann.ask("PATCH", f"/api/cameras/{stage.door}", {"url": "rtsp://u:hunter2@192.0.2.1/x", "name": "Door"})
    stage.vera.get(f"/api/exports/{export}/file.mp4")
    stage.vera.ask("DELETE", f"/api/exports/{export}")
    mark = stage.vera.ask("POST", "/api/bookmarks", {"camera": stage.door, "start_ms": 5000, "keep": True}).json()
    stage.ann.ask(
        "POST", "/api/users", {"name": "Zoe", "password": "quite a long secret 7", "role": "viewer", "cameras": []}
    )
    stage.ann.ask("PATCH", "/api/settings", {"time_zone": "Asia/Seoul"})
    found = lines(stage)
    assert [line[:3] for line in found] == [
        ("Ann", "settings", ""),
        ("Ann", "cameras", stage.door),
        ("Vera", "export", export),
        ("Vera", "delete", stage.door),
        ("Vera", "pin", stage.door),
        ("Ann", "users", found[5][2]),
        ("Ann", "settings", ""),
    ]
    assert found[1][3] == "changed name, url"
    assert mark["id"] in found[4][3]
    assert found[6][3] == "time_zone=Asia/Seoul"
    text = str(found)
    assert not any(secret in text for secret in ("hunter2", "quite a long", CAMERA_PASSWORD, PASSWORD))


def test_who_logs_in_is_written_down_with_the_address(stage: Set) -> None:
    browser = Browser(stage.app)
    assert browser.ask("POST", "/api/session", {"name": "Vera", "password": PASSWORD}).status_code == 200
    assert [line[:3] for line in lines(stage)] == [("Vera", "log-in", "")]
    assert "from testclient" in lines(stage)[0][3]


def test_administrators_read_the_log_page_by_page_and_as_a_table(stage: Set) -> None:
    log = stage.world.keeping.audit
    for number in range(7):
        stage.world.clock.advance(1_000_000_000)
        asyncio.run(log.record(ANN, Action.VIEW if number % 2 else Action.DELETE, f"cam_{number}", "=1+1"))
    first = stage.ann.get("/api/audit?limit=3").json()
    assert [entry["number"] for entry in first["entries"]] == [7, 6, 5]
    rest = stage.ann.get(f"/api/audit?limit=5&before={first['next_before']}").json()
    assert ([entry["number"] for entry in rest["entries"]], rest["next_before"]) == ([4, 3, 2, 1], None)
    assert len(stage.ann.get("/api/audit?action=view").json()["entries"]) == 3
    assert len(stage.ann.get("/api/audit?user=Ann").json()["entries"]) == 7
    since = START_NS // 1_000_000 + 6000
    assert [entry["number"] for entry in stage.ann.get(f"/api/audit?after_ms={since}").json()["entries"]] == [7, 6]
    rows = list(csv.reader(io.StringIO(stage.ann.get("/api/audit.csv").text)))
    assert rows[0][:3] == ["number", "at_ms", "user"]
    assert rows[2][6] == "'=1+1"
    assert stage.vera.get("/api/audit").status_code == 403


def tampered(stage: Set, change: sa.Update | sa.Delete | sa.Insert) -> dict[str, object]:
    stage.world.database.write_now(lambda c: c.execute(change))
    answer = stage.ann.get("/api/audit/verify").json()
    assert isinstance(answer, dict)
    return answer


def filled(stage: Set, count: int = 5) -> None:
    for number in range(count):
        asyncio.run(stage.world.keeping.audit.record(ANN, Action.VIEW, f"cam_{number}"))
    verdict = stage.ann.get("/api/audit/verify").json()
    assert (verdict["ok"], verdict["entries"], verdict["broken_at"]) == (True, count, None)


def test_a_line_that_was_changed_is_found(stage: Set) -> None:
    filled(stage)
    answer = tampered(stage, audit.update().where(audit.c.number == 3).values(object="cam_x"))
    assert (answer["ok"], answer["broken_at"]) == (False, 3)


def test_a_line_that_was_taken_out_is_found_in_the_middle_and_at_the_end(stage: Set) -> None:
    filled(stage)
    assert tampered(stage, audit.delete().where(audit.c.number == 5))["broken_at"] == 5
    assert tampered(stage, audit.delete().where(audit.c.number == 2))["broken_at"] == 2


def test_a_head_that_was_set_back_is_found(stage: Set) -> None:
    filled(stage)
    assert tampered(stage, audit_head.update().values(number=4))["ok"] is False


@given(st.data())
def test_no_field_can_change_without_the_hash(data: st.DataObject) -> None:
    text = st.text(max_size=20)
    fields = st.builds(Entry, st.integers(1, 9), st.integers(0, 1 << 62), text, text, text, text, text, st.just(b""))
    first, second = data.draw(fields), data.draw(fields)
    before = data.draw(st.binary(min_size=32, max_size=32))
    assert (digest_of(before, first) == digest_of(before, second)) == (first == second)


def settled(stage: Set) -> list[tuple[str, str, str, str]]:
    """What the log says once what is owed is written."""
    assert asyncio.run(stage.world.keeping.audit.settle())
    return lines(stage)


def test_watching_live_is_one_line_and_one_more_for_every_hour_that_it_lasts(stage: Set) -> None:
    log, clock = stage.world.keeping.audit, stage.world.clock
    for _ in range(2 * 60 * 61):
        log.watching(ANN, stage.door)
        clock.advance(NS_PER_S // 2)
    log.watching(ANN, stage.yard)
    log.watching(Actor("usr_otto", "Otto"), stage.door)
    clock.advance(COALESCE_NS)
    log.watching(ANN, stage.door)
    assert [line[0] + line[2] for line in settled(stage)] == [
        f"Ann{stage.door}",
        f"Ann{stage.door}",
        f"Ann{stage.yard}",
        f"Otto{stage.door}",
        f"Ann{stage.door}",
    ]
    assert {line[1:2] + line[3:] for line in lines(stage)} == {("view", "live")}


def test_live_pictures_over_the_websocket_and_as_stills_are_written_down_and_refused_ones_are_not(stage: Set) -> None:
    with stage.vera.http.websocket_connect(f"ws://{HOST}/api/live", headers={"Origin": ORIGIN}) as socket:
        socket.send_json({"type": "subscribe", "id": 1, "camera": stage.door})
        assert socket.receive_json()["type"] == "subscribed"
        socket.send_json({"type": "subscribe", "id": 2, "camera": stage.yard})
        while "bytes" in (message := socket.receive()):
            assert message["bytes"]
        assert "camera-not-found" in message["text"]
    assert stage.vera.get(one(stage.door, "latest.jpg")).status_code == 200
    assert stage.otto.get(one(stage.yard, "latest.jpg")).status_code == 200
    assert settled(stage) == [("Vera", "view", stage.door, "live"), ("Otto", "view", stage.yard, "live")]


@contextmanager
def away(stage: Set) -> Iterator[None]:
    """The table of the log is out of reach, and nothing else."""
    for names in (("audit", "audit_away"), ("audit_away", "audit")):
        words = sa.text("ALTER TABLE {} RENAME TO {}".format(*names))
        stage.world.database.write_now(lambda c, words=words: c.execute(words))  # type: ignore[misc]
        if names[0] == "audit":
            yield


def test_what_cannot_be_written_down_is_not_shown(stage: Set) -> None:
    path = f"{one(stage.door, 'index.m3u8')}?start_ms=1000&end_ms=2000"
    with away(stage), structlog.testing.capture_logs() as said:
        answer = stage.vera.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "database-down")
        assert "EXTM3U" not in answer.text
        assert answer.headers["content-security-policy"]
    assert [entry["event"] for entry in said if entry["log_level"] == "error"] == [
        "not answered: the audit log cannot be written"
    ]
    assert settled(stage) == []
    assert stage.vera.get(path).status_code == 200
    assert [line[:3] for line in lines(stage)] == [("Vera", "view", stage.door)]


def test_what_was_done_already_and_live_pictures_are_said_counted_and_written_later(stage: Set) -> None:
    log = stage.world.keeping.audit
    with away(stage), structlog.testing.capture_logs() as said:
        assert stage.ann.ask("PATCH", "/api/settings", {"time_zone": "Asia/Seoul"}).status_code == 200
        assert stage.vera.get(one(stage.door, "latest.jpg")).status_code == 200
        wrong = {"name": "Vera", "password": "wrong"}
        assert [Browser(stage.app).ask("POST", "/api/session", wrong).status_code for _ in range(2)] == [401, 401]
        assert not asyncio.run(log.settle())
        assert (log.owed, log.lost) == (3, 0)
        metrics = stage.ann.get("/metrics").text
    assert "haechi_audit_owed 3.0" in metrics
    waits = [entry for entry in said if entry["event"] == "audit entry waits for the database"]
    assert [(entry["user"], entry["action"]) for entry in waits] == [
        ("Ann", "settings"),
        ("Vera", "view"),
        ("", "refused"),
    ]
    assert sum(entry["event"].startswith("the audit log cannot be written") for entry in said) == 1
    stage.world.clock.advance(NS_PER_S)
    assert [line[:2] for line in settled(stage)] == [("Ann", "settings"), ("Vera", "view"), ("", "refused")]
    entries = asyncio.run(log.entries(AuditFilter()))
    assert {entry.at_ns for entry in entries} == {START_NS}, "the time is that of the deed"
    assert asyncio.run(log.verify()).ok
    assert log.owed == 0


def test_more_than_the_log_can_owe_is_given_up_with_a_word_and_a_count(stage: Set) -> None:
    log = stage.world.keeping.audit
    with structlog.testing.capture_logs() as said:
        for number in range(MOST_OWED + 3):
            log.note(ANN, Action.VIEW, f"cam_{number}")
    assert (log.owed, log.lost) == (MOST_OWED, 3)
    assert [entry["object"] for entry in said] == [f"cam_{MOST_OWED + number}" for number in range(3)]


def test_what_is_owed_is_written_as_soon_as_it_can_be_and_at_the_stop(stage: Set) -> None:
    log, clock = stage.world.keeping.audit, stage.world.clock

    async def play() -> None:
        task = asyncio.ensure_future(log.run())
        with away(stage):
            log.note(ANN, Action.VIEW, "first")
            await until(lambda: bool(clock._sleepers))
        clock.advance(int(RETRY_S * NS_PER_S))
        await until(lambda: log.owed == 0)
        log.note(ANN, Action.VIEW, "last")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())
    assert [line[2] for line in lines(stage)] == ["first", "last"]


def test_many_writers_make_one_chain(stage: Set) -> None:
    log: Audit = stage.world.keeping.audit

    async def write() -> None:
        await asyncio.gather(*(log.record(ANN, Action.VIEW, f"cam_{number}") for number in range(50)))

    asyncio.run(write())
    verdict = asyncio.run(log.verify())
    assert (verdict.entries, verdict.ok) == (50, True)
