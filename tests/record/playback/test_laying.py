"""Where sound is laid on a track: in order, near its time, its holes filled with silence that is silent."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import StreamId
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, Codec, UnitRef
from haechi.record.playback.exact import silence_in
from haechi.record.playback.showtimes import ShowTimes
from haechi.record.playback.sound import Heard, Laid, Silence, filled, laid
from tests.streams import START_NS, aac_stream, opus_stream

SOUND = StreamId("cam_front/audio")


@given(
    st.lists(st.tuples(st.integers(-60, 4_000), st.integers(1, 2)), min_size=1, max_size=60),
    st.sampled_from([8_000, 44_100, 48_000]),
)
def test_sound_is_laid_in_order_never_far_from_its_time_and_without_a_seam_where_it_can_be(
    steps: list[tuple[int, int]], rate_hz: int
) -> None:
    params = AudioParams(Codec.OPUS, rate_hz, 1)
    samples = rate_hz // 50
    at_ns, units = START_NS, []
    for number, (stray_ms, run) in enumerate(steps):
        unit = AccessUnit(UnitRef(SOUND, run, number), 0, 0, at_ns, True, 0, b"x")
        units.append(Heard(params, run, at_ns, samples, unit))
        at_ns += 20 * NS_PER_MS + max(-19, stray_ms) * NS_PER_MS // (1 if stray_ms > 100 else 10)
    found = list(laid(units, lambda ns: (ns - START_NS) / NS_PER_S))
    assert all(later.at > earlier.at for earlier, later in pairwise(found))
    for earlier, later in pairwise(found):
        assert not later.follows or later.at == earlier.at + samples
    for one in found:
        wanted = (one.unit.captured_ns - START_NS) / NS_PER_S
        assert abs(one.at / rate_hz - wanted) <= 0.0101


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 9)), min_size=1, max_size=20), st.integers(1, 2_048))
def test_holes_are_filled_so_that_counting_samples_tells_the_time(runs: list[tuple[int, int]], length: int) -> None:
    at, units = 0, []
    for hole, count in runs:
        at += hole
        for _ in range(count):
            units.append(Laid(at, 960, True, AccessUnit(UnitRef(SOUND, 1, at), 0, 0, at, True, 0, b"x")))
            at += 960
    whole = list(filled(units, Silence(b"-", length)))
    assert [one for one in whole if one.unit.data == b"x"] == units
    assert all(later.at > earlier.at for earlier, later in pairwise(whole))
    counted = 0
    for one in whole:
        if one.unit.data == b"x":
            assert abs(counted - one.at) <= length
        counted += one.samples


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_silence_is_silent(rate_hz: int, channels: int) -> None:
    for params, _ in (aac_stream(rate_hz=rate_hz, channels=channels), opus_stream(channels=channels)):
        silence = silence_in(params)
        assert silence is not None
        decoder = av.CodecContext.create("aac" if params.codec is Codec.AAC else "libopus", "r")
        assert isinstance(decoder, av.AudioCodecContext)
        if params.config:
            decoder.extradata = params.config
        decoder.sample_rate, decoder.layout = params.rate_hz, "mono" if channels == 1 else "stereo"
        frames = [frame for _ in range(5) for frame in decoder.decode(av.Packet(silence.data))]
        assert sum(frame.samples for frame in frames) >= 4 * silence.samples - 960
        assert max(np.abs(frame.to_ndarray()).max() for frame in frames) < 2


@given(
    st.lists(st.tuples(st.integers(1, 4 * NS_PER_S), st.integers(1, 400_000)), min_size=1, max_size=40),
    st.integers(-5 * NS_PER_S, 300 * NS_PER_S),
)
def test_a_moment_is_shown_between_the_pictures_around_it(steps: list[tuple[int, int]], offset: int) -> None:
    captured, shown = [START_NS], [-1000]
    for ns, ticks in steps:
        captured.append(captured[-1] + ns)
        shown.append(shown[-1] + ticks)
    times = ShowTimes(captured, shown)
    assert [times.seconds_at(ns) for ns in captured] == pytest.approx([ticks / TICKS_PER_S for ticks in shown])
    at = START_NS + offset
    before = bisect_right(captured, at) - 1
    found = times.seconds_at(at) * TICKS_PER_S
    if before >= 0:
        assert found >= shown[before] - 1e-3
    if before + 1 < len(shown):
        assert found <= shown[before + 1] + 1e-3
