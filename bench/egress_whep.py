"""Viewers by WebRTC for benchmarks: N of them, each with its own UDP socket, ICE and DTLS. What they get is counted by
the heads of the packets, which SRTP leaves open, and not decrypted: that would cost a viewer more than the server.

They come from several addresses of 127.0.0.0/8, for a server takes only so many offers from one.

Speaks on stdin and stdout as `bench.egress_rtsp` does, and says as much. Works against any server that speaks WHEP with
candidates in its answer.

    python -m bench.egress_whep --url http://127.0.0.1:8300/cam_…/whep --token hrt_… --count 100
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import re
import secrets
import sys
from typing import cast

import httpx2
import uvloop
from OpenSSL import SSL

from haechi.media.webrtc import stun
from haechi.webrtc.dtls import MTU, Identity

START_S = 60.0
CHECK_S = 4.0
TICK_S = 0.1
TRIES = 20
SDP = {"Content-Type": "application/sdp"}
EACH = 15
"""Viewers from one address. The addresses are this process's own: one that comes after it has not used them up."""
PROFILES = ("42e01f", "4d001f", "64001f")
CONTROLLING = secrets.token_bytes(8)


def offer_of(ufrag: str, password: str, fingerprint: bytes) -> str:
    """An offer to receive H.264, in the profiles that a browser takes."""
    numbers = range(96, 96 + len(PROFILES))
    lines = [
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
        f"m=video 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, numbers))}", "c=IN IP4 0.0.0.0", "a=mid:0", "a=recvonly",
        "a=rtcp-mux", f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", "a=setup:actpass",
        f"a=fingerprint:sha-256 {fingerprint.hex(':').upper()}",
    ]  # fmt: skip
    for number, profile in zip(numbers, PROFILES, strict=True):
        lines += [f"a=rtpmap:{number} H264/90000", f"a=rtcp-fb:{number} nack", f"a=rtcp-fb:{number} nack pli"]
        lines.append(f"a=fmtp:{number} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}")
    return "\r\n".join(lines) + "\r\n"


def found_in(answer: str, pattern: str) -> str:
    """What the answer says."""
    match = re.search(pattern, answer, re.MULTILINE)
    if match is None:
        raise SystemExit(f"bench.egress_whep: the answer has no {pattern}")
    return match[1]


class Viewer(asyncio.DatagramProtocol):
    """One connection."""

    def __init__(self, identity: Identity) -> None:
        self._tls = SSL.Connection(identity.context, None)
        self._tls.set_connect_state()
        self._tls.set_ciphertext_mtu(MTU)
        self.ufrag, self.password = secrets.token_hex(4), secrets.token_hex(12)
        self._names, self._key = "", ""
        self._is_sealed = self._found_a_way = False
        self.playing = asyncio.Event()
        self.packets = self.lost = self.pictures = 0
        self._next: int | None = None

    def begin(self, answer: str) -> None:
        """Look for the way that the answer tells."""
        self._names = found_in(answer, r"^a=ice-ufrag:(\S+)") + ":" + self.ufrag
        self._key = found_in(answer, r"^a=ice-pwd:(\S+)")
        self.check()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def check(self) -> None:
        """One check of ICE, which also says that we still want it (RFC 7675)."""
        attributes = {stun.USERNAME: self._names.encode(), stun.PRIORITY: bytes([110, 0, 1, 255])}
        attributes |= {stun.ICE_CONTROLLING: CONTROLLING, stun.USE_CANDIDATE: b""}
        self._send(stun.build(stun.BINDING_REQUEST, secrets.token_bytes(12), attributes, self._key))

    def tick(self) -> None:
        """Say again what was not answered."""
        if not self._found_a_way:
            self.check()
        elif not self._is_sealed and (self._tls.DTLSv1_get_timeout() or 1) <= 0:
            self._tls.DTLSv1_handle_timeout()
            self._flush()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        first = data[0]
        if 128 <= first < 192:
            if not 192 <= data[1] < 224:
                self._count(data)
        elif 20 <= first < 64:
            self._tls.bio_write(data)
            self._shake()
        elif not self._found_a_way:
            self._found_a_way = True
            self._shake()

    def forget(self) -> None:
        """Count from here on."""
        self.packets = self.lost = self.pictures = 0
        self._next = None

    def _shake(self) -> None:
        if not self._is_sealed:
            try:
                self._tls.do_handshake()
                self._is_sealed = True
            except SSL.WantReadError:
                self._is_sealed = False
        self._flush()

    def _flush(self) -> None:
        try:
            data = self._tls.bio_read(65_536)
        except SSL.WantReadError:
            return
        at = start = 0
        while at + 13 <= len(data):  # whole records to a datagram
            end = at + 13 + int.from_bytes(data[at + 11 : at + 13], "big")
            if end - start > MTU and at > start:
                self._send(data[start:at])
                start = at
            at = end
        self._send(data[start:])

    def _send(self, data: bytes) -> None:
        self._transport.sendto(data)

    def _count(self, packet: bytes) -> None:
        number = int.from_bytes(packet[2:4], "big")
        if self._next is not None:
            step = (number - self._next) & 0xFFFF
            if step > 0x8000:  # sent again, or out of order
                self.lost -= 1
                return
            self.lost += step
        self._next = (number + 1) & 0xFFFF
        self.packets += 1
        self.pictures += packet[1] >> 7
        self.playing.set()


