"""Pictures and sound of one camera as two tracks on one timeline; pure.

The timeline is that of the pictures' run. Sound is stamped on its own, so its chunks are moved by what the capture
times say, once for each pair of runs: the payload stays what every other viewer hears.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.live.llhls.track import Piece, Segment, Track
from haechi.live.mse import Chunk
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, CodecParams, VideoParams
from haechi.media.fmp4.muxer import chunk_moved, chunk_ticks
from haechi.media.llhls import (
    LivePart,
    LivePlaylist,
    LiveSegment,
    Report,
    Sound,
    Variant,
    bit_rates,
    live_playlist,
    multivariant_playlist,
)

LEAP_TICKS = TICKS_PER_S
"""A hole in the media time longer than this (and three steps of the stream) is a discontinuity."""
PEAK_MARGIN = 1.1
"""BANDWIDTH is a peak, and of a live stream nobody knows it yet."""
MOST_TEXTS = 16


class Coding(Struct, frozen=True):
    """How the units that come are coded: their run, and what goes before them."""

    run: int
    number: int
    params: CodecParams
    init: bytes

    @property
    def name(self) -> str:
        return f"i{self.run}.{self.number}.mp4"


MOST_FIRST_EPOCH = 1000
"""Discontinuity sequence numbers begin below it: hls.js keeps an array by them, and goes through all of it again and
again. With the millions of a media sequence number the page stood still for 11 s."""


class Programme:
    """What one presentation has to show. See `Track` for the windows.

    Args:
        first_msn: Of both tracks; the first discontinuity sequence number is made of it.

    Attributes:
        sound: None until somebody asks for it.
    """

    def __init__(self, first_msn: int) -> None:
        self._first_msn = first_msn
        self.pictures = Track(first_msn)
        self.sound: Track | None = None
        self._epoch = first_msn % MOST_FIRST_EPOCH
        self._began = False
        self._coding: Coding | None = None
        self._params: CodecParams | None = None
        self._last: AccessUnit | None = None
        self._last_ticks = 0
        self._start = 0
        self._wants_break = False
        self._heard: Coding | None = None
        self._heard_epoch = -1
        self._offset = 0
        self._texts: dict[tuple[str, int, int, bool, str], str] = {}

    # -- what comes in ------------------------------------------------------------------------------------------------
    def add_picture(self, unit: AccessUnit, data: bytes, coding: Coding) -> None:
        """The next unit of the pictures, and its chunk. One that cannot be decoded after those before it is left out
        until a sync unit comes.
        """
        if self._goes_on(unit, coding) and not (unit.is_sync and self._wants_break):
            self._append(unit, data)
        elif unit.is_sync:
            self._epoch += self._began
            self._began = True
            self._wants_break = False
            self._coding, self._params, self._start = coding, coding.params, unit.dts
            self.pictures.begin(self._epoch, coding.name, coding.init)
            self._append(unit, data)

    def _goes_on(self, unit: AccessUnit, coding: Coding) -> bool:
        last, known = self._last, self._coding
        if last is None or known is None or (known.run, known.number) != (coding.run, coding.number):
            return False
        hole = unit.dts - last.dts - self._last_ticks
        step = self.pictures.plan.step_ticks if self.pictures.plan else self._last_ticks
        return hole <= max(LEAP_TICKS, 3 * step)

    def _append(self, unit: AccessUnit, data: bytes) -> None:
        self._last, self._last_ticks = unit, chunk_ticks(data)
        self.pictures.add(Piece(data, unit.dts, self._last_ticks, unit.is_sync, unit.captured_ns))

    def end_run(self) -> None:
        """The camera is gone for now; what there is of it is closed."""
        self.pictures.pause()
        if self.sound is not None:
            self.sound.pause()
        self._coding = self._last = self._heard = None

    def with_sound(self) -> Track:
        """The sound's track, from now on."""
        if self.sound is None:
            self.sound = Track(self._first_msn, is_led=True)
        return self.sound

    def add_sound(self, unit: AccessUnit, chunks: Sequence[Chunk], coding: Coding) -> None:
        """The next unit of the sound, and the chunks that it gave: none, one or more. Left out while there are no
        pictures that it belongs to.
        """
        track, last, pictures = self.sound, self._last, self._coding
        if track is None or last is None or pictures is None or self.pictures.plan is None:
            return
        if self._heard_epoch != self._epoch:
            self._heard_epoch, self._heard = self._epoch, coding
            self._offset = _offset(unit, last)
            track.follow(self.pictures.plan.target_s)
            track.begin(self._epoch, coding.name, coding.init)
        elif self._heard is None or (self._heard.run, self._heard.number) != (coding.run, coding.number):
            self._wants_break = True
            return
        for shown, data in chunks:
            dts = shown.dts + self._offset
            if dts >= self._start:
                moved = chunk_moved(data, self._offset) if self._offset else data
                track.add(Piece(moved, dts, chunk_ticks(data), True, shown.captured_ns))

    # -- what is asked for --------------------------------------------------------------------------------------------
    def track(self, name: str) -> Track | None:
        """``video`` or ``audio``."""
        return {"video": self.pictures, "audio": self.sound}.get(name)

    @property
    def version(self) -> int:
        """Grows with each change that a playlist shows."""
        return self.pictures.version + (self.sound.version if self.sound is not None else 0)

    @property
    def bytes(self) -> int:
        """All that is held."""
        return self.pictures.bytes + (self.sound.bytes if self.sound is not None else 0)

    def playlist(self, name: str, *, skip: bool = False, query: str = "") -> str:
        """The text of one track's playlist. Made once for all who ask for the same. Only once there is a segment."""
        track = self.track(name)
        assert track is not None
        other_name = "audio" if name == "video" else "video"
        other = self.track(other_name)
        key = (name, track.version, other.version if other is not None else 0, skip, query)
        text = self._texts.get(key)
        if text is None:
            reports = (_report(other_name, other),) if other is not None and other.closed else ()
            text = live_playlist(_described(name, track, reports), query=query, skip=skip)
            while len(self._texts) >= MOST_TEXTS:
                del self._texts[next(iter(self._texts))]
            self._texts[key] = text
        return text

    def multivariant(self, folder: str, sound: tuple[str, int] | None, *, query: str = "") -> str:
        """The text that names both. Only once there is a segment.

        Args:
            folder: Where the media playlists are.
            sound: Its codec and its channels, where there is some.
        """
        params, plan = self._params, self.pictures.plan
        width, height = (params.width_px, params.height_px) if isinstance(params, VideoParams) else (0, 0)
        rates = [(one.size, one.seconds) for one in self.pictures.closed]
        heard = [(one.size, one.seconds) for one in self.sound.closed] if self.sound is not None else []
        peak, mean = (a + b for a, b in zip(bit_rates(rates), bit_rates(heard), strict=True))
        variant = Variant(
            f"{folder}/video.m3u8",
            params.codec_string if params is not None else "",
            width,
            height,
            TICKS_PER_S / plan.step_ticks if plan is not None else 0,
            max(1, round(peak * PEAK_MARGIN)),
            max(1, mean),
        )
        named = Sound(f"{folder}/audio.m3u8", *sound) if sound is not None else None
        return multivariant_playlist(variant, named, query=query)


