"""The two WebSockets: what comes, to whom, and that it ends when the right to see it ends (CONTRACT S3)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from fastapi import FastAPI
from sqlalchemy import Connection

from haechi.api.auth.users import UserChange
from haechi.api.push import LIMIT, LIMIT_DETECTIONS, Page
from haechi.base.clock import NS_PER_S
from haechi.base.errors import Unavailable
from haechi.base.ids import CameraId, UserId, stream_of
from haechi.fleet.cameras import CameraChange
from haechi.media.access_unit import AccessUnit, UnitRef
from tests.api.fakes_house import result_of
from tests.api.knock import Socket
from tests.api.world import START_NS, World

PROMISED_S = 5.0
STEP_NS = NS_PER_S // 2
MOST_WAITS = 50
"""Real waits of 10 ms for those who were woken; one of them may be over, and sleep no more."""


@asynccontextmanager
async def running(world: World) -> AsyncIterator[FastAPI]:
    """The app with its feed, and time that goes on while somebody waits."""
    app = world.app()
    async with app.router.lifespan_context(app):
        yield app


async def pass_time_until(world: World, is_so: Callable[[], bool], *, at_most_s: float) -> float:
    """Let time pass in steps until something is so; simulated seconds that it took. Time stands still until all who
    were woken sleep again, however slow the machine is, or something is so.
    """
    began_ns = world.clock.monotonic_ns()
    while not is_so():
        assert world.clock.monotonic_ns() - began_ns <= at_most_s * NS_PER_S, "it did not come in time"
        asleep = len(world.clock._sleepers)
        world.clock.advance(STEP_NS)
        for _ in range(12):
            await asyncio.to_thread(int)
        for _ in range(MOST_WAITS):
            if is_so() or len(world.clock._sleepers) >= asleep:
                break
            await asyncio.sleep(0.01)
    return (world.clock.monotonic_ns() - began_ns) / NS_PER_S


class Scene:
    """Two cameras; Vera may see the first one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mine, self.foreign = world.camera("Mine"), world.camera("Foreign")
        self.vera = world.user("Vera", cameras=(self.mine,))
        self.token = world.token(self.vera)

    def see(self, camera: CameraId, seq: int) -> None:
        self.world.vision.see(result_of(camera, START_NS + seq, seq))

    async def watch(self, socket: Socket, camera: CameraId) -> None:
        """Ask for detections; returns when the server has understood."""
        socket.say(type="watch", camera=camera, topics=["detections"])
        socket.say(type="nonsense")
        assert (await socket.hear())["code"] == "bad-message"


def test_detections_come_exact_and_only_of_watched_cameras(world: World) -> None:
    scene = Scene(world)

    async def check() -> None:
        async with running(world) as app, Socket.opened(app, "/api/ws", scene.token) as socket:
            scene.see(scene.mine, 1)
            await scene.watch(socket, scene.mine)
            scene.see(scene.foreign, 2)
            scene.see(scene.mine, 3)
            message = await socket.hear()
            assert message == {
                "type": "detections",
                "camera": scene.mine,
                "ref": f"{scene.mine}/main:1:3",
                "captured_ns": str(START_NS + 3),
                "boxes": [{"label": "person", "score": 0.9, "box": [0.1, 0.2, 0.3, 0.4], "track": 7, "points": []}],
            }
            socket.say(type="watch", camera=scene.mine, topics=[])
            socket.say(type="nonsense")
            assert (await socket.hear())["code"] == "bad-message"
            scene.see(scene.mine, 4)
            assert not socket.has_news()

    asyncio.run(check())


def test_who_follows_is_told_of_activity_but_not_each_time_and_only_of_what_they_may_see(world: World) -> None:
    scene = Scene(world)

    async def check() -> None:
        async with running(world) as app, Socket.opened(app, "/api/ws", scene.token) as socket:
            scene.see(scene.mine, 1)
            assert not socket.has_news()
            socket.say(type="follow", activity=True)
            socket.say(type="nonsense")
            assert (await socket.hear())["code"] == "bad-message"
            for seq in range(2, 6):
                scene.see(scene.foreign, seq)
                scene.see(scene.mine, seq)
            assert await socket.hear() == {"type": "activity", "camera": scene.mine, "tracked": True}
            assert not socket.has_news()

    asyncio.run(check())


