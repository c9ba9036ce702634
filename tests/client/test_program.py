"""``haechi client`` as a whole, against a server on loopback."""

import asyncio
import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from msgspec import structs
from rich.console import Console

from haechi.base.clock import NS_PER_MS, NS_PER_S, SimulatedClock
from haechi.base.errors import Invalid
from haechi.client.page import Page
from haechi.client.playing import Wish, connect, place_of
from haechi.client.program import Options, Tally, play
from tests.cameras import until
from tests.client.test_annotate import seen
from tests.client.test_sources import written
from tests.ingest.rtp_push.stage import Stage, push_server

PIN = "ab" * 32


def token_file(folder: Path, text: str) -> Path:
    path = folder / "token"
    path.write_text(text)
    return path


def options(stage: Stage, folder: Path, source: Path) -> Options:
    token = token_file(folder, f"{stage.token}\n{stage.pin}\n")
    return Options(f"127.0.0.1:{stage.port}", str(source), token, Wish("echo", fast=True))


@pytest.mark.parametrize("bframes", [0, 2])
def test_a_file_is_pushed_told_and_written_with_every_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bframes: int
) -> None:
    async def scenario() -> None:
        source = written(tmp_path / "in.mp4", "libx264", bframes=bframes)
        out, err = tmp_path / "out.mp4", io.StringIO()
        async with push_server(tmp_path) as stage:
            asked = structs.replace(options(stage, tmp_path, source), out=out, json=True)
            tally = await play(asked, Console(file=err))
        assert tally.results == 30
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
        assert [row["ref"].rpartition(":")[2] for row in rows] == [str(number) for number in range(30)]
        with av.open(str(out)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 30
        assert "30 results" in err.getvalue()
        assert "left out: nothing" in err.getvalue()

    asyncio.run(scenario())


def test_with_keep_it_begins_again_when_the_server_is_back_and_ends_with_the_source(tmp_path: Path) -> None:
    async def scenario() -> None:
        source, err = written(tmp_path / "in.mp4", "libx264", frames=90), io.StringIO()
        async with push_server(tmp_path) as stage:
            asked = options(stage, tmp_path, source)
            asked = structs.replace(asked, keep=True, wish=Wish("echo"))
            playing = asyncio.create_task(play(asked, Console(file=err, width=200)))
            await until(lambda: stage.server.tally.took != {})
            port = stage.port
        async with push_server(tmp_path, port=port) as stage:  # over the same database: the token is still good
            tally = await asyncio.wait_for(playing, 60)
            assert stage.server.tally.units == 90
        assert tally.results > 90
        assert "trying again" in err.getvalue()

    asyncio.run(scenario())


def test_keep_writes_no_file(tmp_path: Path) -> None:
    asked = Options("box", "x.mp4", tmp_path / "token", Wish(), out=tmp_path / "out.mp4", keep=True)
    with pytest.raises(Invalid):
        asyncio.run(play(asked, Console(file=io.StringIO())))


def test_without_a_module_a_file_is_pushed_and_nothing_is_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        source, err = written(tmp_path / "in.mp4", "libx264", frames=12), io.StringIO()
        async with push_server(tmp_path) as stage:
            asked = structs.replace(options(stage, tmp_path, source), wish=Wish("", fast=True))
            tally = await asyncio.wait_for(play(asked, Console(file=err)), 60)
            assert stage.server.tally.units == 12
        assert tally.results == 0
        assert "12 units" in err.getvalue()

    asyncio.run(scenario())


def test_the_python_api_gives_results_of_a_file(tmp_path: Path) -> None:
    async def scenario() -> None:
        source = written(tmp_path / "in.mp4", "libx264", frames=12)
        async with push_server(tmp_path) as stage:
            asked = options(stage, tmp_path, source)
            async with connect(asked.server, asked.source, token_file=asked.token_file, wish=asked.wish) as link:
                assert [one.ref.seq async for one in link.results()] == list(range(12))
                assert link.progress > 0.5

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("server", "host", "port"),
    [("box", "box", 8342), ("box:1", "box", 1), ("[::1]:99", "::1", 99), ("[::1]", "::1", 8342)],
)
def test_a_server_is_named_by_host_and_port(tmp_path: Path, server: str, host: str, port: int) -> None:
    place = place_of(server, token_file(tmp_path, f"hpt_x\n{PIN}\n"))
    assert (place.host, place.port, place.token, place.pin) == (host, port, "hpt_x", PIN)


@pytest.mark.parametrize("server", ["", ":1", "box:", "box:0", "box:70000", "box:http"])
def test_what_is_no_server_is_told(tmp_path: Path, server: str) -> None:
    with pytest.raises(Invalid) as caught:
        place_of(server, token_file(tmp_path, "hpt_x"))
    assert caught.value.code == "bad-server"


@pytest.mark.parametrize("text", ["", "a b c", f"hpt_x {PIN}0", "\n\n"])
def test_a_file_without_a_token_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        place_of("box", token_file(tmp_path, text))
    assert caught.value.code == "no-token-file"
    with pytest.raises(Invalid):
        place_of("box", tmp_path / "nowhere")


def test_the_tally_gives_rate_mean_median_and_the_95th_percentile() -> None:
    clock = SimulatedClock()
    tally = Tally(clock)
    assert tally.round_trip_ms() == (0.0, 0.0, 0.0)
    for number in range(101):
        tally.add(structs.replace(seen(number, number), round_trip_ns=number * NS_PER_MS, skipped=1))
        clock.advance(NS_PER_S // 10)
    assert tally.round_trip_ms() == (50.0, 50.0, 95.0)
    assert round(tally.fps, 6) == 10
    assert tally.skipped == 101


def test_the_page_shows_pictures_to_who_knows_its_address_only() -> None:
    async def scenario() -> None:
        page = Page()
        async with page.served():
            base, _, path = page.address.removeprefix("http://").partition("/")
            host, _, port = base.partition(":")
            for asked, status in (("/", b"404"), ("", b"404")):
                assert status in await answer(host, int(port), asked)
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"GET /{path} HTTP/1.1\r\n\r\n".encode())
            assert b"multipart/x-mixed-replace" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            showing = asyncio.create_task(keep_showing(page))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            size = int(head.rpartition(b"Content-Length: ")[2])
            assert (await asyncio.wait_for(reader.readexactly(size), 20)).startswith(b"\xff\xd8")
            showing.cancel()
            writer.close()

    async def keep_showing(page: Page) -> None:
        while True:
            await page.show(np.zeros((48, 64, 3), np.uint8))
            await asyncio.sleep(0.01)

    async def answer(host: str, port: int, path: str) -> bytes:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        data = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return data

    asyncio.run(scenario())
