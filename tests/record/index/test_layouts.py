"""Packed layouts: what goes in comes out, a few bytes a fragment, and damage is told."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import DataLoss, Invalid
from haechi.base.ids import RecordingId
from haechi.record.index.layouts import FragmentRow, Layout, append, layout_of, pack, rows_of, unpack

ONE = RecordingId(7)
COUNTS = st.integers(0, 1 << 40)
TIMES = st.integers(-(1 << 62), 1 << 62)
ROWS = st.builds(
    FragmentRow,
    number=COUNTS,
    offset_bytes=COUNTS,
    size_bytes=COUNTS,
    first_ns=TIMES,
    last_ns=TIMES,
    first_pts_ticks=TIMES,
    first_dts_ticks=TIMES,
    duration_ticks=COUNTS,
    first_seq=COUNTS,
    units=st.integers(1, 4096),
    is_sync=st.booleans(),
    digest=st.binary(min_size=16, max_size=16),
)


def steady(count: int) -> list[FragmentRow]:
    """Two seconds each, as a camera of 15 pictures a second sends them; capture times wander by microseconds."""
    rows, offset = [], 731
    for number in range(count):
        size = 350_000 + number * 7919 % 30_000
        first_ns = 1_763_712_000_123_456_789 + number * 2_000_000_000 + number * 104_729 % 90_000
        rows.append(
            FragmentRow(number + 1, offset, size, first_ns, first_ns + 1_933_333_333, number * 180_000,
                        number * 180_000, 180_000, number * 30, 30, True, bytes([number % 256]) * 16)
        )  # fmt: skip
        offset += size
    return rows


@given(st.lists(ROWS, max_size=40))
def test_what_is_packed_comes_back_exactly(rows: list[FragmentRow]) -> None:
    packed = pack(rows)
    assert rows_of(packed) == rows
    found = unpack(packed, ONE)
    assert [one.recording for one in found] == [ONE] * len(rows)
    fields = FragmentRow.__struct_fields__
    assert [[getattr(one, name) for name in fields] for one in found] == [
        [getattr(row, name) for name in fields] for row in rows
    ]


@given(st.lists(ROWS, max_size=12), st.integers(0, 12))
def test_it_does_not_matter_how_many_are_added_at_once(rows: list[FragmentRow], cut: int) -> None:
    packed = pack(rows[:cut])
    for row in rows[cut:]:
        packed = append(packed, row)
    assert packed == pack(rows)
    assert layout_of(packed) == Layout(packed, rows[-1] if rows else Layout().last)


@given(st.binary(max_size=400))
def test_noise_is_a_layout_or_is_told(noise: bytes) -> None:
    for packed in (noise, b"\x01" + noise):
        with suppress(DataLoss):
            rows = rows_of(packed)
            assert rows_of(pack(rows)) == rows


@given(st.lists(ROWS, min_size=1, max_size=5), st.data())
def test_a_layout_that_is_cut_anywhere_but_between_fragments_is_damaged(
    rows: list[FragmentRow], data: st.DataObject
) -> None:
    packed = pack(rows)
    whole = {len(pack(rows[:count])) for count in range(len(rows) + 1)}
    cut = data.draw(st.integers(0, len(packed) - 1))
    if cut in whole:
        assert rows_of(packed[:cut]) == rows[: sorted(whole).index(cut)]
    else:
        with pytest.raises(DataLoss, match="damaged"):
            rows_of(packed[:cut])


def test_a_steady_camera_takes_at_most_27_bytes_a_fragment() -> None:
    assert len(pack(steady(30))) <= 30 * 27


@pytest.mark.parametrize("wrong", [{"units": 0}, {"digest": b"short"}, {"size_bytes": -1}, {"first_ns": 1 << 70}])
def test_what_no_fragment_has_is_refused(wrong: dict[str, object]) -> None:
    values = {name: getattr(steady(1)[0], name) for name in FragmentRow.__struct_fields__}
    with pytest.raises(Invalid, match="cannot be listed"):
        pack([FragmentRow(**(values | wrong))])
