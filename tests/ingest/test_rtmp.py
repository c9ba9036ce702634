"""RTMP pull on real sockets, of FLV that libav's muxer made: every picture bit by bit, or what is wrong."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import av
import pytest

from haechi.app.sources import openers_over
from haechi.base.clock import SystemClock
from haechi.base.errors import HaechiError
from haechi.fleet.address import parse_address
from haechi.ingest import rtmp
from haechi.ingest.probe import ProbeReport, probe_source
from haechi.ingest.reach import Reach
from haechi.ingest.rtmp import RtmpSource
from haechi.ingest.session import no_note
from haechi.ingest.wish import Trial
from haechi.media.access_unit import AudioParams, Codec
from haechi.media.rtmp.chunks import Message, write_message
from tests.hls import Streamed, streamed
from tests.reach import HERE
from tests.rtmp import CHUNK_BYTES, begins, converse, said
from tests.web import Basket, Canary

CLOCK = SystemClock()
OPTIONS = {"flvflags": "no_duration_filesize"}


@pytest.fixture(scope="module", params=["libx264", "libx265"])
def film(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Streamed:
    """Pictures and sound, and the same as an FLV file beside the playlist (H.265 as Enhanced RTMP has it)."""
    folder = tmp_path_factory.mktemp("film")
    stream = streamed(folder, codec=request.param, seconds=3, hls_segment_type="fmp4")
    with av.open(str(stream.folder / "live.m3u8")) as pieces:
        with av.open(str(stream.folder / "film.flv"), "w", format="flv", options=OPTIONS) as out:
            streams = {one.index: out.add_stream_from_template(one) for one in pieces.streams}
            for packet in pieces.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    out.mux(packet)
    return stream


def tags_of(flv: bytes) -> Iterator[Message]:
    """The tags of an FLV file as RTMP carries them."""
    at = 13
    while at + 11 <= len(flv):
        size = int.from_bytes(flv[at + 1 : at + 4], "big")
        time_ms = flv[at + 7] << 24 | int.from_bytes(flv[at + 4 : at + 7], "big")
        yield Message(flv[at], time_ms, flv[at + 11 : at + 11 + size], 1)
        at += 11 + size + 4


async def play(film: Path, writer: asyncio.StreamWriter, path: str) -> None:
    if path != "cam":
        writer.write(said("onStatus", 0.0, None, {"level": "error", "code": "NetStream.Play.StreamNotFound"}))
        return
    writer.write(begins())
    for tag in tags_of(film.read_bytes()):
        writer.write(write_message(tag, 6, CHUNK_BYTES))
    writer.write(write_message(Message(4, 0, b"\0\1\0\0\0\1"), 2, CHUNK_BYTES))
    await writer.drain()


@asynccontextmanager
async def served(film: Path) -> AsyncIterator[str]:
    """A server that sends the film to each who asks for ``live/cam``."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await converse(partial(play, film), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"rtmp://127.0.0.1:{server.sockets[0].getsockname()[1]}/live/cam"


def test_a_stream_comes_bit_by_bit_until_it_is_over(film: Streamed) -> None:
    async def run() -> tuple[Basket, str]:
        basket = Basket()
        async with served(film.folder / "film.flv") as url:
            with pytest.raises(HaechiError) as caught:
                await RtmpSource(parse_address(url), CLOCK, reach=HERE).run(basket)
        return basket, caught.value.code

    basket, code = asyncio.run(run())
    assert code == "camera-closed"
    assert [track.codec for track in basket.tracks] in ([Codec.H264, Codec.AAC], [Codec.H265, Codec.AAC])
    assert [unit.data for unit in basket.of(0)] == list(film.pictures)
    shown = [unit.rtp_ticks for unit in basket.of(0)]
    apart = [abs((pts - shown[0]) - (wanted - film.times[0])) for pts, wanted in zip(shown, film.times, strict=True)]
    assert max(apart) <= 90  # RTMP counts whole milliseconds
    assert len(basket.of(1)) > 100
    assert isinstance(basket.of(1)[0].params, AudioParams)


