"""The result socket from end to end, on loopback."""

import asyncio
import itertools
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from msgspec import structs

from haechi.base.errors import Denied, Invalid, Unavailable
from haechi.client.line import Place
from haechi.client.playing import Wish
from haechi.client.sending import UdpWay
from haechi.ingest.rtp_push.server import PushLimits
from haechi.media.packetise import RtpSender, track_for
from haechi.media.push.wire import Frame, Kind
from haechi.media.push.words import KNOCK, Announce, Flow, Request, read, say
from haechi.media.rtsp.deframer import frame
from tests.cameras import until
from tests.ingest.rtp_push.stage import FAST_ECHO, Coded, Raw, Stage, all_of, clip, push_server, refusal
from tests.streams import h264_stream, h265_stream

MANY = 3_000
"""Units whose results fill every buffer on the way to a client that does not read."""


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_results_name_the_units_that_were_sent_in_order(tmp_path: Path, transport: str) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            _, units = h264_stream(40)
            seen = await all_of(stage, clip(), structs.replace(FAST_ECHO, transport=transport))
            assert [one.ref.seq for one in seen] == list(range(40))
            assert [one.ticks for one in seen] == [unit.pts for unit in units]
            assert {(one.ref.stream, one.ref.run) for one in seen} == {(f"{stage.client.id}/1", 1)}
            assert all(a.captured_ns < b.captured_ns for a, b in itertools.pairwise(seen))
            again = await all_of(stage, clip(5))
            assert {one.ref.run for one in again} == {2}

    asyncio.run(scenario())


@pytest.mark.parametrize("source", [Coded(*h265_stream(20)), clip(20, bframes=2)], ids=["h265", "b-pictures"])
def test_other_codings_come_back_whole(tmp_path: Path, source: Coded) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            seen = await all_of(stage, source)
            assert [one.ref.seq for one in seen] == list(range(20))
            assert [one.ticks for one in seen] == [timed.unit.rtp_ticks for timed in source.units()]

    asyncio.run(scenario())


@asynccontextmanager
async def lossy_road(port: Callable[[], int], share: float) -> AsyncIterator[tuple[int, list[int]]]:
    """A port that passes datagrams on to another but for some; gives the count of those it lost."""
    lost = [0]
    draw = random.Random(5)
    loop = asyncio.get_running_loop()
    inside, outside = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for one in (inside, outside):
        one.bind(("127.0.0.1", 0))
        one.setblocking(False)

    def pass_on() -> None:
        data = inside.recv(65_536)
        if not data.startswith(KNOCK) and draw.random() < share:
            lost[0] += 1
        else:
            outside.sendto(data, ("127.0.0.1", port()))

    loop.add_reader(inside, pass_on)
    try:
        yield inside.getsockname()[1], lost
    finally:
        loop.remove_reader(inside)
        inside.close()
        outside.close()


def test_with_one_packet_in_twenty_lost_every_result_still_belongs_to_its_unit(tmp_path: Path) -> None:
    async def scenario() -> None:
        params, units = h264_stream(60, gop=10, size=(640, 480))
        async with push_server(tmp_path) as stage, lossy_road(lambda: stage.port, 0.05) as (port, lost):
            async with stage.playing(Coded(params, units), Wish("echo", True, "udp", UdpWay(port))) as link:
                seen = [one async for one in link.results()]
                assert link.stream is not None
                left_out = link.stream.left_out
        assert lost[0] > 0
        assert 0 < left_out["lost-packets"] <= lost[0]
        assert 0 < len(seen) < 60
        assert [one.ref.seq for one in seen] == list(range(len(seen)))
        ticks = [one.ticks for one in seen]
        assert ticks == sorted(ticks)
        assert set(ticks) <= {unit.pts for unit in units}

    asyncio.run(scenario())


def test_a_client_that_goes_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            async with stage.playing(clip(), Wish("echo")) as link:
                async for _ in link.results():
                    break
            await until(lambda: stage.server.streams == 0 and stage.server.clients == 0)
            (ref,) = {(seen.ref.stream, seen.ref.run) for seen in await all_of(stage, clip(5))}
            assert ref == (f"{stage.client.id}/1", 2)

    asyncio.run(scenario())


def test_when_the_server_goes_the_client_is_told_and_a_restarted_one_goes_on_counting_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            link_ended = asyncio.create_task(_refused_by(stage))
            await until(lambda: stage.server.streams == 1)
        assert isinstance(await link_ended, Unavailable)
        async with push_server(tmp_path) as stage:
            seen = await all_of(stage, clip(5))
            assert {one.ref.run for one in seen} == {1}  # another client, made anew by the stage
            assert len(seen) == 5

    async def _refused_by(stage: Stage) -> Exception:
        async with stage.playing(clip(), Wish("echo")) as link:
            return await refusal(link)

    asyncio.run(scenario())