def test_a_foreign_camera_cannot_be_watched_and_answers_like_an_unknown_one(world: World) -> None:
    scene = Scene(world)

    async def check() -> None:
        async with running(world) as app, Socket.opened(app, "/api/ws", scene.token) as socket:
            answers = []
            for camera in (scene.foreign, "cam_aaaaaaaaaaaaaaaa", "", "../x"):
                socket.say(type="watch", camera=camera, topics=["detections"])
                answers.append(await socket.hear())
            assert answers == [{"type": "error", "code": "camera-not-found", "message": "no such camera"}] * 4
            scene.see(scene.foreign, 1)
            assert not socket.has_news()

    asyncio.run(check())


def test_what_is_no_message_is_answered_and_the_connection_stays(world: World) -> None:
    scene = Scene(world)

    async def check() -> None:
        async with running(world) as app, Socket.opened(app, "/api/ws", scene.token) as socket:
            for text in (
                "",
                "{",
                "[]",
                "null",
                '{"type":"watch"}',
                '{"type":"watch","camera":1,"topics":[]}',
                "x" * 9000,
            ):
                socket.say_raw(text=text)
                assert (await socket.hear())["code"] == "bad-message"
            socket.say_raw(bytes=b"\x00")
            assert (await socket.hear())["code"] == "bad-message"

    asyncio.run(check())


def test_events_come_to_those_who_may_see_them(world: World) -> None:
    scene = Scene(world)
    mine, foreign = world.event(scene.mine), world.event(scene.foreign)

    async def check() -> None:
        async with running(world) as app, Socket.opened(app, "/api/ws", scene.token) as socket:
            await pass_time_until(world, lambda: bool(world.events._listeners), at_most_s=5)
            await world.events.set_reviewed([foreign.id], reviewed=True)
            await world.events.set_reviewed([mine.id], reviewed=True)
            message = await socket.hear()
            assert (message["type"], message["event"]["id"]) == ("event", mine.id)
            assert (message["event"]["camera_name"], message["event"]["reviewed"]) == ("Mine", True)
            assert not socket.has_news()

    asyncio.run(check())


def test_a_camera_that_changes_is_told_without_its_credentials(world: World) -> None:
    scene = Scene(world)

    async def check() -> None:
        async with running(world) as app, Socket.opened(app, "/api/ws", scene.token) as socket:
            await pass_time_until(world, lambda: bool(app.state.push._states), at_most_s=5)
            await world.registry.update(scene.mine, CameraChange(name="Renamed"))
            await world.registry.update(scene.foreign, CameraChange(name="Also renamed"))
            await pass_time_until(world, socket.has_news, at_most_s=5)
            message = await socket.hear()
            assert (message["type"], message["camera"]["name"]) == ("camera", "Renamed")
            assert "canary" not in str(message)
            assert not socket.has_news()

    asyncio.run(check())


async def ends_in_time(world: World, scene: Scene, path: str, end: Callable[[], Awaitable[object]]) -> None:
    """Open, end the right, and see the connection closed within the promised time."""
    async with running(world) as app, Socket.opened(app, path, scene.token) as socket:
        await asyncio.to_thread(int)
        await end()
        took_s = await pass_time_until(world, socket.has_news, at_most_s=PROMISED_S)
        assert await socket.hear() is None
        assert (socket.close_code, socket.close_reason) == (4401, "session-ended")
        assert took_s <= PROMISED_S


def test_both_sockets_close_within_five_seconds_of_the_end_of_the_session(world: World) -> None:
    scene = Scene(world)
    ends: list[Callable[[UserId], Awaitable[object]]] = [
        world.auth.sessions.revoke_user,
        lambda user: world.auth.users.update(user, UserChange(password_hash="new")),
        world.auth.users.delete,
    ]
    for number, end in enumerate(ends):
        for path in ("/api/ws", "/api/live"):
            user = world.user(f"user {number} {path}", cameras=(scene.mine,))
            scene.token = world.token(user)
            asyncio.run(ends_in_time(world, scene, path, partial(end, user)))


def test_news_of_a_camera_end_with_the_grant_and_others_go_on(world: World) -> None:
    scene = Scene(world)

    async def check() -> None:
        async with running(world) as app, Socket.opened(app, "/api/ws", scene.token) as socket:
            await scene.watch(socket, scene.mine)
            await world.auth.users.update(scene.vera, UserChange(cameras=(scene.foreign,)))
            page: Page = app.state.push._pages[0]
            await pass_time_until(world, lambda: not page.principal.may_view(scene.mine), at_most_s=PROMISED_S)
            scene.see(scene.mine, 1)
            await scene.watch(socket, scene.foreign)
            scene.see(scene.foreign, 2)
            assert (await socket.hear())["camera"] == scene.foreign

    asyncio.run(check())


