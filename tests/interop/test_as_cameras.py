"""Programs that serve RTSP, taken in by us: every picture and every sample of what they play arrives, once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.base.ids import StreamId
from haechi.bus.frames import Subscription
from haechi.media.access_unit import AccessUnit, Codec
from haechi.store.database import Database
from tests.cameras import Intake, units_of
from tests.ingest.test_rtsps import certificate
from tests.interop.clips import FPS, Clip, is_part_of, made, missing, slices
from tests.interop.programs import gstreamer_camera, gstreamer_server, vlc, vlc_camera

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SECONDS = 8
KINDS = [
    (Codec.H264, Codec.AAC),
    (Codec.H264, Codec.PCMA),
    (Codec.H265, Codec.PCMU),
    (Codec.H265, Codec.AAC),
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.at(tmp_path / "haechi.db")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Codec, Codec | None], Clip]:
    folder = tmp_path_factory.mktemp("clips")
    return {(codec, sound): made(folder, codec, sound, 20) for codec, sound in [*KINDS, (Codec.MJPEG, None)]}


async def heard_during(subscription: Subscription, units: list[AccessUnit]) -> None:
    async for item in subscription:
        units += [item] if isinstance(item, AccessUnit) else []


async def plays(url: str, clip: Clip, database: Database, transport: str, seconds: float = SECONDS) -> None:
    """Take a camera in for some seconds; fail unless all that it played came, and at the pace at which it played."""
    intake = Intake(url, database, transport=transport, audio=True)
    heard: list[AccessUnit] = []
    async with intake.running():
        sound = asyncio.create_task(heard_during(intake.bus.record(StreamId("cam_test/audio")), heard))
        units = await units_of(intake.watch(), int(seconds * FPS), seconds + 30)
        status = intake.ingest.status()
        sound.cancel()
    assert status.state == "live"
    assert (status.lost_packets, status.damaged_units, status.error_code) == (0, 0, "")
    assert status.codec == clip.codec.value
    assert missing([slices(unit.data, clip.codec) for unit in units], clip.pictures) == []
    assert [unit.ref.seq for unit in units] == list(range(len(units)))
    assert len({unit.ref.run for unit in units}) == 1
    lasted_s = (units[-1].captured_ns - units[0].captured_ns) / 1e9
    assert lasted_s == pytest.approx((len(units) - 1) / FPS, abs=0.5)
    if clip.sound_codec is None:
        return
    assert status.audio_codec == clip.sound_codec.value
    assert len(heard) > 0.5 * seconds * 5
    if clip.sound_codec is Codec.AAC:
        assert missing([unit.data for unit in heard], clip.sound) == []
    else:
        assert is_part_of([unit.data for unit in heard], clip.sound)
    assert abs(heard[-1].captured_ns - units[-1].captured_ns) < 2_000_000_000


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(("codec", "sound"), [*KINDS, (Codec.MJPEG, None)])
def test_gstreamer_as_a_camera(
    tmp_path: Path,
    database: Database,
    clips: dict[tuple[Codec, Codec | None], Clip],
    transport: str,
    codec: Codec,
    sound: Codec | None,
) -> None:
    gstreamer_server()
    clip = clips[codec, sound]

    async def run() -> None:
        async with gstreamer_camera(clip, tmp_path) as url:
            await plays(url, clip, database, transport)

    asyncio.run(run())


@pytest.mark.parametrize("login", ["digest:admin:s3cret", "basic:admin:s3cret"])
def test_gstreamer_with_a_password_and_a_certificate(
    tmp_path: Path, database: Database, clips: dict[tuple[Codec, Codec | None], Clip], login: str
) -> None:
    gstreamer_server()
    clip = clips[Codec.H264, Codec.AAC]
    certificate(tmp_path)
    pem = tmp_path / "both.pem"
    pem.write_bytes((tmp_path / "camera.crt").read_bytes() + (tmp_path / "camera.pem").read_bytes())

    async def run() -> None:
        async with gstreamer_camera(clip, tmp_path, login=login, tls=pem) as url:
            await plays(url, clip, database, "tcp", 4)

    asyncio.run(run())


@pytest.mark.parametrize(("codec", "sound"), KINDS)
def test_vlc_as_a_camera_which_serves_by_udp_alone_and_is_found_out_to(
    tmp_path: Path, database: Database, clips: dict[tuple[Codec, Codec | None], Clip], codec: Codec, sound: Codec
) -> None:
    vlc()
    clip = clips[codec, sound]

    async def run() -> None:
        async with vlc_camera(clip, tmp_path) as url:
            await plays(url, clip, database, "auto")

    asyncio.run(run())


def test_vlc_whose_film_ends_says_good_bye_and_is_watched_again_when_it_begins_anew(
    tmp_path: Path, database: Database, clips: dict[tuple[Codec, Codec | None], Clip]
) -> None:
    vlc()
    clip = clips[Codec.H264, Codec.AAC]

    async def run() -> None:
        async with vlc_camera(clip, tmp_path) as url:
            intake = Intake(url, database, transport="udp")
            async with intake.running():
                units = await units_of(intake.watch(), 26 * FPS, 60)
        runs = [[unit for unit in units if unit.ref.run == run] for run in sorted({unit.ref.run for unit in units})]
        assert len(runs) == 2
        for one in runs:
            assert missing([slices(unit.data, clip.codec) for unit in one], clip.pictures) == []
        assert runs[1][0].captured_ns - runs[0][-1].captured_ns < 5_000_000_000
        assert slices(runs[1][0].data, clip.codec) in clip.pictures[: 4 * FPS]

    asyncio.run(run())
