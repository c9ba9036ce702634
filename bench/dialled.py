"""Cameras for benchmarks that dial over TLS: those of `bench.cameras`, behind the greeting. Their CPU is not counted.

    python -m bench.dialled --plan DIR/dial

The plan is written by `bench.ours --dialled`: port and fingerprint, then a camera and its token a line.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import ssl
import time
from pathlib import Path

import uvloop

from bench.cameras import Camera, Clip, make_clip
from haechi.fleet.dialling import signer
from haechi.media.reverse.greeting import CameraGreeting
from haechi.media.reverse.wire import NONCE_BYTES, Welcome


class DialledCamera(Camera):
    """One connection: the greeting, then just enough RTSP, then it plays."""

    def __init__(self, clip: Clip, players: set[Camera], greeting: CameraGreeting) -> None:
        super().__init__(clip, players)
        self._greeting = greeting
        self._is_welcome = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(self._greeting.start("bench"))

    def data_received(self, data: bytes) -> None:
        if self._is_welcome:
            super().data_received(data)
            return
        answer = self._greeting.feed(data)
        self.transport.write(self._greeting.to_send())
        if answer is not None:
            assert isinstance(answer, Welcome), answer
            self._is_welcome = True
            super().data_received(self._greeting.rest())


async def dial(plan: Path) -> None:
    clip = make_clip()
    players: set[Camera] = set()
    first, *cameras = plan.read_text().splitlines()
    port, pin = first.split()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    loop = asyncio.get_running_loop()
    for line in cameras:
        camera, token = line.split()
        greeting = CameraGreeting(camera, secrets.token_bytes(NONCE_BYTES), bytes.fromhex(pin), signer(token))
        await loop.create_connection(
            lambda greeting=greeting: DialledCamera(clip, players, greeting),  # type: ignore[misc]
            "127.0.0.1",
            int(port),
            ssl=context,
        )
    while True:
        now_s = time.monotonic()
        for player in list(players):
            player.tick(now_s, 8)
        await asyncio.sleep(0.001)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    uvloop.run(dial(parser.parse_args().plan))


if __name__ == "__main__":
    main()
