"""The process that reads a film: locks itself in, opens the one file that it was handed, and gives its units.

It knows its socket and that file by descriptor and can open nothing else, so that a container which points to other
files, addresses or playlists points nowhere. Started as ``python -m haechi.vision.demux.worker SOCKET FILE``.
"""

from __future__ import annotations

import os
import sys
import wave
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from io import BytesIO, FileIO
from typing import Any

import av
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from haechi.base.confine import confine, die_with_parent
from haechi.base.errors import HaechiError, Invalid, PeerError
from haechi.base.framing import Unpacker
from haechi.media.access_unit import TICKS_PER_S, Codec
from haechi.media.container import FilmBatch, FilmHead, FilmUnit, Role, SoundPackets, VideoPackets
from haechi.vision.decode import MOST_PIXELS
from haechi.vision.demux.messages import Batch, Failed, More, Opened, Reply, Request, Setup, pack, read_request

NICENESS = 10
BATCH_BYTES = 2 * 1024 * 1024
BATCH_UNITS = 2000
MOST_TRACKS = 32
_READ_BYTES = 1 << 16
_VIDEO = {"h264": Codec.H264, "hevc": Codec.H265, "mjpeg": Codec.MJPEG}
_SOUND = {"aac": Codec.AAC, "opus": Codec.OPUS, "pcm_mulaw": Codec.PCMU, "pcm_alaw": Codec.PCMA}
_OPTIONS = {"max_streams": str(MOST_TRACKS), "enable_drefs": "0", "use_absolute_path": "0"}


class Film:
    """An open file: its one video track, and its sound where that is wanted.

    Raises:
        Invalid: ``film-codec``, ``film-sound-codec``, ``film-no-video``, ``film-too-large-picture``.
    """

    def __init__(self, container: InputContainer, setup: Setup) -> None:
        self._container = container
        self._setup = setup
        self._video, self._pictures = _video_of(container)
        found = _sound_of(container) if setup.sound else None
        self._sound: AudioStream | None = None if found is None else found[0]
        self._frames: SoundPackets | None = None if found is None else found[1]
        self._at_bytes = 0
        self._damaged = 0
        self._units = self._read()

    def head(self) -> FilmHead:
        """What it says of itself."""
        duration_us = self._container.duration or 0
        return FilmHead(
            container=self._setup.container,
            duration_ns=max(0, duration_us) * 1000,
            created_ns=_created_ns(self._container),
            has_sound=self._sound is not None,
        )

    def more(self) -> Batch:
        """The next units, a few megabytes."""
        units: list[FilmUnit] = []
        size = 0
        for unit in self._units:
            units.append(unit)
            size += len(unit.data)
            if size >= BATCH_BYTES or len(units) >= BATCH_UNITS:
                break
        is_last = size < BATCH_BYTES and len(units) < BATCH_UNITS
        share = 1.0 if is_last else min(1.0, self._at_bytes / max(1, self._setup.size_bytes))
        return Batch(FilmBatch(tuple(units), share, self._damaged), is_last)

    def _read(self) -> Iterator[FilmUnit]:
        """All units. What is damaged is left out and counted; where libav cannot go on, the film ends."""
        tracks = [self._video] if self._sound is None else [self._video, self._sound]
        packets = self._container.demux(*tracks)
        while (packet := self._next(packets)) is not None:
            if packet.size == 0:
                continue
            self._at_bytes = max(self._at_bytes, packet.pos or 0)
            is_picture = packet.stream.index == self._video.index
            try:
                yield from self._picture(packet) if is_picture else self._sounds(packet)
            except PeerError:
                self._damaged += 1

    def _next(self, packets: Iterator[av.Packet[Any]]) -> av.Packet[Any] | None:
        try:
            return next(packets, None)
        except FFmpegError:
            self._damaged += 1
            return None

    def _picture(self, packet: av.Packet[Any]) -> Iterator[FilmUnit]:
        unit = self._pictures.unit(bytes(packet))
        if unit is None:
            return
        params = unit.params
        if params is not None and params.width_px * params.height_px > MOST_PIXELS:
            message = (
                "the pictures of this film are too large; scale it down: ffmpeg -i FILE -vf scale=3840:-2 film.mp4"
            )
            raise Invalid(message, code="film-too-large-picture", width=params.width_px, height=params.height_px)
        pts, dts = _times(packet)
        yield FilmUnit("main", pts, dts, unit.is_sync, unit.data, video=params)

    def _sounds(self, packet: av.Packet[Any]) -> Iterator[FilmUnit]:
        assert self._frames is not None
        pts, _ = _times(packet)
        role: Role = "audio"
        for frame in self._frames.frames(bytes(packet)):
            at = pts + frame.later_ticks
            yield FilmUnit(role, at, at, True, frame.data, sound=frame.params)


