"""What players get by RTSP: every unit as it is, whatever the coding and the way; and what slow ones do not get."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.base.clock import NS_PER_S
from haechi.live.rtsp.offer import asked_at
from haechi.media import rtcp
from haechi.media.access_unit import AccessUnit
from haechi.store.database import Database
from tests.cameras import Intake, units_of, until
from tests.live.rtsp.stage import CAMERA, MAIN, SOUND, serving
from tests.streams import (
    CodedUnit,
    aac_stream,
    h264_stream,
    h265_stream,
    mjpeg_stream,
    opus_stream,
    pcm_stream,
)

VIDEO = {"h264": h264_stream, "h265": h265_stream, "mjpeg": mjpeg_stream}
AUDIO = {"aac": aac_stream, "opus": opus_stream, "pcmu": pcm_stream}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.at(tmp_path / "haechi.db")
    made.migrate()
    yield made
    made.close()


@pytest.mark.parametrize("coding", list(VIDEO))
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_every_unit_arrives_byte_for_byte_from_the_last_sync_unit_on(
    database: Database, coding: str, transport: str
) -> None:
    params, coded = VIDEO[coding](frames=20, fps=10)
    coded = [unit for unit in coded if unit.dts >= 0]

    async def run() -> list[AccessUnit]:
        async with serving() as yard:
            half = len(coded) // 2
            yard.publish(yard.open_run(MAIN, params), coded[:half])
            gop = yard.bus.channel(MAIN).gop()
            intake = Intake(yard.url(), database, transport=transport)
            stream = intake.watch()
            async with intake.running():
                await until(lambda: yard.counts.players == 1)
                got = await units_of(stream, len(gop) - 1) if len(gop) > 1 else []
                now = yard.bus.channel(MAIN).current
                assert now is not None
                yard.publish(now, coded[half:], first=half)
                got += await units_of(stream, len(coded) - half - (len(gop) == 1), 30)
            assert intake.ingest.status().lost_packets == 0
            return got

    got = asyncio.run(run())
    first = max(n for n in range(len(coded) // 2) if coded[n].is_sync)
    sent = coded[first : first + len(got)]
    assert len(got) > 8
    assert [_kept(coding, unit.data) for unit in got] == [_kept(coding, unit.data) for unit in sent]
    assert [unit.is_sync for unit in got] == [unit.is_sync for unit in sent]
    steps = [(b.pts - a.pts) for a, b in itertools.pairwise(sent)]
    assert [(b.pts - a.pts) for a, b in itertools.pairwise(got)] == steps


def _kept(coding: str, data: bytes) -> bytes:
    """What RTP carries of a unit: of a JPEG the picture itself, and its tables in a form of its own (RFC 2435)."""
    return data[data.index(b"\xff\xda") :] if coding == "mjpeg" else data


@pytest.mark.parametrize("coding", list(AUDIO))
def test_sound_comes_beside_the_pictures_byte_for_byte(database: Database, coding: str) -> None:
    params, coded = h264_stream(frames=4)
    told, sounds = AUDIO[coding]()

    async def run() -> list[AccessUnit]:
        async with serving() as yard:
            video, audio = yard.open_run(MAIN, params), yard.open_run(SOUND, told)
            yard.publish(video, coded)
            intake = Intake(yard.url(), database, transport="tcp", audio=True)
            stream = intake.bus.record(intake.stream.replace("/main", "/audio"))  # type: ignore[arg-type]
            async with intake.running():
                await units_of(intake.watch(), 1)
                yard.publish(audio, sounds)
                got = await units_of(stream, len(sounds) - 1)
                assert stream.params_of(got[0]).codec is told.codec
            return got

    assert [unit.data for unit in asyncio.run(run())] == [unit.data for unit in sounds[:-1]]


def test_new_parameter_sets_come_in_the_stream(database: Database) -> None:
    small, few = h264_stream(frames=4, gop=2)
    large, more = h264_stream(frames=4, gop=2, size=(640, 360))

    async def run() -> None:
        async with serving() as yard:
            now = yard.open_run(MAIN, small)
            yard.publish(now, few)
            intake = Intake(yard.url(), database, transport="tcp")
            stream = intake.watch()
            async with intake.running():
                got = await units_of(stream, 1)
                now.params.append(large)
                later = [CodedUnit(one.data, one.pts + 90_000, one.dts + 90_000, one.is_sync) for one in more]
                yard.publish(now, later, first=4, params=1)
                got += await units_of(stream, 4)
            assert [unit.data for unit in got] == [unit.data for unit in [few[2], few[3], *more[:3]]]
            assert [stream.params_of(got[0]), stream.params_of(got[-1])] == [small, large]
            assert got[0].ref.run == got[-1].ref.run

    asyncio.run(run())


def test_a_camera_that_comes_back_goes_on_in_the_same_session_and_one_that_codes_otherwise_in_another(
    database: Database,
) -> None:
    params, few = h264_stream(frames=4, gop=2)
    other, rest = h265_stream(frames=2)

    async def run() -> None:
        async with serving() as yard:
            yard.publish(yard.open_run(MAIN, params), few)
            intake = Intake(yard.url(), database, transport="tcp")
            stream = intake.watch()
            async with intake.running():
                got = await units_of(stream, 1)
                yard.close_run(MAIN)
                yard.publish(yard.open_run(MAIN, params), few)
                got += await units_of(stream, 4)
                assert {unit.ref.run for unit in got} == {got[0].ref.run}
                assert [b.pts > a.pts for a, b in itertools.pairwise(got)] == [True] * 4
                yard.close_run(MAIN)
                yard.publish(yard.open_run(MAIN, other), rest)
                first = got[0]
                while first.ref.run == got[0].ref.run:
                    (first,) = await units_of(stream, 1)
            assert stream.params_of(first).codec is other.codec

    asyncio.run(run())


def test_a_player_that_does_not_read_loses_whole_stretches_and_nobody_else_does() -> None:
    params, coded = h264_stream(frames=60, gop=10, size=(640, 480))
    big = [CodedUnit(unit.data + b"\x00\x00\x40\x00\x0c" + b"\xff" * 0x3FFF, *_times(unit)) for unit in coded]

    async def run() -> None:
        async with serving() as yard:
            run = yard.open_run(MAIN, params)
            yard.publish(run, big[:1])
            async with yard.hello() as slow, yard.hello() as fast:
                await slow.play()
                await fast.play()
                for count in range(1, 1500, 50):
                    more = [
                        CodedUnit(big[n % 10].data, n * 6000, n * 6000, n % 10 == 0) for n in range(count, count + 50)
                    ]
                    yard.publish(run, more, first=count)
                    await fast.packets_until(lambda one: one.pictures >= count + 50, 30)  # noqa: B023 - awaited here
                numbers = [int.from_bytes(packet[2:4], "big") for packet in fast.of_track(0)]
                assert {(b - a) & 0xFFFF for a, b in itertools.pairwise(numbers)} == {1}
            await until(lambda: yard.counts.players == 0, 30)
            assert 0 < yard.counts.dropped_units < 1500

    asyncio.run(run())


def _times(unit: CodedUnit) -> tuple[int, int, bool]:
    return unit.pts, unit.dts, unit.is_sync


def test_the_answer_to_play_says_with_which_numbers_each_track_begins() -> None:
    params, coded = h264_stream(frames=2)
    sound, heard = pcm_stream()

    async def run() -> None:
        async with serving() as yard:
            yard.publish(yard.open_run(MAIN, params), coded)
            beside = yard.open_run(SOUND, sound)
            async with yard.hello() as player:
                await player.play()
                yard.publish(beside, heard[:1])
                await player.packets_until(lambda one: bool(one.of_track(0) and one.of_track(1)))
                (told,) = re.findall(rb"RTP-Info: (.*)\r\n", player.said)
                picture, voice = (player.of_track(track)[0] for track in (0, 1))
                seq, stamp = int.from_bytes(picture[2:4], "big"), int.from_bytes(picture[4:8], "big")
                base = f"rtsp://127.0.0.1:{yard.port}/{CAMERA}"
                first = f"url={base}/trackID=0;seq={seq};rtptime={stamp}"
                second = f"url={base}/trackID=1;seq={int.from_bytes(voice[2:4], 'big')}"
                assert told.decode() == f"{first},{second}"

    asyncio.run(run())


def test_reports_say_when_pictures_were_taken_by_our_clock() -> None:
    params, coded = h264_stream(frames=2)

    async def run() -> None:
        async with serving() as yard:
            units = yard.publish(yard.open_run(MAIN, params), coded)
            async with yard.hello() as player:
                await player.play()
                await player.packets_until(lambda one: bool(one.reports and one.packets))
                report = player.reports[0]
                sender = rtcp.parse(report)[0]
                assert isinstance(sender, rtcp.SenderReport)
                assert abs(rtcp.ntp_to_ns(sender.ntp) - units[0].captured_ns) < NS_PER_S // 1000
                stamp = int.from_bytes(player.packets[0][1][4:8], "big")
                assert sender.rtp_timestamp == stamp

    asyncio.run(run())


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_many_players_share_the_work_and_one_source(count: int) -> None:
    params, coded = h264_stream(frames=20, gop=10)

    async def run() -> None:
        async with serving() as yard:
            run = yard.open_run(MAIN, params)
            yard.publish(run, coded[:1])
            stream = yard.packets.of(MAIN)
            players = [yard.hello() for _ in range(count)]
            for player in players:
                await player.__aenter__()
                await player.play()
            yard.publish(run, coded[1:10], first=1)
            for player in players:
                await player.packets_until(lambda one: sum(1 for _, data in one.packets if data[1] & 0x80) >= 10)
            assert stream.made == 10
            assert yard.counts.players == count
            assert len({data[8:12] for player in players for _, data in player.packets}) == count, (
                "each has its own SSRC"
            )
            for player in players:
                await player.__aexit__()
            await until(lambda: yard.counts.connections == 0, 20)
            assert yard.bus.channel(MAIN).subscribers() == 0

    asyncio.run(run())


def test_what_an_address_means() -> None:
    assert asked_at(f"/{CAMERA}") == asked_at(f"/{CAMERA}/") == asked_at(f"/{CAMERA}?x=y")
    found = asked_at(f"/{CAMERA}/tile")
    assert found is not None
    assert (found.camera, found.name) == (CAMERA, "tile")
    for path in (
        "/",
        "",
        "/camera",
        f"/{CAMERA}/other",
        f"/{CAMERA}/sub/more",
        "/../etc",
        f"/{CAMERA}%2Fsub%2F",
        "/%00",
    ):
        assert asked_at(path) is None
