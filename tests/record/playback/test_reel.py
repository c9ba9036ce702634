"""What a player that feeds its own decoder is given: stored bytes, each at its wall time, without seams."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import pytest
from av.container import InputContainer
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import DataLoss, Invalid, NotFound
from haechi.base.ids import RecordingId, StreamId
from haechi.bus.frames import GapCause
from haechi.media.access_unit import AccessUnit, CodecParams, UnitRef
from haechi.media.fmp4.muxer import fragment
from haechi.media.fmp4.reader import headers_size, read_fragment, read_init, samples, scan, verify
from haechi.record.index.layouts import Fragment
from haechi.record.index.spans import fragments_in
from haechi.record.playback.pieces import Piece, offsets_us, us_of
from haechi.record.playback.reel import PieceList, Reel
from tests.record.archive import JPEG, MAIN, Archive, after, pictures
from tests.streams import START_NS, h264_stream, h265_stream, stamped

Recorded = tuple[CodecParams, list[AccessUnit]]
FRAME_US = 100_000


def record(archive: Archive, *runs: Recorded) -> Reel:
    """Record runs one after the other."""

    async def play() -> None:
        async with archive:
            for params, units in runs:
                archive.publish(params, units)
                archive.end_run(units[0].ref.stream, GapCause.STALLED)
                await archive.settle()

    asyncio.run(play())
    return Reel(archive.index, archive.playback.vault)


def drifting(units: Sequence[AccessUnit], ppm: int) -> list[AccessUnit]:
    """The same from a camera whose clock is off by so much: stamps are of our clock."""
    first = units[0].captured_ns
    moved = [first + (unit.captured_ns - first) * (1_000_000 + ppm) // 1_000_000 for unit in units]
    return [structs.replace(unit, captured_ns=at) for unit, at in zip(units, moved, strict=True)]


def pieces(reel: Reel, start_ns: int, end_ns: int, *, only_syncs: bool = False) -> PieceList:
    return asyncio.run(reel.pieces(MAIN, start_ns, end_ns, only_syncs=only_syncs))


def bytes_of(archive: Archive, piece: Piece) -> bytes:
    """What a range request for the piece gives."""
    data = archive.playback.vault.read(piece.recording, 0, piece.recording.size_bytes)
    return data[piece.fragment.offset_bytes :][: piece.fragment.size_bytes]


def test_pieces_are_the_stored_fragments_and_stand_at_the_wall_time_of_their_first_unit(archive: Archive) -> None:
    params, coded = h264_stream(frames=150, fps=15, gop=30, size=(64, 64))
    units = stamped(coded, MAIN, first_ticks=7_000_000)
    reel = record(archive, (params, units))
    found = pieces(reel, units[40].captured_ns, units[100].captured_ns)
    data = [bytes_of(archive, piece) for piece in found.pieces]
    got = [
        (unit.seq, part[unit.sample.offset :][: unit.sample.size])
        for part in data
        for unit in read_fragment(part).units
    ]
    assert got == [(unit.ref.seq, unit.data) for unit in units[30:120]]
    assert [piece.first_us for piece in found.pieces] == [units[n].captured_ns // 1000 for n in (30, 60, 90)]
    assert [piece.media_us for piece in found.pieces] == [us_of(samples(part)[0].dts) for part in data]
    assert [piece.duration_us for piece in found.pieces] == [2_000_000] * 3
    init = found.inits[0]
    whole = archive.playback.vault.read(found.pieces[0].recording, 0, init.size_bytes)
    assert (read_init(whole).params, init.params, found.next_ns) == (params, params, None)


def test_where_pictures_are_reordered_a_piece_begins_where_its_first_picture_is_shown(archive: Archive) -> None:
    params, coded = h264_stream(frames=150, fps=15, gop=30, size=(64, 64), bframes=2)
    units = stamped(coded, MAIN, first_ticks=7_000_000)
    assert any(unit.pts != unit.dts for unit in units)
    reel = record(archive, (params, units))
    found = pieces(reel, START_NS, after(units, 1)).pieces
    shown = asyncio.run(reel.units(MAIN, START_NS, after(units, 1)))
    for piece in found:
        own = [one.shown_us for one in shown if 0 <= one.seq - piece.fragment.first_seq < piece.fragment.units]
        assert abs(piece.first_us - min(own)) <= 1
        assert abs(piece.end_us - max(own) - 66_667) <= 2
    assert max(abs(one.shown_us - one.captured_us) for one in shown if one.is_sync) <= 1_000
    assert [one.shown_us for one in shown] == sorted(one.shown_us for one in shown)


def test_a_player_may_append_the_pieces_of_several_runs_without_a_seam_it_would_stop_at(archive: Archive) -> None:
    """Five minutes of a camera whose clock is 0.02 % off, a reconnect, and a minute of one that is 0.05 % slow."""
    first = drifting(pictures(3000), 200)
    second = drifting(pictures(600, UnitRef(MAIN, 2, 0), after(first, 5)), -500)
    reel = record(archive, (JPEG, first), (JPEG, second))
    found = pieces(reel, START_NS, after(second, 1)).pieces
    assert {piece.recording.run for piece in found} == {1, 2}
    for before, piece in pairwise(found):
        if before.recording.run == piece.recording.run:
            assert abs(piece.first_us - before.end_us) <= FRAME_US
        else:
            assert abs(piece.first_us - before.end_us - 5_000_000) <= FRAME_US
    shown = asyncio.run(reel.units(MAIN, START_NS, after(second, 1)))
    assert [(one.run, one.seq) for one in shown] == [(one.ref.run, one.ref.seq) for one in (*first, *second)]
    assert [one.captured_us for one in shown] == [one.captured_ns // 1000 for one in (*first, *second)]
    assert max(abs(one.shown_us - one.captured_us) for one in shown) <= FRAME_US
    assert all(0 < b.shown_us - a.shown_us <= 2 * FRAME_US for a, b in pairwise(shown) if a.run == b.run)


def test_where_a_unit_stands_does_not_depend_on_the_range_that_is_asked_for(archive: Archive) -> None:
    units = drifting(pictures(1300), 900)
    reel = record(archive, (JPEG, units))
    whole = {one.seq: one.shown_us for one in asyncio.run(reel.units(MAIN, START_NS, after(units, 1)))}
    for n in range(0, 1300, 170):
        part = asyncio.run(reel.units(MAIN, units[n].captured_ns, after(units, 1)))
        assert {one.seq: one.shown_us for one in part} == {seq: us for seq, us in whole.items() if seq >= n}


@given(st.lists(st.tuples(st.integers(-3_000_000, 3_000_000), st.booleans()), min_size=1, max_size=30))
def test_an_offset_changes_only_where_decoding_can_begin_and_by_no_less_than_is_seen(
    steps: list[tuple[int, bool]],
) -> None:
    made = [
        Fragment(n, 100, 10, START_NS + n * 2 * NS_PER_S + us * 1000, 1 << 62, n * 180_000,
                 n * 180_000, 180_000, 600 + n * 20, 20, is_sync, b"", RecordingId(1))
        for n, (us, is_sync) in enumerate(steps)
    ]  # fmt: skip
    offsets = offsets_us(made)
    assert offsets[0] == START_NS // 1000 + steps[0][0]
    for one, before, now in zip(made[1:], offsets, offsets[1:], strict=False):
        true_us = one.first_ns // 1000 - us_of(one.first_dts_ticks)
        is_far = abs(true_us - before) > 50_000
        assert now == (true_us if one.is_sync and is_far else before)


@pytest.mark.parametrize("late_ms", [[67, 67], [90], [250, 180, 100, 20]])
def test_pictures_that_came_late_where_a_run_begins_hide_none_of_those_after_them(
    archive: Archive, late_ms: list[int]
) -> None:
    late_ns = [ms * NS_PER_MS for ms in late_ms] + [0] * 60
    units = [
        structs.replace(unit, captured_ns=unit.captured_ns + late)
        for unit, late in zip(pictures(60), late_ns, strict=False)
    ]
    reel = record(archive, (JPEG, units))
    shown = asyncio.run(reel.units(MAIN, START_NS, after(units, 1)))
    assert [one.seq for one in shown] == list(range(60))
    found = pieces(reel, START_NS, after(units, 1)).pieces
    assert all(before.end_us <= piece.first_us for before, piece in pairwise(found))
    assert all(one.shown_us == one.captured_us for one in shown[len(late_ms) :])


def test_asking_on_gives_every_piece_once_more_than_a_call_may_give(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = pictures(1200)
    reel = record(archive, (JPEG, units))
    monkeypatch.setattr("haechi.record.playback.reel.PIECES_MOST", 7)
    monkeypatch.setattr("haechi.record.playback.reel.PIECES_MOST_NS", 30 * NS_PER_S)
    seen: list[tuple[int, int]] = []
    at: int | None = START_NS
    while at is not None:
        found = pieces(reel, at, START_NS + 7200 * NS_PER_S)
        rows = [(piece.recording.id, piece.fragment.offset_bytes) for piece in found.pieces]
        seen += [row for row in rows if row not in seen]
        at = found.next_ns
    whole = [piece for recording in archive.recordings() for piece in archive_fragments(archive, recording.id)]
    assert seen == whole


def archive_fragments(archive: Archive, recording: RecordingId) -> list[tuple[int, int]]:
    found = archive.database.read_now(lambda c: fragments_in(c, [recording]))
    return [(one.recording, one.offset_bytes) for one in found]


def test_a_range_without_footage_tells_where_the_next_footage_begins(archive: Archive) -> None:
    first = pictures(40)
    second = pictures(40, UnitRef(MAIN, 2, 0), after(first, 3 * 3600))
    reel = record(archive, (JPEG, first), (JPEG, second))
    found = pieces(reel, after(first, 60), after(second, 60))
    assert (found.pieces, found.next_ns) == ((), second[0].captured_ns)
    assert pieces(reel, after(first, 60), after(first, 120)).next_ns is None


def test_ranges_that_make_no_sense_or_are_too_long_are_refused(archive: Archive) -> None:
    reel = Reel(archive.index, archive.playback.vault)
    for start, end in ((5, 5), (6, 5), (-1, 5), (0, 1 << 62)):
        with pytest.raises(Invalid, match="backwards"):
            pieces(reel, start, end)
    with pytest.raises(Invalid, match="longer than 10 minutes"):
        asyncio.run(reel.units(MAIN, 0, 601 * NS_PER_S))
    for step_ns in (0, NS_PER_MS):
        with pytest.raises(Invalid, match="steps"):
            asyncio.run(reel.syncs(MAIN, 0, 3600 * NS_PER_S, step_ns))


def test_units_of_reordered_pictures_come_as_they_are_shown(archive: Archive) -> None:
    params, coded = h264_stream(frames=60, fps=15, gop=30, size=(64, 64), bframes=2)
    reel = record(archive, (params, stamped(coded, MAIN)))
    shown = [one.shown_us for one in asyncio.run(reel.units(MAIN, START_NS, START_NS + 9 * NS_PER_S))]
    steps = {round((b - a) / 1000) for a, b in pairwise(shown)}
    assert len(shown) == 60
    assert steps <= {66, 67}


def syncs(reel: Reel, start_ns: int, end_ns: int, step_ns: int) -> bytes:
    async def read() -> bytes:
        return b"".join([part async for part in await reel.syncs(MAIN, start_ns, end_ns, step_ns)])

    return asyncio.run(read())


def packets(data: bytes) -> list[tuple[float, bytes]]:
    """Time in seconds and payload of each unit of a file."""
    with av.open(BytesIO(data), "r", format="mp4") as container:
        assert isinstance(container, InputContainer)
        found = [packet for packet in container.demux(video=0) if packet.size]
        return [(float((packet.pts or 0) * packet.time_base), bytes(packet)) for packet in found]


def moofs_of(data: bytes) -> list[bytes]:
    """Each moof with the mdat after it."""
    found, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"moof":
            after_moof = position + size
            size += int.from_bytes(data[after_moof : after_moof + 4], "big")
            found.append(data[position : position + size])
        position += size
    return found


def test_sync_units_alone_are_bit_identical_and_stand_at_their_wall_time(archive: Archive) -> None:
    params, coded = h264_stream(frames=150, fps=15, gop=15, size=(64, 64))
    units = stamped(coded, MAIN, first_ticks=9_000_000)
    reel = record(archive, (params, units))
    start_ns = units[40].captured_ns
    got = packets(syncs(reel, start_ns, units[140].captured_ns, 2 * NS_PER_S))
    wanted = [units[n] for n in (30, 60, 90, 120)]
    assert [data for _, data in got] == [unit.data for unit in wanted]
    for (at_s, _), unit in zip(got, wanted, strict=True):
        assert at_s == pytest.approx(max(0, unit.captured_ns - start_ns) / NS_PER_S, abs=1e-4)
    every = packets(syncs(reel, start_ns, units[140].captured_ns, NS_PER_S))
    assert [data for _, data in every] == [units[n].data for n in range(30, 140, 15)]


def test_sync_units_hold_until_the_next_one_but_not_into_a_gap_and_a_new_coding_is_announced(archive: Archive) -> None:
    small, coded = h264_stream(frames=45, fps=15, gop=15, size=(64, 64))
    large, more = h264_stream(frames=45, fps=15, gop=15, size=(96, 64))
    first = stamped(coded, MAIN)
    second = stamped(more, MAIN, run=2, start_ns=after(first, 10))
    reel = record(archive, (small, first), (large, second))
    data = syncs(reel, START_NS, after(second, 1), NS_PER_S)
    assert data.count(b"ftyp") == 2
    rows = [(one.dts, one.duration) for part in moofs_of(data) for one in samples(part)]
    for (at, lasts), (following, _) in pairwise(rows[:3]):
        assert abs(at + lasts - following) <= 1
    assert rows[2][0] + rows[2][1] == pytest.approx(3 * 90_000, abs=6_500)
    assert rows[3][0] == pytest.approx((after(first, 10) - START_NS) * 90_000 / NS_PER_S, abs=2)


def test_a_change_of_codec_ends_the_sync_units(archive: Archive) -> None:
    first_params, coded = h264_stream(frames=30, fps=15, gop=15, size=(64, 64))
    second_params, more = h265_stream(frames=30, fps=15, gop=15, size=(64, 64))
    first = stamped(coded, MAIN)
    second = stamped(more, MAIN, run=2, start_ns=after(first, 2))
    reel = record(archive, (first_params, first), (second_params, second))
    assert len(packets(syncs(reel, START_NS, after(second, 1), NS_PER_S))) == 2


def test_a_damaged_fragment_is_left_out_of_the_sync_units_and_nothing_at_all_is_not_found(archive: Archive) -> None:
    params, coded = h264_stream(frames=90, fps=15, gop=30, size=(64, 64))
    units = stamped(coded, MAIN)
    reel = record(archive, (params, units))
    piece = pieces(reel, START_NS, after(units, 1)).pieces[1]
    path = Path(archive.files()[0])
    data = bytearray(path.read_bytes())
    data[piece.fragment.offset_bytes + 4 : piece.fragment.offset_bytes + 8] = b"free"
    path.write_bytes(bytes(data))
    assert [data for _, data in packets(syncs(reel, START_NS, after(units, 1), NS_PER_S))] == [
        units[0].data,
        units[60].data,
    ]
    with pytest.raises(DataLoss):
        asyncio.run(reel.units(MAIN, START_NS, after(units, 1)))
    with pytest.raises(NotFound, match="no picture"):
        syncs(reel, after(units, 60), after(units, 120), NS_PER_S)
    with pytest.raises(NotFound, match="no picture"):
        asyncio.run(reel.syncs(StreamId("cam_other/main"), START_NS, after(units, 1), NS_PER_S))


def filmed(reel: Reel, start_ns: int, end_ns: int) -> bytes:
    async def read() -> bytes:
        return b"".join([part async for part in await reel.film(MAIN, start_ns, end_ns)])

    return asyncio.run(read())


def test_a_film_holds_every_unit_bit_for_bit_with_its_stamp_over_files_and_runs(archive: Archive) -> None:
    params, coded = h264_stream(frames=150, fps=15, gop=30, size=(64, 64))
    first = drifting(stamped(coded, MAIN, first_ticks=5_000_000), 900)
    second = stamped(coded, MAIN, run=2, start_ns=after(first, 4))
    reel = record(archive, (params, first), (params, second))
    data = filmed(reel, first[40].captured_ns, second[70].captured_ns)
    wanted = [*first[30:], *second[:90]]
    found = scan(data)
    got = [(unit.captured_ns, unit.seq) for piece in found.fragments for unit in piece.units]
    assert got == [(unit.captured_ns, unit.ref.seq) for unit in wanted]
    assert [payload for _, payload in packets(data)] == [unit.data for unit in wanted]
    assert found.tail is None
    for piece in found.fragments:
        verify(data[piece.offset : piece.offset + piece.size], piece.digest)
    times = [unit.sample.dts for piece in found.fragments for unit in piece.units]
    assert times[0] == 0
    assert all(a < b for a, b in pairwise(times))
    true = [(unit.captured_ns - first[30].captured_ns) * 90_000 // NS_PER_S for unit in wanted]
    assert max(abs(a - b) for a, b in zip(times, true, strict=True)) <= 6_000


def test_a_film_leaves_damage_out_and_ends_where_the_coding_changes(archive: Archive) -> None:
    params, coded = h264_stream(frames=90, fps=15, gop=30, size=(64, 64))
    other, more = h264_stream(frames=30, fps=15, gop=15, size=(96, 64))
    units = stamped(coded, MAIN)
    reel = record(archive, (params, units), (other, stamped(more, MAIN, run=2, start_ns=after(units, 1))))
    piece = pieces(reel, START_NS, after(units, 0)).pieces[1]
    path = archive.files()[0]
    damaged = bytearray(path.read_bytes())
    damaged[piece.fragment.offset_bytes + piece.fragment.size_bytes - 1] ^= 1
    path.write_bytes(bytes(damaged))
    got = [payload for _, payload in packets(filmed(reel, START_NS, after(units, 9)))]
    assert got == [unit.data for unit in (*units[:30], *units[60:])]
    with pytest.raises(NotFound, match="nothing is recorded"):
        filmed(reel, after(units, 60), after(units, 90))
    with pytest.raises(Invalid, match="longer than"):
        filmed(reel, START_NS, START_NS + 25 * 3600 * NS_PER_S)


@settings(max_examples=50)
@given(count=st.integers(1, 300), cut=st.integers(0, 400))
def test_the_head_of_a_fragment_is_as_long_as_is_said(count: int, cut: int) -> None:
    units = pictures(count)
    data = fragment(units, JPEG, 1)
    size = headers_size(count)
    assert data[size - 4 : size] == b"mdat"
    assert data[size : size + len(units[0].data)] == units[0].data
