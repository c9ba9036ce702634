"""What is at an address: ``/<camera>`` is the main stream, ``/<camera>/sub`` (tile, h264) another one of it."""

from __future__ import annotations

from urllib.parse import unquote

from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Invalid, Unavailable
from haechi.base.ids import CameraId, StreamId, is_id, stream_of
from haechi.bus.frames import FrameBus
from haechi.live.packets import clock_rate_of
from haechi.live.streams import NAMES, stream_named
from haechi.media.access_unit import AudioParams, Codec, CodecParams, VideoParams
from haechi.media.packetise import track_for
from haechi.media.sdp import SessionDescription

WAIT_S = 8.0
"""For a camera to send its first unit: it may just be connected to, or its stream be begun for this player."""
STEP_S = 0.05
FIRST_TYPE = 96
WIDEST_JPEG_PX = 2040
"""RFC 2435 section 3.1.5: sizes are told in blocks of 8 pixels, in 8 bits."""


class Asked(Struct, frozen=True):
    """What an address means."""

    camera: CameraId
    name: str

    @property
    def stream(self) -> StreamId:
        return stream_named(self.camera, self.name)


class Offer(Struct, frozen=True):
    """What a player was told that there is.

    Attributes:
        streams: One for each track, in the order of the description.
        params: Of each stream, as they were then.
    """

    camera: CameraId
    streams: tuple[StreamId, ...]
    params: tuple[CodecParams, ...]
    description: SessionDescription


def asked_at(path: str) -> Asked | None:
    """Read the path of an address, query and all; None: nothing can be there."""
    camera, _, name = unquote(path.partition("?")[0].strip("/")).partition("/")
    if not is_id(camera, "cam") or (name and name not in NAMES):
        return None
    return Asked(CameraId(camera), name or "main")


async def offer_of(asked: Asked, bus: FrameBus, clock: Clock) -> Offer:
    """The tracks of a stream, as soon as it is there.

    Raises:
        Unavailable: ``stream-not-there``: the camera sends nothing now.
        Invalid: ``not-by-rtp``: its pictures are too large for JPEG over RTP.
    """
    began_ns = clock.monotonic_ns()
    while bus.channel(asked.stream).current is None:
        if clock.monotonic_ns() - began_ns > WAIT_S * NS_PER_S:
            raise Unavailable("the camera sends nothing now; try again later", code="stream-not-there", retry_after_s=5)
        await clock.sleep(STEP_S)
    streams, params = [], []
    for stream in (asked.stream, stream_of(asked.camera, "audio")):
        run = bus.channel(stream).current
        if run is not None and run.params:
            streams.append(stream)
            params.append(run.params[-1])
    for one in params:
        _require_room(one)
    tracks = (track_for(one, FIRST_TYPE + n, f"trackID={n}") for n, one in enumerate(params))
    return Offer(asked.camera, tuple(streams), tuple(params), SessionDescription(tuple(tracks), name="Haechi"))


def _require_room(params: CodecParams) -> None:
    if not isinstance(params, VideoParams) or params.codec is not Codec.MJPEG:
        return
    if max(params.width_px, params.height_px) > WIDEST_JPEG_PX:
        message = "JPEG over RTP carries no pictures wider than 2040 pixels; ask for the stream h264"
        raise Invalid(message, code="not-by-rtp", width_px=params.width_px, height_px=params.height_px)


def still_fits(told: CodecParams, now: CodecParams) -> bool:
    """Whether a player that was told of ``told`` can go on with ``now``: new parameter sets come in the stream."""
    if told is now:
        return True
    if told.codec is not now.codec or clock_rate_of(told) != clock_rate_of(now):
        return False
    if isinstance(told, AudioParams) and isinstance(now, AudioParams):
        return (told.channels, told.config) == (now.channels, now.config)
    return True
