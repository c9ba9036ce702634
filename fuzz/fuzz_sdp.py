"""Session descriptions, and the depacketisers that they ask for."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media import sdp
    from haechi.media.depacketise import depacketiser_for
    from haechi.media.rtsp.tracks import choose_tracks

from tests.streams import aac_stream, h264_stream, h265_stream, mjpeg_stream

from haechi.base.errors import Invalid
from haechi.media.access_unit import CodecParams
from haechi.media.packetise import track_for


def one(data: bytes) -> None:
    session = sdp.parse(data)
    sdp.parse(sdp.build(session))
    for track in session.tracks:
        sdp.resolve_control("rtsp://h/a?b", track.control)
        try:
            depacketiser_for(track)
        except Invalid:
            continue
    choose_tracks(session, want_audio=True)


def seeds() -> list[bytes]:
    params: tuple[CodecParams, ...] = (
        h264_stream(frames=1)[0],
        h265_stream(frames=1)[0],
        mjpeg_stream(frames=1)[0],
        aac_stream()[0],
    )
    tracks = tuple(track_for(one, 96 + number, f"trackID={number}") for number, one in enumerate(params))
    return [sdp.build(sdp.SessionDescription((track,))) for track in tracks] + [
        sdp.build(sdp.SessionDescription(tracks, "shop")),
        b"m=video 0 RTP/AVP 26\nm=audio 0 RTP/AVP 0\r\na=control:rtsp://h/\r\na=fmtp:0 a=b;c\n",
    ]


if __name__ == "__main__":
    fuzz(one, seeds())
