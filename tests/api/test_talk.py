"""A page that speaks to a camera: who may, one at a time, what is said is heard, and that it ends with the right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.api.auth.users import UserChange
from haechi.api.routes.talk import MOST_SPEECH_S, word_of
from haechi.api.shapes.talk import StopIn, TalkIn
from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId, UserId
from haechi.camera.virtual.ears import Ears
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.access_unit import Codec
from haechi.media.g711 import recoded
from tests.api.knock import Socket
from tests.api.world import Browser, World
from tests.cameras import StreamFeed, until
from tests.streams import h264_stream

PATIENCE_S = 60.0
PROMISED_S = 5.0
STEP_NS = 20 * NS_PER_MS
PIECE = bytes(range(160))


class Stage:
    """A camera that hears, an administrator, and two viewers of it: Vera may speak, Otto may not."""

    def __init__(self, world: World, device: VirtualCamera, ears: Ears, app: FastAPI) -> None:
        self.world, self.device, self.ears, self.app = world, device, ears, app
        self.camera = CameraId("")
        self.ids: dict[str, UserId] = {}
        self.tokens: dict[str, str] = {}

    async def fill(self) -> None:
        url = self.device.url()
        self.camera = (await self.world.registry.add("Door", url)).id
        people = (("ann", "admin", True), ("vera", "viewer", True), ("otto", "viewer", False))
        for name, role, may_speak in people:
            hashed = "no password"
            user = await self.world.auth.users.add(
                name, hashed, "admin" if role == "admin" else "viewer", (self.camera,), may_speak=may_speak
            )
            self.ids[name] = user.id
            self.tokens[name] = await self.world.auth.sessions.create(user.id)

    @property
    def path(self) -> str:
        return f"/api/cameras/{self.camera}/talk"

    @asynccontextmanager
    async def speaking(self, name: str = "vera") -> AsyncIterator[Socket]:
        """A page to which the camera listens."""
        async with Socket.opened(self.app, self.path, self.tokens[name]) as socket:
            socket.say(type="talk")
            assert await socket.hear() == {"type": "talking", "codec": "pcma", "limit_s": MOST_SPEECH_S}
            yield socket

    async def pass_time_until(self, is_so: Callable[[], bool], *, at_most_s: float = 600) -> float:
        """Let time pass in steps of a piece until something is so; simulated seconds that it took."""
        began_ns = self.world.clock.monotonic_ns()
        while not is_so():
            assert self.world.clock.monotonic_ns() - began_ns <= at_most_s * NS_PER_S, "it did not come in time"
            self.world.clock.advance(STEP_NS)
            for _ in range(6):
                await asyncio.to_thread(int)
        return (self.world.clock.monotonic_ns() - began_ns) / NS_PER_S

    async def written(self) -> list[tuple[str, str]]:
        """Who spoke, as the audit log has it, oldest first."""
        await self.world.keeping.audit.settle()
        browser = Browser(self.app, self.tokens["ann"])
        answer = await asyncio.to_thread(browser.get, "/api/audit?action=speak")
        return [(one["user"], one["detail"]) for one in reversed(answer.json()["entries"])]


def on_stage(world: World, play: Callable[[Stage], Awaitable[None]], *, hears: bool = True) -> None:
    async def check() -> None:
        ears = Ears(Codec.PCMA)
        device = VirtualCamera({"/main": StreamFeed(h264_stream(frames=30, fps=15, gop=10), 30)})
        if hears:
            device.listen(ears)
        async with device:
            stage = Stage(world, device, ears, world.app())
            await stage.fill()
            await play(stage)

    asyncio.run(check())


def test_what_a_page_says_is_heard_in_the_cameras_own_codec_and_written_down(world: World) -> None:
    async def play(stage: Stage) -> None:
        async with stage.speaking() as socket:
            for _ in range(5):
                socket.say_raw(bytes=PIECE)
            socket.say(type="stop")
            await stage.pass_time_until(socket.has_news)
            assert await socket.hear() == {"type": "ended", "seconds": 0.1}
            assert await socket.hear() is None
        await until(lambda: stage.ears.packets >= 5, PATIENCE_S)
        assert recoded(PIECE, Codec.PCMA) * 5 in bytes(stage.ears.heard)
        assert await stage.written() == [("vera", "began"), ("vera", "ended after 0.1 s of speech")]
        text = (await stage.app.state.metrics.render())[0].decode()
        assert "haechi_talk_speeches_total 1.0" in text
        assert "haechi_talk_spoken_seconds_total 0.1" in text
        await until(lambda: stage.device.connections == 0, PATIENCE_S)

    on_stage(world, play)


def test_who_can_speak_is_told_and_who_cannot_why(world: World) -> None:
    async def play(stage: Stage) -> None:
        async def ask(name: str) -> object:
            browser = Browser(stage.app, stage.tokens[name])
            return (await asyncio.to_thread(browser.get, stage.path)).json()

        assert await ask("vera") == {"possible": True, "why": None, "speaking": None}
        assert await ask("otto") == {"possible": False, "why": "may-not-speak", "speaking": None}
        async with stage.speaking():
            assert await ask("ann") == {"possible": True, "why": None, "speaking": "vera"}

    on_stage(world, play)


def test_a_camera_that_takes_no_sound_refuses_and_says_why(world: World) -> None:
    async def play(stage: Stage) -> None:
        async with Socket.opened(stage.app, stage.path, stage.tokens["ann"]) as socket:
            socket.say(type="talk")
            refusal = await socket.hear()
            assert (refusal["type"], refusal["code"]) == ("error", "no-back-channel")
            assert await socket.hear() is None
        assert await stage.written() == []

    on_stage(world, play, hears=False)


def test_the_second_who_speaks_is_told_who_the_first_is(world: World) -> None:
    async def play(stage: Stage) -> None:
        async with stage.speaking("vera"):
            async with Socket.opened(stage.app, stage.path, stage.tokens["ann"]) as socket:
                socket.say(type="talk")
                refusal = await socket.hear()
                assert (refusal["code"], refusal["who"]) == ("camera-spoken-to", "vera")
        async with stage.speaking("ann"):
            assert stage.app.state.talk.speaker(stage.camera) == "ann"

    on_stage(world, play)


@pytest.mark.parametrize(
    "change", [UserChange(may_speak=False), UserChange(cameras=())], ids=["the permission", "the camera"]
)
def test_when_the_right_is_withdrawn_it_ends_within_five_seconds(world: World, change: UserChange) -> None:
    async def play(stage: Stage) -> None:
        async with stage.speaking() as socket:
            await world.auth.users.update(stage.ids["vera"], change)
            took_s = await stage.pass_time_until(socket.has_news, at_most_s=PROMISED_S)
            assert took_s <= PROMISED_S
            assert (await socket.hear())["code"] in {"may-not-speak", "camera-not-found"}
            assert await socket.hear() is None
        assert stage.app.state.talk.speaking == 0

    on_stage(world, play)


def test_when_the_session_ends_it_ends_within_five_seconds(world: World) -> None:
    async def play(stage: Stage) -> None:
        async with stage.speaking() as socket:
            await world.auth.sessions.revoke_user(stage.ids["vera"])
            await stage.pass_time_until(socket.has_news, at_most_s=PROMISED_S)
            assert await socket.hear() is None
            assert (socket.close_code, socket.close_reason) == (4401, "session-ended")
        assert stage.app.state.talk.speaking == 0
        assert (await stage.written())[-1] == ("vera", "ended after 0.0 s of speech")

    on_stage(world, play)


def test_a_camera_that_goes_away_ends_it(world: World) -> None:
    async def play(stage: Stage) -> None:
        async with stage.speaking() as socket:
            stage.device.drop_connections()
            await stage.pass_time_until(socket.has_news)
            assert (await socket.hear())["code"] == "speech-cut"

    on_stage(world, play)


def test_a_page_that_leaves_leaves_nothing_open(world: World) -> None:
    async def play(stage: Stage) -> None:
        async with stage.speaking() as socket:
            socket.say_raw(bytes=PIECE)
        assert stage.app.state.talk.speaking == 0
        await until(lambda: stage.device.connections == 0, PATIENCE_S)

    on_stage(world, play)


@pytest.mark.parametrize("junk", [b"", PIECE[:-1], PIECE * 2, "hello", '{"type":"talk"}'])
def test_a_page_that_does_not_keep_to_the_protocol_is_told_so(world: World, junk: str | bytes) -> None:
    async def play(stage: Stage) -> None:
        async with stage.speaking() as socket:
            socket.say_raw(**({"text": junk} if isinstance(junk, str) else {"bytes": junk}))
            assert (await socket.hear())["code"] == "bad-message"
            assert await socket.hear() is None
        async with Socket.opened(stage.app, stage.path, stage.tokens["ann"]) as socket:
            socket.say_raw(bytes=PIECE)
            assert (await socket.hear())["code"] == "bad-message"

    on_stage(world, play)


def test_a_page_that_stalls_is_silence_for_the_camera_and_a_heap_is_not_made_up_for(world: World) -> None:
    async def play(stage: Stage) -> None:
        async with stage.speaking() as socket:
            for _ in range(100):
                socket.say_raw(bytes=PIECE)
            talk = stage.app.state.talk
            await stage.pass_time_until(lambda: stage.ears.packets >= 30)
            socket.say(type="stop")
            await stage.pass_time_until(socket.has_news)
            assert (await socket.hear())["seconds"] <= 0.3
        assert talk.counts.dropped >= 85
        assert talk.counts.silences > 0

    on_stage(world, play)


def test_words_are_known_by_their_letters() -> None:
    assert word_of('{"type":"talk","codec":"pcmu"}') == TalkIn(type="talk")
    assert word_of('{"type":"stop"}') == StopIn(type="stop")


@settings(max_examples=80)
@given(
    st.one_of(
        st.text(max_size=200),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text(max_size=20)
            | st.sampled_from(["talk", "stop", "pcmu"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["type", "codec", "limit", "x"]), inner, max_size=3)
            ),
            max_leaves=6,
        ).map(json.dumps),
        st.binary(min_size=1_025, max_size=1_100).map(lambda data: data.decode("latin-1")),
    )
)
def test_anything_is_a_word_of_ours_or_refused(text: str) -> None:
    code = kind = ""
    try:
        kind = word_of(text).type
    except Invalid as error:
        code = error.code
    assert code in {"", "bad-message"}
    assert code or json.loads(text)["type"] == kind