async def joined(http: httpx2.AsyncClient, url: str, identity: Identity) -> Viewer:
    """A viewer that gets pictures."""
    viewer = Viewer(identity)
    offer = offer_of(viewer.ufrag, viewer.password, identity.fingerprint)
    answer = await http.post(url, content=offer, headers=SDP)
    for _ in range(TRIES):
        if answer.status_code not in {429, 503}:
            break
        await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
        answer = await http.post(url, content=offer, headers=SDP)
    text = answer.raise_for_status().text
    host, port = found_in(text, r"^a=candidate:\S+ \d+ \S+ \d+ (\S+)"), found_in(text, r"^a=candidate:(?:\S+ ){5}(\d+)")
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: viewer, remote_addr=(host, int(port)))
    viewer.begin(text)
    return viewer


async def keep(viewers: list[Viewer]) -> None:
    """Check again and again, as browsers do."""
    while True:
        await asyncio.sleep(TICK_S)
        for number, viewer in enumerate(viewers):
            viewer.tick()
            if int(asyncio.get_running_loop().time() / TICK_S + number) % int(CHECK_S / TICK_S) == 0:
                viewer.check()


async def run(url: str, token: str, count: int) -> None:
    """Watch, and answer on stdout as `bench.egress` asks."""
    identity, viewers = Identity(dt.datetime.now(dt.UTC)), list[Viewer]()
    keeping = asyncio.create_task(keep(viewers))
    for first in range(0, count, EACH):
        way = httpx2.AsyncHTTPTransport(local_address=f"127.{10 + os.getpid() % 200}.0.{2 + first // EACH}")
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(transport=way, headers=headers, timeout=START_S) as http:
            for _ in range(min(EACH, count - first)):
                viewers.append(await joined(http, url, identity))
    async with asyncio.timeout(START_S):
        await asyncio.gather(*(viewer.playing.wait() for viewer in viewers))
    print("ready", flush=True)
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if line == "mark":
            for viewer in viewers:
                viewer.forget()
        elif line == "tell":
            sums = [sum(getattr(one, name) for one in viewers) for name in ("packets", "lost", "pictures")]
            print(*sums, flush=True)
    keeping.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--count", type=int, required=True)
    args = parser.parse_args()
    uvloop.run(run(args.url, args.token, args.count))


if __name__ == "__main__":
    main()
