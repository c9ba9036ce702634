"""What a virtual camera shows: a rendered scene or a media file, in a loop whose timestamps go on."""

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Self

import av
import av.container
import numpy as np
import numpy.typing as npt
from msgspec import Struct
from platformdirs import user_cache_path

from haechi.base.errors import Invalid, NotFound
from haechi.camera.virtual.render import GOP_FRAMES, encode
from haechi.camera.virtual.scene import FPS, Scene, scene
from haechi.camera.virtual.server import Feed, FeedUnit, FileFeed
from haechi.media.access_unit import TICKS_PER_S, AudioParams, Codec, CodecParams
from haechi.media.annexb import StreamUnit, split_units

MAX_FILE_BYTES = 512 << 20
"""A file is held in memory while it is served."""
_ELEMENTARY = {"h264": Codec.H264, "hevc": Codec.H265}
_SOUNDS = {"aac": Codec.AAC, "opus": Codec.OPUS, "pcm_mulaw": Codec.PCMU, "pcm_alaw": Codec.PCMA}
_CODEC_STRINGS = {Codec.AAC: "mp4a.40.2", Codec.OPUS: "opus", Codec.PCMU: "ulaw", Codec.PCMA: "alaw"}


_renderer = ThreadPoolExecutor(1, thread_name_prefix="scenes")
"""One thread renders all scenes, a group of pictures of each in turn: several would fight over the interpreter's lock
and be slower together. One makes about 200 pictures a second; four cameras play 60."""


