"""A whole server whose footage lies sealed in an object store: players get the very bytes by range, or a reason."""

import asyncio
import hashlib
import random
import shutil
from pathlib import Path

import pytest
from sqlalchemy import Connection

from haechi.app.settings import Settings, TierSettings
from haechi.base.clock import SystemClock
from haechi.fleet.tables import cameras
from haechi.record.disk.keys import KeyRing
from haechi.record.tiers.chunks import Chunks
from haechi.record.tiers.report import TierReport
from tests.faultproxy import Fault, FaultProxy
from tests.record.tiers.stage import Stage
from tests.s3 import ACCESS_KEY, S3, SECRET_KEY
from tests.server import House, running, settings_for

CAMERA = "cam_front"


async def moved(house: House, count: int) -> TierReport:
    """The far tier, once all is there and nothing is to be deleted any more."""
    async with asyncio.timeout(60):
        while True:
            near, far = await house.rooms.services.keeping.tiers._report()
            if far.recordings == count and near.doomed == 0:
                return far
            await asyncio.sleep(0.2)


@pytest.mark.slow
def test_a_sealed_recording_in_an_object_store_plays_by_range(
    tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    stage = Stage(tmp_path / "stage", minutes=4)
    rows = stage.rows()
    plain = {row.id: stage.vault.read(row, 0, row.size_bytes) for row in rows}
    stage.close()
    settings = _furnished(tmp_path, stage.root)

    async def watch(proxy: FaultProxy) -> None:
        far = TierSettings(
            name="far", url="s3://footage/served", after="0s", encrypt=True, endpoint=proxy.endpoint, region="us-east-1"
        )
        record = settings.record.model_copy(update={"tiers": (far,), "retention_days": 3650})
        async with running(settings.model_copy(update={"record": record})) as house:
            await house.rooms.services.database.write(_add_camera)
            told = await moved(house, len(rows))
            assert told.failure == ""
            assert told.waiting_bytes == 0
            assert not list(settings.record_dir.rglob("*.mp4"))
            mine = [one for one in rows if one.stream.startswith(CAMERA)]
            for one in mine:
                await _same(house, one.id, plain[one.id])
            proxy.set(Fault.REFUSE)
            house.rooms.services.playback.vault._chunks = Chunks()
            answer = await house.http.get(f"/api/cameras/{CAMERA}/recordings/{mine[0].id}.mp4")
            assert answer.status_code == 503
            assert answer.json()["code"] == "tier-down"
            assert SECRET_KEY not in answer.text

    with FaultProxy(s3.port) as proxy:
        asyncio.run(watch(proxy))


def _furnished(folder: Path, stage: Path) -> Settings:
    """A server's folder with the footage of the stage, and a key."""
    settings = settings_for(folder, vision=False)
    settings.data_dir.mkdir(parents=True)
    shutil.copy(stage / "haechi.db", settings.database_path)
    shutil.copytree(stage / "record", settings.record_dir)
    KeyRing(settings.key_file).add(SystemClock())
    return settings


def _add_camera(connection: Connection) -> None:
    row = {"id": CAMERA, "name": "Front", "url": "rtsp://192.0.2.1/", "transport": "tcp", "enabled": False}
    row |= {"audio": False, "created_ns": 0, "position": 0}
    connection.execute(cameras.insert().values(row))


async def _same(house: House, recording: int, plain: bytes) -> None:
    path, draw = f"/api/cameras/{CAMERA}/recordings/{recording}.mp4", random.Random(recording)
    whole = await house.http.get(path)
    assert (whole.status_code, hashlib.sha256(whole.content).digest()) == (200, hashlib.sha256(plain).digest())
    assert whole.headers["cache-control"] == "private, no-store"
    for _ in range(5):
        first, last = sorted(draw.sample(range(len(plain)), 2))
        part = await house.http.get(path, headers={"Range": f"bytes={first}-{last}"})
        assert (part.status_code, part.content) == (206, plain[first : last + 1])
        assert part.headers["content-range"] == f"bytes {first}-{last}/{len(plain)}"
    beyond = await house.http.get(path, headers={"Range": f"bytes={len(plain)}-"})
    assert beyond.status_code == 416
    head = await house.http.head(path)
    assert int(head.headers["content-length"]) == len(plain)
