"""Who crosses a line is counted, through a real camera and the real detector, as the script says."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.async_api import expect

from haechi.app import embedded
from haechi.camera.virtual.people import astronaut
from haechi.camera.virtual.render import GOP_FRAMES, encode
from haechi.camera.virtual.scene import FPS, Actor, Scene, Step
from haechi.camera.virtual.server import FeedUnit, VirtualCamera
from haechi.camera.virtual.timecode import read_timecode
from haechi.media.access_unit import TICKS_PER_S, Codec, CodecParams
from haechi.media.annexb import split_units
from haechi.vision.feed import FeedSettings
from tests.e2e.browser import chromium
from tests.e2e.stage import Stage, page_for
from tests.server import running, settings_for

TO_THE_RIGHT = Actor(astronaut, (Step(1.0, -0.1, 0.8), Step(5.0, 1.1, 0.8)))
TO_THE_LEFT = Actor(lambda: astronaut(100), (Step(3.6, 1.1, 0.92), Step(7.6, -0.1, 0.92)))
WALKS = Scene("two-walks", "TWO WALKS", "aisle", 10, (TO_THE_RIGHT, TO_THE_LEFT), horizon=0.26, grow=0.98)
"""One walks from left to right and one from right to left, past one another; then nobody is there."""
GATE = {"name": "Gate", "points": [[0.5, 0.55], [0.5, 0.98]], "forward": "in", "backward": "out", "labels": ["person"]}
CROSSED_S = {"out": 3.0, "in": 5.6}
ZONE = {"name": "Left", "points": [[0.0, 0.5], [0.33, 0.5], [0.33, 1.0], [0.0, 1.0]], "colour": "#f0682a"}
ENTERED_S = 3.6 + (1.1 - 0.33) / 0.3
"""When the second one enters the zone; the first one is in it from the edge of the picture on."""
TOLERANCE_S = 0.5
PATIENT = partial(FeedSettings, slow_wait_s=120, most_wait_s=120, most_in_flight=5000)
"""All looks are made, however late: a busy machine leaves some out, and then there is less that could be counted."""


class Once:
    """A scene that is played once, when it is told to begin; before and after, its last, empty pictures."""

    def __init__(self, what: Scene) -> None:
        self.may_begin = False
        self._units = list(split_units(b"".join(picture.data for picture in encode(what)), Codec.H264))

    def tracks(self) -> tuple[CodecParams, ...]:
        params = self._units[0].params
        assert params is not None
        return (params,)

    async def units(self) -> AsyncIterator[FeedUnit]:
        tail = len(self._units) - GOP_FRAMES
        order: Iterator[int] = iter(())
        has_begun = False
        for number in itertools.count():
            place = next(order, None)
            if place is None:
                order = iter(range(0 if self.may_begin and not has_begun else tail, len(self._units)))
                has_begun = has_begun or self.may_begin
                place = next(order)
            unit = self._units[place]
            yield FeedUnit(0, unit.data, number * TICKS_PER_S // FPS, number / FPS, unit.is_sync, unit.params)


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_two_who_walk_past_one_another_are_counted_and_told_as_the_script_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "FeedSettings", PATIENT)

    async def flow() -> None:
        feed = await asyncio.to_thread(Once, WALKS)
        async with (
            VirtualCamera({"/walks": feed}) as cameras,
            running(settings_for(tmp_path)) as house,
            chromium() as browser,
        ):
            stage = Stage(house, cameras, browser, await page_for(browser, house))
            camera = await _watched(stage)
            feed.may_begin = True
            await stage.go(f"/cameras/{camera}/counts")
            card = stage.page.locator(".hc-count")
            for way in ("forward", "backward"):
                await expect(card.locator(f"[data-way={way}] dd")).to_have_text("1", timeout=120_000)
            crossings = await _events(stage, "Gate crossed", 2)
            assert {event["detail"] for event in crossings} == {"in", "out"}
            for event in crossings:
                assert (event["kind"], event["label"], event["zone"]) == ("crossing", "person", "Gate")
                await _happened_at(stage, event, CROSSED_S[event["detail"]])
                await _has_a_clip(stage, event)
            inside = await _events(stage, "On the left", 2)
            assert {(event["kind"], event["label"], event["zone"]) for event in inside} == {
                ("object", "person", "Left")
            }
            second = max(inside, key=lambda event: int(event["start_ms"]))
            truth_ms = (ENTERED_S - CROSSED_S["in"]) * 1000
            crossed = next(event for event in crossings if event["detail"] == "in")
            slack_ms = 1000 * (TOLERANCE_S + await _between_looks_s(stage, second))
            assert second["start_ms"] - crossed["start_ms"] == pytest.approx(truth_ms, abs=slack_ms)
            hour, at_ms = 3_600_000, int(second["start_ms"])
            counts: Any = await stage.ask(f"/api/cameras/{camera}/counts?start_ms={at_ms - hour}&end_ms={at_ms + hour}")
            (line,) = counts["lines"]
            assert (line["forward_total"], line["backward_total"], line["inside"]) == (1, 1, 0)
            await stage.go(f"/live/{camera}")
            await expect(stage.page.locator(".hc-zones text", has_text="Gate: in 1 · out 1")).to_be_visible()

    asyncio.run(flow())


async def _watched(stage: Stage) -> str:
    """A camera with a line, a zone and rules, whose pictures are looked at."""
    http = stage.house.http
    camera = {"name": "Walks", "url": stage.cameras.url("/walks"), "transport": "tcp"}
    added = (await http.post("/api/cameras", json=camera)).raise_for_status().json()["id"]
    one = f"/api/cameras/{added}"
    line = (await http.put(f"{one}/lines", json={"lines": [GATE]})).raise_for_status().json()["lines"][0]["id"]
    zone = (await http.put(f"{one}/zones", json={"zones": [ZONE]})).raise_for_status().json()["zones"][0]["id"]
    crossing = {"name": "Gate crossed", "kind": "crossing", "label": "person", "line": line, "cooldown_s": 0}
    inside = {"name": "On the left", "label": "person", "zone": zone, "min_duration_s": 0, "cooldown_s": 0}
    (await http.put(f"{one}/rules", json={"rules": [crossing, inside]})).raise_for_status()
    looked = asyncio.Event()
    stage.house.rooms.services.vision.on_tracked(lambda _result, _tracker: looked.set())
    async with asyncio.timeout(120):
        await looked.wait()
    return str(added)


async def _events(stage: Stage, rule: str, count: int) -> list[dict[str, Any]]:
    """The events of a rule, once there are so many and all are over. More would be one too many for good."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(120):
        while len(found) < count or any(event["end_ms"] is None for event in found):
            await asyncio.sleep(0.1)
            page: Any = await stage.ask("/api/events")
            found = [event for event in page["events"] if event["rule"] == rule]
    assert len(found) == count
    return found


async def _happened_at(stage: Stage, event: dict[str, Any], truth_s: float) -> None:
    """The picture of the event shows the moment of the script, by the time code in it."""
    jpeg = await stage.house.http.get(f"/api/events/{event['id']}/snapshot.jpg")
    picture = cv2.imdecode(np.frombuffer(jpeg.raise_for_status().content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    code = read_timecode(np.asarray(picture, np.uint8))
    assert code is not None
    slack_s = TOLERANCE_S + await _between_looks_s(stage, event)
    assert code.frame / FPS == pytest.approx(truth_s, abs=slack_s)


async def _between_looks_s(stage: Stage, event: dict[str, Any]) -> float:
    """How far apart pictures were looked at: 0.2 s, or more on a machine that is busy with other things."""
    detail: Any = await stage.ask(f"/api/events/{event['id']}")
    times = [int(look["captured_ns"]) / 1e9 for look in detail["detections"]]
    return max((after - before for before, after in itertools.pairwise(times)), default=0.0)


async def _has_a_clip(stage: Stage, event: dict[str, Any]) -> None:
    answer = await stage.house.http.get(f"/api/events/{event['id']}/clip.mp4")
    assert answer.status_code == 200
    assert answer.content[4:8] == b"ftyp"
