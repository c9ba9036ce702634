"""Footage of which a part came late is one stretch for whoever looks at it: player, HLS, clips."""

import asyncio
import re
from itertools import pairwise
from pathlib import Path

import av

from haechi.media.access_unit import CodecParams
from haechi.record.playback.pieces import Piece, pieces_between
from tests.record.archive import MAIN
from tests.record.backfill.camera import FPS, GOP, Camera, Site
from tests.streams import h264_stream

PARAMS, UNITS = h264_stream(frames=160, fps=FPS, gop=GOP, size=(64, 64))


class Filming(Camera, frozen=True):
    """Pictures that can be decoded, if none is missing."""

    @property
    def params(self) -> CodecParams:
        return PARAMS

    def data(self, seq: int) -> bytes:
        return UNITS[seq].data


CAMERA = Filming()


async def recorded(site: Site) -> None:
    """Away from the middle of a GOP to the beginning of another, and a hole in one that came live."""
    async with site:
        await site.live(CAMERA, 0, 33)
        await site.live(CAMERA, 80, 160, lost=[110, 111])
        await site.until_acknowledged(33 + 78)
        for first in range(20, 80, GOP):
            await site.fill(CAMERA, first, first + GOP)
        await site.fill(CAMERA, 100, 120)


def test_pieces_join_from_live_to_late_and_back(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def play() -> list[Piece]:
        await recorded(site)
        span = (CAMERA.taken_ns(0), CAMERA.taken_ns(160))
        return await site.database.read(lambda c: pieces_between(c, MAIN, *span))

    pieces = asyncio.run(play())
    assert len({piece.recording.run for piece in pieces}) == 3
    for before, after in pairwise(pieces):
        assert abs(before.end_us - after.first_us) <= 2 * 1_000_000 // FPS, "no more than a picture"
    assert [piece.fragment.first_seq for piece in pieces if not piece.fragment.is_sync] == [33, 110, 30]
    site.close()


def test_a_clip_over_it_has_every_picture_and_all_can_be_decoded(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def play() -> Path:
        await recorded(site)
        return await site.playback.clip(MAIN, CAMERA.taken_ns(25), CAMERA.taken_ns(150))

    path = asyncio.run(play())
    with av.open(str(path)) as file:
        packets = [bytes(packet) for packet in file.demux(video=0) if packet.size]
    assert packets == [UNITS[seq].data for seq in range(20, 150)]
    with av.open(str(path)) as file:
        times = [frame.time for frame in file.decode(video=0)]
    steps = [round(b - a, 3) for a, b in pairwise(times)]
    assert len(times) == 125
    assert max(abs(step - 1 / FPS) for step in steps) < 0.03
    site.close()


def test_hls_plays_it_in_order_without_a_hole(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def play() -> str:
        await recorded(site)
        return await site.playback.playlist(MAIN, CAMERA.taken_ns(0), CAMERA.taken_ns(160), lambda one: f"{one}.mp4")

    text = asyncio.run(play())
    lengths = [float(one) for one in re.findall(r"#EXTINF:([0-9.]+)", text)]
    assert abs(sum(lengths) - 16) < 0.5
    order = re.findall(r"^(\d+)\.mp4$", text, re.MULTILINE)
    starts = {str(row.id): row.start_ns for row in site.recordings()}
    assert [starts[one] for one in order] == sorted(starts[one] for one in order)
    assert set(order) == set(starts)
    site.close()
