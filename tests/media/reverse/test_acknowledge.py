"""What the server says is on its disk."""

from hypothesis import given
from hypothesis import strategies as st

from haechi.media.reverse.acknowledge import MOST_SPANS, Acknowledged, acknowledgement, parse_acknowledgement
from haechi.media.reverse.edge import MOST_EDGE_RUN, EdgeRun
from haechi.media.reverse.spans import union
from haechi.media.rtsp.deframer import MAX_BODY_BYTES

SPANS = st.lists(
    st.tuples(st.integers(0, 1 << 48), st.integers(1, 1000)).map(lambda one: (one[0], one[0] + one[1])), min_size=1
).map(union)
LINES = st.lists(
    st.builds(Acknowledged, st.sampled_from(["main", "audio"]), st.integers(1, MOST_EDGE_RUN).map(EdgeRun), SPANS),
    max_size=70,
)


@given(LINES)
def test_what_is_said_is_understood_and_never_too_long(lines: list[Acknowledged]) -> None:
    body = acknowledgement(lines)
    assert len(body) < MAX_BODY_BYTES
    heard = parse_acknowledgement(body)
    for said, one in zip(lines, heard, strict=False):
        assert (one.role, one.run) == (said.role, said.run)
        assert set(one.spans) <= set(said.spans)
        assert len(one.spans) == min(len(said.spans), MOST_SPANS)
        assert one.spans[0] == said.spans[0]
        assert one.spans[-1] == said.spans[-1]


def test_the_documented_line() -> None:
    body = acknowledgement([Acknowledged("main", EdgeRun(4711), ((0, 1200), (1500, 1800)))])
    assert body == b"haechi-held: main 4711 0-1200,1500-1800\r\n"


@given(st.binary(max_size=300))
def test_noise_is_passed_over(noise: bytes) -> None:
    assert all(first < end for one in parse_acknowledgement(noise) for first, end in one.spans)


def test_what_is_wrong_in_a_line_is_left_out() -> None:
    body = b"other: 1\r\nHAECHI-HELD: main 5 9-3,1-2,x-4,7\r\nhaechi-held: sub 5 1-2\r\nhaechi-held: main -5 1-2\r\n"
    assert parse_acknowledgement(body) == [Acknowledged("main", EdgeRun(5), ((1, 2),))]
