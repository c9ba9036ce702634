"""A camera of this machine as a `Source`."""

from __future__ import annotations

import asyncio
import socket

import msgspec

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError, Invalid, PeerError, Unavailable
from haechi.base.process import start_module
from haechi.ingest.camera import CameraIngest
from haechi.ingest.probe import Note
from haechi.ingest.source import Sink, Source, Track
from haechi.ingest.webcam.devices import plan_for
from haechi.ingest.webcam.messages import Coded, Failed, Opened, Plan, Word, Words
from haechi.ingest.wish import CameraWish
from haechi.media.access_unit import TICKS_PER_S, Codec, RawUnit, VideoParams
from haechi.media.annexb import UnitBuilder, dialect_for
from haechi.media.jpeg_scan import JpegScan
from haechi.media.nal import split_annexb
from haechi.media.webcam import Webcam, with_huffman_tables

OPEN_S = 15.0
STALL_S = 10.0
END_S = 2.0
READ_BYTES = 256 * 1024


class WebcamOpener:
    """Cameras of this machine."""

    intake = CameraIngest

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        webcam = Webcam.parse(wish.address.url)
        return WebcamSource(webcam, self._clock, note)

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        return self.open(wish, note)


class WebcamSource:
    """See the module.

    Args:
        webcam: Which; or a plan, where it is known how libav opens it.
    """

    def __init__(self, webcam: Webcam | Plan, clock: Clock, note: Note) -> None:
        self._webcam = webcam
        self._clock = clock
        self._note = note

    async def run(self, sink: Sink) -> None:
        """See `Source`.

        Raises:
            Unavailable: ``webcam-missing``, ``webcam-denied``, ``webcam-busy``, ``webcam-failed``, ``camera-stalled``.
        """
        self._note("device")
        wish = self._webcam
        plan = wish if isinstance(wish, Plan) else await asyncio.to_thread(plan_for, wish)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours:
            with theirs:
                fileno = theirs.fileno()
                text = msgspec.json.encode(plan).decode()
                process = await start_module("haechi.ingest.webcam.reader", [str(fileno), text], pass_fds=(fileno,))
            try:
                await _Reading(ours, sink, self._clock).run()
            finally:
                await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """It holds the device, so it is gone before we are."""
    if process.returncode is None:
        process.kill()
    try:
        await asyncio.wait_for(process.wait(), END_S)
    except TimeoutError as error:
        raise Unavailable("the webcam's driver does not let go", code="webcam-failed") from error


class _Reading:
    """The words of one process, until it has no more."""

    def __init__(self, line: socket.socket, sink: Sink, clock: Clock) -> None:
        self._line = line
        self._sink = sink
        self._clock = clock
        self._words = Words()
        self._units: _Units | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            patience_s = STALL_S if self._units is not None else OPEN_S
            try:
                async with asyncio.timeout(patience_s):
                    data = await loop.sock_recv(self._line, READ_BYTES)
            except TimeoutError as error:
                raise Unavailable("the camera is there but sends no picture", code="camera-stalled") from error
            if not data:
                raise Unavailable("the process that reads the camera ended", code="webcam-failed")
            arrived_ns = self._clock.monotonic_ns()
            for word in self._words.feed(data):
                await self._take(word, arrived_ns)
            await asyncio.sleep(0)  # what is there already is read without a pause: let others have their turn

    async def _take(self, word: Word, arrived_ns: int) -> None:
        match word:
            case Opened(name):
                codec = Codec(name)
                if codec not in {Codec.H264, Codec.MJPEG}:
                    raise Invalid("the camera's coding is not supported", code="unsupported-codec")
                await self._sink.opened([Track(codec, TICKS_PER_S)])
                self._units = _Units(codec)
            case Coded() if self._units is not None:
                unit = self._units.unit(word)
                if unit is not None:
                    self._sink.unit(0, unit, arrived_ns)
            case Failed(code, reason):
                raise _failure(code, reason)
            case Coded():
                raise PeerError("a picture came before the device was open", offset=0, code="webcam-malformed")


def _failure(code: str, reason: str) -> HaechiError:
    """The error for what the process says."""
    match code:
        case "webcam-missing":
            return Unavailable("there is no such camera in this machine; see haechi webcam list", code="webcam-missing")
        case "webcam-denied":
            message = (
                "this camera may not be opened; let the user that runs this (Linux: make it one of the group video)"
            )
            return Unavailable(message, code="webcam-denied")
        case "webcam-busy":
            return Unavailable("another program uses the camera; close that", code="webcam-busy")
        case "no-video-track":
            return Invalid("this device gives no video", code="no-video-track")
        case "camera-closed":
            return Unavailable("the camera ended the stream; was it unplugged?", code="camera-closed")
        case _:
            return Unavailable(
                "the camera cannot be read; another size or rate may help", code="webcam-failed", reason=reason
            )


class _Units:
    """Coded pictures to units."""

    def __init__(self, codec: Codec) -> None:
        self._builder = UnitBuilder(dialect_for(codec)) if codec is Codec.H264 else None
        self._params: VideoParams | None = None

    def unit(self, word: Coded) -> RawUnit | None:
        """The unit of one picture; None: nothing of it can be decoded yet."""
        if self._builder is None:
            return self._picture(word)
        found = self._builder.whole(split_annexb(word.data))
        return RawUnit(word.ticks, found.is_sync, found.data, found.params) if found is not None else None

    def _picture(self, word: Coded) -> RawUnit:
        """A JPEG, from its beginning to its end: what drivers leave behind it is no part of it."""
        scan = JpegScan()
        end = scan.end(word.data)
        if end is None:
            return RawUnit(word.ticks, True, word.data, damaged=True)
        params = VideoParams(Codec.MJPEG, scan.width_px, scan.height_px)
        changed = params if params != self._params else None
        self._params = params
        return RawUnit(word.ticks, True, with_huffman_tables(word.data[:end]), changed)