def test_an_unknown_module_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            raw = await Raw.connect(stage.port, stage.token)
            raw.say(say(Announce("h264"), 1))
            await raw.until(Kind.ACCEPTED)
            raw.say(say(Request("mind-reading"), 1))
            fault = await raw.fault()
            assert (fault.code, fault.modules) == ("unknown-module", ("echo",))
            raw.say(say(Request("echo"), 1))
            assert (await raw.next()).kind is Kind.GRANTED
            raw.close()
            with pytest.raises(Invalid) as caught:
                async with stage.playing(clip(), Wish("mind-reading")):
                    pass
            assert "echo" in caught.value.message

    asyncio.run(scenario())


async def lazy_client(stage: Stage) -> Raw:
    """A client that asks for results, is sent thousands, and reads none of them."""
    lazy = await Raw.connect(stage.port, stage.token, room_bytes=4096)
    lazy.say(say(Announce("h264"), 1))
    await lazy.until(Kind.ACCEPTED)
    lazy.say(say(Request("echo"), 1))
    await lazy.until(Kind.GRANTED)
    cast(asyncio.ReadTransport, lazy.writer.transport).pause_reading()
    params, units = h264_stream(30, size=(64, 64))
    sender = RtpSender(track_for(params), params.codec, ssrc=7)
    for number in range(MANY):
        unit = units[number % len(units)]
        packets = sender.packetise(unit.data, number * 6000, is_sync=unit.is_sync, params=None if number else params)
        lazy.say(Frame(Kind.PACKETS, b"".join(frame(0, one) for one in packets), 1).serialise())
        await lazy.writer.drain()
    return lazy


async def judgement(raw: Raw) -> tuple[list[int], int]:
    """The units of which results come until the stream has ended, and how many results were not read in time."""
    seqs, unread = [], 0
    while (word := await raw.next(60)).kind is not Kind.ENDED:
        if word.kind is Kind.RESULT:
            seqs.append(word.seq)
        elif word.kind is Kind.FLOW and (flow := read(word, Flow)).reason == "unread":
            unread += flow.count
    return seqs, unread


def test_a_client_that_does_not_read_loses_the_oldest_results_and_holds_nobody_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            lazy = await lazy_client(stage)
            assert [one.ref.seq for one in await all_of(stage, clip(30))] == list(range(30))
            cast(asyncio.ReadTransport, lazy.writer.transport).resume_reading()
            lazy.say(Frame(Kind.END, b"", 1).serialise())
            seqs, unread = await judgement(lazy)
            assert unread > 0
            assert seqs == sorted(seqs)
            assert seqs[-1] == MANY - 1
            assert len(seqs) + unread == MANY
            lazy.close()

    asyncio.run(scenario())


def test_what_comes_faster_than_allowed_is_read_later_and_all_of_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path, limits=PushLimits(client_bytes_s=8_000)) as stage:
            async with stage.playing(clip(40)) as link:
                seen = [one async for one in link.results()]
                assert link.stream is not None
                assert link.stream.sent_bytes > 12_000
            assert [one.ref.seq for one in seen] == list(range(40))

    asyncio.run(scenario())


def test_over_tls_the_certificate_is_compared_before_the_token_is_said(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with push_server(tmp_path) as stage:
            sealed = Place("127.0.0.1", stage.port, stage.token, stage.pin)
            async with stage.playing(clip(20), FAST_ECHO, sealed) as link:
                assert [seen.ref.seq async for seen in link.results()] == list(range(20))
            welcomed = stage.server.counts.welcomed
            with pytest.raises(Denied) as caught:
                async with stage.playing(clip(), FAST_ECHO, structs.replace(sealed, pin="0" * 64)):
                    pass
            assert caught.value.code == "push-wrong-certificate"
            assert stage.server.counts.welcomed == welcomed

    asyncio.run(scenario())


def test_pictures_far_apart_can_be_played_fast_and_keep_their_times(tmp_path: Path) -> None:
    async def scenario() -> None:
        params, coded = h264_stream(12)
        slow = [structs.replace(unit, pts=unit.pts * 150, dts=unit.dts * 150) for unit in coded]
        async with push_server(tmp_path) as stage:
            seen = await all_of(stage, Coded(params, slow))
            assert [one.ticks for one in seen] == [unit.pts for unit in slow]

    asyncio.run(scenario())
