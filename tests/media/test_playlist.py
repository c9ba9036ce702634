"""HLS playlists as text."""

from hypothesis import given
from hypothesis import strategies as st

from haechi.media.playlist import MediaSegment, vod_playlist

FIRST = MediaSegment("a.mp4", 700, 700, 1000, 6.0, 1_763_712_000_123_000_000, follows=False)


def test_a_playlist_of_two_files_and_a_break_reads_as_the_standard_asks() -> None:
    text = vod_playlist(
        [
            FIRST,
            MediaSegment("a.mp4", 700, 1700, 500, 3.5, 0, follows=True),
            MediaSegment("b.mp4", 800, 800, 500, 2.0, 1_763_712_060_000_000_000, follows=False),
        ]
    )
    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:6",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="a.mp4",BYTERANGE="700@0"',
        "#EXT-X-PROGRAM-DATE-TIME:2025-11-21T08:00:00.123Z",
        "#EXTINF:6.00000,",
        "#EXT-X-BYTERANGE:1000@700",
        "a.mp4",
        "#EXTINF:3.50000,",
        "#EXT-X-BYTERANGE:500@1700",
        "a.mp4",
        "#EXT-X-DISCONTINUITY",
        '#EXT-X-MAP:URI="b.mp4",BYTERANGE="800@0"',
        "#EXT-X-PROGRAM-DATE-TIME:2025-11-21T08:01:00.000Z",
        "#EXTINF:2.00000,",
        "#EXT-X-BYTERANGE:500@800",
        "b.mp4",
        "#EXT-X-ENDLIST",
    ]


def test_a_file_that_goes_on_where_the_last_one_ended_is_no_discontinuity() -> None:
    text = vod_playlist([FIRST, MediaSegment("b.mp4", 700, 700, 500, 2.0, 0, follows=True)])
    assert "DISCONTINUITY" not in text
    assert text.count("#EXT-X-MAP") == 2


def test_an_empty_range_is_a_valid_playlist() -> None:
    assert vod_playlist([]).endswith("#EXT-X-ENDLIST\n")


@given(uri=st.text(max_size=20))
def test_no_uri_can_begin_a_line_or_a_tag_of_its_own(uri: str) -> None:
    segment = MediaSegment(uri, 1, 1, 1, 1.0, 0, follows=False)
    try:
        text = vod_playlist([segment])
    except ValueError:
        return
    assert len(text.split("\n")) == len(vod_playlist([FIRST]).split("\n"))
