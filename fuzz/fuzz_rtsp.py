"""The RTSP machines: what a camera may say to our client, and a client to our server, in any chunks; log-in headers."""

from fuzz.harness import fuzz, instrumented, join_records, records

with instrumented():
    from haechi.media.rtsp import auth
    from haechi.media.rtsp.client import RtspClient, Wishes
    from haechi.media.rtsp.deframer import frame
    from haechi.media.rtsp.server import RtspServer, ServerPolicy
    from haechi.media.rtsp.tracks import Talk
    from haechi.media.rtsp.transport import parse_alternatives
    from haechi.media.url import Url

from tests.streams import h264_stream

from haechi.camera.virtual.ears import Ears
from haechi.media.packetise import track_for
from haechi.media.sdp import SessionDescription

TRACKS = SessionDescription((track_for(h264_stream(frames=1)[0]), Ears().track()))


def find(path: str) -> SessionDescription | None:
    return TRACKS if path == "/a" else None


TALKS: dict[bytes, Talk] = {b"t": "too", b"o": "only"}


def one(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    if kind == b"s":
        server = RtspServer(find, ServerPolicy(udp=True, server_ports=(2, 3)), lambda: "token")
        for _, chunk in records(rest):
            server.feed(chunk)
            server.to_send()
    elif kind == b"h":
        text = rest.decode("utf-8", "replace")
        challenge = auth.Challenge("digest", "r", "n", "SHA-256", "", "auth")
        assert not auth.verify(text, challenge, auth.Credentials("u", "p"), "PLAY")
        for found in auth.parse_challenges([text]):
            auth.authorization(found, auth.Credentials("u", "p"), "PLAY", "rtsp://h/")
        parse_alternatives(text)
        Url.parse(text)
    else:
        talk = TALKS.get(kind, "")
        client = RtspClient("rtsp://u:p@h/a", wishes=Wishes(basic_in_clear=kind == b"b", talk=talk))
        client.start()
        for _, chunk in records(rest):
            client.feed(chunk)
            client.to_send()


def seeds() -> list[bytes]:
    server = RtspServer(find, ServerPolicy("u", "p"), lambda: "token")
    client = RtspClient("rtsp://u:p@h/a", wishes=Wishes(talk="too"))
    asked, said = [], []
    data = client.start()
    while data:
        asked.append((0, data))
        server.feed(data)
        answer = server.to_send()
        said.append((0, answer))
        client.feed(answer)
        data = client.to_send()
    said.append((0, frame(0, b"packet") + frame(1, b"report") + b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n"))
    header = b'hDigest realm="r", nonce="n", algorithm=SHA-256, qop="auth", stale=true, Basic realm="x"'
    return [
        b"c" + join_records(said),
        b"b" + join_records(said),
        b"t" + join_records(said),
        b"o" + join_records(said),
        b"s" + join_records(asked),
        header,
        b"hRTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00112233,RTP/AVP;client_port=5-6;server_port=7-8",
        b"hrtsp://u:p%40@h:8554/a?b=c",
    ]


if __name__ == "__main__":
    fuzz(one, seeds())
