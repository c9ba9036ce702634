"""Streams of devices with the newer media service, the older one, both, and halves of them."""

from __future__ import annotations

import asyncio

import pytest

from haechi.base.clock import SystemClock
from haechi.camera.virtual.onvif.model import Quirks, VirtualProfile
from haechi.camera.virtual.onvif.server import VirtualOnvif
from haechi.camera.virtual.onvif.users import Users
from haechi.fleet.onvif.device import Description, describe
from haechi.fleet.onvif.place import Place
from haechi.media.rtsp.auth import Credentials
from tests.reach import resolve

MAIN = VirtualProfile("main", "rtsp://127.0.0.1:8554/yard", "H265", 3840, 2160, 20, 6144)
SUB = VirtualProfile("sub", "rtsp://127.0.0.1:8554/yard-small", "H264", 640, 360)
WHO = Credentials("operator", "canary-camera-password")


def described(quirks: Quirks) -> tuple[Description, list[str]]:
    async def play() -> tuple[Description, list[str]]:
        async with VirtualOnvif([SUB, MAIN], users=Users(WHO.username, WHO.password), quirks=quirks) as device:
            return await describe(Place.parse(device.url), WHO, resolve, SystemClock()), device.asked

    return asyncio.run(play())


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(no_media1=True), Quirks(unicast_only=True)])
def test_h265_is_told_by_the_newer_service(quirks: Quirks) -> None:
    description, _ = described(quirks)
    assert description.device is not None
    main, sub = description.device.profiles
    assert (main.codec, main.width_px, main.height_px, main.fps, main.bitrate_bps) == (
        "h265", 3840, 2160, 20.0, 6_144_000,
    )  # fmt: skip
    assert main.uri == "rtsp://127.0.0.1:8554/yard"
    assert (sub.codec, sub.uri) == ("h264", "rtsp://127.0.0.1:8554/yard-small")
    assert description.device.has_ptz


def test_a_device_that_has_only_the_older_service_is_asked_there() -> None:
    description, asked = described(Quirks(no_media2=True))
    assert description.device is not None
    assert [(one.token, one.codec) for one in description.device.profiles] == [("main", "h265"), ("sub", "h264")]
    assert asked.count("GetProfiles") == 1


@pytest.mark.parametrize("quirks", [Quirks(half_media2=True), Quirks(unknown_is_400=True)])
def test_a_newer_service_that_fails_or_is_not_told_gives_way_to_the_older_one(quirks: Quirks) -> None:
    description, _ = described(quirks)
    assert description.device is not None
    assert [(one.token, one.uri) for one in description.device.profiles] == [
        ("sub", "rtsp://127.0.0.1:8554/yard-small")
    ]


def test_a_device_with_no_media_service_that_works_says_so() -> None:
    description, _ = described(Quirks(half_media2=True, no_media1=True))
    assert description.error is not None
    assert description.error.code == "onvif-unsupported"
    assert [(step.hop, step.ok) for step in description.steps][-1] == ("profiles", False)
