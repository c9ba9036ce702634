"""Our RTSP client for `bench.latency`: over TCP, each picture decoded as soon as it is whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import av
import av.video
import numpy as np

from bench.latency_camera import CLOCK_MS, now_ms
from haechi.camera.virtual.timecode import read_timecode
from haechi.fleet.address import parse_address
from haechi.ingest.openers import target_of
from haechi.media.access_unit import VideoParams
from haechi.media.nal import join_annexb, lengths_to_annexb
from haechi.media.payload.h264 import H264Depacketiser
from haechi.media.rtp import RtpPacket
from haechi.media.rtsp.client import RtpReceived, RtspClient, Wishes

MOST_BYTES = 65_536


async def watched(url: str) -> AsyncIterator[tuple[int, float]]:
    """Number and age (ms) of each picture, when it is decoded; ends with the connection."""
    target = target_of(parse_address(url), "tcp")
    client = RtspClient(target.url, target.username, target.password, wishes=Wishes(audio=False))
    reader, writer = await asyncio.open_connection(target.host, target.port)
    depacketiser: H264Depacketiser | None = None
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_type = "NONE"
    writer.write(client.start())
    try:
        while data := await reader.read(MOST_BYTES):
            events = client.feed(data)
            writer.write(client.to_send())
            for event in events:
                if not isinstance(event, RtpReceived):
                    continue
                packet = RtpPacket.parse(event.data)
                if depacketiser is None:
                    depacketiser = H264Depacketiser(packet.payload_type)
                    depacketiser.trust_markers()
                for unit in depacketiser.feed(packet):
                    sets = unit.params.sets if isinstance(unit.params, VideoParams) else ()
                    for picture in decoder.decode(av.Packet(join_annexb(sets) + lengths_to_annexb(unit.data))):
                        yield seen(picture)
    finally:
        writer.close()


def seen(picture: av.VideoFrame) -> tuple[int, float]:
    """Number of a picture, and how old it is."""
    plane = picture.planes[0]
    luma = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    code = read_timecode(luma)
    return code.frame, (now_ms() - code.ms) % CLOCK_MS
