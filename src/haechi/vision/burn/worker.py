"""The burning process: decodes units, writes a line of text into each picture, codes it as H.264.

It opens its encoder, locks itself in (`confine`), and then knows nothing but its one socket. Started as
``python -m haechi.vision.burn.worker DESCRIPTOR``; the first message is a `Setup`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from haechi.base.confine import confine, die_with_parent
from haechi.base.errors import PeerError
from haechi.base.framing import Unpacker
from haechi.media.access_unit import TICKS_PER_S, Codec, VideoParams
from haechi.vision.burn.messages import Burned, BurnUnit, Coded, Gop, Ready, Request, Setup, pack, read_request
from haechi.vision.decode import Decoded, GopDecoder
from haechi.vision.runtime import Pixels

NICENESS = 15
FONT = cv2.FONT_HERSHEY_SIMPLEX
TEXT_SHARE = 0.035
"""Height of the text as a share of the picture's."""
ENCODER = {"preset": "veryfast", "tune": "zerolatency", "crf": "20", "profile": "high", "forced-idr": "1"}
SYNC_EVERY = 60
"""Pictures from one sync unit to the next: a player can seek to each two seconds or so."""
_READ_BYTES = 1 << 18


class Burner:
    """Decodes, draws, encodes. One size for all pictures: that of the parameters, made even for the encoder."""

    def __init__(self, params: VideoParams) -> None:
        self._params = params
        self._width = params.width_px - params.width_px % 2
        self._height = params.height_px - params.height_px % 2
        self._encoder = _open(self._width, self._height)
        self._newest = -(1 << 62)
        self._is_first = True

    def burn(self, gop: Gop) -> Burned:
        """One GOP, which begins with a sync unit again. What cannot be decoded is left out."""
        self._is_first = True
        decoder = GopDecoder(self._params)
        coded: list[Coded] = []
        try:
            for index, unit in enumerate(gop.units):
                coded += self._write(decoder.feed(index, unit.pts, unit.data), gop.units)
        except PeerError:
            decoder.damaged += 1
        coded += self._write(decoder.drain(), gop.units)
        if gop.is_last:
            coded += self._encode(None)
        return Burned(tuple(coded), decoder.damaged)

    def _write(self, frames: list[Decoded], units: tuple[BurnUnit, ...]) -> Iterator[Coded]:
        for decoded in frames:
            unit = units[decoded.index]
            if not unit.text or unit.pts <= self._newest:
                continue
            self._newest = unit.pts
            picture = decoded.frame.scaled(self._width, self._height)
            draw(picture, unit.text)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = unit.pts, Fraction(1, TICKS_PER_S)
            if self._is_first:
                frame.pict_type, self._is_first = PictureType.I, False
            yield from self._encode(frame)

    def _encode(self, frame: av.VideoFrame | None) -> Iterator[Coded]:
        for packet in self._encoder.encode(frame):
            if packet.pts is not None:
                yield Coded(packet.pts, bytes(packet))


def draw(picture: Pixels, text: str) -> None:
    """Write ``text`` into the lower left corner, white on a dark bar, readable on anything."""
    height = picture.shape[0]
    scale = max(0.4, height * TEXT_SHARE / 22)
    thickness = max(1, round(scale * 1.6))
    (width, tall), below = cv2.getTextSize(text, FONT, scale, thickness)
    if width > picture.shape[1] * 0.98:
        scale *= picture.shape[1] * 0.98 / width
        (width, tall), below = cv2.getTextSize(text, FONT, scale, thickness)
    margin = max(2, tall // 2)
    top = max(0, height - tall - below - 2 * margin)
    bar = picture[top:, : width + 2 * margin]
    bar[:] = (bar * np.float32(0.25)).astype(np.uint8)
    where = (margin, height - margin - below)
    cv2.putText(picture, text, where, FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)


def _open(width_px: int, height_px: int) -> VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width_px, height_px, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, TICKS_PER_S), Fraction(25)
    encoder.thread_count, encoder.max_b_frames, encoder.gop_size = 1, 0, SYNC_EVERY
    encoder.options = ENCODER
    encoder.open()
    return encoder


def _warm_up() -> None:
    """Run everything once that loads or allocates when first used."""
    burner = Burner(VideoParams(Codec.H264, 64, 64))
    picture = np.zeros((64, 64, 3), np.uint8)
    draw(picture, "0")
    frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
    frame.pts, frame.time_base = 0, Fraction(1, TICKS_PER_S)
    list(burner._encode(frame))
    np.asarray(frame.to_ndarray(width=32, height=32, format="bgr24"))
    for codec in (Codec.H264, Codec.H265, Codec.VP8, Codec.MJPEG):
        GopDecoder(VideoParams(codec, 64, 64)).drain()


def receive(descriptor: int) -> Iterator[Request]:
    """Requests until the other side closes the socket."""
    unpacker = Unpacker()
    while data := os.read(descriptor, _READ_BYTES):
        for body in unpacker.feed(data):
            yield read_request(body)


def send(descriptor: int, message: Ready | Burned) -> None:
    """Write a reply whole."""
    data = memoryview(pack(message))
    while data:
        data = data[os.write(descriptor, data) :]


def main(descriptor: int) -> int:
    """Serve until the other side closes the socket."""
    die_with_parent()
    cv2.setNumThreads(1)
    os.nice(NICENESS)
    requests = receive(descriptor)
    setup = next(requests, None)
    if not isinstance(setup, Setup):
        return 2
    _warm_up()
    burner = Burner(setup.params)
    send(descriptor, Ready(confine(setup.memory_bytes)))
    for request in requests:
        if not isinstance(request, Gop):
            return 2
        send(descriptor, burner.burn(request))
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    raise SystemExit(main(int(sys.argv[1])))
