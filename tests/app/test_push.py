"""``haechi push`` and the room that listens for clients."""

import asyncio
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from haechi.app.cli.commands import app
from haechi.app.push import PushRoom
from haechi.app.settings import PushSettings, Settings, VisionSettings
from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid
from haechi.client.line import Place
from haechi.client.playing import Wish, place_of, playing
from haechi.fleet.push_clients import PushClients
from haechi.ingest.rtp_push.berths import Berths
from haechi.store.database import Database
from haechi.vision.models import ModelStore
from tests.cameras import until
from tests.ingest.rtp_push.stage import Coded, clip
from tests.program import environment
from tests.vision.scenes import encoded, models, shop_with


def settings_for(folder: Path, push: PushSettings, *, vision: bool = False) -> Settings:
    return Settings(data_dir=folder, cache_dir=folder / "cache", vision=VisionSettings(enabled=vision), push=push)


def room_over(settings: Settings) -> tuple[PushRoom, Database]:
    database = Database.at(settings.database_path)
    database.migrate()
    return PushRoom(settings, database, ModelStore(settings.cache_dir / "models"), SystemClock(), Berths()), database


def test_a_token_is_written_for_its_owner_alone_listed_by_name_and_withdrawn(tmp_path: Path) -> None:
    env, shell = environment(tmp_path), CliRunner()
    path = tmp_path / "notebook.token"
    added = shell.invoke(app, ["push", "add", "a notebook", "--file", str(path)], env=env)
    assert added.exit_code == 0, added.output
    place = place_of("server", path)
    assert place.token.startswith("hpt_")
    assert len(place.pin) == 64
    assert place.token not in added.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    listed = shell.invoke(app, ["push", "list"], env=env).output
    assert "a notebook" in listed
    client = next(word for word in listed.split() if word.startswith("psh_"))
    assert shell.invoke(app, ["push", "remove", client], env=env).exit_code == 0
    assert "no clients" in shell.invoke(app, ["push", "list"], env=env).output
    assert shell.invoke(app, ["push", "remove", client], env=env).exception is not None


def test_a_client_is_made_a_camera_loses_it_and_gets_it_again(tmp_path: Path) -> None:
    env, shell = environment(tmp_path), CliRunner()
    added = shell.invoke(app, ["push", "add", "shed", "--camera", "--file", str(tmp_path / "token")], env=env)
    assert added.exit_code == 0, added.output
    words = added.output.replace(",", " ").split()
    client = next(word for word in words if word.startswith("psh_"))
    camera = next(word for word in words if word.startswith("cam_"))
    assert camera in shell.invoke(app, ["push", "list"], env=env).output
    assert camera in shell.invoke(app, ["camera", "list"], env=env).output
    assert shell.invoke(app, ["push", "camera", client, "--off"], env=env).exit_code == 0
    assert camera not in shell.invoke(app, ["push", "list"], env=env).output
    assert shell.invoke(app, ["push", "camera", client, "--of", camera], env=env).exit_code == 0
    assert camera in shell.invoke(app, ["push", "list"], env=env).output
    assert shell.invoke(app, ["push", "camera", client, "--of", "cam_aaaaaaaaaaaaaaaa"], env=env).exception is not None


def test_nothing_listens_unless_it_is_switched_on(tmp_path: Path) -> None:
    room, database = room_over(settings_for(tmp_path, PushSettings()))
    asyncio.run(asyncio.wait_for(room.run(), 30))
    assert room.port == 0
    database.close()


def test_a_module_that_there_is_not_is_told_at_the_start(tmp_path: Path) -> None:
    push = PushSettings(enabled=True, port=0, host="127.0.0.1", modules=("objects", "mind-reading"))
    room, database = room_over(settings_for(tmp_path, push, vision=True))
    with pytest.raises(Invalid) as caught:
        asyncio.run(asyncio.wait_for(room.run(), 30))
    assert "mind-reading" in caught.value.message
    assert "yolox-tiny" in caught.value.message
    database.close()


def test_a_client_with_a_token_of_the_command_line_is_served_over_the_servers_own_certificate(tmp_path: Path) -> None:
    env = environment(tmp_path)
    path = tmp_path / "notebook.token"
    assert CliRunner().invoke(app, ["push", "add", "notebook", "--file", str(path)], env=env).exit_code == 0
    data_dir = Path(env["HAECHI_DATA_DIR"])
    room, database = room_over(settings_for(data_dir, PushSettings(enabled=True, port=0, host="127.0.0.1")))

    async def scenario() -> None:
        serving = asyncio.create_task(room.run())
        await until(lambda: room.port > 0, 60)
        place = place_of(f"127.0.0.1:{room.port}", path)
        async with playing(place, clip(10), Wish("echo", fast=True), SystemClock(), "test") as link:
            assert [one.ref.seq async for one in link.results()] == list(range(10))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert room.port == 0

    asyncio.run(scenario())
    database.close()


@pytest.mark.slow
def test_who_asks_for_pose_gets_people_with_their_joints(tmp_path: Path) -> None:
    store = models("yolox-tiny", "rtmpose-s")
    params, units = encoded([shop_with("astronaut", 200, 60, 300)] * 24, fps=5, gop=6)
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    push = PushSettings(enabled=True, port=0, host="127.0.0.1", modules=("pose",))
    room = PushRoom(settings_for(tmp_path, push, vision=True), database, store, SystemClock(), Berths())

    async def scenario() -> None:
        _, token = await PushClients(database, SystemClock()).add("notebook")
        serving = asyncio.create_task(room.run())
        await until(lambda: room.port > 0, 60)
        place = Place("127.0.0.1", room.port, token)
        async with playing(place, Coded(params, units, 5), Wish("pose"), SystemClock(), "test") as link:
            seen = [one async for one in link.results()]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert seen
        for one in seen:
            best = max(one.boxes, key=lambda box: box.score)
            assert (best.label, len(best.points)) == ("person", 26)
            assert best.points[0].y < 0.5  # the nose is in the upper half of the picture

    asyncio.run(scenario())
    database.close()
