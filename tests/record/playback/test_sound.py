"""Recorded sound is heard again: in clips beside the picture of its moment, and by players on the wall clock."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import cycle, islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.container import InputContainer
from msgspec import structs

from haechi.app.sound import RECODING
from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import StreamId
from haechi.bus.frames import GapCause
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, Codec, CodecParams, UnitRef
from haechi.record.exports.burned import Burning
from haechi.record.exports.cutter import Cutter
from haechi.record.index.policies import Policy
from haechi.record.playback.exact import OPUS_SILENCE
from haechi.record.playback.footage import Playback
from haechi.record.playback.reel import Reel
from tests.record.archive import JPEG, MAIN, Archive, pictures
from tests.streams import START_NS, CodedUnit, aac_stream, h264_stream, opus_stream, pcm_stream, stamped

SOUND = StreamId("cam_front/audio")
MOST_OFF_S = 0.040
SILENT = {OPUS_SILENCE[0], b"\x01\x18 \x07"}
"""A unit of Opus and one of AAC, mono, that fill a hole."""
Recorded = tuple[CodecParams, list[AccessUnit]]
Timed = list[tuple[float, bytes]]


def drifting(units: Sequence[AccessUnit], ppm: int) -> list[AccessUnit]:
    """The same from a camera whose clock is off by so much: stamps are of our clock."""
    first = units[0].captured_ns
    moved = [first + (unit.captured_ns - first) * (1_000_000 + ppm) // 1_000_000 for unit in units]
    return [structs.replace(unit, captured_ns=at) for unit, at in zip(units, moved, strict=True)]


def heard(
    coded: Sequence[CodedUnit], seconds: float, *, run: int = 1, start_ns: int = START_NS, first_ticks: int = 0
) -> list[AccessUnit]:
    """So much sound, of the same packets over and over."""
    step = coded[1].pts - coded[0].pts
    count = round(seconds * TICKS_PER_S / step)
    units = [CodedUnit(unit.data, n * step, n * step, True) for n, unit in enumerate(islice(cycle(coded[2:40]), count))]
    return stamped(units, SOUND, run=run, start_ns=start_ns, first_ticks=first_ticks)


def record(archive: Archive, *runs: Recorded) -> None:
    """Record pictures and sound; sound is switched on."""

    async def play() -> None:
        archive.recorder.defaults = Policy(audio=True)
        async with archive:
            await archive.settle()
            for params, units in runs:
                archive.publish(params, units)
                archive.end_run(units[0].ref.stream, GapCause.STALLED)
                await archive.settle()

    asyncio.run(play())


def opened(data: bytes) -> InputContainer:
    container = av.open(BytesIO(data), "r", format="mp4")
    assert isinstance(container, InputContainer)
    return container


def packets(data: bytes, kind: str) -> Timed:
    """Time in seconds and payload of each packet of a track."""
    with opened(data) as container:
        tracks = container.streams.video if kind == "video" else container.streams.audio
        found = [packet for packet in container.demux(list(tracks)) if packet.size] if tracks else []
        return [(float((packet.pts or 0) * packet.time_base), bytes(packet)) for packet in found]


def sounds(data: bytes) -> Timed:
    """Of the sound in a clip what a camera sent."""
    return [(at_s, unit) for at_s, unit in packets(data, "audio") if unit not in SILENT]


def clip(archive: Archive, start_ns: int, end_ns: int, *, sound: bool = True) -> bytes:
    playback = Playback(archive.index, archive.playback.vault, archive.root, RECODING)
    path = asyncio.run(playback.clip(MAIN, start_ns, end_ns, sound=sound))
    data = path.read_bytes()
    path.unlink()
    return data


def skews_s(video: Timed, seen: Sequence[AccessUnit], sound: Timed, said: Sequence[AccessUnit]) -> list[float]:
    """How far each packet of sound stands from where the picture of its moment stands; pictures are not reordered."""
    stamps = [unit.captured_ns for unit in seen]
    found = []
    for (at_s, data), unit in zip(sound, said, strict=True):
        assert data == unit.data
        place = max(0, bisect_right(stamps, unit.captured_ns) - 1)
        wanted_s = video[place][0] + (unit.captured_ns - stamps[place]) / NS_PER_S
        found.append(at_s - wanted_s)
    return found


@pytest.mark.parametrize("stream", [aac_stream, opus_stream])
@pytest.mark.parametrize(("seen_ppm", "heard_ppm"), [(0, 0), (300, -300), (-900, 900)])
def test_a_clip_has_every_frame_of_sound_of_its_range_beside_the_picture_of_its_moment(
    archive: Archive, stream: Callable[[], tuple[AudioParams, list[CodedUnit]]], seen_ppm: int, heard_ppm: int
) -> None:
    """Also where the camera's clocks for pictures and for sound differ from ours and from each other."""
    params, coded = stream()
    seen = drifting(pictures(900), seen_ppm)
    said = drifting(heard(coded, 90, start_ns=START_NS + 17 * NS_PER_MS, first_ticks=777_000), heard_ppm)
    record(archive, (JPEG, seen), (params, said))
    start_ns, end_ns = seen[25].captured_ns, seen[880].captured_ns
    data = clip(archive, start_ns, end_ns)
    shown = [unit for unit in seen if start_ns <= unit.captured_ns < end_ns]
    wanted = [unit for unit in said if start_ns <= unit.captured_ns < shown[-1].captured_ns + NS_PER_S // 10]
    sound = sounds(data)
    assert abs(len(sound) - len(wanted)) <= 1
    assert [unit for _, unit in sound][:-1] == [unit.data for unit in wanted][: len(sound) - 1]
    video = [(at_s, payload) for at_s, payload in packets(data, "video") if at_s >= 0]
    together = min(len(sound), len(wanted))
    off = skews_s(video, shown, sound[:together], wanted[:together])
    assert max(map(abs, off)) <= MOST_OFF_S / 2, (min(off), max(off))
    assert all(later > earlier for (earlier, _), (later, _) in pairwise(sound))


def test_pictures_are_the_same_with_sound_and_without(archive: Archive) -> None:
    params, coded = h264_stream(frames=150, fps=15, gop=30, size=(64, 64), bframes=2)
    track, sound = aac_stream()
    units = stamped(coded, MAIN)
    record(archive, (params, units), (track, heard(sound, 10)))
    span = (units[37].captured_ns, units[111].captured_ns)
    both, silent = clip(archive, *span), clip(archive, *span, sound=False)
    assert packets(both, "video") == packets(silent, "video")
    assert (len(packets(both, "audio")) > 200, packets(silent, "audio")) == (True, [])


def test_a_gap_in_the_sound_is_silent_and_what_follows_is_in_step_also_for_players_that_count_samples(
    archive: Archive,
) -> None:
    params, coded = opus_stream()
    seen = pictures(300)
    first = heard(coded, 8, start_ns=START_NS + NS_PER_S)
    second = heard(coded, 8, run=2, start_ns=START_NS + 18 * NS_PER_S)
    record(archive, (JPEG, seen), (params, first), (params, second))
    data = clip(archive, START_NS, seen[-1].captured_ns + 1)
    sound = sounds(data)
    off = skews_s(packets(data, "video"), seen, sound, [*first, *second])
    assert max(map(abs, off)) <= MOST_OFF_S / 2
    steps = [later - earlier for (earlier, _), (later, _) in pairwise(sound)]
    assert sum(step > 0.1 for step in steps) == 1
    assert max(steps) == pytest.approx(9 + 0.02, abs=0.02)
    whole = packets(data, "audio")
    silent = [at_s for at_s, unit in whole if unit in SILENT]
    assert all(at_s < 1 or 9 <= at_s < 18 for at_s in silent)
    assert max(abs(at_s - 0.02 * n) for n, (at_s, _) in enumerate(whole)) < 0.03
    estimate = asyncio.run(_cutter(archive).estimate(MAIN, START_NS, seen[-1].captured_ns + 1))
    silence_bytes = len(data) - len(clip(archive, START_NS, seen[-1].captured_ns + 1, sound=False))
    assert estimate.sound_bytes == pytest.approx(silence_bytes, rel=0.01)


def test_sound_goes_on_while_pictures_are_missing_and_runs_of_pictures_keep_their_sound(archive: Archive) -> None:
    params, coded = opus_stream()
    first = pictures(100)
    second = drifting(pictures(100, UnitRef(MAIN, 2, 0), START_NS + 25 * NS_PER_S), 400)
    said = heard(coded, 35)
    record(archive, (JPEG, first), (JPEG, second), (params, said))
    data = clip(archive, START_NS, second[-1].captured_ns + 1)
    sound = sounds(data)
    off = skews_s(packets(data, "video"), [*first, *second], sound, said[: len(sound)])
    assert max(map(abs, off)) <= MOST_OFF_S / 2
    assert len(sound) == pytest.approx(35 * 50, abs=3)


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_is_heard_in_a_clip_as_opus_at_its_time(archive: Archive, law: str) -> None:
    """Half a second of a tone, five seconds in: it is heard there, give or take what Opus needs to begin."""
    params, _ = pcm_stream(law=law)
    seen = pictures(120)
    silence = (b"\xff" if law == "ulaw" else b"\xd5") * 160
    loud = (b"\x00\x80" if law == "ulaw" else b"\x2a\xaa") * 80
    coded = [CodedUnit(loud if 250 <= n < 275 else silence, n * 1800, n * 1800, True) for n in range(600)]
    record(archive, (JPEG, seen), (params, stamped(coded, SOUND)))
    data = clip(archive, seen[20].captured_ns, seen[110].captured_ns)
    with opened(data) as container:
        track = container.streams.audio[0]
        assert track.codec_context.name in ("opus", "libopus")
        frames = [(float(frame.time or 0), frame.to_ndarray().astype(float)) for frame in container.decode(audio=0)]
    loudness = [(at_s, float(np.abs(values).max())) for at_s, values in frames]
    peak = max(value for _, value in loudness)
    began_s = next(at_s for at_s, value in loudness if value > peak / 3)
    assert began_s == pytest.approx(5 - 2, abs=0.03)
    assert len(packets(data, "audio")) == pytest.approx(450, abs=2)


def test_without_sound_and_where_it_was_not_switched_on_a_clip_has_pictures_alone(archive: Archive) -> None:
    seen = pictures(60)
    record(archive, (JPEG, seen))
    data = clip(archive, START_NS, seen[-1].captured_ns)
    with opened(data) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_damaged_sound_is_left_out_and_the_rest_of_the_clip_is_there(archive: Archive) -> None:
    params, coded = opus_stream()
    seen = pictures(120)
    said = heard(coded, 12)
    record(archive, (JPEG, seen), (params, said))
    (path,) = [path for path in archive.files() if "audio" in str(path)]
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    made = clip(archive, START_NS, seen[-1].captured_ns)
    assert len(packets(made, "video")) == 119
    assert 100 < len(sounds(made)) < len(said) - 10


def test_a_clip_whose_sound_is_gone_from_the_disk_has_its_pictures(archive: Archive) -> None:
    params, coded = opus_stream()
    seen = pictures(60)
    record(archive, (JPEG, seen), (params, heard(coded, 6)))
    (path,) = [path for path in archive.files() if "audio" in str(path)]
    path.unlink()
    span = (START_NS, seen[-1].captured_ns)
    assert asyncio.run(_cutter(archive).estimate(MAIN, *span)).sound_bytes == 0
    made = clip(archive, *span)
    assert (len(packets(made, "video")), packets(made, "audio")) == (59, [])


def test_the_size_of_a_clip_with_sound_is_known_before(archive: Archive) -> None:
    video, coded = h264_stream(frames=300, fps=15, gop=30, size=(320, 240))
    units = stamped(coded, MAIN)
    for number, (params, said) in enumerate([aac_stream(), opus_stream()]):
        other = Archive(_folder(archive, number))
        record(other, (video, units), (params, heard(said, 20)))
        span = (units[31].captured_ns, units[290].captured_ns)
        estimate = asyncio.run(_cutter(other).estimate(MAIN, *span))
        made = len(clip(other, *span))
        assert estimate.bytes + estimate.sound_bytes == pytest.approx(made, rel=0.01), params.codec
        silent = len(clip(other, *span, sound=False))
        assert estimate.bytes == pytest.approx(silent, rel=0.01)
        other.close()


def test_the_size_of_sound_that_is_coded_anew_is_known_to_within_a_fifth(archive: Archive) -> None:
    params, said = pcm_stream()
    seen = pictures(300)
    noise = np.random.default_rng(7).integers(0, 256, 160 * len(said), dtype=np.uint8).tobytes()
    loud = [structs.replace(unit, data=noise[160 * n : 160 * n + 160]) for n, unit in enumerate(said)]
    record(archive, (JPEG, seen), (params, heard(loud, 30)))
    span = (seen[0].captured_ns, seen[299].captured_ns)
    estimate = asyncio.run(_cutter(archive).estimate(MAIN, *span))
    made = len(clip(archive, *span)) - len(clip(archive, *span, sound=False))
    assert estimate.sound_bytes == pytest.approx(made, rel=0.2)


def _folder(archive: Archive, number: int) -> Path:
    folder = archive.root / str(number)
    folder.mkdir()
    return folder


def _cutter(archive: Archive) -> Cutter:
    async def nobody_burns() -> Burning:
        raise AssertionError("nothing is burned into these")

    return Cutter(archive.index, archive.playback.vault, nobody_burns, RECODING)


def wrapped(archive: Archive, start_ns: int, end_ns: int) -> tuple[AudioParams, bytes]:
    reel = Reel(archive.index, archive.playback.vault, RECODING)

    async def read() -> tuple[AudioParams, bytes]:
        sound = await reel.sound(SOUND, start_ns, end_ns)
        return sound.params, b"".join([part async for part in sound.parts])

    return asyncio.run(read())


@pytest.mark.parametrize("stream", [aac_stream, opus_stream, pcm_stream])
def test_a_film_has_its_sound_on_the_clock_of_its_pictures_also_over_a_hole(
    archive: Archive, stream: Callable[[], tuple[AudioParams, list[CodedUnit]]]
) -> None:
    params, coded = stream()
    video, more = h264_stream(frames=300, fps=15, gop=30, size=(64, 64))
    seen = drifting(stamped(more, MAIN, first_ticks=4_000_000), 500)
    first = drifting(heard(coded, 6, start_ns=START_NS + NS_PER_S), -500)
    second = heard(coded, 20, run=2, start_ns=START_NS + 12 * NS_PER_S)
    record(archive, (video, seen), (params, first), (params, second))
    reel = Reel(archive.index, archive.playback.vault, RECODING)

    async def read(*, sound: bool) -> bytes:
        parts = await reel.film(MAIN, seen[40].captured_ns, seen[250].captured_ns, sound=sound)
        return b"".join([part async for part in parts])

    data, silent = asyncio.run(read(sound=True)), asyncio.run(read(sound=False))
    assert packets(data, "video") == packets(silent, "video")
    assert [payload for _, payload in packets(data, "video")] == [unit.data for unit in seen[30:270]]
    found = sounds(data)
    begins, ends = seen[30].captured_ns, seen[269].captured_ns
    wanted = [unit for unit in (*first, *second) if begins <= unit.captured_ns < ends]
    if params.codec is not Codec.PCMU:
        assert abs(len(found) - len(wanted)) <= 12, "the last fragment may end before or after the pictures"
        off = [at_s - (one.captured_ns - begins) / NS_PER_S for (at_s, _), one in zip(found, wanted, strict=False)]
        assert max(map(abs, off)) <= MOST_OFF_S / 2
        assert all(payload == one.data for (_, payload), one in zip(found, wanted, strict=False))
    steps = [later - earlier for (earlier, _), (later, _) in pairwise(found)]
    assert sum(step > 1 for step in steps) == 1
    whole = packets(data, "audio")
    length_s = (whole[-1][0] - whole[0][0]) / (len(whole) - 1)
    assert max(abs(at_s - length_s * n) for n, (at_s, _) in enumerate(whole)) < 0.05, "counting tells the time"
    assert packets(silent, "audio") == []


@pytest.mark.parametrize("stream", [aac_stream, opus_stream])
def test_a_player_gets_the_very_frames_on_the_wall_clock_and_ranges_that_adjoin_have_no_seam(
    archive: Archive, stream: Callable[[], tuple[AudioParams, list[CodedUnit]]]
) -> None:
    params, coded = stream()
    said = drifting(heard(coded, 40, first_ticks=123_456), 300)
    record(archive, (params, said))
    got: list[tuple[float, bytes]] = []
    for part in range(5):
        start_ns = START_NS + part * 10 * NS_PER_S - 5 * NS_PER_S
        told, data = wrapped(archive, start_ns, start_ns + 10 * NS_PER_S)
        assert told == params
        got += [(at_s + (start_ns - START_NS) / NS_PER_S, unit) for at_s, unit in packets(data, "audio")]
    assert [unit for _, unit in got] == [unit.data for unit in said]
    true_s = [(unit.captured_ns - START_NS) / NS_PER_S for unit in said]
    off = [at_s - wanted for (at_s, _), wanted in zip(got, true_s, strict=True)]
    assert max(map(abs, off)) < 0.012
    length = (coded[1].pts - coded[0].pts) / TICKS_PER_S
    assert all(abs(later - earlier - length) < 0.012 for (earlier, _), (later, _) in pairwise(got))


def test_a_player_is_given_a_hole_where_nothing_is_recorded_and_told_when_there_is_nothing_at_all(
    archive: Archive,
) -> None:
    params, coded = opus_stream()
    first, second = heard(coded, 3), heard(coded, 3, run=2, start_ns=START_NS + 6 * NS_PER_S)
    record(archive, (params, first), (params, second))
    _, data = wrapped(archive, START_NS, START_NS + 10 * NS_PER_S)
    times = [at_s for at_s, _ in packets(data, "audio")]
    assert sum(later - earlier > 1 for earlier, later in pairwise(times)) == 1
    with opened(data) as container:
        durations = [packet.duration for packet in container.demux(audio=0) if packet.size]
    assert max(one or 0 for one in durations) <= 1900, "a unit must not last into the hole: a player would play it"
    with pytest.raises(NotFound, match="no sound"):
        wrapped(archive, START_NS + 100 * NS_PER_S, START_NS + 110 * NS_PER_S)
    with pytest.raises(Invalid, match="10 minutes"):
        wrapped(archive, START_NS, START_NS + 601 * NS_PER_S)


def test_g711_reaches_a_player_as_opus_and_ranges_that_adjoin_lose_less_than_a_packet(archive: Archive) -> None:
    params, said = pcm_stream()
    record(archive, (params, heard(said, 20)))
    times: list[float] = []
    for part in range(2):
        start_ns = START_NS + part * 10 * NS_PER_S
        told, data = wrapped(archive, start_ns, start_ns + 10 * NS_PER_S)
        assert told.codec_string == "opus"
        times += [at_s + part * 10 for at_s, _ in packets(data, "audio")]
    assert times == pytest.approx([n * 0.02 for n in range(1000)], abs=0.001)
