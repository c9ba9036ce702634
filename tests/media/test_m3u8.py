"""Playlists of others: what RFC 8216 allows is read, what leads astray or never ends is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import HaechiError, PeerError
from haechi.media.m3u8 import MOST_BYTES, MediaList, Span, Variant, best_variant, parse_playlist

BASE = "http://site/cams/live.m3u8?key=1"
MASTER = """#EXTM3U
#EXT-X-VERSION:6
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English, loud",URI="a.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=800000,CODECS="avc1.4d401e,mp4a.40.2",RESOLUTION=640x360
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=9000000,CODECS="av01.0.08M.08",RESOLUTION=3840x2160
best-av1.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=4000000,CODECS="hvc1.1.6.L93.B0,mp4a.40.2",RESOLUTION=1920x1080
sub/high.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=3000000,CODECS="avc1.640028",RESOLUTION=1920x1080
/mid.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS="mp4a.40.2"
sound.m3u8
"""


def listed(text: str, uri: str = BASE) -> MediaList:
    found = parse_playlist(text.encode(), uri)
    assert isinstance(found, MediaList)
    return found


def refusal(text: str | bytes) -> PeerError:
    with pytest.raises(PeerError) as caught:
        parse_playlist(text if isinstance(text, bytes) else text.encode(), BASE)
    assert caught.value.code == "hls-bad-playlist"
    return caught.value


def test_of_variants_the_largest_picture_that_is_taken_in_as_it_is_wins() -> None:
    variants = parse_playlist(MASTER.encode(), BASE)
    assert isinstance(variants, tuple)
    assert [one.codec for one in variants] == ["h264", "av01", "h265", "h264"]
    assert best_variant(variants) == Variant("http://site/cams/sub/high.m3u8", 4_000_000, "h265", 1080)


def test_variants_that_tell_no_coding_are_tried() -> None:
    variants = parse_playlist(b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na\n#EXT-X-STREAM-INF:BANDWIDTH=9\nb\n", BASE)
    assert isinstance(variants, tuple)
    assert best_variant(variants).uri == "http://site/cams/b"


def test_where_no_variant_can_be_taken_in_it_is_said() -> None:
    with pytest.raises(HaechiError) as caught:
        best_variant((Variant("http://site/x", 1, "av01", 1080),))
    assert caught.value.code == "hls-no-variant"


def test_segments_are_numbered_joined_to_the_playlist_and_marked_where_they_break() -> None:
    found = listed(
        """#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:7
#EXTINF:4.000,title, with a comma
a.ts
#EXTINF:3.5,
#EXT-X-DISCONTINUITY
https://cdn/b.ts?x=1
# a comment

#EXT-X-UNKNOWN-TAG:1
#EXTINF:2
/c.ts
"""
    )
    assert [(one.number, one.span.uri, one.duration_s, one.is_break) for one in found.segments] == [
        (7, "http://site/cams/a.ts", 4.0, False),
        (8, "https://cdn/b.ts?x=1", 3.5, True),
        (9, "http://site/c.ts", 2.0, False),
    ]
    assert (found.target_s, found.is_over) == (4.0, False)


def test_byte_ranges_go_on_from_one_to_the_next() -> None:
    found = listed(
        """#EXTM3U
#EXT-X-TARGETDURATION:1
#EXT-X-MAP:URI="all.mp4",BYTERANGE="800@0"
#EXTINF:1
#EXT-X-BYTERANGE:1000@800
all.mp4
#EXTINF:1
#EXT-X-BYTERANGE:500
all.mp4
#EXTINF:1
#EXT-X-BYTERANGE:70
other.mp4
#EXT-X-ENDLIST
"""
    )
    assert [one.span for one in found.segments] == [
        Span("http://site/cams/all.mp4", 800, 1000),
        Span("http://site/cams/all.mp4", 1800, 500),
        Span("http://site/cams/other.mp4", 0, 70),
    ]
    assert {one.init for one in found.segments} == {Span("http://site/cams/all.mp4", 0, 800)}
    assert found.is_over


def test_what_is_encrypted_is_marked_and_what_comes_after_the_key_is_lifted_is_not() -> None:
    found = listed(
        """#EXTM3U
#EXT-X-TARGETDURATION:1
#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x1
#EXTINF:1
a
#EXT-X-KEY:METHOD=NONE
#EXTINF:1
b
"""
    )
    assert [one.is_locked for one in found.segments] == [True, False]


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "ftp://x/a", "concat:a|b", "data:,x", "rtsp://x/", "tcp://x:1"])
def test_only_http_leads_on(uri: str) -> None:
    refusal(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1\n{uri}\n")


def test_what_ffmpeg_would_take_for_a_protocol_is_a_path_at_the_same_server() -> None:
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1\n./subfile,,start,0,end,9,,:/etc/passwd\n"
    assert listed(text).segments[0].span.uri.startswith("http://site/cams/subfile,")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "ffconcat version 1.0\nfile 'http://127.0.0.1/x'\n",
        "#EXTM3U\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\na.ts\n",
        "#EXTM3U\n#EXTINF:nan\na.ts\n",
        "#EXTM3U\n#EXTINF:1e9\na.ts\n",
        "#EXTM3U\n#EXTINF:-1\na.ts\n",
        "#EXTM3U\n#EXTINF:999999\na.ts\n",
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x\n#EXTINF:1\na.ts\n",
        "#EXTM3U\n#EXTINF:1\n#EXT-X-BYTERANGE:1@\na.ts\n",
        "#EXTM3U\n#EXTINF:1\n" + "x" * 5000 + "\n",
        "#EXTM3U\n" + "#EXT-X-STREAM-INF:BANDWIDTH=1\na\n" * 500,
        b"#EXTM3U\n#EXTINF:1\na\n" + bytes(MOST_BYTES),
    ],
)
def test_what_is_no_playlist_or_too_much_of_one_is_refused(text: str | bytes) -> None:
    refusal(text)


@given(st.lists(st.sampled_from([*MASTER.splitlines(), "#EXTINF:1", "a", "#EXT-X-KEY:METHOD=A", "#EXT-X-MAP:URI=x"])))
def test_any_order_of_lines_gives_a_playlist_or_an_error_of_the_house(lines: list[str]) -> None:
    try:
        parse_playlist("\n".join(["#EXTM3U", *lines]).encode(), BASE)
    except HaechiError:
        return
