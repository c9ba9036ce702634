"""Cameras for benchmarks: a lean RTSP server whose cost is as low and as even as Python allows.

Every path serves the same 720p15 H.264 stream (1.5 Mbit/s, a sync unit every 4 s), each with its own phase, one write
per RTP packet as a camera's network stack would send it. Not the product's virtual camera: that one is made to be
correct and to misbehave on demand, this one to be cheap and paced. Its CPU time is not counted.

    python -m bench.cameras --port 9554 [--tls-port 9555]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import datetime as dt
import random
import ssl
import struct
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, cast

import av
import numpy as np
import uvloop

FPS = 15
GOP_S = 4
CLIP_S = 20
BITRATE_BPS = 1_500_000
WIDTH_PX, HEIGHT_PX = 1280, 720
MTU_BYTES = 1400
RATE_HZ = 90_000


class Clip(NamedTuple):
    """A looped stream, cut into RTP payloads: ``pictures[i]`` is a list of (payload, marker)."""

    sps: bytes
    pps: bytes
    pictures: list[list[tuple[bytes, bool]]]


def encode() -> list[bytes]:
    """Access units (Annex B) of a moving test picture at the wanted rate."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.bit_rate = BITRATE_BPS
    encoder.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "x264-params": f"keyint={FPS * GOP_S}:min-keyint={FPS * GOP_S}:scenecut=0:bframes=0:sliced-threads=0"
        f":nal-hrd=cbr:vbv-maxrate={BITRATE_BPS // 1000}:vbv-bufsize={BITRATE_BPS // 1000}",
    }
    rng = np.random.default_rng(1)
    base = rng.integers(0, 255, (HEIGHT_PX // 8, WIDTH_PX // 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    units = []
    for index in range(FPS * CLIP_S):
        picture = np.roll(base, index * 4, axis=1).copy()
        picture[200:500, 300:700] = rng.integers(0, 60, (300, 400, 3), dtype=np.uint8) + 90
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = index
        units += [bytes(packet) for packet in encoder.encode(frame)]
    return units + [bytes(packet) for packet in encoder.encode(None)]


def packetise(unit: bytes) -> tuple[list[bytes], list[tuple[bytes, bool]]]:
    """Parameter sets of a unit, and its other NAL units as RTP payloads (RFC 6184 single NAL unit and FU-A)."""
    nals = [part.rstrip(b"\0") for part in unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if part]
    sets = [nal for nal in nals if nal[0] & 31 in (7, 8)]
    payloads: list[bytes] = []
    for nal in nals:
        if nal[0] & 31 in (6, 7, 8, 9):
            continue
        if len(nal) <= MTU_BYTES:
            payloads.append(nal)
            continue
        pieces = [nal[i : i + MTU_BYTES - 2] for i in range(1, len(nal), MTU_BYTES - 2)]
        for number, piece in enumerate(pieces):
            bits = (0x80 if number == 0 else 0) | (0x40 if number == len(pieces) - 1 else 0)
            payloads.append(bytes([nal[0] & 0xE0 | 28, bits | nal[0] & 31]) + piece)
    return sets, [(payload, number == len(payloads) - 1) for number, payload in enumerate(payloads)]


def make_clip() -> Clip:
    pictures, sets = [], []
    for unit in encode():
        own, payloads = packetise(unit)
        sets += own
        pictures.append(payloads)
    return Clip(next(s for s in sets if s[0] & 31 == 7), next(s for s in sets if s[0] & 31 == 8), pictures)


class Camera(asyncio.Protocol):
    """One connection: answers just enough RTSP, then plays."""

    def __init__(self, clip: Clip, players: set[Camera]) -> None:
        self._clip = clip
        self._players = players
        self._buffer = b""
        self._seq = random.randrange(65536)
        self._ticks = random.randrange(1 << 31)
        self._picture = random.randrange(len(clip.pictures))
        self.queue: list[bytes] = []
        self.next_s = 0.0
        self.sent_packets = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._players.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            if self._buffer[:1] == b"$" and len(self._buffer) >= 4:
                size = 4 + int.from_bytes(self._buffer[2:4], "big")
                if len(self._buffer) < size:
                    return
                self._buffer = self._buffer[size:]
                continue
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            self._buffer = rest
            self._answer(head.decode())

    def _answer(self, head: str) -> None:
        lines = head.split("\r\n")
        method, url = lines[0].split(" ")[:2]
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        extra, body = "", ""
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = self._sdp()
            extra = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            extra = f"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: {id(self):x};timeout=60\r\n"
        elif method == "PLAY":
            extra = f"Session: {id(self):x}\r\nRange: npt=0-\r\n"
        answer = f"RTSP/1.0 200 OK\r\nCSeq: {fields.get('cseq', '0')}\r\n{extra}\r\n{body}"
        self.transport.write(answer.encode())
        if method == "PLAY":
            self.next_s = time.monotonic() + random.random() / FPS
            self._players.add(self)

    def _sdp(self) -> str:
        sets = ",".join(base64.b64encode(part).decode() for part in (self._clip.sps, self._clip.pps))
        profile = self._clip.sps[1:4].hex()
        return (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=bench\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=control:video\r\n"
            "a=rtpmap:96 H264/90000\r\n"
            f"a=fmtp:96 packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sets}\r\n"
        )

    def tick(self, now_s: float, most: int) -> None:
        """Queue the pictures that are due and write at most ``most`` packets."""
        while now_s >= self.next_s:
            picture = self._clip.pictures[self._picture]
            for payload, marker in picture:
                head = struct.pack(">BBHII", 0x80, 96 | (0x80 if marker else 0), self._seq, self._ticks, 0x4A)
                self.queue.append(struct.pack(">BBH", 0x24, 0, 12 + len(payload)) + head + payload)
                self._seq = self._seq + 1 & 0xFFFF
            self._picture = (self._picture + 1) % len(self._clip.pictures)
            self._ticks = self._ticks + RATE_HZ // FPS & 0xFFFFFFFF
            self.next_s += 1 / FPS
        batch, self.queue = self.queue[:most], self.queue[most:]
        for packet in batch:
            self.transport.write(packet)
        self.sent_packets += len(batch)


def certified() -> ssl.SSLContext:
    """TLS as a server, with a certificate of its own."""
    from haechi.fleet.certificate import load_identity, own_certificate

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "camera.pem"
        own_certificate(path, dt.datetime.now(dt.UTC))
        return load_identity(path).context


async def serve(port: int, tls_port: int) -> None:
    clip = make_clip()
    players: set[Camera] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Camera(clip, players), "127.0.0.1", port, backlog=512)
    if tls_port:
        await loop.create_server(lambda: Camera(clip, players), "127.0.0.1", tls_port, backlog=512, ssl=certified())
    print("ready", flush=True)
    async with server:
        while True:
            now_s = time.monotonic()
            for player in list(players):
                player.tick(now_s, 8)
            await asyncio.sleep(0.001)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9554)
    parser.add_argument("--tls-port", type=int, default=0, help="the same cameras over TLS as well")
    args = parser.parse_args()
    uvloop.run(serve(args.port, args.tls_port))


if __name__ == "__main__":
    main()
