"""Exports have the sound that is recorded, where it is wanted, and say so."""

from __future__ import annotations

import asyncio
from io import BytesIO

import av
import pytest
from msgspec import structs

from haechi.base.ids import StreamId
from haechi.record.exports.store import Export
from haechi.record.index.policies import Policy
from tests.record.archive import Archive, after
from tests.record.exports.test_exports import Desk, packets, store, video, wish
from tests.streams import START_NS, opus_stream, stamped

SOUND = StreamId("cam_front/audio")


@pytest.mark.parametrize(("recorded", "wished"), [(True, True), (True, False), (False, True)])
def test_an_export_has_the_sound_that_is_recorded_where_it_is_wanted_and_says_so(
    archive: Archive, recorded: bool, wished: bool
) -> None:
    params, units = video()
    said, coded = opus_stream(frames=400)
    archive.recorder.defaults = Policy(audio=recorded)
    store(archive, (params, units), (said, stamped(coded, SOUND)))
    desk = Desk(archive)

    async def play() -> Export:
        async with desk.open() as exports:
            made = await exports.request(structs.replace(wish(START_NS, after(units, 1)), sound=wished))
            return await desk.until(made.id, "done")

    done = asyncio.run(play())
    path = desk.exports.file(done)
    with av.open(BytesIO(path.read_bytes()), "r", format="mp4") as container:
        tracks = list(container.streams.audio)
        heard = [bytes(packet) for packet in container.demux(tracks) if packet.size] if tracks else []
    assert packets(path) == [unit.data for unit in units]
    assert done.sound == (recorded and wished)
    assert [unit.data for unit in coded[:400]] == heard[:400] if done.sound else heard == []
