"""The timeline of several cameras over HTTP, and what a player is given, from real recordings and real rows."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haechi.api.auth.tokens import csrf_of
from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import CameraId, stream_of
from haechi.bus.ledger import GapCause, Ledger
from haechi.events.archive import Change
from haechi.media.access_unit import UnitRef
from haechi.media.fmp4.reader import read_fragment
from haechi.record.index.accounts import Accounts
from haechi.record.playback.previews import Previews
from haechi.record.playback.reel import Reel
from haechi.record.tables import gaps, recordings
from haechi.vision.result import Moved
from tests.api.fakes_house import basis_of, event_of
from tests.api.knock import Answer, knock, page_headers
from tests.api.world import World
from tests.record.archive import Archive
from tests.streams import START_NS, h264_stream, stamped

START_MS = START_NS // NS_PER_MS
DAY_MS = 86_400_000


def listed(
    world: World, camera: CameraId, spans: list[tuple[int, int]], holes: list[tuple[int, int | None, str]]
) -> None:
    """Rows of recordings and gaps; times in seconds from `START_NS`."""

    def work(connection: Any) -> None:
        for number, (start, end) in enumerate(spans):
            connection.execute(
                recordings.insert().values(
                    volume="v", stream=stream_of(camera), run=1, params=0, path=f"{camera}{number}",
                    start_ns=START_NS + start * NS_PER_S, end_ns=START_NS + end * NS_PER_S, first_seq=number,
                    last_seq=number, init_bytes=10, size_bytes=100, is_open=False,
                )
            )  # fmt: skip
        for start, last, cause in holes:
            end_ns = None if last is None else START_NS + last * NS_PER_S
            row = {"stream": stream_of(camera), "start_ns": START_NS + start * NS_PER_S, "end_ns": end_ns}
            connection.execute(gaps.insert().values(**row, cause=cause, detail="rtsp://u:secret@192.0.2.1/x"))

    world.do(world.database.write(work))


def ask(world: World, token: str, path: str) -> Answer:
    return asyncio.run(knock(world.app(), "GET", path, page_headers(token)))


def timeline(world: World, token: str, cameras: list[str], start_ms: int, end_ms: int, buckets: int = 10) -> Any:
    answer = ask(
        world, token, f"/api/timeline?cameras={','.join(cameras)}&start_ms={start_ms}&end_ms={end_ms}&buckets={buckets}"
    )
    assert answer.status == 200, answer.body
    return answer.json()


def test_a_timeline_tells_spans_gaps_and_events_of_each_camera_in_the_order_asked_for(world: World) -> None:
    front, yard = world.camera("Front"), world.camera("Yard")
    world.clock.step_wall(START_NS + 500 * NS_PER_S - world.clock.wall_ns())
    token = world.token(world.user("Vera", cameras=(front, yard)))
    listed(world, front, [(0, 60), (60, 120), (300, 400)], [(120, 300, GapCause.UNREACHABLE), (400, None, "stalled")])
    event = event_of(front, START_NS + 30 * NS_PER_S)
    world.do(world.archive.write(Change(((event, basis_of(event)),), ())))
    found = timeline(world, token, [yard, front], START_MS, START_MS + 600_000, 600)
    assert [lane["camera"] for lane in found["cameras"]] == [yard, front]
    assert (found["bucket_ms"], found["start_ms"], found["end_ms"]) == (1000, START_MS, START_MS + 600_000)
    empty, lane = found["cameras"]
    assert (empty["spans"], empty["gaps"], empty["events"]) == ([], [], [])
    assert lane["spans"] == [[START_MS, START_MS + 120_000], [START_MS + 300_000, START_MS + 400_000]]
    told = [(start - START_MS, end - START_MS, cause) for start, end, cause, _ in lane["gaps"]]
    assert told == [(120_000, 300_000, "unreachable"), (400_000, 500_000, "stalled")]
    assert "secret" not in str(lane["gaps"])
    assert [one["id"] for one in lane["events"]] == [event.id]
    counts = base64.b64decode(lane["event_counts"])
    assert (len(counts), counts[30], sum(counts)) == (600, 1, 1)
    assert base64.b64decode(lane["loss"]) == bytes([255]) * 600


def test_over_a_long_range_what_is_recorded_follows_from_the_gaps(world: World) -> None:
    front = world.camera("Front")
    world.clock.step_wall(START_NS + 40 * 86_400 * NS_PER_S - world.clock.wall_ns())
    token = world.token(world.user("Vera", cameras=(front,)))
    day = 86_400
    listed(
        world,
        front,
        [(0, day), (2 * day, 40 * day - 5)],
        [(day, 2 * day, "not-running"), (5 * day, 5 * day + 1, "disk-full")],
    )
    (lane,) = timeline(world, token, [front], START_MS - 2 * DAY_MS, START_MS + 29 * DAY_MS, 310)["cameras"]
    gaps_told = [(start - START_MS, end - START_MS, cause) for start, end, cause, _ in lane["gaps"]]
    assert gaps_told == [(DAY_MS, 2 * DAY_MS, "not-running"), (5 * DAY_MS, 5 * DAY_MS + DAY_MS // 10, "disk-full")]
    assert [[start - START_MS, end - START_MS] for start, end in lane["spans"]] == [
        [0, DAY_MS],
        [2 * DAY_MS, 5 * DAY_MS],
        [5 * DAY_MS + DAY_MS // 10, 29 * DAY_MS],
    ]


def test_motion_scores_and_losses_are_those_of_the_accounts(world: World) -> None:
    front, yard = world.camera("Front"), world.camera("Yard")
    token = world.token(world.user("Vera", cameras=(front, yard)))
    ledger, stream = Ledger(), stream_of(front)
    ledger.received(stream, START_NS, 90)
    ledger.missing(stream, START_NS, 10, GapCause.PACKET_LOSS)
    ledger.moved(stream, START_NS + 60 * NS_PER_S, 0.5)
    ledger.scored(stream, START_NS + 120 * NS_PER_S, 1.0)
    world.do(Accounts(ledger, world.database, world.clock).flush())
    lane, empty = timeline(world, token, [front, yard], START_MS, START_MS + 180_000, 3)["cameras"]
    assert [base64.b64decode(lane[name]) for name in ("motion", "score", "loss")] == [
        bytes([0, 128, 0]),
        bytes([0, 0, 255]),
        bytes([25, 255, 255]),
    ]
    assert [base64.b64decode(empty[name]) for name in ("motion", "loss")] == [bytes(3), bytes([255] * 3)]


def test_many_events_of_a_camera_are_counted_and_not_listed(world: World) -> None:
    busy, calm = world.camera("Busy"), world.camera("Calm")
    token = world.token(world.user("Ann", "admin"))
    made = [event_of(busy, START_NS + n * NS_PER_S) for n in range(201)] + [event_of(calm, START_NS)]
    world.do(world.archive.write(Change(tuple((event, basis_of(event)) for event in made), ())))
    first, second = timeline(world, token, [busy, calm], START_MS, START_MS + 300_000, 3)["cameras"]
    assert (first["events"], base64.b64decode(first["event_counts"])) == (None, bytes([100, 100, 1]))
    assert (len(second["events"]), base64.b64decode(second["event_counts"])) == (1, bytes([1, 0, 0]))


def test_a_large_answer_is_compressed_for_those_who_can_read_that(world: World) -> None:
    front = world.camera("Front")
    token = world.token(world.user("Ann", "admin"))
    path = f"/api/timeline?cameras={front}&start_ms={START_MS}&end_ms={START_MS + DAY_MS}&buckets=2000"
    plain = ask(world, token, path)
    app, headers = world.app(), page_headers(token) | {"accept-encoding": "br, gzip"}
    small = asyncio.run(knock(app, "GET", path, headers))
    assert small.headers["content-encoding"] == "gzip"
    assert len(small.body) < len(plain.body) / 4
    assert gzip.decompress(small.body) == plain.body


def test_one_foreign_camera_among_ones_own_answers_as_if_it_were_not_there(world: World) -> None:
    own, foreign = world.camera("Own"), world.camera("Foreign")
    token = world.token(world.user("Vera", cameras=(own,)))
    bodies = set()
    for other in (foreign, "cam_aaaaaaaaaaaaaaaa", "", "1 OR 1=1", f"{own},{foreign}"):
        answer = ask(world, token, f"/api/timeline?cameras={own},{other}&start_ms=0&end_ms=1000".replace(" ", "+"))
        body = answer.json()
        body.pop("error_id")
        bodies.add((answer.status, str(body)))
    assert len(bodies) == 1
    assert bodies.pop()[0] == 404


@pytest.mark.parametrize(
    "query",
    ["start_ms=5&end_ms=5", "start_ms=5&end_ms=4", f"start_ms=0&end_ms={101 * DAY_MS}", "start_ms=0&end_ms=9&buckets=0",
     "start_ms=0&end_ms=9&buckets=2001", "start_ms=-1&end_ms=9", "start_ms=0"],
)  # fmt: skip
def test_ranges_and_counts_that_make_no_sense_are_refused(world: World, query: str) -> None:
    camera = world.camera()
    token = world.token(world.user("Ann", "admin"))
    assert ask(world, token, f"/api/timeline?cameras={camera}&{query}").status == 422


def test_more_than_25_cameras_are_refused(world: World) -> None:
    token = world.token(world.user("Ann", "admin"))
    ids = ",".join(f"cam_{n:04d}" for n in range(26))
    answer = ask(world, token, f"/api/timeline?cameras={ids}&start_ms=0&end_ms=9")
    assert (answer.status, answer.json()["code"]) == (422, "too-many-cameras")


class Recorded:
    """Ten seconds of a camera, recorded, and a viewer who may see them."""

    def __init__(self, world: World, folder: Path) -> None:
        self.camera = world.do(world.registry.add("Front door", "rtsp://192.0.2.1/x", enabled=False)).id
        self.token = world.token(world.user("Vera", cameras=(self.camera,)))
        self.archive = Archive(folder)
        params, coded = h264_stream(frames=150, fps=15, gop=30, size=(64, 64))
        self.units = stamped(coded, stream_of(self.camera))
        world.playback = self.archive.playback  # type: ignore[assignment]
        world.index = self.archive.index
        world.reel = Reel(self.archive.index, self.archive.playback.vault)
        world.previews = Previews(world.reel, world.vision.still, folder / "previews", 1 << 20)
        self.app = world.app()

        async def record() -> None:
            async with self.archive:
                self.archive.publish(params, self.units)

        asyncio.run(record())

    def ask(self, path: str, **headers: str) -> Answer:
        """Read something of the camera."""
        address = f"/api/cameras/{self.camera}/{path}"
        return asyncio.run(knock(self.app, "GET", address, page_headers(self.token) | headers))

    def get(self, path: str, **headers: str) -> Answer:
        """The same, when it must be there."""
        answer = self.ask(path, **headers)
        assert answer.status in {200, 206}, answer.body
        return answer


@pytest.fixture
def recorded(world: World, tmp_path: Path) -> Iterator[Recorded]:
    folder = tmp_path / "archive"
    folder.mkdir()
    made = Recorded(world, folder)
    yield made
    made.archive.close()


def test_a_player_gets_the_stored_bytes_piece_by_piece(recorded: Recorded) -> None:
    found = recorded.get(f"pieces?start_ms={START_MS + 2500}&end_ms={START_MS + 9000}").json()
    (init,) = found["inits"]
    assert (init["codec"], init["width"], init["height"]) == ("avc1.64000a", 64, 64)
    got = []
    for recording, offset, size, first_us, duration_us, is_sync, media_us in found["pieces"]:
        part = recorded.get(f"recordings/{recording}.mp4", range=f"bytes={offset}-{offset + size - 1}").body
        units = read_fragment(part).units
        assert (first_us, is_sync, duration_us) == (units[0].captured_ns // 1000, True, 2_000_000)
        assert media_us == units[0].sample.dts * 100 // 9
        got += [(unit.captured_ns, part[unit.sample.offset :][: unit.sample.size]) for unit in units]
    assert got == [(unit.captured_ns, unit.data) for unit in recorded.units[30:]]
    assert found["next_ms"] is None


def test_units_and_sync_units_over_http(recorded: Recorded) -> None:
    rows = recorded.get(f"units?start_ms={START_MS}&end_ms={START_MS + 2000}").json()
    wanted = [unit for unit in recorded.units if unit.captured_ns < START_NS + 2 * NS_PER_S]
    assert [(row[0], row[2], row[3], row[4]) for row in rows] == [
        (unit.captured_ns // 1000, unit.is_sync, unit.ref.seq, unit.ref.run) for unit in wanted
    ]
    data = recorded.get(f"syncs.mp4?start_ms={START_MS}&end_ms={START_MS + 10_000}&step_ms=2000").body
    for unit in recorded.units[::30]:
        assert unit.data in data
    assert data.count(b"moof") == 5


def test_a_preview_is_of_the_sync_unit_before_and_a_gap_has_none(recorded: Recorded) -> None:
    answer = recorded.get(f"preview.jpg?at_ms={START_MS + 5000}&width=200")
    wanted = recorded.units[60]
    assert f"{wanted.ref} 320".encode() in answer.body
    assert answer.headers["haechi-captured-ms"] == str(wanted.captured_ns // NS_PER_MS)
    assert answer.headers["cache-control"] == "private, no-store"
    answer = recorded.ask(f"preview.jpg?at_ms={START_MS - 1000}")
    assert (answer.status, answer.json()["code"]) == (404, "no-picture")


def test_a_sheet_says_which_unit_is_where_and_who_may_not_see_the_camera_is_not_told_of_it(
    recorded: Recorded, world: World
) -> None:
    path = f"sheet.jpg?at_ms={START_MS + 5000}&step_ms=1000"
    world.clock.step_wall(START_NS + 3600 * NS_PER_S - world.clock.wall_ns())
    recorded.token = world.token(world.user("Wanda", cameras=(recorded.camera,)))
    answer = recorded.get(path)
    facts = json.loads(answer.headers["haechi-sheet"])
    assert (facts["start_ms"] % 64_000, facts["step_ms"], facts["columns"]) == (0, 1000, 8)
    assert (facts["width_px"], facts["height_px"], facts["is_final"]) == (160, 160, True)
    shown = [(number, *cell) for number, cell in enumerate(facts["cells"]) if cell is not None]
    for number, after_ms, run, seq in shown:
        unit = recorded.units[seq]
        assert (run, unit.is_sync) == (1, True)
        assert facts["start_ms"] + number * 1000 + after_ms == unit.captured_ns // NS_PER_MS
        assert f"{unit.ref} 160".encode() in answer.body
    assert len(shown) >= 9
    assert answer.headers["cache-control"] == "private, no-store"
    assert (recorded.ask("sheet.jpg?at_ms=5").status, recorded.ask("sheet.jpg?at_ms=5&step_ms=3000").status) == (
        404,
        422,
    )
    stranger = page_headers(world.token(world.user("Otto", cameras=())))
    foreign, unknown = (
        asyncio.run(knock(recorded.app, "GET", f"/api/cameras/{one}/{path}", stranger))
        for one in (recorded.camera, "cam_unknown")
    )
    told = [{k: v for k, v in one.json().items() if k != "error_id"} for one in (foreign, unknown)]
    assert (foreign.status, told[0]) == (unknown.status, told[1]) == (404, told[1])


def moved(recorded: Recorded, world: World, at_ms: int, moving: bytes) -> None:
    ref = UnitRef(stream_of(recorded.camera), 1, at_ms)
    world.activity.note(Moved(ref, START_NS + at_ms * NS_PER_MS, 0.1, moving))


def searched(recorded: Recorded, world: World, **wish: Any) -> list[dict[str, Any]]:
    body = {
        "start_ms": START_MS,
        "end_ms": START_MS + 7_200_000,
        "region": [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]],
    } | wish
    headers = page_headers(recorded.token, csrf_of(recorded.token)) | {"content-type": "application/json"}
    path = f"/api/cameras/{recorded.camera}/motion-search"
    answer = asyncio.run(knock(recorded.app, "POST", path, headers, body=json.dumps(body).encode()))
    assert answer.status == 200, answer.body
    return [json.loads(line) for line in answer.body.splitlines()]


def test_a_motion_search_tells_hits_progress_and_what_was_skipped(recorded: Recorded, world: World) -> None:
    top_left = b"\x80" + bytes(71)
    for at_ms, moving in ((1000, top_left), (3000, top_left), (5000, bytes(72)), (60_000, top_left)):
        moved(recorded, world, at_ms, moving)
    lines = searched(recorded, world)
    found = {"start_ms": START_MS + 1000, "end_ms": START_MS + 3000, "at_ms": START_MS + 1000}
    assert [line["type"] for line in lines] == ["hit", "progress", "done"]
    assert {key: lines[0][key] for key in found} == found
    assert 0 < lines[0]["peak"] < 0.02
    assert lines[1] == {"type": "progress", "done": 2, "total": 2, "skipped": 0}
    assert lines[2] == {"type": "done", "hits": 1, "skipped_s": 0, "step_ms": 30_000}


def test_footage_that_nobody_looked_at_is_counted_as_skipped(recorded: Recorded, world: World) -> None:
    *_, done = searched(recorded, world)
    assert done == {"type": "done", "hits": 0, "skipped_s": 9, "step_ms": None}


def test_a_motion_search_that_makes_no_sense_is_refused(recorded: Recorded) -> None:
    headers = page_headers(recorded.token, csrf_of(recorded.token)) | {"content-type": "application/json"}
    good = {"start_ms": 0, "end_ms": 1000, "region": [[0, 0], [1, 0], [1, 1]]}
    for wrong in ({"end_ms": 0}, {"region": [[0, 0], [1, 1]]}, {"region": [[0, 0], [1, 0], [2, 1]]},
                  {"min_cells": 0}, {"end_ms": 32 * DAY_MS}, {"min_share": 1.1}, {"more": 1}):  # fmt: skip
        body = json.dumps(good | wrong).encode()
        path = f"/api/cameras/{recorded.camera}/motion-search"
        assert asyncio.run(knock(recorded.app, "POST", path, headers, body=body)).status == 422


def test_accounts_list_the_minutes_with_a_loss_and_sum_all(world: World) -> None:
    camera = world.camera()
    token = world.token(world.user("Vera", cameras=(camera,)))
    ledger, stream = Ledger(), stream_of(camera)
    for minute, lost in ((0, 0), (1, 5)):
        at_ns = START_NS + minute * 60 * NS_PER_S
        ledger.received(stream, at_ns, 100)
        ledger.stored(stream, at_ns, 100)
        if lost:
            ledger.missing(stream, at_ns, lost, GapCause.PACKET_LOSS)
    world.do(Accounts(ledger, world.database, world.clock).flush())
    path = f"/api/cameras/{camera}/accounts?start_ms={START_MS}&end_ms={START_MS + 120_000}"
    found = ask(world, token, path).json()
    counts = {"expected": 205, "received": 200, "stored": 200, "decoded": 0, "missing": {"packet-loss": 5}}
    assert found["totals"] == counts
    assert found["minutes"] == [
        counts | {"start_ms": START_MS + 60_000, "expected": 105, "received": 100, "stored": 100}
    ]
    assert ask(world, token, f"/api/cameras/{camera}/accounts?start_ms=5&end_ms=5").status == 422