def test_a_stream_that_goes_on_with_sound_alone_has_stalled(film: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtmp, "STALL_S", 0.7)
    tags = list(tags_of((film.folder / "film.flv").read_bytes()))
    sound = [tag for tag in tags if tag.kind == 8 and tag.data[1] == 1]

    async def play_on(writer: asyncio.StreamWriter, _path: str) -> None:
        writer.write(begins() + b"".join(write_message(tag, 6, CHUNK_BYTES) for tag in tags))
        for number in itertools.count():
            writer.write(write_message(Message(8, 3000 + number * 21, sound[0].data, 1), 6, CHUNK_BYTES))
            await writer.drain()
            await asyncio.sleep(0.02)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await converse(play_on, reader, writer)

    async def run() -> tuple[Basket, str]:
        basket = Basket()
        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            url = f"rtmp://127.0.0.1:{server.sockets[0].getsockname()[1]}/live/cam"
            with pytest.raises(HaechiError) as caught:
                await asyncio.wait_for(RtmpSource(parse_address(url), CLOCK, reach=HERE).run(basket), 60)
        return basket, caught.value.code

    basket, code = asyncio.run(run())
    assert code == "camera-stalled"
    assert [unit.data for unit in basket.of(0)] == list(film.pictures)
    assert len(basket.of(1)) > len(sound)


def test_a_stream_that_nobody_sends_is_not_there(film: Streamed) -> None:
    async def run() -> str:
        async with served(film.folder / "film.flv") as url:
            with pytest.raises(HaechiError) as caught:
                await RtmpSource(parse_address(url + "2"), CLOCK, reach=HERE).run(Basket())
        return caught.value.code

    assert asyncio.run(run()) == "rtmp-not-found"


def test_a_test_of_the_connection_names_the_hops(film: Streamed) -> None:
    async def run() -> ProbeReport:
        async with served(film.folder / "film.flv") as url:
            place = parse_address(url)
            return await probe_source(lambda note: RtmpSource(place, CLOCK, reach=HERE, note=note), CLOCK)

    report = asyncio.run(run())
    assert report.ok
    assert [hop.hop for hop in report.hops] == ["dns", "tcp", "rtmp", "picture"]
    assert report.params is not None
    assert (report.params.width_px, report.params.height_px) == (320, 240)


def code_of(url: str, reach: Reach = HERE) -> str:
    with pytest.raises(HaechiError) as caught:
        asyncio.run(RtmpSource(parse_address(url), CLOCK, reach=reach).run(Basket()))
    return caught.value.code


def test_a_user_name_is_refused_with_what_to_do() -> None:
    assert code_of("rtmp://ann:secret@127.0.0.1/live/cam") == "rtmp-user"


def test_where_no_camera_may_be_nothing_is_connected_to() -> None:
    async def play() -> tuple[str, int]:
        async with Canary().open() as canary:
            source = RtmpSource(parse_address(f"rtmp://localhost:{canary.port}/live/cam"), CLOCK, reach=Reach())
            with pytest.raises(HaechiError) as caught:
                await source.run(Basket())
            return caught.value.code, canary.touched

    assert asyncio.run(play()) == ("address-not-allowed", 0)


def test_a_server_of_something_else_is_called_so() -> None:
    async def play() -> str:
        async def web(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(web, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(HaechiError) as caught:
                await RtmpSource(parse_address(f"rtmp://127.0.0.1:{port}/live/cam"), CLOCK, reach=HERE).run(Basket())
            return caught.value.code

    assert asyncio.run(play()) == "rtmp-not-rtmp"


def test_srt_says_what_to_do_instead() -> None:
    wish = Trial(parse_address("srt://192.168.1.9:9000"))
    opener = openers_over(CLOCK, HERE).of(wish.address)
    with pytest.raises(HaechiError) as caught:
        opener.trial(wish, no_note)
    assert caught.value.code == "srt-unsupported"
    report = asyncio.run(probe_source(lambda note: opener.open(wish, note), CLOCK))
    assert report.error_code == "srt-unsupported"
