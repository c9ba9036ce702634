"""Film files: which container it is, packets of any content as units, and media time that never goes back."""

from fuzz.harness import fuzz, instrumented, join_records, records

with instrumented():
    from haechi.media.container import FilmTime, SoundPackets, VideoPackets, container_of

from tests.streams import aac_stream, h264_stream, h265_stream

from haechi.media.access_unit import Codec
from haechi.media.fmp4.parameter_sets import avc_record, hevc_record
from haechi.media.nal import join_annexb, split_lengths

VIDEO = (Codec.H264, Codec.H265, Codec.MJPEG)
SOUND = (Codec.AAC, Codec.OPUS, Codec.PCMU)


def one(data: bytes) -> None:
    parts = list(records(data))
    if not parts:
        container_of(data)
        return
    (kind, extra), packets = parts[0], parts[1:]
    if kind < 128:
        track = VideoPackets(VIDEO[kind % 3], extra, (64, 64))
        for _, packet in packets:
            unit = track.unit(packet)
            if unit is not None and kind % 3 != 2:
                assert list(split_lengths(unit.data))
    else:
        sound = SoundPackets(SOUND[kind % 3], 8000, 1, extra)
        for _, packet in packets:
            assert sum(len(frame.data) for frame in sound.frames(packet)) <= len(packet)
    time, last = FilmTime(), -(1 << 80)
    for _, packet in packets:
        pts, dts = time.place("main", int.from_bytes(packet[:8], "big", signed=True), len(packet))
        assert pts >= dts > last
        last = dts


def seeds() -> list[bytes]:
    params4, units4 = h264_stream(frames=3, size=(64, 64))
    params5, units5 = h265_stream(frames=3)
    sound, frames = aac_stream(frames=3)
    in_lengths = [(0, unit.data) for unit in units4]
    in_stream = [(0, join_annexb([*params4.sets, *split_lengths(unit.data)])) for unit in units4]
    return [
        b"\0\0\0\x18ftypisom",
        join_records([(0, avc_record(params4.sets)), *in_lengths]),
        join_records([(0, b""), *in_stream]),
        join_records([(1, hevc_record(params5.sets)), *((0, unit.data) for unit in units5)]),
        join_records([(129, sound.config), *((0, unit.data) for unit in frames)]),
        join_records([(129, b""), *((0, unit.data) for unit in frames)]),
    ]


if __name__ == "__main__":
    fuzz(one, seeds())
