"""UDP: order is waited for, but not for ever."""

import asyncio
import socket

from haechi.ingest.network import SILENCE_S, UdpPairs
from haechi.media.rtp import RtpPacket


def packet(number: int) -> bytes:
    return RtpPacket(96, number, 0, 1, False, b"x").serialise()


def test_packets_behind_a_lost_one_are_delivered_when_nothing_more_comes() -> None:
    async def run() -> tuple[list[int], float]:
        loop = asyncio.get_running_loop()
        pairs = await UdpPairs.bind((socket.AF_INET, "127.0.0.1", 554))
        got: list[int] = []
        done = asyncio.Event()

        def receive(_track: int, _is_rtcp: bool, data: bytes) -> None:
            got.append(RtpPacket.parse(data).sequence)
            if got[-1] == 4:
                done.set()

        pairs.begin([None], receive)
        camera = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        began_s = loop.time()
        for number in (1, 4, 3):
            camera.sendto(packet(number), ("127.0.0.1", pairs.ports[0][0]))
        await asyncio.wait_for(done.wait(), 5)
        waited_s = loop.time() - began_s
        camera.close()
        pairs.close()
        return got, waited_s

    got, waited_s = asyncio.run(run())
    assert got == [1, 3, 4]
    assert waited_s >= SILENCE_S * 0.9


def test_ports_that_are_let_go_deliver_nothing_any_more() -> None:
    async def run() -> list[bytes]:
        pairs = await UdpPairs.bind((socket.AF_INET, "127.0.0.1", 554))
        got: list[bytes] = []
        first = asyncio.Event()

        def receive(_track: int, _is_rtcp: bool, data: bytes) -> None:
            got.append(data)
            first.set()

        pairs.begin([None], receive)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
            camera.sendto(packet(3), ("127.0.0.1", pairs.ports[0][0]))
            camera.sendto(packet(1), ("127.0.0.1", pairs.ports[0][0]))
            camera.sendto(packet(5), ("127.0.0.1", pairs.ports[0][0]))
            await asyncio.wait_for(first.wait(), 5)
        pairs.close()
        await asyncio.sleep(SILENCE_S * 1.5)
        return got

    assert asyncio.run(run()) == [packet(3)]


def test_a_lost_packet_holds_a_trickle_up_no_longer_than_silence() -> None:
    """A camera of 15 pictures a second is never silent for so long, and fills no window within a second."""

    async def run() -> list[int]:
        pairs = await UdpPairs.bind((socket.AF_INET, "127.0.0.1", 554))
        got: list[int] = []
        pairs.begin([None], lambda _track, _is_rtcp, data: got.append(RtpPacket.parse(data).sequence))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
            for number in (1, *range(3, 60)):
                camera.sendto(packet(number), ("127.0.0.1", pairs.ports[0][0]))
                await asyncio.sleep(SILENCE_S / 4)
                if 3 in got:
                    break
        pairs.close()
        return got

    got = asyncio.run(run())
    assert got[:2] == [1, 3]
    assert len(got) < 50
