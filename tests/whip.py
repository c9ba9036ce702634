"""A publisher for tests: aiortc, an implementation of WebRTC that shares no line with ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import av
import httpx2
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from av.packet import Packet

from haechi.media.webrtc.ice import Address, Credentials
from haechi.webrtc.peer import Peer
from haechi.webrtc.port import UdpPort

SDP = {"Content-Type": "application/sdp"}


def film(
    seconds: float = 2.0, *, fps: int = 15, gop: int = 15, size: tuple[int, int] = (320, 240), kbps: int = 0
) -> list[bytes]:
    """Coded pictures, each an Annex B byte stream; those with sync carry their parameter sets.

    Args:
        kbps: Spend about so much, on noise; 0: what a simple picture takes.
    """
    chance = np.random.default_rng(1)
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, fps)
    encoder.framerate = Fraction(fps, 1)
    encoder.options = {"profile": "baseline", "g": str(gop), "tune": "zerolatency", "preset": "ultrafast"}
    if kbps:
        encoder.bit_rate = kbps * 1000
        encoder.options |= {"maxrate": f"{kbps}k", "bufsize": f"{kbps}k"}
    out: list[bytes] = []
    for number in range(round(seconds * fps)):
        picture = np.zeros((size[1], size[0], 3), dtype=np.uint8)
        picture[:, : (number * 7) % size[0]] = (40, 160, 220)
        picture[number % size[1], :] = 255
        if kbps:
            picture[:, :, 1] ^= chance.integers(0, 64, (size[1], size[0]), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = number
        out += [bytes(packet) for packet in encoder.encode(frame)]
    return out + [bytes(packet) for packet in encoder.encode(None)]


def tones(seconds: float = 2.0) -> list[bytes]:
    """Coded sound: Opus, 20 ms each."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = 48_000
    encoder.layout = "stereo"
    encoder.format = "s16"
    out: list[bytes] = []
    for number in range(round(seconds * 50)):
        times = (np.arange(960) + 960 * number) / 48_000
        samples = (8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(samples, 2).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = 48_000
        frame.pts = 960 * number
        out += [bytes(packet) for packet in encoder.encode(frame)]
    return out


class OnePort:
    """A `Stage` on loopback."""

    def __init__(self, port: UdpPort) -> None:
        self.udp = port
        self.port, self.fingerprint = port.port, port.fingerprint

    def candidates(self, _reached_at: str) -> tuple[Address, ...]:
        return (("127.0.0.1", self.port),)

    def expect(self, ours: Credentials, theirs: Credentials, fingerprints: tuple[tuple[str, bytes], ...]) -> Peer:
        return self.udp.expect(ours, theirs, fingerprints)

    def restart(self, peer: Peer, ours: Credentials, theirs: Credentials) -> None:
        self.udp.restart(peer, ours, theirs)

    def forget(self, peer: Peer) -> None:
        self.udp.forget(peer)


class Playing(MediaStreamTrack):
    """Plays coded units for ever, in real time."""

    def __init__(self, kind: str, units: Sequence[bytes], interval_s: float) -> None:
        super().__init__()
        self.kind = kind
        self._units = units
        self._interval_s = interval_s
        self._number = 0
        self._began = 0.0
        self.sent: list[bytes] = []

    async def recv(self) -> Packet[Any]:
        self._began = self._began or time.monotonic()
        wait_s = self._began + self._number * self._interval_s - time.monotonic()
        await asyncio.sleep(max(0.0, wait_s))
        data = self._units[self._number % len(self._units)]
        packet = Packet(data)
        packet.time_base = Fraction(1, 90_000 if self.kind == "video" else 48_000)
        packet.pts = round(self._number * self._interval_s / packet.time_base)
        self._number += 1
        self.sent.append(data)
        return packet


class Publisher:
    """One peer connection."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection()

    async def offer(self, tracks: Sequence[MediaStreamTrack], *, video: str = "video/H264") -> str:
        """An offer to send ``tracks``."""
        for track in tracks:
            transceiver = self.connection.addTransceiver(track, direction="sendonly")
            codecs = RTCRtpSender.getCapabilities(track.kind).codecs
            transceiver.setCodecPreferences([one for one in codecs if one.mimeType in {video, "audio/opus"}])
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def answered(self, answer: str) -> None:
        """The server's answer; connects."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def publish(
        self, http: httpx2.AsyncClient, path: str, tracks: Sequence[MediaStreamTrack], token: str = ""
    ) -> httpx2.Response:
        """Offer ``tracks`` at ``path``; connects when the answer is 201."""
        headers = SDP | ({"Authorization": f"Bearer {token}"} if token else {})
        answer = await http.post(path, content=await self.offer(tracks), headers=headers)
        if answer.status_code == 201:
            await self.answered(answer.text)
        return answer


@asynccontextmanager
async def publisher() -> AsyncIterator[Publisher]:
    """A publisher that is closed at the end."""
    one = Publisher()
    try:
        yield one
    finally:
        await one.connection.close()
