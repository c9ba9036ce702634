"""What strangers send who publish by WHIP: STUN, offers, fragments, RTP with its header extensions, out of order."""

from pathlib import Path

from fuzz.harness import fuzz, instrumented, join_records, records

with instrumented():
    from haechi.media.rtp import RtpPacket
    from haechi.media.webrtc import stun
    from haechi.media.webrtc.description import Ours, build_answer, parse_fragment, parse_offer
    from haechi.media.webrtc.feedback import Arrivals, transport_number
    from haechi.media.webrtc.ice import Credentials, IceLite, local_name
    from haechi.media.webrtc.incoming import Incoming

_OURS, _THEIRS = Credentials("ours", "p" * 24), Credentials("theirs", "q" * 24)
_ANSWER = Ours(_OURS, bytes(32), (("192.0.2.1", 8555),), 1)
_OFFER = Path(__file__).parents[1] / "tests" / "media" / "webrtc" / "chromium-156.sdp"


def one(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    match kind:
        case b"s":
            message = stun.parse(rest)
            local_name(message)
            assert len(IceLite(_OURS, _THEIRS).answer(message, ("192.0.2.7", 9), 1)) < 200
        case b"o":
            answer = build_answer(parse_offer(rest, audio=True), _ANSWER)
            assert all(line[1:2] == b"=" for line in answer.split(b"\r\n")[:-1])
        case b"f":
            parse_fragment(rest)
        case _:
            _packets(rest)


def _packets(data: bytes) -> None:
    incoming, arrivals, given = Incoming(asks=True), Arrivals(), 0
    for pushed, (flags, packet) in enumerate(records(data), 1):
        now_ns = pushed * 10**6
        number = transport_number(packet, flags & 15) if len(packet) >= 12 else None
        if number is not None:
            arrivals.note(number, now_ns)
        given += len(incoming.push(packet, now_ns))
        assert given <= pushed
        assert len(incoming.wanted(now_ns)) <= 256
    assert len(arrivals.report(1, 2)) < 4096


def seeds() -> list[bytes]:
    name = {stun.USERNAME: b"ours:theirs", stun.ICE_CONTROLLING: bytes(8), stun.USE_CANDIDATE: b""}
    check = stun.build(stun.BINDING_REQUEST, bytes(12), name, _OURS.password)
    packets = [RtpPacket(96, n, n, 1, False, b"x").serialise() for n in (1, 2, 5, 4, 3, 3, 9, 400)]
    extended = bytes((0x90, 96)) + bytes(10) + b"\xbe\xde\x00\x01\x31\x12\x34\x00x"
    fragment = b"fa=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
    stream = join_records((3, packet) for packet in [*packets, extended])
    return [b"s" + check, b"o" + _OFFER.read_bytes(), fragment, b"p" + stream]


if __name__ == "__main__":
    fuzz(one, seeds())
