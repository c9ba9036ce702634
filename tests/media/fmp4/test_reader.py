"""What is read back: everything of a sound file, everything before the damage of an unsound one, never a surprise."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.errors import DataLoss, PeerError
from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, Codec, UnitRef, VideoParams
from haechi.media.fmp4.muxer import fragment, init_segment
from haechi.media.fmp4.reader import Scan, read_init, samples, scan, verify
from haechi.media.fmp4.stamps import EDGE_UUID, Source, digest_of
from haechi.media.reverse.edge import EdgeId, EdgeRun
from tests.streams import h264_stream, stamped

STREAM = StreamId("cam_test/main")
MJPEG = VideoParams(Codec.MJPEG, 64, 48)
BIG = (1 << 63) - 1


@st.composite
def runs_of_units(draw: st.DrawFn) -> list[list[AccessUnit]]:
    """Fragments of units with any identity, capture time, decode times that do not go back, and any bytes."""
    run = draw(st.integers(0, BIG))
    dts = draw(st.integers(0, 1 << 50))
    seq = draw(st.integers(0, 1 << 60))
    fragments = []
    for _ in range(draw(st.integers(1, 4))):
        units = []
        for _ in range(draw(st.integers(1, 5))):
            dts += draw(st.integers(0, (1 << 32) - 1))
            seq += draw(st.integers(1, 1000))
            pts = dts + draw(st.integers(1 - (1 << 31), (1 << 31) - 1))
            captured_ns = draw(st.integers(0, BIG))
            data = draw(st.binary(max_size=60))
            units.append(AccessUnit(UnitRef(STREAM, run, seq), pts, dts, captured_ns, draw(st.booleans()), 3, data))
        fragments.append(units)
    return fragments


def recorded(fragments: list[list[AccessUnit]]) -> bytes:
    run = fragments[0][0].ref.run
    parts = [init_segment(MJPEG, Source(STREAM, run, 3))]
    for number, units in enumerate(fragments):
        after = fragments[number + 1][0].dts if number + 1 < len(fragments) else None
        last = units[-1].dts
        end_dts = after if after is not None and after - last < 1 << 32 else last + 1
        parts.append(fragment(units, MJPEG, number + 1, end_dts=end_dts))
    return b"".join(parts)


def units_of(file: bytes, found: Scan) -> list[list[AccessUnit]]:
    assert found.init.source is not None
    source = found.init.source
    return [
        [
            AccessUnit(
                UnitRef(source.stream, piece.run, one.seq),
                one.sample.pts,
                one.sample.dts,
                one.captured_ns,
                one.sample.is_sync,
                source.params,
                file[one.sample.offset : one.sample.offset + one.sample.size],
            )
            for one in piece.units
        ]
        for piece in found.fragments
    ]


@given(fragments=runs_of_units())
def test_any_units_come_back_bit_exact_with_identity_and_capture_time(fragments: list[list[AccessUnit]]) -> None:
    file = recorded(fragments)
    found = scan(file)
    assert found.tail is None
    assert found.end == len(file)
    assert units_of(file, found) == fragments
    for piece in found.fragments:
        verify(file[piece.offset : piece.offset + piece.size], piece.digest)


@given(fragments=runs_of_units())
@settings(max_examples=10)
def test_cut_anywhere_the_fragments_before_the_cut_still_read(fragments: list[list[AccessUnit]]) -> None:
    file = recorded(fragments)
    whole = scan(file)
    for cut in range(len(file)):
        if cut < whole.init.size:
            with pytest.raises(PeerError):
                scan(file[:cut])
            continue
        found = scan(file[:cut])
        assert found.fragments == tuple(f for f in whole.fragments if f.offset + f.size <= cut)
        assert found.end == max([f.offset + f.size for f in found.fragments], default=whole.init.size)
        assert (found.tail is None) == (found.end == cut)


@given(fragments=runs_of_units(), noise=st.binary(min_size=1, max_size=300))
def test_noise_after_whole_fragments_is_told_as_a_tail(fragments: list[list[AccessUnit]], noise: bytes) -> None:
    file = recorded(fragments)
    found = scan(file + noise)
    assert found.end == len(file)
    assert found.tail is not None
    assert found.tail.offset >= len(file)


@given(noise=st.binary(max_size=2000))
def test_noise_alone_is_a_peer_error(noise: bytes) -> None:
    with pytest.raises(PeerError):
        scan(noise)
    with pytest.raises(PeerError):
        samples(noise)


@given(data=st.data())
@settings(max_examples=300)
def test_any_flipped_byte_gives_a_value_or_a_peer_error_and_never_goes_unseen(data: st.DataObject) -> None:
    params, coded = h264_stream(frames=4, gop=2, size=(64, 64))
    units = stamped(coded, STREAM)
    parts = [init_segment(params, Source(STREAM, 1)), fragment(units[:2], params, 1), fragment(units[2:], params, 2)]
    file = bytearray(b"".join(parts))
    digests = {digest_of(parts[1]), digest_of(parts[2])}
    place = data.draw(st.integers(0, len(file) - 1))
    file[place] ^= data.draw(st.integers(1, 255))
    try:
        found = scan(bytes(file))
    except PeerError:
        return
    if place < len(parts[0]):
        return
    sound = 0
    for piece in found.fragments:
        try:
            verify(bytes(file[piece.offset : piece.offset + piece.size]), piece.digest)
        except DataLoss:
            continue
        sound += piece.digest in digests
    damaged_is_the_box_head = place - len(parts[0]) in range(28) or place - len(parts[0] + parts[1]) in range(28)
    assert sound < 2 or damaged_is_the_box_head


def test_a_file_of_another_run_is_not_taken_for_ours() -> None:
    units = [AccessUnit(UnitRef(STREAM, 2, 0), 0, 0, 1, True, 0, b"x")]
    found = scan(init_segment(MJPEG, Source(STREAM, 1)) + fragment(units, MJPEG, 1))
    assert found.tail is not None
    assert found.fragments == ()


def test_a_fragment_without_stamps_is_not_taken_for_a_recording() -> None:
    units = [AccessUnit(UnitRef(STREAM, 1, 0), 0, 0, 1, True, 0, b"x")]
    found = scan(init_segment(MJPEG, Source(STREAM, 1)) + fragment(units, MJPEG, 1, stamps=False))
    assert found.tail is not None
    assert found.tail.code == "mp4-missing-box"


def test_a_length_that_promises_gigabytes_is_refused_without_reading_them() -> None:
    for kind in (b"mdat", b"moof", b"uuid"):
        file = init_segment(MJPEG) + b"\xff\xff\xff\xf0" + kind + bytes(100)
        found = scan(file)
        assert found.tail is not None
        assert found.end == len(init_segment(MJPEG))


def test_many_parameter_sets_make_a_long_init_that_still_reads() -> None:
    params, _ = h264_stream()
    sps, pps = params.sets[0], params.sets[1]
    long = VideoParams(Codec.H264, 320, 240, (sps, *(pps + bytes([n]) * 2000 for n in range(20))))
    written = init_segment(long, Source(STREAM, 1))
    assert len(written) > 40_000
    assert read_init(written).params == long


def test_payloads_are_not_read_by_a_scan() -> None:
    class Counting:
        def __init__(self, data: bytes) -> None:
            self.data, self.position, self.bytes_read = data, 0, 0

        def seek(self, offset: int, whence: int = 0, /) -> int:
            self.position = offset + (len(self.data) if whence == 2 else 0)
            return self.position

        def read(self, size: int = -1, /) -> bytes:
            self.bytes_read += size
            return self.data[self.position : self.position + size]

    units = [AccessUnit(UnitRef(STREAM, 1, n), n, n, n, True, 0, bytes(100_000)) for n in range(20)]
    file = Counting(init_segment(MJPEG, Source(STREAM, 1)) + b"".join(fragment([u], MJPEG, 1) for u in units))
    assert len(scan(file).fragments) == 20
    assert file.bytes_read < 100_000


@given(run=st.integers(0, (1 << 63) - 1), seq=st.integers(0, (1 << 63) - 1))
def test_what_the_cameras_memory_calls_the_first_unit_comes_back(run: int, seq: int) -> None:
    source = Source(STREAM, 4, 3, EdgeId(EdgeRun(run), seq))
    data = init_segment(MJPEG, source)
    assert read_init(data).source == source
    plain = init_segment(MJPEG, Source(STREAM, 4, 3))
    assert len(data) - len(plain) == 44, "a box beside the others, which may be left out"


@pytest.mark.parametrize("at", range(24, 44))
def test_an_edge_box_with_numbers_that_cannot_be_is_refused(at: int) -> None:
    data = bytearray(init_segment(MJPEG, Source(STREAM, 4, 3, EdgeId(EdgeRun(5), 6))))
    begin = data.index(EDGE_UUID) - 8
    data[begin + at] = 0xFF
    if at in (24, 28, 36):  # version, or the highest byte of a number
        with pytest.raises(PeerError):
            read_init(bytes(data))
    else:
        assert read_init(bytes(data)).source is not None
