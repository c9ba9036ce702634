"""How fast a camera gives out of its memory, on links of all kinds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.media.reverse.share import LEAST_WINDOW_BYTES, LINK_SHARE, MOST_WINDOW_BYTES, Share

FAST = 1 << 30


def played(share: Share, link_bytes_per_s: float, way_s: float, windows: int) -> tuple[float, float]:
    """What a link carries: bytes a second over the last half, and how long a picture may have had to wait."""
    share.read(0, way_s)
    sent, passed_s, worst_s = 0.0, 0.0, 0.0
    for number in range(windows):
        window = share.window_bytes
        took_s = way_s + window / link_bytes_per_s
        rest_s = share.read(window, took_s)
        if number >= windows // 2:
            sent, passed_s = sent + window, passed_s + took_s + rest_s
            worst_s = max(worst_s, window / link_bytes_per_s)
    return sent / passed_s, worst_s


@pytest.mark.parametrize("megabits", [0.25, 1.0, 4.0, 20.0])
@pytest.mark.parametrize("way_s", [0.001, 0.04, 0.15])
def test_no_more_than_its_share_of_the_link_and_live_never_waits_for_long(megabits: float, way_s: float) -> None:
    link = megabits * 125_000
    rate, worst_s = played(Share(FAST), link, way_s, 60)
    assert rate <= LINK_SHARE * link * 1.001
    assert worst_s <= max(0.25, LEAST_WINDOW_BYTES / link * 1.01)


def test_a_far_away_server_on_a_fast_link_gets_it_fast() -> None:
    rate, _ = played(Share(FAST), 1e9, 0.1, 60)
    assert rate > 1_000_000


def test_the_server_says_how_fast_at_most() -> None:
    rate, _ = played(Share(50_000), 1e9, 0.001, 200)
    assert rate <= 50_100


@given(st.lists(st.tuples(st.integers(0, MOST_WINDOW_BYTES), st.floats(0, 100)), max_size=30))
def test_whatever_is_measured_the_window_stays_in_its_bounds_and_rest_is_never_negative(
    measured: list[tuple[int, float]],
) -> None:
    share = Share(1000)
    for sent, took_s in measured:
        assert share.read(sent, took_s) >= 0
        assert LEAST_WINDOW_BYTES <= share.window_bytes <= MOST_WINDOW_BYTES