def _times(packet: av.Packet[Any]) -> tuple[int, int]:
    """``pts`` and ``dts`` in 90 kHz ticks; where the container has only one of them, it stands for both.

    Raises:
        Invalid: ``film-no-times``.
    """
    given = packet.pts if packet.pts is not None else packet.dts
    if given is None or packet.time_base is None:
        message = "this film does not say when its pictures are shown; write it anew: ffmpeg -i FILE -c copy film.mp4"
        raise Invalid(message, code="film-no-times")
    decoded = packet.dts if packet.dts is not None else given
    scale = packet.time_base * TICKS_PER_S
    return round(given * scale), round(decoded * scale)


def _video_of(container: InputContainer) -> tuple[VideoStream, VideoPackets]:
    track = container.streams.best("video")
    if not isinstance(track, VideoStream):
        raise Invalid("there is no video in this file", code="film-no-video")
    name = _codec_name(track)
    codec = _VIDEO.get(name)
    if codec is None:
        message = (
            f"the video of this film is {name}; H.264, H.265 and MJPEG are taken in as they are, others must be coded "
            "anew first: ffmpeg -i FILE -c:v libx264 -c:a aac film.mp4"
        )
        raise Invalid(message, code="film-codec", codec=name)
    context = track.codec_context
    return track, VideoPackets(codec, bytes(context.extradata or b""), (context.width, context.height))


def _sound_of(container: InputContainer) -> tuple[AudioStream, SoundPackets] | None:
    track = container.streams.best("audio")
    if not isinstance(track, AudioStream):
        return None
    name = _codec_name(track)
    codec = _SOUND.get(name)
    if codec is None:
        message = (
            f"the sound of this film is {name}; AAC, Opus and G.711 are taken in. Leave it out, or code it anew: "
            "ffmpeg -i FILE -c:v copy -c:a aac film.mp4"
        )
        raise Invalid(message, code="film-sound-codec", codec=name)
    context = track.codec_context
    return track, SoundPackets(codec, context.sample_rate, context.channels, bytes(context.extradata or b""))


def _codec_name(track: VideoStream | AudioStream) -> str:
    context: CodecContext | None = track.codec_context  # there is none where libav knows no decoder
    return "of an unknown kind" if context is None else str(context.codec.canonical_name)


def _created_ns(container: InputContainer) -> int:
    text = container.metadata.get("creation_time", "")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return 0 if at.tzinfo is None else max(0, int(at.timestamp() * 1000)) * 1_000_000


def _warm_up() -> None:
    """Load whatever is loaded when first used: no module can be once the process is locked in."""
    for kind in ("audio", "subtitles", "video"):
        import_module(f"av.{kind}.stream")
        import_module(f"av.{kind}.codeccontext")
    sound = BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    sound.seek(0)
    with av.open(sound, "r", format="wav", options=_OPTIONS) as container:
        track = container.streams.best("audio")
        assert isinstance(track, AudioStream)
        _codec_name(track)
        for packet in container.demux(track):
            if packet.size:
                _times(packet)


def receive(descriptor: int) -> Iterator[Request]:
    """Requests until the other side closes the socket."""
    unpacker = Unpacker()
    while data := os.read(descriptor, _READ_BYTES):
        for body in unpacker.feed(data):
            yield read_request(body)


def send(descriptor: int, message: Reply) -> None:
    """Write a reply whole."""
    data = memoryview(pack(message))
    while data:
        data = data[os.write(descriptor, data) :]


def serve(requests: Iterator[Request], setup: Setup, file: FileIO, descriptor: int) -> None:
    """Open the film and answer until the other side has enough.

    Raises:
        HaechiError: The film cannot be taken in.
        FFmpegError: libav gave up on it.
    """
    held = confine(setup.memory_bytes)
    with av.open(file, "r", format=setup.container, options=_OPTIONS) as container:
        film = Film(container, setup)
        send(descriptor, Opened(film.head(), held))
        for request in requests:
            assert isinstance(request, More)
            send(descriptor, film.more())


def main(descriptor: int, film: int) -> int:
    """One film, then the end."""
    die_with_parent()
    os.nice(NICENESS)
    requests = receive(descriptor)
    setup = next(requests, None)
    if not isinstance(setup, Setup):
        return 2
    _warm_up()
    try:
        serve(requests, setup, FileIO(film, "rb"), descriptor)
    except PeerError as error:
        send(descriptor, Failed("film-broken", f"this film is damaged: {error.message}"))
    except HaechiError as error:
        send(descriptor, Failed(error.code, error.message))
    except (FFmpegError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be read"
        send(descriptor, Failed("film-broken", f"this film is damaged: {reason}"))
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2])))
