"""The streams of a camera that a viewer can ask for, by name. Every way out (MSE, WHEP, HLS, RTSP, MJPEG) asks here.

``main`` is what the camera is recorded in. ``sub`` is its smaller stream, where it has one. ``tile`` and ``h264`` are
made here: a small one for walls, and one in a coding that everything plays. Those three exist only while somebody
watches: take a lease (`haechi.live.demand.Demand.want`) before you watch one, and close it when you are done.
"""

from __future__ import annotations

from typing import Literal, get_args

from haechi.base.errors import NotFound
from haechi.base.ids import CameraId, StreamId, stream_of

StreamName = Literal["main", "sub", "tile", "h264"]
NAMES: frozenset[str] = frozenset(get_args(StreamName))


def stream_named(camera: CameraId, name: str) -> StreamId:
    """The stream of ``camera`` that is called ``name``; the empty name is the main one.

    Raises:
        NotFound: ``stream-unknown``: no stream is called so.
    """
    name = name or "main"
    if name not in NAMES:
        raise NotFound("no stream is called so: main, sub, tile and h264 are", code="stream-unknown")
    return stream_of(camera, name)