def _offset(unit: AccessUnit, picture: AccessUnit) -> int:
    """What brings a unit of the sound onto the timeline of ``picture``, in ticks."""
    later_ns = unit.captured_ns - picture.captured_ns
    return later_ns * TICKS_PER_S // NS_PER_S + picture.dts - unit.dts


def _report(name: str, track: Track) -> Report:
    msn, part = track.last
    return Report(f"{name}.m3u8", msn, part if track.plan is not None and track.plan.part_ticks else -1)


def _described(name: str, track: Track, reports: tuple[Report, ...]) -> LivePlaylist:
    plan = track.plan
    assert plan is not None
    assert track.closed
    first = track.closed[0]
    growing = (track.open,) if track.open is not None and track.open.parts and plan.part_ticks else ()
    return LivePlaylist(
        plan.target_s,
        -(-plan.part_ticks * 1000 // TICKS_PER_S) / 1000,
        first.msn,
        first.epoch - first.breaks,
        tuple(_segment(name, segment) for segment in chain(track.closed, growing)),
        f"{name}/p{track.next_part}.m4s",
        reports,
    )


def _segment(name: str, segment: Segment) -> LiveSegment:
    return LiveSegment(
        f"{name}/s{segment.msn}.m4s" if segment.ticks else "",
        segment.seconds,
        f"{name}/{segment.init}",
        segment.captured_ns,
        segment.breaks,
        tuple(
            LivePart(f"{name}/p{part.number}.m4s", part.ticks / TICKS_PER_S, part.is_independent)
            for part in segment.parts
        ),
    )