def test_what_waited_when_the_grant_ended_is_not_sent_any_more(world: World) -> None:
    scene = Scene(world)

    async def check() -> None:
        principal = await world.auth.sessions.find(scene.token)
        assert principal is not None
        page = Page(principal)
        page.offer("event", scene.mine, "secret")
        await world.auth.users.update(scene.vera, UserChange(cameras=(scene.foreign,)))
        now = await world.auth.sessions.still(principal)
        assert now is not None
        page.know(now)
        page.offer("event", scene.foreign, "public")
        assert await page.next() == "public"

    asyncio.run(check())


def test_a_slow_page_loses_detections_first_and_is_closed_when_events_do_not_fit(world: World) -> None:
    scene = Scene(world)

    async def check() -> None:
        principal = await world.auth.sessions.find(scene.token)
        assert principal is not None
        page = Page(principal)
        page.watched[scene.mine] = frozenset({"detections"})
        for _ in range(LIMIT_DETECTIONS):
            assert page.offer("detections", scene.mine, "d")
        assert not page.offer("detections", scene.mine, "d")
        for _ in range(LIMIT - LIMIT_DETECTIONS):
            assert page.offer("event", scene.mine, "e")
        assert await page.next() == "d"
        assert page.offer("event", scene.mine, "e")
        assert not page.offer("event", scene.mine, "e")
        assert await page.next() is None
        assert page.dropped == 1

    asyncio.run(check())


def test_live_pictures_come_to_those_who_may_see_them_until_the_grant_ends(world: World) -> None:
    scene = Scene(world)

    async def check() -> None:
        async with running(world) as app, Socket.opened(app, "/api/live", scene.token) as socket:
            socket.say(type="subscribe", id=1, camera=scene.foreign)
            assert (await socket.hear())["code"] == "camera-not-found"
            socket.say(type="subscribe", id=7, camera=scene.mine)
            hello = await socket.hear()
            assert (hello["type"], hello["id"], hello["width"]) == ("subscribed", 7, 320)
            assert hello["mime"].startswith('video/mp4; codecs="avc1.')
            for kind in (1, 2):
                data = await socket.hear()
                number, found_kind, _, run, _, _ = struct.unpack(">HBBIQQ", data[:24])
                assert (number, found_kind, run) == (7, kind, 1)
                assert data[28:32] in (b"ftyp", b"moof")
            await world.auth.users.update(scene.vera, UserChange(cameras=()))
            await pass_time_until(world, socket.has_news, at_most_s=PROMISED_S)
            assert await socket.hear() == {
                "type": "error",
                "id": 7,
                "code": "camera-not-found",
                "message": "no such camera",
            }
            stream = stream_of(scene.mine)
            world.bus.channel(stream).publish(
                AccessUnit(UnitRef(stream, 1, 1), 6000, 6000, START_NS + 1, True, 0, b"\0\0\0\1e")
            )
            await asyncio.to_thread(int)
            assert not socket.has_news()

    asyncio.run(check())


def test_while_the_database_is_away_open_connections_go_on_and_news_come_back_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(world)
    is_away = False
    read = world.database.read

    async def read_or_not(work: Callable[[Connection], object]) -> object:
        if is_away:
            raise Unavailable("the database does not answer", code="database-down")
        return await read(work)

    monkeypatch.setattr(world.database, "read", read_or_not)

    async def check() -> None:
        nonlocal is_away
        async with running(world) as app, Socket.opened(app, "/api/ws", scene.token) as socket:
            await scene.watch(socket, scene.mine)
            await pass_time_until(world, lambda: bool(app.state.push._states), at_most_s=5)
            is_away = True
            began_ns = world.clock.monotonic_ns()
            await pass_time_until(world, lambda: world.clock.monotonic_ns() - began_ns > 20 * NS_PER_S, at_most_s=30)
            scene.see(scene.mine, 1)
            assert (await socket.hear())["type"] == "detections"
            is_away = False
            await world.registry.update(scene.mine, CameraChange(name="Renamed"))
            await pass_time_until(world, socket.has_news, at_most_s=10)
            assert (await socket.hear())["camera"]["name"] == "Renamed"

    asyncio.run(check())
