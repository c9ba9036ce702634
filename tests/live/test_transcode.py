"""G.711 to Opus: the tables against FFmpeg's own decoder, and the sound and times of what comes out."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Invalid, PeerError
from haechi.base.ids import StreamId
from haechi.live.transcode import LONGEST_UNIT_S, PACKET_TICKS, TABLES, Transcoder, opus_of
from haechi.media.access_unit import AccessUnit, AudioParams, Codec, UnitRef
from tests.streams import pcm_stream

STREAM = StreamId("cam_a/audio")
ALAW = AudioParams(Codec.PCMA, 8_000, 1, b"", "alaw")
Samples = np.ndarray[tuple[int, ...], np.dtype[np.int16]]


def coded(samples: Samples, name: str = "pcm_alaw") -> bytes:
    """What FFmpeg's encoder makes of mono samples at 8 kHz."""
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 8_000, "mono", "s16"
    encoder.time_base = Fraction(1, 8_000)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
    frame.sample_rate = 8_000
    return b"".join(bytes(packet) for packet in encoder.encode(frame))


def units_of(data: bytes, size: int, *, first_seq: int = 0, dts: int = 0) -> list[AccessUnit]:
    """``data`` cut into units of ``size`` samples at 8 kHz."""
    return [
        unit(first_seq + number, data[at : at + size], dts + at * 90_000 // 8_000)
        for number, at in enumerate(range(0, len(data), size))
    ]


def unit(seq: int, data: bytes, dts: int) -> AccessUnit:
    return AccessUnit(UnitRef(STREAM, 3, seq), dts, dts, 10**18 + seq, True, 0, data)


def heard(packets: list[AccessUnit]) -> Samples:
    """What an Opus decoder hears: 16-bit samples at 48 kHz."""
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    decoder.open()
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    assert {frame.format.name for frame in frames} == {"s16"}
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


@pytest.mark.parametrize(("codec", "name"), [(Codec.PCMA, "pcm_alaw"), (Codec.PCMU, "pcm_mulaw")])
def test_every_code_is_the_sample_that_ffmpeg_makes_of_it(codec: Codec, name: str) -> None:
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = 8_000, "mono"
    (frame,) = decoder.decode(av.Packet(bytes(range(256))))
    assert frame.to_ndarray().reshape(-1).tolist() == TABLES[codec].tolist()


@pytest.mark.parametrize("codec", [Codec.PCMA, Codec.PCMU])
def test_a_tone_is_still_that_tone(codec: Codec) -> None:
    tone = (np.sin(np.arange(8_000) * 2 * np.pi * 440 / 8_000) * 12_000).astype(np.int16)
    data = coded(tone, "pcm_alaw" if codec is Codec.PCMA else "pcm_mulaw")
    transcoder = Transcoder(AudioParams(codec, 8_000, 1))
    packets = [packet for one in units_of(data, 160) for packet in transcoder.feed(one)]
    sound = heard(packets)[4_800:43_200].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert abs(float(np.argmax(spectrum)) * 48_000 / len(sound) - 440) < 2
    assert 0.8 < np.abs(sound).max() / np.abs(tone).max() < 1.2


def test_twenty_milliseconds_in_are_one_packet_out_with_name_stamp_and_time() -> None:
    _, pieces = pcm_stream(20, "alaw")
    transcoder = Transcoder(ALAW)
    for seq, piece in enumerate(pieces):
        source = unit(seq, piece.data, 900 + piece.dts)
        (packet,) = transcoder.feed(source)
        assert (packet.ref, packet.captured_ns, packet.dts) == (source.ref, source.captured_ns, source.dts)
        assert packet.data != source.data
        assert packet.is_sync


@given(size=st.integers(1, 1_100), dts=st.integers(0, 10**12))
def test_units_of_any_length_give_packets_of_twenty_milliseconds_under_the_unit_they_begin_in(
    size: int, dts: int
) -> None:
    transcoder = Transcoder(ALAW)
    sources = units_of(b"\xd5" * 3_300, size, dts=dts)
    packets = [packet for source in sources for packet in transcoder.feed(source)]
    assert len(packets) == 3_300 // 160
    for number, packet in enumerate(packets):
        assert packet.dts == packet.pts == dts + number * PACKET_TICKS
        assert packet.ref.seq == number * 160 // size
        assert packet.captured_ns == sources[packet.ref.seq].captured_ns


def test_after_a_hole_the_sound_goes_on_at_the_time_of_the_next_unit() -> None:
    transcoder = Transcoder(ALAW)
    before = [p for one in units_of(b"\xd5" * 400, 200) for p in transcoder.feed(one)]
    after = [p for one in units_of(b"\xd5" * 400, 200, first_seq=2, dts=90_000) for p in transcoder.feed(one)]
    assert [packet.dts for packet in before + after] == [0, 1_800, 90_000, 91_800]
    assert after[0].ref.seq == 2


def test_time_never_goes_back_when_the_camera_counts_too_slowly() -> None:
    transcoder = Transcoder(ALAW)
    packets = [p for seq in range(50) for p in transcoder.feed(unit(seq, b"\xd5" * 800, seq * 900))]
    assert len(packets) == 250
    assert all(b.dts - a.dts >= PACKET_TICKS for a, b in itertools.pairwise(packets))


def test_a_unit_from_the_past_gives_nothing() -> None:
    transcoder = Transcoder(ALAW)
    sources = units_of(b"\xd5" * 480, 160)
    assert len(transcoder.feed(sources[2])) == 1
    assert transcoder.feed(sources[1]) == []
    assert transcoder.feed(sources[2]) == []


def test_stereo_at_16_khz_is_taken_and_an_odd_rate_is_not() -> None:
    wide = AudioParams(Codec.PCMU, 16_000, 2)
    assert opus_of(wide) == AudioParams(Codec.OPUS, 48_000, 2, b"", "opus")
    assert len(Transcoder(wide).feed(unit(0, b"\xff" * 1_281, 0))) == 2
    odd = AudioParams(Codec.PCMU, 11_025, 1)
    assert opus_of(odd) is None
    with pytest.raises(Invalid, match="11025"):
        Transcoder(odd)


def test_a_unit_longer_than_any_camera_sends_is_refused() -> None:
    with pytest.raises(PeerError) as refused:
        Transcoder(ALAW).feed(unit(7, bytes(int(LONGEST_UNIT_S * 8_000) + 1), 0))
    assert refused.value.code == "unit-too-large"


def test_what_needs_no_transcoding_gets_none() -> None:
    assert opus_of(AudioParams(Codec.AAC, 48_000, 2, b"\x11\x90", "mp4a.40.2")) is None
    assert opus_of(AudioParams(Codec.OPUS, 48_000, 2, b"", "opus")) is None
