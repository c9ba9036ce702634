"""The client's end of the connection: what it makes of silence."""

import asyncio
from pathlib import Path

import pytest

from haechi.base.errors import Unavailable
from haechi.client.line import Line, Place, open_line
from haechi.media.push.wire import Frame, Kind
from tests.cameras import FastClock
from tests.dialling import a_way_to
from tests.ingest.rtp_push.stage import push_server


async def write_on(line: Line) -> None:
    while True:
        line.write(Frame(Kind.PING).serialise())
        await asyncio.sleep(0.01)


@pytest.mark.slow
def test_a_server_from_which_nothing_comes_back_is_given_up(tmp_path: Path) -> None:
    """As after a router forgot the connection: no packet says so, and what we write goes nowhere."""

    async def scenario() -> str:
        async with push_server(tmp_path) as stage, a_way_to(stage.port) as way:
            place = Place("127.0.0.1", way.port, stage.token)
            async with open_line(place, FastClock(5)) as line:
                await line.answer(Frame(Kind.PING).serialise(), Kind.PONG)
                way.is_open = False
                with pytest.raises(Unavailable) as caught:
                    await write_on(line)
            return caught.value.code

    assert asyncio.run(scenario()) == "push-silent"