class SceneFeed:
    """A demo scene. It is rendered while it is played, faster than it is played, and kept for the next time.

    Attributes:
        name: Which scene.
        cache_dir: Where rendered scenes are kept; None keeps none.
        moved: How the camera was bumped before it shows this; see `haechi.camera.virtual.render.Renderer`.
    """

    def __init__(self, name: str, cache_dir: Path | None = None, moved: npt.NDArray[np.float64] | None = None) -> None:
        self.name = name
        self.cache_dir = cache_dir
        self.moved = moved
        self._scene = scene(name)
        self._units: list[StreamUnit] = []
        self._whole: list[bytes] = []
        self._groups: Iterator[bytes] | None = None
        self._grown = threading.Condition()
        self._step: Future[bool] | None = None
        self._is_closed = False

    def start(self) -> None:
        """Begin to render, once; `tracks` does it too."""
        if self._step is None:
            self._go_on()

    def close(self) -> None:
        """Stop rendering."""
        self._is_closed = True

    def tracks(self) -> tuple[CodecParams, ...]:
        """Video only. Waits for the first two seconds of pictures (a fraction of a second)."""
        params = self._unit(0).params
        if params is None:
            raise Invalid("a scene begins with parameter sets", code="bad-feed", scene=self.name)
        return (params,)

    async def units(self) -> AsyncIterator[FeedUnit]:
        number = 0
        while True:
            unit = await self.unit(number)
            yield FeedUnit(0, unit.data, number * TICKS_PER_S // FPS, number / FPS, unit.is_sync, unit.params)
            number += 1

    async def unit(self, number: int) -> StreamUnit:
        """Picture ``number`` of a loop without end; waits until it is rendered."""
        place = number % self._scene.frames
        is_ready = place < len(self._units)
        return self._units[place] if is_ready else await asyncio.to_thread(self._unit, place)

    def _unit(self, place: int) -> StreamUnit:
        self.start()
        with self._grown:
            self._grown.wait_for(lambda: place < len(self._units) or self._has_ended())
        if place >= len(self._units):
            if self._step is not None:
                self._step.result()  # raises what went wrong
            raise NotFound("the scene was closed before this picture", code="no-such-scene", name=self.name)
        return self._units[place]

    def _has_ended(self) -> bool:
        step = self._step
        if step is None or not step.done():
            return False
        return step.exception() is not None or not step.result() or self._is_closed

    def _go_on(self) -> None:
        self._step = _renderer.submit(self._render_some)
        self._step.add_done_callback(self._stepped)

    def _stepped(self, step: Future[bool]) -> None:
        if step.exception() is None and step.result() and not self._is_closed:
            self._go_on()
        with self._grown:
            self._grown.notify_all()

    def _render_some(self) -> bool:
        """Add a group of pictures. Returns whether there are more to come."""
        kept = self._kept()
        if self._is_closed:
            return False
        if self._groups is None:
            if kept is not None and kept.is_file():
                self._add(kept.read_bytes())
                return False
            self._groups = _groups(self._scene, self.moved)
        group = next(self._groups, None)
        if group is not None:
            self._add(group)
            self._whole.append(group)
            return True
        if kept is not None:
            keep(kept, b"".join(self._whole))
        self._whole.clear()
        return False

    def _add(self, data: bytes) -> None:
        units = list(split_units(data, Codec.H264))
        with self._grown:
            self._units.extend(units)
            self._grown.notify_all()

    def _kept(self) -> Path | None:
        if self.cache_dir is None or self.moved is not None:
            return None
        return self.cache_dir / f"{self.name}-{_recipe()}.h264"


_TURN = np.deg2rad(1.2)
BUMPED: npt.NDArray[np.float64] = np.array(
    [[1.01 * np.cos(_TURN), -np.sin(_TURN), 46.0], [np.sin(_TURN), 1.01 * np.cos(_TURN), -31.0], [1e-6, 2e-6, 1.0]]
)
"""What becomes of the picture when somebody runs into a camera: turned by 1.2 degrees, a little nearer, shifted."""


class BumpedFeed:
    """A scene whose camera is bumped in the middle of it: from `bump` on, at the next sync unit, it looks elsewhere.

    Attributes:
        is_bumped: Whether it already shows the other view.
    """

    def __init__(self, before: SceneFeed, after: SceneFeed) -> None:
        self._before = self._shown = self._next = before
        self._after = after
        self.is_bumped = False

    def bump(self) -> None:
        """Somebody runs into the camera."""
        self._after.start()
        self._next = self._after

    def close(self) -> None:
        """Stop rendering."""
        self._before.close()
        self._after.close()

    def tracks(self) -> tuple[CodecParams, ...]:
        """Both views are coded alike."""
        return self._shown.tracks()

    async def units(self) -> AsyncIterator[FeedUnit]:
        number = 0
        while True:
            unit = await self._shown.unit(number)
            if unit.is_sync and self._next is not self._shown:
                unit = await self._next.unit(number)
                self._shown, self.is_bumped = self._next, True
            yield FeedUnit(0, unit.data, number * TICKS_PER_S // FPS, number / FPS, unit.is_sync, unit.params)
            number += 1


def _groups(what: Scene, moved: npt.NDArray[np.float64] | None) -> Iterator[bytes]:
    """Annex B, a group of pictures at a time: what can be split into units without the groups before."""
    group: list[bytes] = []
    for picture in encode(what, moved=moved):
        if picture.is_sync and group:
            yield b"".join(group)
            group = []
        group.append(picture.data)
    yield b"".join(group)


class MediaFeed:
    """The video and, where there is one, the audio of a media file; pictures may be reordered (B-frames)."""

    def __init__(self, params: tuple[CodecParams, ...], units: tuple[FeedUnit, ...], loop_s: float) -> None:
        self._params = params
        self._units = units
        self._loop_s = loop_s

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the file into memory.

        Raises:
            Invalid: It holds no H.264 or H.265 video, or not one that can be served.
        """
        try:
            with av.open(str(path)) as container:
                return cls(*_read(container))
        except av.FFmpegError as error:
            raise Invalid(f"not a media file: {error.strerror}", code="bad-feed", file=path.name) from error

    def tracks(self) -> tuple[CodecParams, ...]:
        return self._params

    async def units(self) -> AsyncIterator[FeedUnit]:
        turn = 0
        while True:
            for unit in self._units:
                ticks = unit.rtp_ticks + round(turn * self._loop_s * _clock_hz(self._params[unit.track]))
                due_s = unit.due_s + turn * self._loop_s
                yield FeedUnit(unit.track, unit.data, ticks, due_s, unit.is_sync, unit.params)
            turn += 1


class _Track(Struct, frozen=True):
    """One elementary stream as read: what a decoder must know, and its units with pts and dts in seconds."""

    params: CodecParams
    units: tuple[tuple[StreamUnit, float, float], ...]
    end_s: float


def default_cache_dir() -> Path:
    """Where rendered scenes are kept for the user who runs this."""
    return user_cache_path("haechi") / "scenes"


def open_file(path: Path, fps: float | None = None) -> Feed:
    """A feed of a media file, or of a bare H.264 or H.265 stream (then ``fps`` says how fast; 25 when left out).

    Raises:
        NotFound: There is no such file.
        Invalid: It is too large or holds nothing that can be served.
    """
    if not path.is_file():
        raise NotFound("there is no such file", code="no-such-file", file=path.name)
    if path.stat().st_size > MAX_FILE_BYTES:
        raise Invalid(f"the file is larger than {MAX_FILE_BYTES >> 20} MB", code="bad-feed", file=path.name)
    suffix = path.suffix.lower().lstrip(".")
    codec = {"264": "h264", "h264": "h264", "avc": "h264", "265": "hevc", "h265": "hevc", "hevc": "hevc"}.get(suffix)
    return FileFeed(path.read_bytes(), _ELEMENTARY[codec], fps or 25.0) if codec else MediaFeed.open(path)


def keep(path: Path, data: bytes) -> None:
    """Write a file in one step; what other processes see is whole or absent. Older versions of it are removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)
    for old in path.parent.glob(f"{path.stem.rpartition('-')[0]}-*.h264"):
        if old != path:
            old.unlink(missing_ok=True)


@cache
def _recipe() -> str:
    """Changes when what draws or encodes changes, so that an old rendering is not taken for a new one."""
    digest = hashlib.sha256(f"{GOP_FRAMES} {sorted(av.library_versions.items())}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        if source.stem in ("draw", "rooms", "people", "scene", "render", "timecode"):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _read(container: av.container.InputContainer) -> tuple[tuple[CodecParams, ...], tuple[FeedUnit, ...], float]:
    """Parameters, units in sending order, length of one loop in seconds."""
    if not container.streams.video or container.streams.video[0].codec_context.name not in _ELEMENTARY:
        raise Invalid("the file holds no H.264 or H.265 video", code="bad-feed")
    tracks = [_video(container)]
    audio = container.streams.audio[0] if container.streams.audio else None
    if audio is not None and audio.codec_context.name in _SOUNDS:
        tracks.append(_audio(container))
    first_s = min(dts for track in tracks for _, _, dts in track.units)
    units = [
        FeedUnit(
            number,
            unit.data,
            round((pts - first_s) * _clock_hz(track.params)),
            dts - first_s,
            unit.is_sync,
            unit.params,
        )
        for number, track in enumerate(tracks)
        for unit, pts, dts in track.units
    ]
    loop_s = max(track.end_s for track in tracks) - first_s
    return tuple(track.params for track in tracks), tuple(sorted(units, key=lambda unit: unit.due_s)), loop_s


def _video(container: av.container.InputContainer) -> _Track:
    stream = container.streams.video[0]
    name = stream.codec_context.name
    to_annexb = av.BitStreamFilterContext(f"{name}_mp4toannexb", in_stream=stream)
    packets = [packet for packet in container.demux(stream) if packet.size]
    times = [(float((p.pts or 0) * p.time_base), float((p.dts or 0) * p.time_base)) for p in packets if p.time_base]
    data = b"".join(bytes(out) for packet in [*packets, None] for out in to_annexb.filter(packet))
    units = list(split_units(data, _ELEMENTARY[name]))
    if not units or len(units) != len(times) or units[0].params is None:
        raise Invalid("the pictures of the file cannot be told apart", code="bad-feed", pictures=len(units))
    step_s = (times[-1][1] - times[0][1]) / max(len(times) - 1, 1)
    timed = tuple((unit, pts, dts) for unit, (pts, dts) in zip(units, times, strict=True))
    return _Track(units[0].params, timed, times[-1][1] + step_s)


def _audio(container: av.container.InputContainer) -> _Track:
    container.seek(0)
    stream = container.streams.audio[0]
    codec = _SOUNDS[stream.codec_context.name]
    params = AudioParams(
        codec=codec,
        rate_hz=48_000 if codec is Codec.OPUS else stream.codec_context.sample_rate,
        channels=stream.codec_context.channels,
        config=bytes(stream.codec_context.extradata or b"") if codec is Codec.AAC else b"",
        codec_string=_CODEC_STRINGS[codec],
    )
    timed: list[tuple[StreamUnit, float, float]] = []
    for packet in container.demux(stream):
        if packet.size and packet.pts is not None and packet.time_base:
            at_s = float(packet.pts * packet.time_base)
            timed += [
                (StreamUnit(piece, True, None), at_s + after_s, at_s + after_s)
                for after_s, piece in _pieces(bytes(packet), params)
            ]
    if not timed:
        raise Invalid("the audio of the file holds nothing", code="bad-feed")
    step_s = (timed[-1][1] - timed[0][1]) / max(len(timed) - 1, 1)
    return _Track(params, tuple(timed), timed[-1][1] + step_s)


def _pieces(data: bytes, params: AudioParams) -> list[tuple[float, bytes]]:
    """What goes into a packet each, and how many seconds after the first: G.711 is cut into 20 ms, as cameras do."""
    if params.codec not in (Codec.PCMU, Codec.PCMA):
        return [(0.0, data)]
    second = params.rate_hz * params.channels
    step = second // 50
    return [(at / second, data[at : at + step]) for at in range(0, len(data), step)]


def _clock_hz(params: CodecParams) -> int:
    return params.rate_hz if isinstance(params, AudioParams) else TICKS_PER_S
