"""Footage read back: HLS of any range, exact clips, units and stills."""

import asyncio
from collections.abc import Callable
from io import BytesIO

import av
import pytest
from av.container import InputContainer

from haechi.base.clock import NS_PER_S
from haechi.base.errors import DataLoss, Invalid, NotFound
from haechi.base.ids import RecordingId
from haechi.bus.frames import GapCause
from haechi.media.access_unit import AccessUnit, AudioParams, CodecParams, UnitRef, VideoParams
from haechi.record.index.spans import Span
from tests.record.archive import JPEG, MAIN, SUB, Archive, after, pictures
from tests.streams import (
    START_NS,
    CodedUnit,
    aac_stream,
    h264_stream,
    h265_stream,
    mjpeg_stream,
    opus_stream,
    pcm_stream,
    stamped,
    vp8_stream,
)

FPS = 15


def store(archive: Archive, *runs: tuple[CodecParams, list[AccessUnit]]) -> None:
    """Record runs one after the other."""

    async def play() -> None:
        async with archive:
            for params, units in runs:
                archive.publish(params, units)
                archive.end_run(units[0].ref.stream, GapCause.STALLED)
                await archive.settle()

    asyncio.run(play())


def video(bframes: int = 0, run: int = 1, start_ns: int = START_NS) -> tuple[VideoParams, list[AccessUnit]]:
    params, coded = h264_stream(frames=150, fps=FPS, gop=30, size=(64, 64), bframes=bframes)
    return params, stamped(coded, MAIN, run=run, start_ns=start_ns)


def opened(data: bytes) -> InputContainer:
    container = av.open(BytesIO(data), "r", format="mp4")
    assert isinstance(container, InputContainer)
    return container


def shown(data: bytes) -> list[tuple[int, bytes]]:
    """Pictures that a player shows: time in ticks of the stream, and a few bytes of each picture."""
    with opened(data) as container:
        return [(frame.pts or 0, bytes(frame.planes[0])[:640]) for frame in container.decode(video=0)]


def reference(params: VideoParams, units: list[AccessUnit]) -> dict[int, bytes]:
    """Every picture of a stream as its own decoder gives it, by presentation time."""
    codec = av.CodecContext.create("h264" if params.codec == "h264" else "hevc", "r")
    start = b"\0\0\0\1"
    pictures_of: dict[int, bytes] = {}
    for number, unit in enumerate(units):
        nals, position = [], 0
        while position < len(unit.data):
            size = int.from_bytes(unit.data[position : position + 4], "big")
            nals.append(unit.data[position + 4 : position + 4 + size])
            position += 4 + size
        packet = av.Packet(b"".join(start + nal for nal in (*(params.sets if number == 0 else ()), *nals)))
        packet.pts = unit.pts
        pictures_of |= {f.pts or 0: bytes(f.planes[0])[:640] for f in codec.decode(packet)}
    return pictures_of | {f.pts or 0: bytes(f.planes[0])[:640] for f in codec.decode(None)}


def clip(archive: Archive, start_ns: int, end_ns: int) -> bytes:
    path = asyncio.run(archive.playback.clip(MAIN, start_ns, end_ns))
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.mark.parametrize(("first", "count"), [(0, 150), (37, 75), (60, 30), (149, 1), (29, 2)])
def test_a_clip_shows_exactly_the_pictures_of_its_range(archive: Archive, first: int, count: int) -> None:
    params, units = video()
    store(archive, (params, units))
    wanted = units[first : first + count]
    data = clip(archive, wanted[0].captured_ns, wanted[-1].captured_ns + 1)
    original = reference(params, units)
    assert [picture for _, picture in shown(data)] == [original[unit.pts] for unit in wanted]


def test_a_clip_of_reordered_pictures_shows_them_in_order_and_whole_gops_exactly(archive: Archive) -> None:
    params, units = video(bframes=2)
    store(archive, (params, units))
    data = clip(archive, units[30].captured_ns, units[90].captured_ns)
    original = reference(params, units)
    wanted = sorted(unit.pts for unit in units[30:90])
    assert [picture for _, picture in shown(data)] == [original[pts] for pts in wanted]


