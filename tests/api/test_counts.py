"""Lines, kinds of rules and counts over HTTP."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from haechi.api.settings import SettingsChange
from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId, LineId
from haechi.events.counts.counter import Counted
from haechi.events.rules import Way
from tests.api.world import Browser, World

SEOUL = ZoneInfo("Asia/Seoul")
LINE = {"name": "=Gate", "points": [[0.5, 0.1], [0.5, 0.9]], "forward": "in", "backward": "out", "labels": ["person"]}


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=SEOUL).timestamp()) * 1000


def page_of(world: World) -> Browser:
    return Browser(world.app(), world.token(world.user("Ann", "admin")))


def put(page: Browser, path: str, body: dict[str, object]) -> Any:
    answer = page.ask("PUT", path, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_lines_come_back_as_they_were_drawn_and_go_with_their_camera(world: World) -> None:
    camera, page = world.camera(), page_of(world)
    path = f"/api/cameras/{camera}/lines"
    (line,) = put(page, path, {"lines": [{"name": "Gate", "points": LINE["points"]}]})["lines"]
    assert line == {**LINE, "name": "Gate", "id": line["id"], "colour": "#3aa0ff"}
    (kept,) = put(page, path, {"lines": [{**line, "forward": "to the yard", "labels": []}]})["lines"]
    assert (kept["id"], kept["forward"], kept["labels"]) == (line["id"], "to the yard", [])
    assert page.get(path).json() == {"lines": [kept]}
    bad = page.ask("PUT", path, {"lines": [{**LINE, "points": [[0.5, 0.5], [0.5, 0.5]]}]})
    assert (bad.status_code, bad.json()["code"]) == (422, "bad-line")
    assert page.ask("DELETE", f"/api/cameras/{camera}").status_code == 204
    assert world.do(world.lines.list()) == []


def test_every_kind_of_rule_is_taken_and_given_back(world: World) -> None:
    camera, page = world.camera(), page_of(world)
    one = f"/api/cameras/{camera}"
    line = put(page, f"{one}/lines", {"lines": [LINE]})["lines"][0]["id"]
    hours = {"hours": [{"days": [0, 1], "start_min": 480, "end_min": 1080}], "outside": True}
    ground = {"points": [[0.2, 0.9], [0.8, 0.9], [0.6, 0.5], [0.4, 0.5]], "width_m": 6, "length_m": 30}
    wishes: list[dict[str, object]] = [
        {"kind": "object", "hours": hours},
        {"kind": "crossing", "line": line, "way": "backward"},
        {"kind": "dwell", "min_duration_s": 60},
        {"kind": "crowd", "count": 5},
        {"kind": "speed", "label": "car", "speed_kmh": 50, "ground": ground},
        {"kind": "fall", "min_duration_s": 5},
        {"kind": "left", "label": "backpack"},
        {"kind": "taken", "label": "backpack"},
    ]
    rules = [{"name": f"rule {n}", "label": "person", **wish} for n, wish in enumerate(wishes)]
    kept = put(page, f"{one}/rules", {"rules": rules})["rules"]
    for rule, wish in zip(kept, rules, strict=True):
        assert {key: rule[key] for key in wish} == wish
    assert put(page, f"{one}/rules", {"rules": kept})["rules"] == kept
    foreign = page.ask("PUT", f"{one}/rules", {"rules": [{**rules[1], "line": "lin_nosuchline"}]})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "line-not-found")
    missing = page.ask("PUT", f"{one}/rules", {"rules": [{"name": "fast", "label": "car", "kind": "speed"}]})
    assert (missing.status_code, missing.json()["code"]) == (422, "bad-rule")


def crossed(camera: CameraId, line: LineId, at_ms: int, way: Way) -> Counted:
    return Counted(camera, line, way, "person", at_ms * NS_PER_S // 1000)


def test_counts_are_told_by_the_hours_of_the_site_and_as_a_table(world: World) -> None:
    camera, page = world.camera(), page_of(world)
    one = f"/api/cameras/{camera}"
    world.do(world.settings.change(SettingsChange(time_zone="Asia/Seoul")))
    line = put(page, f"{one}/lines", {"lines": [LINE]})["lines"][0]["id"]
    moments: list[tuple[str, Way]] = [
        ("2026-11-20T00:00:01", "forward"),
        ("2026-11-20T08:59:59", "forward"),
        ("2026-11-20T09:00:00", "forward"),
        ("2026-11-20T09:30:00", "backward"),
        ("2026-11-21T00:00:00", "forward"),
    ]
    world.counts.add(crossed(camera, line, ms(text), way) for text, way in moments)
    span = f"start_ms={ms('2026-11-20T00:00:00')}&end_ms={ms('2026-11-21T00:00:00')}"
    found = page.get(f"{one}/counts?{span}").json()
    assert (found["time_zone"], len(found["starts_ms"])) == ("Asia/Seoul", 24)
    assert found["starts_ms"][9] == ms("2026-11-20T09:00:00")
    (row,) = found["lines"]
    assert (row["forward_total"], row["backward_total"], row["inside"]) == (3, 1, 2)
    (people,) = row["labels"]
    assert [(n, number) for n, number in enumerate(people["forward"]) if number] == [(0, 1), (8, 1), (9, 1)]
    assert [(n, number) for n, number in enumerate(people["backward"]) if number] == [(9, 1)]
    days = page.get(f"{one}/counts?{span}&bucket=day").json()
    assert days["lines"][0]["labels"][0]["forward"] == [3]
    table = page.get(f"{one}/counts.csv?{span}")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.split("\r\n")[:2] == [
        "start,line,class,direction,count",
        "2026-11-20T00:00:00+09:00,'=Gate,person,in,1",
    ]
    assert len(table.text.strip().split("\r\n")) == 5


@pytest.mark.parametrize(
    "asked", ["start_ms=5&end_ms=5", "start_ms=9&end_ms=5", f"start_ms=0&end_ms={32 * 86_400_000}", "start_ms=0"]
)
def test_a_range_that_cannot_be_is_refused(world: World, asked: str) -> None:
    answer = page_of(world).get(f"/api/cameras/{world.camera()}/counts?{asked}")
    assert answer.status_code == 422
