"""Addresses as people paste them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Invalid
from haechi.media.url import Url, joined, without_user_info


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://h/a", Url("rtsp://h/a", "h", 554, False, "", "")),
        ("RTSPS://h", Url("rtsps://h/", "h", 322, True, "", "")),
        ("rtsp://u:p%40%2f@h:8554/a?b=c", Url("rtsp://h:8554/a?b=c", "h", 8554, False, "u", "p@/")),
        ("rtsp://u:p@ss@h/a", Url("rtsp://h/a", "h", 554, False, "u", "p@ss")),
        ("rtsp://[fe80::1]:554/a", Url("rtsp://[fe80::1]:554/a", "fe80::1", 554, False, "", "")),
        ("rtsp://H/%41%zz", Url("rtsp://H/%41%zz", "h", 554, False, "", "")),
        ("rtsp://u%:%E2%82%AC@h/", Url("rtsp://h/", "h", 554, False, "u%", "€")),
        ("rtsp://h?x=@1", Url("rtsp://h?x=@1", "h", 554, False, "", "")),
    ],
)
def test_an_address_is_taken_apart(text: str, expected: Url) -> None:
    assert Url.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "http://h/", "rtsp://", "rtsp://u:canary@", "rtsp://h:99999/", "rtsp://h:x/", "rtsp://h/a b", "rtsp://h\r\nX"],
)
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Url.parse(text)
    assert caught.value.code == "bad-url"
    assert "canary" not in str(caught.value)


@given(st.text(max_size=60))
def test_noise_is_invalid_or_an_address(text: str) -> None:
    for noise in (text, f"rtsp://{text}"):
        try:
            url = Url.parse(noise)
        except Invalid:
            continue
        assert url.host


def test_user_info_is_taken_out_of_what_cameras_send() -> None:
    assert without_user_info("rtsp://u:p@h/a@b") == "rtsp://h/a@b"
    assert without_user_info("trackID=1") == "trackID=1"


@pytest.mark.parametrize(
    ("reference", "meant"),
    # RFC 3986 section 5.4.1, with the base http://a/b/c/d;p?q
    [
        ("g:h", "g:h"),
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q#s"),
        ("g?y#s", "http://a/b/c/g?y#s"),
        (";x", "http://a/b/c/;x"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        ("g?y/./x", "http://a/b/c/g?y/./x"),
    ],
)
def test_references_are_joined_as_the_standard_has_it(reference: str, meant: str) -> None:
    assert joined("http://a/b/c/d;p?q", reference) == meant
