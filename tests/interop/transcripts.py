"""Records what programs say to our client, as a test that needs no program: tests/media/rtsp/transcripts.

    python -m tests.interop.transcripts

A transcript is text: ``>`` is what we sent, ``<`` what came, a line each; ``$N`` a packet in channel N of the
connection, ``%T`` one of track T by UDP (``%T.`` RTCP), in base64. Addresses, names and paths are left out.
"""

import asyncio
import base64
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from haechi.base.errors import Unavailable
from haechi.media import rtcp
from haechi.media.access_unit import Codec
from haechi.media.rtsp.client import Playing, RtspClient
from tests.interop.clips import Clip, made
from tests.interop.programs import gstreamer_camera, gstreamer_server, vlc, vlc_camera

FOLDER = Path(__file__).resolve().parents[1] / "media" / "rtsp" / "transcripts"
MOST_PACKETS = 32
TRIES = 10
RECORD_S = 20.0
CAMERA = "rtsp://camera/live"


class Recording:
    """One session with a program, by hand."""

    def __init__(self, url: str, transport: str) -> None:
        self._url = url
        self._transport = transport
        self._lines: list[str] = []
        self._held = b""
        self._packets = 0
        self._local = url.partition("://")[2].rpartition("@")[2].partition("/")[0]

    async def run(self) -> str:
        host, _, port = self._local.partition(":")
        pairs = [_pair() for _ in range(2)] if self._transport == "udp" else []
        ports = [(a.getsockname()[1], b.getsockname()[1]) for a, b in pairs]
        client = RtspClient(self._url, transport="udp" if pairs else "tcp", client_ports=ports)
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(self._sent(client.start()))
        is_playing = False
        async with asyncio.timeout(RECORD_S):
            while self._packets < MOST_PACKETS:
                if is_playing and pairs:
                    self._datagrams(pairs)
                    await asyncio.sleep(0.02)
                    continue
                data = await reader.read(65_536)
                assert data, "the program hung up"
                self._came(data)
                is_playing = is_playing or any(isinstance(event, Playing) for event in client.feed(data))
                writer.write(self._sent(client.to_send()))
        writer.write(client.teardown())
        writer.close()
        for pair in pairs:
            for one in pair:
                one.close()
        return "".join(f"{line.rstrip()}\n" for line in self._lines)

    def _sent(self, data: bytes) -> bytes:
        self._lines += [f"> {line}" for line in self._scrub(data).splitlines()]
        return data

    def _came(self, data: bytes) -> None:
        """Split what came as it lies: how a program spells a header is what a transcript is for."""
        self._held += data
        while len(self._held) >= 4:
            if self._held[0] == 0x24:
                end = 4 + int.from_bytes(self._held[2:4], "big")
                if len(self._held) < end:
                    return
                self._packet(f"${self._held[1]}", self._held[4:end], is_rtcp=self._held[1] % 2 == 1)
            else:
                head = self._held.find(b"\r\n\r\n") + 4
                length = re.search(rb"(?i)content-length: *(\d+)", self._held[:head])
                end = head + int(length[1]) if length else head
                if head < 4 or len(self._held) < end:
                    return
                self._message(self._held[:head], self._held[head:end])
            self._held = self._held[end:]

    def _message(self, head: bytes, body: bytes) -> None:
        scrubbed = self._scrub(body)
        text = re.sub(r"(?i)(content-length: *)\d+", rf"\g<1>{len(scrubbed)}", self._scrub(head))
        self._lines += [f"< {line}" for line in (text + scrubbed).splitlines()]

    def _datagrams(self, pairs: Sequence[tuple[socket.socket, socket.socket]]) -> None:
        for track, pair in enumerate(pairs):
            for is_rtcp, one in enumerate(pair):
                while self._packets < MOST_PACKETS:
                    try:
                        self._packet(f"%{track}{'.' * is_rtcp}", one.recv(65_536), is_rtcp=bool(is_rtcp))
                    except BlockingIOError:
                        break

    def _packet(self, where: str, data: bytes, *, is_rtcp: bool) -> None:
        if self._packets >= MOST_PACKETS:
            return
        self._packets += 1
        if is_rtcp:  # who it is says the name of the machine
            data = b"".join(rtcp.build(one) for one in rtcp.parse(data) if isinstance(one, rtcp.SenderReport))
        if data:
            self._lines.append(f"{where} {base64.b64encode(data).decode()}")

    def _scrub(self, data: bytes) -> str:
        text = data.decode().replace(self._local, "camera")
        text = re.sub(r"(?m)^(Date|User-Agent): .*\r\n", "", text)
        text = re.sub(r"(?m)cname:.*$", "cname:camera\r", text)
        text = re.sub(r"(?m)^o=.*$", "o=- 0 0 IN IP4 127.0.0.1\r", text)
        text = re.sub(r"(?m)^(s|i|u|e)=.*$", r"\1=-\r", text)
        return re.sub(r"/[\w./-]*(tmp|home|root|work)/[\w./-]*", "/clip", text)


def _pair() -> tuple[socket.socket, socket.socket]:
    for _ in range(50):
        first, second = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        try:
            second.bind(("127.0.0.1", port + 1))
        except OSError:
            port = 1
        if port % 2 == 0:
            first.setblocking(False)
            second.setblocking(False)
            return first, second
        first.close()
        second.close()
    raise OSError("no free pair of ports")


Serve = Callable[[Clip, Path], AbstractAsyncContextManager[str]]
CAMERAS: dict[str, tuple[Callable[[], str], Serve]] = {
    "gstreamer": (gstreamer_server, gstreamer_camera),
    "vlc": (vlc, vlc_camera),
}
KEPT: list[tuple[str, Codec, Codec | None, str]] = [
    ("gstreamer", Codec.H264, Codec.AAC, "tcp"),
    ("gstreamer", Codec.H265, Codec.PCMU, "udp"),
    ("gstreamer", Codec.H264, Codec.PCMA, "udp"),
    ("gstreamer", Codec.MJPEG, None, "tcp"),
    ("vlc", Codec.H264, Codec.AAC, "udp"),
    ("vlc", Codec.H265, Codec.PCMU, "udp"),
]


async def record(name: str, clip: Clip, transport: str, folder: Path) -> str:
    """One transcript. A program that is not ready yet is asked again."""
    async with CAMERAS[name][1](clip, folder) as url:
        for _ in range(TRIES):
            try:
                return await Recording(url, transport).run()
            except Unavailable:
                await asyncio.sleep(1)
    raise OSError(f"{name} does not play")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, codec, sound, transport in KEPT:
            clip = made(Path(folder), codec, sound, 20)
            text = asyncio.run(record(name, clip, transport, Path(folder)))
            kind = f"{codec.value}-{sound.value if sound else 'silent'}-{transport}"
            (FOLDER / f"{name}-{CAMERAS[name][0]()}-{kind}.txt").write_text(text)
            print(name, kind, len(text), file=sys.stderr)


if __name__ == "__main__":
    main()
