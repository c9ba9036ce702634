"""Session descriptions as cameras write them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media import sdp
from haechi.media.access_unit import CodecParams
from haechi.media.packetise import track_for
from haechi.media.sdp import MediaTrack, SessionDescription, resolve_control
from tests.streams import aac_stream, h264_stream, h265_stream

ONE = """v=0\r
o=- 1109162014219182 0 IN IP4 0.0.0.0\r
s=HIK Media Server V3.4.96\r
i=HIK Media Server Session Description : standard\r
e=NONE\r
c=IN IP4 0.0.0.0\r
t=0 0\r
a=control:*\r
b=AS:5100\r
a=range:npt=now-\r
m=video 0 RTP/AVP 96\r
i=Video Media\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 profile-level-id=4D0014;packetization-mode=0;sprop-parameter-sets=Z01AHppkAgD/gDUBAQFAAAADAEAAAAoB,aO48gA==\r
a=control:trackID=video\r
b=AS:5000\r
m=audio 0 RTP/AVP 98\r
i=Audio Media\r
a=rtpmap:98 MPEG4-GENERIC/16000/2\r
a=fmtp:98 streamtype=5; profile-level-id=15; mode=AAC-hbr; config=1410; SizeLength=13;IndexLength=3\r
a=control:trackID=audio\r
m=application 0 RTP/AVP 107\r
a=rtpmap:107 vnd.onvif.metadata/90000\r
a=control:trackID=meta\r
"""


def test_a_description_of_the_usual_kind_is_read() -> None:
    session = sdp.parse(ONE.encode())
    video, audio, data = session.tracks
    assert (session.name, session.control) == ("HIK Media Server V3.4.96", "*")
    assert (video.kind, video.payload_type, video.codec, video.clock_rate_hz) == ("video", 96, "H264", 90_000)
    assert [nal[0] & 31 for nal in video.parameter_sets()] == [7, 8]
    assert (audio.codec, audio.clock_rate_hz, audio.channels) == ("MPEG4-GENERIC", 16_000, 2)
    assert (audio.fmtp["config"], audio.fmtp["sizelength"], audio.fmtp["mode"]) == ("1410", "13", "AAC-hbr")
    assert data.kind == "application"
    assert [track.control for track in session.tracks] == ["trackID=video", "trackID=audio", "trackID=meta"]


def test_line_ends_of_any_kind_and_trailing_zeros_are_taken() -> None:
    expected = sdp.parse(ONE.encode())
    for text in (ONE.replace("\r\n", "\n"), ONE.replace("\r\n", "\r"), ONE + "\x00\x00", "\r\n" + ONE):
        assert sdp.parse(text.encode()) == expected


@pytest.mark.parametrize(
    ("line", "codec", "rate"), [("0", "PCMU", 8000), ("8", "PCMA", 8000), ("26", "JPEG", 90_000), ("99", "", 90_000)]
)
def test_static_payload_types_need_no_rtpmap(line: str, codec: str, rate: int) -> None:
    (track,) = sdp.parse(f"m=audio 0 RTP/AVP {line}\n".encode()).tracks
    assert (track.codec, track.clock_rate_hz) == (codec, rate)


@pytest.mark.parametrize(
    "sets", ["{0},{1}", "{0}=,{1}===", "{0}==== , {1}", "{0},{1},", "!!,{0},{1}", "AAAAAQ,{0},{1}"]
)
def test_parameter_sets_with_bad_padding_or_junk_between_are_read(sets: str) -> None:
    params, _ = h264_stream(frames=1)
    texts = [base64.b64encode(nal).decode().rstrip("=") for nal in params.sets]
    body = f"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 sprop-parameter-sets={sets.format(*texts)}\n"
    assert tuple(sdp.parse(body.encode()).tracks[0].parameter_sets()) == params.sets


def test_a_start_code_in_front_of_a_parameter_set_is_taken_off() -> None:
    text = base64.b64encode(b"\x00\x00\x00\x01\x67abc").decode()
    assert MediaTrack("video", 96, "H264", 90_000, 1, {"sprop-sps": text}).parameter_sets() == [b"\x67abc"]


BASE = "rtsp://h/cam/realmonitor?channel=1&subtype=0"


@pytest.mark.parametrize(
    ("base", "control", "joined"),
    [
        ("rtsp://h/a", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a/", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a/", "/trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a", "*", "rtsp://h/a"),
        ("rtsp://h/a", "", "rtsp://h/a"),
        ("rtsp://h/a", "rtsp://10.0.0.1:554/b/video", "rtsp://10.0.0.1:554/b/video"),
        ("rtsp://h/a", "RTSP://h/b", "RTSP://h/b"),
        (f"{BASE}/", "trackID=0", f"{BASE}/trackID=0"),
        (BASE, "trackID=0", f"{BASE}/trackID=0"),
    ],
)
def test_control_addresses_are_joined_as_cameras_expect(base: str, control: str, joined: str) -> None:
    assert resolve_control(base, control) == joined


def test_what_we_describe_is_read_back() -> None:
    hevc = h265_stream(frames=1)[0]
    params: list[CodecParams] = [h264_stream(frames=1)[0], hevc, aac_stream()[0]]
    tracks = tuple(track_for(one, 96 + n, f"trackID={n}") for n, one in enumerate(params))
    session = SessionDescription(tracks, "shop", "*")
    assert sdp.parse(sdp.build(session)) == session
    assert tuple(tracks[1].parameter_sets()) == hevc.sets


def test_a_name_cannot_begin_another_line() -> None:
    session = SessionDescription((), "shop\r\na=control:rtsp://evil/", "*")
    assert sdp.parse(sdp.build(session)).control == "*"


@pytest.mark.parametrize(
    "data", [b"", b"<html></html>", b"m=video 0 RTP/AVP 96\n" * 17, b"v=0\n" * 20_000, b"v=0\n" * 3000]
)
def test_what_is_no_description_or_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        sdp.parse(data)
    assert caught.value.code == "sdp-malformed"


LINES = st.sampled_from(["v=0", "m=video 0 RTP/AVP 96", "a=rtpmap:96 ", "a=fmtp:96 ", "a=control:", "s="])


@given(st.lists(st.tuples(LINES, st.text(max_size=20)), max_size=20))
def test_noise_is_a_peer_error_or_a_description(lines: list[tuple[str, str]]) -> None:
    data = "\n".join(head + tail for head, tail in lines).encode("utf-8", "surrogatepass")
    try:
        session = sdp.parse(data)
    except PeerError:
        return
    assert sdp.parse(sdp.build(session)).tracks is not None
    for track in session.tracks:
        track.parameter_sets()
