"""Playlists of others."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.m3u8 import MediaList, best_variant, parse_playlist

from tests.media.test_m3u8 import BASE, MASTER

MEDIA = b"""#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI="all.mp4",BYTERANGE="800@0"
#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x1
#EXTINF:4.000,title
#EXT-X-BYTERANGE:1000@800
a.ts
#EXT-X-DISCONTINUITY
#EXTINF:1
https://cdn/b.ts?x=1
#EXT-X-ENDLIST
"""


def one(data: bytes) -> None:
    found = parse_playlist(data, BASE)
    if isinstance(found, MediaList):
        assert all(segment.span.uri.startswith(("http://", "https://")) for segment in found.segments)
        assert all(segment.duration_s >= 0 for segment in found.segments)
    else:
        best_variant(found)


def seeds() -> list[bytes]:
    return [MASTER.encode(), MEDIA]


if __name__ == "__main__":
    fuzz(one, seeds())
