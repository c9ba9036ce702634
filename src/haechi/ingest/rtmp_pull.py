"""Who opens streams at RTMP servers; and SRT, which is not taken in."""

from __future__ import annotations

from haechi.base.clock import Clock
from haechi.base.errors import Invalid
from haechi.ingest.camera import CameraIngest
from haechi.ingest.probe import Note
from haechi.ingest.reach import Reach
from haechi.ingest.source import Sink, Source
from haechi.ingest.wish import CameraWish


class RtmpOpener:
    """Streams that are played from an RTMP server."""

    intake = CameraIngest

    def __init__(self, clock: Clock, reach: Reach) -> None:
        self._clock = clock
        self._reach = reach

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `haechi.ingest.openers.Opener`. RTMP is loaded with the first such camera, not as the server starts."""
        from haechi.ingest.rtmp import RtmpSource

        return RtmpSource(wish.address, self._clock, reach=self._reach, note=note)

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `haechi.ingest.openers.Opener`."""
        return self.open(wish, note)


class SrtOpener:
    """SRT is a protocol of its own over UDP, which libav's wheels lack as well: a camera with it says what to do."""

    intake = CameraIngest

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `haechi.ingest.openers.Opener`."""
        return _Srt()

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `haechi.ingest.openers.Opener`."""
        raise _no_srt()


class _Srt:
    async def run(self, sink: Sink) -> None:
        raise _no_srt()


def _no_srt() -> Invalid:
    message = "SRT is not taken in; let a re-streamer such as MediaMTX or ffmpeg take it and offer it as RTSP"
    return Invalid(message, code="srt-unsupported")
