"""Who may speak to which camera at this moment: cameras are asked, and one person speaks at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from haechi.base.clock import SystemClock
from haechi.base.errors import Conflict, HaechiError, Invalid, Unavailable
from haechi.base.ids import CameraId
from haechi.camera.virtual.ears import Ears
from haechi.camera.virtual.server import VirtualCamera
from haechi.fleet.address import parse_address
from haechi.fleet.cameras import Camera
from haechi.ingest.openers import Openers
from haechi.ingest.talk import KNOWN_NS, UNKNOWN_NS, Standing, Talk
from haechi.media.access_unit import Codec
from haechi.media.sdp import MediaTrack
from tests.cameras import StreamFeed, until
from tests.dialling import Port, dialling
from tests.reach import HERE
from tests.streams import h264_stream

PATIENCE_S = 60.0


class Turned(SystemClock):
    """The machine's clock, that can be put forward."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + self.ahead_ns


class Wideband(Ears):
    """A camera that takes sound as no telephone makes it."""

    def track(self) -> MediaTrack:
        return replace(super().track(), codec="G726-32", payload_type=98)


def camera_at(url: str, *, enabled: bool = True) -> Camera:
    return Camera(CameraId("cam_test"), "Door", parse_address(url), enabled=enabled)


@asynccontextmanager
async def device(ears: Ears | None) -> AsyncIterator[VirtualCamera]:
    camera = VirtualCamera({"/main": StreamFeed(h264_stream(frames=30, fps=15, gop=10), 30)})
    if ears is not None:
        camera.listen(ears)
    async with camera:
        yield camera


def talk_here(clock: SystemClock | None = None) -> Talk:
    clock = clock or SystemClock()
    return Talk(Openers(clock, reach=HERE), clock)


async def refused(talk: Talk, camera: Camera) -> HaechiError:
    with pytest.raises(HaechiError) as caught:
        async with talk.voice(camera):
            pass
    return caught.value


def test_a_camera_is_asked_once_sets_nothing_up_and_is_asked_again_later() -> None:
    async def play() -> None:
        clock = Turned()
        async with device(Ears()) as camera:
            talk = talk_here(clock)
            wish = camera_at(camera.url())
            assert await talk.standing(wish) == Standing()
            assert await talk.standing(wish) == Standing()
            assert camera.accepted == 1
            await until(lambda: camera.connections == 0, PATIENCE_S)
            clock.ahead_ns = KNOWN_NS
            assert (await talk.standing(wish)).is_possible
            assert camera.accepted == 2
            await talk.standing(camera_at(camera.url() + "/"))
            assert camera.accepted == 3, "another address is another camera"

    asyncio.run(play())


@pytest.mark.parametrize(("ears", "code"), [(None, "no-back-channel"), (Wideband(), "back-channel-codec")])
def test_a_camera_that_cannot_hear_says_why(ears: Ears | None, code: str) -> None:
    async def play() -> None:
        async with device(ears) as camera:
            talk, wish = talk_here(), camera_at(camera.url())
            assert (await talk.standing(wish)).why == code
            error = await refused(talk, wish)
            assert isinstance(error, Invalid)
            assert error.code == code
            if code == "back-channel-codec":
                assert error.context["offered"] == "G726-32/8000"

    asyncio.run(play())


def test_a_camera_that_is_away_is_asked_again_soon() -> None:
    async def play() -> None:
        clock = Turned()
        talk = talk_here(clock)
        async with device(Ears()) as camera:
            wish = camera_at(camera.url())  # and it is gone
        assert (await talk.standing(wish)).why == "camera-offline"
        async with device(Ears()) as camera:
            back = camera_at(camera.url())
            assert (await talk.standing(back)).is_possible
        clock.ahead_ns = UNKNOWN_NS
        assert (await talk.standing(back)).is_possible, "what a camera said is believed for longer"
        assert (await talk.standing(wish)).why == "camera-offline"
        assert isinstance(await refused(talk, wish), Unavailable)

    asyncio.run(play())


@pytest.mark.parametrize("url", ["whip:", "push:", "webcam:0", "http://192.0.2.20/live.mjpeg"])
def test_other_cameras_are_not_spoken_to(url: str) -> None:
    talk = talk_here()
    assert asyncio.run(talk.standing(camera_at(url))).why == "no-back-channel"
    assert asyncio.run(refused(talk, camera_at(url))).code == "no-back-channel"


def test_a_camera_that_is_switched_off_is_not_asked() -> None:
    talk = talk_here()
    wish = camera_at("rtsp://192.0.2.20/main", enabled=False)
    assert asyncio.run(talk.standing(wish)).why == "camera-off"
    assert asyncio.run(refused(talk, wish)).code == "camera-off"


def test_where_cameras_must_not_be_nobody_is_asked_either() -> None:
    async def play() -> None:
        async with device(Ears()) as camera:
            talk = Talk(Openers(SystemClock()), SystemClock())
            assert (await talk.standing(camera_at(camera.url()))).why == "address-not-allowed"
            assert (await refused(talk, camera_at(camera.url()))).code == "address-not-allowed"
            assert camera.accepted == 0

    asyncio.run(play())


def test_the_second_person_is_told_who_speaks_and_may_when_they_are_done() -> None:
    talk = talk_here()
    camera, other = CameraId("cam_door"), CameraId("cam_gate")
    with talk.seat(camera, "Ann"), talk.seat(other, "Ann"):
        assert (talk.speaker(camera), talk.speaking) == ("Ann", 2)
        with pytest.raises(Conflict) as caught, talk.seat(camera, "Vera"):
            raise AssertionError("two speak at once")
    assert (caught.value.code, caught.value.context["who"]) == ("camera-spoken-to", "Ann")
    with talk.seat(camera, "Vera"):
        assert talk.speaker(camera) == "Vera"
    assert (talk.speaker(camera), talk.speaking) == ("", 0)


def over_a_line(tmp_path: Path, ears: Ears | None, check: Callable[[Talk, Camera], Awaitable[None]]) -> None:
    async def play() -> None:
        port = Port(tmp_path)
        try:
            async with port.open():
                camera, token = await port.camera()
                talk = Talk(port.openers, port.clock)
                wish = await port.registry.get(camera)
                assert (await talk.standing(wish)).why == "camera-offline"
                assert (await refused(talk, wish)).code == "camera-offline"
                async with dialling(port.server, camera, token, ears=ears):
                    await until(lambda: port.state(camera) == "live", PATIENCE_S)
                    await check(talk, wish)
        finally:
            port.close()

    asyncio.run(play())


@pytest.mark.slow
def test_a_camera_that_dialled_is_spoken_to_over_its_line(tmp_path: Path) -> None:
    ears = Ears(Codec.PCMA)

    async def check(talk: Talk, wish: Camera) -> None:
        assert (await talk.standing(wish)).is_possible
        async with talk.voice(wish) as voice:
            assert voice.spoken is not None
            assert voice.spoken.codec == "PCMA"

    over_a_line(tmp_path, ears, check)


@pytest.mark.slow
def test_one_that_takes_no_sound_says_so(tmp_path: Path) -> None:
    async def check(talk: Talk, wish: Camera) -> None:
        assert (await talk.standing(wish)).why == "no-back-channel"
        assert (await refused(talk, wish)).code == "no-back-channel"

    over_a_line(tmp_path, None, check)