def test_a_clip_of_h265_is_exact(archive: Archive) -> None:
    params, coded = h265_stream(frames=60, fps=FPS, gop=15, size=(64, 64))
    units = stamped(coded, MAIN)
    store(archive, (params, units))
    data = clip(archive, units[20].captured_ns, units[50].captured_ns)
    original = reference(params, units)
    assert [picture for _, picture in shown(data)] == [original[unit.pts] for unit in units[20:50]]


def test_a_clip_over_a_reconnect_keeps_the_time_between_the_runs(archive: Archive) -> None:
    params, first = video()
    _, second = video(run=2, start_ns=after(first, 5))
    store(archive, (params, first), (params, second))
    data = clip(archive, first[135].captured_ns, second[15].captured_ns)
    pictures_of = shown(data)
    assert len(pictures_of) == 30
    with opened(data) as container:
        tick = container.streams.video[0].time_base
        assert tick is not None
        times = [float((frame.pts or 0) * tick) for frame in container.decode(video=0)]
    assert times[0] == pytest.approx(0, abs=0.001)
    assert times[15] - times[14] == pytest.approx(5, abs=0.01)


def test_the_bytes_in_a_clip_are_those_of_the_camera(archive: Archive) -> None:
    params, units = video()
    store(archive, (params, units))
    with opened(clip(archive, units[60].captured_ns, units[90].captured_ns)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert packets == [unit.data for unit in units[60:90]]


@pytest.mark.parametrize("stream", [aac_stream, opus_stream])
def test_a_clip_of_sound_holds_its_frames(
    archive: Archive, stream: Callable[[], tuple[AudioParams, list[CodedUnit]]]
) -> None:
    params, coded = stream()
    units = stamped(coded, MAIN)
    store(archive, (params, units))
    with opened(clip(archive, units[10].captured_ns, units[40].captured_ns)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    assert packets == [unit.data for unit in units[10:40]]


def test_g711_cannot_be_a_clip_and_says_so(archive: Archive) -> None:
    params, coded = pcm_stream()
    store(archive, (params, stamped(coded, MAIN)))
    with pytest.raises(Invalid, match=r"G\.711"):
        clip(archive, START_NS, START_NS + NS_PER_S)


def test_motion_jpeg_is_a_clip_of_pictures(archive: Archive) -> None:
    params, coded = mjpeg_stream()
    units = stamped(coded, MAIN)
    store(archive, (params, units))
    assert len(shown(clip(archive, units[2].captured_ns, units[7].captured_ns))) == 5


def test_a_clip_of_vp8_begins_at_its_key_frame_and_is_matroska(archive: Archive) -> None:
    params, coded = vp8_stream(frames=60)
    units = stamped(coded, MAIN)
    store(archive, (params, units))
    data = clip(archive, units[20].captured_ns, units[40].captured_ns)
    with av.open(BytesIO(data), "r", format="matroska") as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert packets == [unit.data for unit in units[15:40]]


def test_a_clip_of_nothing_or_of_too_much_is_refused(archive: Archive) -> None:
    store(archive, video())
    with pytest.raises(NotFound):
        clip(archive, START_NS + 100 * NS_PER_S, START_NS + 110 * NS_PER_S)
    with pytest.raises(Invalid, match="backwards"):
        clip(archive, START_NS, START_NS)
    with pytest.raises(Invalid, match="60 minutes"):
        clip(archive, START_NS, START_NS + 3601 * NS_PER_S)
    assert list(archive.root.glob("haechi-clip-*")) == []


def playlist(archive: Archive, start_ns: int, end_ns: int) -> str:
    return asyncio.run(archive.playback.playlist(MAIN, start_ns, end_ns, lambda recording: f"{recording}.mp4"))


def bytes_of(archive: Archive, text: str) -> bytes:
    """What a player fetches: each map once, then each range."""
    fetched, file = b"", b""
    size = offset = 0
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP:"):
            name = line.split('"')[1]
            row = asyncio.run(archive.playback.recording(MAIN, RecordingId(int(name.removesuffix(".mp4")))))
            file = archive.playback.vault.read(row, 0, row.size_bytes)
            if not fetched:
                fetched = file[: int(line.split('"')[3].split("@")[0])]
        elif line.startswith("#EXT-X-BYTERANGE:"):
            size, offset = (int(word) for word in line.removeprefix("#EXT-X-BYTERANGE:").split("@"))
        elif not line.startswith("#"):
            fetched += file[offset : offset + size]
    return fetched


def test_the_ranges_of_a_playlist_hold_every_unit_of_the_range(archive: Archive) -> None:
    params, coded = h264_stream(frames=1200, fps=FPS, gop=30, size=(64, 64))
    units = stamped(coded, MAIN)
    store(archive, (params, units))
    assert len(archive.recordings()) == 2
    text = playlist(archive, units[700].captured_ns, units[1000].captured_ns)
    assert text.count("#EXT-X-MAP") == 2
    assert "DISCONTINUITY" not in text
    assert "#EXT-X-PROGRAM-DATE-TIME:2025-11-21T08:00:46.000Z" in text
    with opened(bytes_of(archive, text)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert packets == [unit.data for unit in units[690:1020]]


def test_a_reconnect_is_a_discontinuity_in_the_playlist(archive: Archive) -> None:
    params, first = video()
    _, second = video(run=2, start_ns=after(first, 5))
    store(archive, (params, first), (params, second))
    text = playlist(archive, START_NS, after(second, 1))
    assert text.count("#EXT-X-DISCONTINUITY") == 1
    assert text.count("#EXT-X-MAP") == 2


def test_a_recording_of_another_camera_answers_like_none(archive: Archive) -> None:
    store(archive, (JPEG, pictures(30)), (JPEG, pictures(30, UnitRef(SUB, 1, 0))))
    others = next(recording for recording in archive.recordings() if recording.stream == SUB)
    for recording in (others.id, RecordingId(99)):
        with pytest.raises(NotFound, match="no such recording"):
            asyncio.run(archive.playback.recording(MAIN, recording))


def test_units_begin_at_the_sync_unit_before_the_first_that_was_asked_for(archive: Archive) -> None:
    params, units = video()
    store(archive, (params, units))
    found = asyncio.run(archive.playback.units(MAIN, 1, 47, 70))
    assert list(found.units) == units[30:71]
    assert found.params == params


def test_units_of_a_long_gop_are_found_across_fragments_and_files(archive: Archive) -> None:
    units = pictures(3500, gop=3400)
    store(archive, (JPEG, units))
    assert len(archive.recordings()) > 1
    assert list(asyncio.run(archive.playback.units(MAIN, 1, 3300, 3310)).units) == units[:3311]


def test_units_that_are_not_all_recorded_are_not_found(archive: Archive) -> None:
    store(archive, video())
    for run, first, last in ((1, 140, 150), (2, 0, 1), (1, 1000, 1001)):
        with pytest.raises(NotFound):
            asyncio.run(archive.playback.units(MAIN, run, first, last))
    with pytest.raises(Invalid):
        asyncio.run(archive.playback.units(MAIN, 1, 5, 4))


def test_the_unit_at_a_moment_is_the_newest_then(archive: Archive) -> None:
    params, units = video()
    store(archive, (params, units))
    found = asyncio.run(archive.playback.unit_at(MAIN, units[44].captured_ns + 1))
    assert list(found.units) == units[30:45]
    with pytest.raises(NotFound):
        asyncio.run(archive.playback.unit_at(MAIN, START_NS - 1))
    with pytest.raises(NotFound):
        asyncio.run(archive.playback.unit_at(MAIN, after(units, 1)))


def test_a_byte_that_was_changed_on_disk_is_noticed(archive: Archive) -> None:
    store(archive, video())
    (path,) = archive.files()
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataLoss):
        asyncio.run(archive.playback.units(MAIN, 1, 149, 149))
    with pytest.raises(DataLoss):
        clip(archive, START_NS, START_NS + 20 * NS_PER_S)


def test_a_file_that_is_gone_is_data_loss_not_a_crash(archive: Archive) -> None:
    store(archive, video())
    archive.files()[0].unlink()
    with pytest.raises(DataLoss, match="gone"):
        asyncio.run(archive.playback.units(MAIN, 1, 0, 10))
    with pytest.raises(DataLoss, match="gone"):
        asyncio.run(archive.playback.unit_at(MAIN, START_NS))


def test_spans_join_the_files_of_a_run(archive: Archive) -> None:
    units = pictures(2000)
    store(archive, (JPEG, units))
    assert len(archive.files()) > 3
    assert asyncio.run(archive.spans()) == [Span(START_NS, units[-1].captured_ns + 1)]
