"""RTCP compounds, RTP headers and the reordering window."""

from fuzz.harness import fuzz, instrumented, join_records, records

with instrumented():
    from haechi.media import rtcp
    from haechi.media.rtp import Reorder, RtpPacket


def one(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    if kind == b"r":
        window, given = Reorder(window=8), 0
        for pushed, (_, packet) in enumerate(records(rest), 1):
            given += len(window.push(packet))
            assert pushed - given - window.late <= 9
    elif kind == b"p":
        RtpPacket.parse(rest)
    else:
        rtcp.build(*rtcp.parse(rest))


def seeds() -> list[bytes]:
    block = rtcp.ReportBlock(1, 2, 3, 4, 5, 6, 7)
    compound = rtcp.build(
        rtcp.SenderReport(1, 2, 3, 4, 5, (block,)),
        rtcp.ReceiverReport(1, (block, block)),
        rtcp.SourceDescription(((1, "camera"),)),
        rtcp.Goodbye((1, 2)),
    )
    packets = [RtpPacket(96, n, n, 1, False, b"x").serialise() for n in (1, 2, 5, 4, 3, 3, 9)]
    return [b"c" + compound, b"p" + packets[0], b"r" + join_records((0, packet) for packet in packets)]


if __name__ == "__main__":
    fuzz(one, seeds())
