"""AAC, G.711 and Opus over RTP, and AAC's configuration and ADTS frames."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media import aac
    from haechi.media.depacketise import depacketiser_for

from tests.streams import aac_stream, opus_stream

from fuzz.packets import play, seed
from haechi.base.errors import PeerError
from haechi.media.access_unit import RawUnit
from haechi.media.sdp import MediaTrack


def check(unit: RawUnit) -> None:
    assert unit.is_sync
    assert len(unit.data) < 65536


def one(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    if kind == b"c":
        aac.audio_params(rest)
    elif kind == b"a":
        for _ in aac.split_adts(rest):
            pass
    else:
        fmtp = {"config": rest[:2].hex(), "sizelength": str(rest[2] % 20 if len(rest) > 2 else 13)}
        try:
            track = depacketiser_for(MediaTrack("audio", 97, "MPEG4-GENERIC", 48_000, 1, fmtp))
        except PeerError:
            return
        play(track, rest[3:], check)


def seeds() -> list[bytes]:
    params, units = aac_stream(frames=5)
    _, others = opus_stream(frames=2)
    made = seed(params, [unit.data for unit in units])
    return [b"r\x11\x88\x0d" + made, b"c" + params.config, b"a\xff\xf1\x4c\x40\x01\x1f\xfc\x00", b"r" + others[0].data]


if __name__ == "__main__":
    fuzz(one, seeds())
