"""AMF0: what is written is read, what is malformed is an error, nothing is deeper or longer than it may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media.rtmp.amf import Value, decode, encode

TEXT = st.text(max_size=20)
NAMES = st.text(min_size=1, max_size=9)
PLAIN: st.SearchStrategy[Value] = st.one_of(st.none(), st.booleans(), st.floats(allow_nan=False), TEXT)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(min_size=1, max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=5))
def test_values_come_back_as_they_were(values: list[Value]) -> None:
    try:
        found = decode(encode(*values))
    except PeerError:
        return  # deeper than commands are
    assert found == values


def test_a_command_of_a_real_server_is_read() -> None:
    data = bytes.fromhex(
        "0200075f726573756c74003ff0000000000000030006666d7356657202000d464d532f332c302c312c313233000c6361706162696c6974696573"
        "00403f00000000000000000903000 56c6576656c020006737461747573000009".replace(" ", "")
    )
    assert decode(data) == [
        "_result",
        1.0,
        {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0},
        {"level": "status"},
    ]


@pytest.mark.parametrize(
    "data", [b"\x02\xff\xff", b"\x03" * 40, b"\x0a\xff\xff\xff\xff", b"\x00\x01", b"\x7f", b"\x05" * 2000]
)
def test_what_is_malformed_or_endless_is_an_error(data: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        decode(data)
    assert caught.value.code == "rtmp-bad-message"


@given(st.binary(max_size=200))
def test_nonsense_gives_values_or_the_error_of_the_house(data: bytes) -> None:
    try:
        decode(data)
    except PeerError:
        return
