"""A film through the whole server: sent in parts, then in the timeline, in playback, as a clip; and gone with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import av
import pytest

from tests.containers import packets_of, write_film
from tests.server import House, running, settings_for

pytestmark = pytest.mark.slow

CREATED_MS = 1_709_209_800_000


async def _over(house: House, film: str) -> dict[str, object]:
    async with asyncio.timeout(60):
        while True:
            found: dict[str, object] = (await house.http.get(f"/api/films/{film}")).json()
            if found["state"] in ("done", "failed"):
                return found
            await asyncio.sleep(0.05)


def test_a_film_that_is_sent_in_parts_is_a_camera_with_a_past(tmp_path: Path) -> None:
    path = write_film(tmp_path / "walk.mp4", seconds=6, created="2024-02-29T12:30:00.000000Z")
    data = path.read_bytes()

    async def work() -> None:
        async with running(settings_for(tmp_path, vision=False)) as house:
            asked = {"name": "Walk", "size_bytes": len(data)}
            film = (await house.http.post("/api/films", json=asked)).json()
            where = f"/api/films/{film['id']}/file"
            first = await house.http.patch(where, content=data[:10_000], headers={"Upload-Offset": "0"})
            assert (first.status_code, first.json()["received_bytes"]) == (200, 10_000)
            wrong = await house.http.patch(where, content=data, headers={"Upload-Offset": "0"})
            assert (wrong.status_code, wrong.json()["code"]) == (409, "upload-offset")
            last = await house.http.patch(where, content=data[10_000:], headers={"Upload-Offset": "10000"})
            assert last.json()["state"] == "waiting"
            done = await _over(house, film["id"])
            assert (done["state"], done["start_ms"], done["damaged"]) == ("done", CREATED_MS, 0)
            camera = (await house.http.get(f"/api/cameras/{done['camera']}")).json()
            assert (camera["name"], camera["url"], camera["enabled"]) == ("Walk", f"upload:{film['id']}", False)
            await _can_be_watched(house, camera["id"], path)
            entries = (await house.http.get("/api/audit")).json()["entries"]
            told = [entry["detail"] for entry in entries if entry["object"] == film["id"]]
            assert told == ["sent parts of the file", f"began: Walk, {len(data)} bytes"]
            assert (await house.http.delete(f"/api/films/{film['id']}")).status_code == 204
            assert (await house.http.get(f"/api/cameras/{camera['id']}")).status_code == 404
            assert list((tmp_path / "data" / "record").rglob("*.mp4")) == []

    asyncio.run(work())


async def _can_be_watched(house: House, camera: str, path: Path) -> None:
    span = f"start_ms={CREATED_MS}&end_ms={CREATED_MS + 10_000}"
    timeline = (await house.http.get(f"/api/timeline?cameras={camera}&{span}&buckets=10")).json()
    ((start_ms, end_ms),) = timeline["cameras"][0]["spans"]
    assert start_ms == CREATED_MS
    assert abs(end_ms - CREATED_MS - 6_000) < 200
    pieces = (await house.http.get(f"/api/cameras/{camera}/pieces?{span}")).json()
    assert len(pieces["pieces"]) >= 3
    clip = await house.http.get(f"/api/cameras/{camera}/clip.mp4?start_ms={CREATED_MS}&end_ms={CREATED_MS + 10_000}")
    target = path.with_name("clip.mp4")
    target.write_bytes(clip.content)
    with av.open(str(target)) as container:
        shown = sum(1 for _ in container.decode(video=0))
    assert shown == len(packets_of(path)) == 90
    units = (await house.http.get(f"/api/cameras/{camera}/units?{span}")).json()
    assert len(units) == 90


def test_a_film_goes_when_its_camera_is_removed(tmp_path: Path) -> None:
    path = write_film(tmp_path / "walk.mkv")

    async def work() -> None:
        async with running(settings_for(tmp_path, vision=False)) as house:
            asked = {"name": "Walk", "size_bytes": path.stat().st_size}
            film = (await house.http.post("/api/films", json=asked)).json()
            await house.http.patch(
                f"/api/films/{film['id']}/file", content=path.read_bytes(), headers={"Upload-Offset": "0"}
            )
            done = await _over(house, film["id"])
            assert (await house.http.delete(f"/api/cameras/{done['camera']}")).status_code == 204
            assert (await house.http.get("/api/films")).json() == {"films": []}
            assert list((tmp_path / "data" / "record").rglob("*.mp4")) == []

    asyncio.run(work())


def test_what_cannot_be_asked_for_is_said(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(settings_for(tmp_path, vision=False)) as house:
            both = {"name": "Walk", "size_bytes": 5, "url": "https://youtu.be/x"}
            answer = await house.http.post("/api/films", json=both)
            assert (answer.status_code, answer.json()["code"]) == (422, "bad-film")
            elsewhere = {"name": "Walk", "url": "https://example.org/film"}
            answer = await house.http.post("/api/films", json=elsewhere)
            assert (answer.status_code, answer.json()["code"]) == (422, "site-not-allowed")
            assert "sites.hosts" in answer.json()["detail"]
            large = await house.http.patch(
                "/api/films/flm_aaaaaaaaaaaaaaaa/file", content=bytes(9 * 2**20), headers={"Upload-Offset": "0"}
            )
            assert large.status_code == 413
            unknown = await house.http.patch(
                "/api/films/flm_aaaaaaaaaaaaaaaa/file", content=b"x", headers={"Upload-Offset": "0"}
            )
            assert (unknown.status_code, unknown.json()["code"]) == (404, "film-not-found")

    asyncio.run(work())
