"""RTSP pull against real servers on loopback: a virtual camera that misbehaves on demand, and scripts of nonsense."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from haechi.base.clock import SystemClock
from haechi.base.ids import StreamId
from haechi.bus.frames import GapCause, RunEnded
from haechi.camera.virtual.server import FeedUnit, VirtualCamera
from haechi.fleet.address import parse_address
from haechi.ingest.openers import target_of
from haechi.ingest.probe import ProbeReport, probe_source
from haechi.ingest.rtsp import RtspSource
from haechi.media.access_unit import CodecParams, VideoParams
from haechi.media.rtsp.server import ServerPolicy
from haechi.store.database import Database
from tests.cameras import FastClock, Intake, StreamFeed, scripted_server, units_of, until
from tests.streams import h264_stream, h265_stream, pcm_stream

OK = b"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n"
OPTIONS = OK + b"Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n"
UNSUPPORTED = b"v=0\r\no=- 0 0 IN IP4 0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP9/90000\r\na=control:v\r\n"
NO_VIDEO = b"v=0\r\no=- 0 0 IN IP4 0\r\ns=x\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\n"


def described(sdp: bytes) -> bytes:
    return OK + b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(sdp) + sdp


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.at(tmp_path / "haechi.db")
    made.migrate()
    yield made
    made.close()


def feed(fps: float = 60) -> StreamFeed:
    return StreamFeed(h264_stream(frames=30, fps=15, gop=10), fps)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_every_unit_of_the_camera_arrives_once_with_its_bytes(database: Database, transport: str) -> None:
    async def run() -> None:
        _params, coded = h264_stream(frames=30, fps=15, gop=10)
        async with VirtualCamera({"/live": feed()}, ServerPolicy(udp=True)) as camera:
            async with Intake(camera.url(), database, transport=transport).running() as intake:
                units = await units_of(intake.watch(), 60)
                assert intake.ingest.status().state == "live"
                assert intake.ingest.status().lost_packets == 0
        assert [unit.ref.seq for unit in units] == list(range(60))
        sent = [unit.data for unit in coded]
        first = sent.index(units[0].data)
        assert [unit.data for unit in units] == [sent[(first + n) % 30] for n in range(60)]
        assert [unit.is_sync for unit in units] == [coded[(first + n) % 30].is_sync for n in range(60)]
        assert {b.pts - a.pts for a, b in itertools.pairwise(units)} == {1500}

    asyncio.run(run())


def test_a_camera_that_insists_on_udp_is_taken_over_udp(database: Database) -> None:
    async def run() -> None:
        async with VirtualCamera({"/live": feed()}, ServerPolicy(udp=True, tcp=False)) as camera:
            async with Intake(camera.url(), database).running() as intake:
                assert len(await units_of(intake.watch(), 5)) == 5

    asyncio.run(run())


def test_packets_lost_over_udp_are_counted_and_the_damaged_unit_gets_no_number(database: Database) -> None:
    stream = h264_stream(frames=30, fps=15, gop=10, size=(640, 480))

    async def run() -> None:
        async with VirtualCamera({"/live": StreamFeed(stream, 60)}, ServerPolicy(udp=True)) as camera:
            camera.lose_every = 7
            async with Intake(camera.url(), database, transport="udp").running() as intake:
                units = await units_of(intake.watch(), 60)
                await until(lambda: intake.ingest.status().lost_packets > 0)
                status = intake.ingest.status()
        assert [unit.ref.seq for unit in units] == list(range(60))
        good = {unit.data for unit in stream[1]}
        assert all(unit.data in good for unit in units)
        assert status.damaged_units > 0
        total, last = intake.bus.ledger.totals(intake.stream), intake.bus.channel(intake.stream).last
        assert last is not None
        assert total.received == last.ref.seq + 1
        sent_until_last = last.pts // 1500 + 1
        assert set(total.missing) == {GapCause.PACKET_LOSS}
        assert sent_until_last <= total.expected <= sent_until_last + 2

    asyncio.run(run())


def test_one_connection_serves_any_number_of_consumers(database: Database) -> None:
    async def run() -> None:
        async with VirtualCamera({"/live": feed()}) as camera, Intake(camera.url(), database).running() as intake:
            subscriptions = [intake.watch() for _ in range(20)]
            got = await asyncio.gather(*(units_of(subscription, 20) for subscription in subscriptions))
            assert all(a is b for a, b in zip(got[0], got[19], strict=True))
            assert camera.accepted == 1

    asyncio.run(run())


def test_a_dropped_connection_is_back_soon_with_the_next_run(database: Database) -> None:
    async def run() -> None:
        async with VirtualCamera({"/live": feed()}) as camera, Intake(camera.url(), database).running() as intake:
            subscription = intake.watch()
            before = await units_of(subscription, 3)
            camera.drop_connections()
            began = SystemClock().monotonic_ns()
            items = []
            async for item in subscription:
                items.append(item)
                if not isinstance(item, RunEnded) and item.ref.run != before[0].ref.run:
                    break
            assert SystemClock().monotonic_ns() - began < 5_000_000_000
        ended = [item for item in items if isinstance(item, RunEnded)]
        assert len(ended) == 1
        assert ended[0].cause in (GapCause.CAMERA_CLOSED, GapCause.UNREACHABLE)
        last = items[-1]
        assert not isinstance(last, RunEnded)
        assert (last.ref.run, last.ref.seq) == (before[0].ref.run + 1, 0)
        assert last.captured_ns > before[-1].captured_ns

    asyncio.run(run())


def test_run_numbers_go_on_after_a_restart(database: Database) -> None:
    async def one_run(url: str) -> int:
        async with Intake(url, database).running() as intake:
            return (await units_of(intake.watch(), 1))[0].ref.run

    async def run() -> None:
        async with VirtualCamera({"/live": feed()}) as camera:
            assert [await one_run(camera.url()) for _ in range(3)] == [1, 2, 3]

    asyncio.run(run())


def test_a_change_of_resolution_mid_stream_starts_new_parameters_in_the_same_run(database: Database) -> None:
    async def run() -> None:
        small, large = h264_stream(frames=20, gop=10), h264_stream(frames=20, gop=10, size=(640, 480))
        async with VirtualCamera({"/live": StreamFeed(small, 60, large)}) as camera:
            async with Intake(camera.url(), database).running() as intake:
                subscription = intake.watch()
                units = await units_of(subscription, 60)
                sizes = [
                    (p.width_px, p.height_px) for p in map(subscription.params_of, units) if isinstance(p, VideoParams)
                ]
        assert {unit.ref.run for unit in units} == {1}
        assert {(320, 240), (640, 480)} == set(sizes)
        changes = [b for a, b in itertools.pairwise(units) if a.params != b.params]
        assert changes
        assert all(unit.is_sync for unit in changes)

    asyncio.run(run())


def test_h265_is_taken_in_too(database: Database) -> None:
    async def run() -> None:
        stream = h265_stream(frames=20, fps=15, gop=10)
        async with VirtualCamera({"/live": StreamFeed(stream, 60)}) as camera:
            async with Intake(camera.url(), database).running() as intake:
                units = await units_of(intake.watch(), 20)
                assert intake.ingest.status().codec == "h265"
        assert {unit.data for unit in units} == {unit.data for unit in stream[1]}

    asyncio.run(run())


def test_a_camera_that_stalls_is_given_up_within_fifteen_seconds_and_taken_back(database: Database) -> None:
    async def run() -> None:
        clock = FastClock(20)
        async with VirtualCamera({"/live": feed()}) as camera:
            async with Intake(camera.url(), database, clock=clock).running() as intake:
                subscription = intake.watch()
                await units_of(subscription, 3)
                camera.stall()
                began_ns = clock.monotonic_ns()
                await until(lambda: intake.ingest.status().error_code == "camera-stalled", 5)
                assert clock.monotonic_ns() - began_ns < 15_000_000_000
                camera.resume()
                await until(lambda: intake.ingest.status().state == "live")

    asyncio.run(run())


class TalkFeed:
    """A camera that has video to offer and sends sound only."""

    def tracks(self) -> tuple[CodecParams, ...]:
        return h264_stream(frames=30, fps=15, gop=10)[0], pcm_stream()[0]

    async def units(self) -> AsyncIterator[FeedUnit]:
        for number, unit in enumerate(itertools.cycle(pcm_stream()[1])):
            yield FeedUnit(1, unit.data, 160 * number, number / 50, True)


def test_a_camera_of_which_only_sound_comes_is_not_live_and_is_given_up(database: Database) -> None:
    async def run() -> None:
        async with VirtualCamera({"/live": TalkFeed()}) as camera:
            intake = Intake(camera.url(), database, clock=FastClock(20), audio=True)
            states = set()

            def is_given_up() -> bool:
                states.add(intake.ingest.status().state)
                return intake.ingest.status().error_code == "camera-stalled"

            async with intake.running():
                await until(is_given_up, 30)
            assert intake.bus.channel(StreamId("cam_test/audio")).units > 0
            assert "live" not in states

    asyncio.run(run())


def test_garbage_after_play_ends_this_connection_only(database: Database) -> None:
    async def run() -> None:
        async with VirtualCamera({"/a": feed(), "/b": feed()}) as camera:
            bad = Intake(camera.url("/a"), database)
            async with bad.running(), VirtualCamera({"/live": feed()}) as other:
                good = Intake(other.url(), database)
                async with good.running():
                    subscription = good.watch()
                    await units_of(bad.watch(), 3)
                    camera.send_garbage()
                    await until(lambda: bad.ingest.status().error_code == "rtsp-bad-message")
                    units = await units_of(subscription, 30)
                    assert {unit.ref.run for unit in units} == {units[0].ref.run}
                    assert good.ingest.status().state == "live"

    asyncio.run(run())


async def probe(url: str, clock: SystemClock | None = None) -> ProbeReport:
    target = target_of(parse_address(url), "auto")
    chosen = clock or SystemClock()
    return await probe_source(lambda note: RtspSource(target, chosen, note=note), chosen)


def test_the_probe_names_the_hops_and_brings_a_picture() -> None:
    async def run() -> None:
        policy = ServerPolicy(username="admin", password="pässwörd", algorithm="SHA-256")
        async with VirtualCamera({"/live": feed()}, policy) as camera:
            url = camera.url("/live").replace("rtsp://", "rtsp://admin:p%C3%A4ssw%C3%B6rd@")
            report = await probe(url)
        assert report.ok
        assert [hop.hop for hop in report.hops] == ["dns", "tcp", "rtsp", "describe", "setup", "picture"]
        assert report.params is not None
        assert (report.params.width_px, report.params.height_px) == (320, 240)
        assert report.gop[0].is_sync

    asyncio.run(run())


def test_a_wrong_password_and_a_wrong_path_are_told_apart() -> None:
    async def run() -> None:
        async with VirtualCamera({"/live": feed()}, ServerPolicy(username="admin", password="right")) as camera:
            host = camera.url("/live").removeprefix("rtsp://")
            wrong = await probe(f"rtsp://admin:wrong-secret@{host}")
            nobody = await probe(f"rtsp://{host}")
            elsewhere = await probe(f"rtsp://admin:right@{host}/nowhere")
        assert (wrong.error_code, wrong.hops[-1].hop, wrong.hops[-1].ok) == ("rtsp-unauthorized", "auth", False)
        assert nobody.error_code == "rtsp-unauthorized"
        assert elsewhere.error_code == "rtsp-not-found"
        assert "wrong-secret" not in repr(wrong)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("answers", "then", "code"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"], b"", "rtsp-not-rtsp"),
        ([b"\x16\x03\x01\x02\x00" * 50], b"", "rtsp-not-rtsp"),
        ([OPTIONS, described(UNSUPPORTED)], b"", "unsupported-codec"),
        ([OPTIONS, described(NO_VIDEO)], b"", "no-video-track"),
        ([OPTIONS, described(b"nonsense\r\n")], b"", "sdp-malformed"),
        ([OPTIONS, b"RTSP/1.0 301 Moved\r\nCSeq: {cseq}\r\nLocation: rtsp://10.0.0.1/\r\n\r\n"], b"", "rtsp-redirect"),
        ([OPTIONS, b"RTSP/1.0 503 Busy\r\nCSeq: {cseq}\r\n\r\n"], b"", "rtsp-server-error"),
        ([b"RTSP/1.0 200 OK\r\nX: "], b"y" * 100_000, "rtsp-header-too-long"),
    ],
)
def test_each_kind_of_nonsense_has_its_own_error(answers: list[bytes], then: bytes, code: str) -> None:
    async def run() -> None:
        async with scripted_server(answers, then=then) as port:
            report = await probe(f"rtsp://127.0.0.1:{port}/")
        assert report.error_code == code
        assert not report.hops[-1].ok

    asyncio.run(run())


def test_a_camera_that_never_answers_is_unavailable_not_waited_for() -> None:
    async def run() -> None:
        async with scripted_server([]) as port:
            began_ns = SystemClock().monotonic_ns()
            report = await probe(f"rtsp://127.0.0.1:{port}/")
            assert SystemClock().monotonic_ns() - began_ns < 12_000_000_000
        assert report.error_code in ("rtsp-silent", "probe-timeout")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("nosuch.invalid", "dns-failed"),
        ("127.0.0.1:1", "tcp-refused"),
        ("169.254.169.254", "address-forbidden"),
        ("224.0.0.1", "address-forbidden"),
    ],
)
def test_an_address_that_leads_nowhere_says_why(host: str, code: str) -> None:
    report = asyncio.run(probe(f"rtsp://{host}/"))
    assert report.error_code == code


def test_sound_that_nobody_wants_is_not_asked_for(database: Database) -> None:
    sdp = b"v=0\r\no=- 0 0 IN IP4 0\r\ns=x\r\nm=video 0 RTP/AVP 26\r\na=control:v\r\n"
    sdp += b"m=audio 0 RTP/AVP 0\r\na=control:a\r\n"
    set_up = OK + b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n"
    asked: list[bytes] = []

    async def run() -> None:
        answers = [OPTIONS, described(sdp), set_up, OK + b"Session: 1\r\n\r\n"]
        async with scripted_server(answers, heard=asked) as port:
            target = target_of(parse_address(f"rtsp://127.0.0.1:{port}/"), "tcp", audio=False)
            clock = FastClock(20)
            await probe_source(lambda note: RtspSource(target, clock, note=note), clock)

    asyncio.run(run())
    methods = [request.split(b" ", 1)[0] for request in asked]
    assert methods == [b"OPTIONS", b"DESCRIBE", b"SETUP", b"PLAY"]


def test_a_keep_alive_is_tried_three_times_before_the_connection_is_given_up(database: Database) -> None:
    sdp = b"v=0\r\no=- 0 0 IN IP4 0\r\ns=x\r\nm=video 0 RTP/AVP 26\r\na=control:v\r\n"
    set_up = OK + b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=2\r\n\r\n"
    asked: list[bytes] = []

    async def run() -> str:
        answers = [OPTIONS, described(sdp), set_up, OK + b"Session: 1\r\n\r\n", b"", b"", b"", b"", b""]
        async with scripted_server(answers, heard=asked) as port:
            async with Intake(f"rtsp://127.0.0.1:{port}/", database, clock=FastClock(10)).running() as intake:
                await until(lambda: intake.ingest.status().error_code != "")
                return intake.ingest.status().error_code

    assert asyncio.run(run()) in ("keep-alive-lost", "camera-stalled")
    assert sum(request.startswith(b"OPTIONS") for request in asked) >= 4
