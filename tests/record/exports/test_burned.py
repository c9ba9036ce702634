"""Exports with the time in the picture: the same pictures at the same times, and the time can be read."""

import asyncio
from datetime import UTC, timedelta, timezone
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from haechi.app.burn import burn
from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.ids import StreamId
from haechi.bus.frames import GapCause
from haechi.record.exports.burned import Burning, time_text
from haechi.record.exports.cutter import Cutter, Style
from haechi.record.index.policies import Policy
from haechi.vision.burn.worker import draw
from haechi.vision.runtime import Pixels
from tests.record.archive import MAIN, Archive
from tests.streams import START_NS, aac_stream, h264_stream, stamped

SOUND = StreamId("cam_front/audio")
SEOUL = timezone(timedelta(hours=9))
pytestmark = pytest.mark.slow


def test_the_time_means_the_same_to_everybody() -> None:
    assert time_text(START_NS + 123_000_000, SEOUL) == "2025-11-21 17:00:00.123 +09:00"
    assert time_text(START_NS, timezone(-timedelta(hours=3, minutes=30))) == "2025-11-21 04:30:00.000 -03:30"
    assert time_text(START_NS, UTC) == "2025-11-21 08:00:00.000 +00:00"


def cut(archive: Archive, span: tuple[int, int], path: Path, *, burn_in: bool) -> int:
    async def burning() -> Burning:
        return Burning(burn, SEOUL)

    async def work() -> int:
        cutter = Cutter(archive.index, archive.playback.vault, burning)
        part = await cutter.cut(MAIN, span, path, shares.append, Style(burn_in))
        assert part is not None
        return part.units

    shares: list[float] = []
    units = asyncio.run(work())
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] <= 1
    return units


def shown(path: Path) -> list[tuple[float, Pixels]]:
    with av.open(BytesIO(path.read_bytes()), "r") as container:
        frames = list(container.decode(video=0))
    pictures = [(float(frame.time), np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)) for frame in frames]
    return [(time, picture) for time, picture in pictures if time >= 0]


def sounds(path: Path) -> list[tuple[float, bytes]]:
    with av.open(BytesIO(path.read_bytes()), "r", format="mp4") as container:
        found = [packet for packet in container.demux(audio=0) if packet.size]
        return [(float((packet.pts or 0) * packet.time_base), bytes(packet)) for packet in found]


def test_an_export_shows_each_picture_of_the_range_at_its_time_with_the_time_written_into_it(archive: Archive) -> None:
    params, coded = h264_stream(frames=150, fps=15, gop=30, size=(320, 240))
    units = stamped(coded, MAIN, run=1)
    heard, sound = aac_stream(frames=400)
    archive.recorder.defaults = Policy(audio=True)

    async def play() -> None:
        async with archive:
            await archive.settle()
            archive.publish(params, units)
            archive.end_run(MAIN, GapCause.STALLED)
            archive.publish(heard, stamped(sound, SOUND, run=1))
            archive.end_run(SOUND, GapCause.STALLED)
            await archive.settle()

    asyncio.run(play())
    span = (units[50].captured_ns, units[110].captured_ns)
    plain, burned = archive.root / "plain.mp4", archive.root / "burned.mp4"
    cut(archive, span, plain, burn_in=False)
    assert cut(archive, span, burned, burn_in=True) > 0
    was, now = shown(plain), shown(burned)
    assert [round(time, 4) for time, _ in now] == [round(time, 4) for time, _ in was]
    assert len(sounds(plain)) == pytest.approx(4 * 48_000 / 1024, abs=3)
    assert sounds(burned) == sounds(plain), "sound is not coded anew"
    captured = sorted(unit.captured_ns for unit in units if span[0] <= unit.captured_ns < span[1])
    for (_, before), (_, after_), captured_ns in list(zip(was, now, captured, strict=True))[::10]:
        assert np.abs(before[:200].astype(int) - after_[:200].astype(int)).mean() < 6
        wanted = before.copy()
        draw(wanted, time_text(captured_ns, SEOUL))
        bar = slice(220, 240)
        assert np.abs(wanted[bar].astype(int) - after_[bar].astype(int)).mean() < 14
    assert not list(archive.root.glob("*.spool")) + list(archive.root.glob("*.part"))
    assert all(later - earlier < 0.2 for (earlier, _), (later, _) in pairwise(now))


def test_sound_has_no_pictures_to_write_into(archive: Archive) -> None:
    params, coded = aac_stream()
    units = stamped(coded, MAIN, run=1)

    async def play() -> None:
        async with archive:
            archive.publish(params, units)
            archive.end_run(MAIN, GapCause.STALLED)
            await archive.settle()

    asyncio.run(play())
    with pytest.raises(Invalid, match="no pictures"):
        cut(archive, (START_NS, START_NS + NS_PER_S), archive.root / "x.mp4", burn_in=True)
