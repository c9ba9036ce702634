"""What a virtual camera shows, unit by unit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from msgspec import Struct

from haechi.base.errors import Invalid
from haechi.media.access_unit import TICKS_PER_S, Codec, CodecParams
from haechi.media.annexb import split_units


class FeedUnit(Struct, frozen=True):
    """One coded picture or audio frame to send.

    Attributes:
        track: Index into `Feed.tracks`.
        rtp_ticks: In the track's clock (video 90 kHz, audio its sampling rate); never wraps.
        due_s: When to send it, in seconds since the feed began. Never goes back.
        params: As in `RawUnit`: when they change.
    """

    track: int
    data: bytes
    rtp_ticks: int
    due_s: float
    is_sync: bool
    params: CodecParams | None = None


class Feed(Protocol):
    """What a camera shows. A feed is read by one camera, once, from its beginning."""

    def tracks(self) -> tuple[CodecParams, ...]:
        """What each track begins with: one of video, then perhaps one of audio."""

    def units(self) -> AsyncIterator[FeedUnit]:
        """The units of all tracks in the order of ``due_s``. The camera waits; the feed need not."""


class FileFeed:
    """An H.264 or H.265 byte stream without picture reordering, in a loop, timestamps continuing."""

    def __init__(self, data: bytes, codec: Codec, fps: float) -> None:
        """Raises:
        Invalid: There is no picture in ``data``, or it does not begin with a sync unit.
        """
        self._units = list(split_units(data, codec))
        self._fps = fps
        if not self._units or not self._units[0].is_sync or fps <= 0:
            raise Invalid("the file does not begin with a picture that can be decoded alone", code="bad-feed")

    def tracks(self) -> tuple[CodecParams, ...]:
        params = self._units[0].params
        return (params,) if params else ()

    async def units(self) -> AsyncIterator[FeedUnit]:
        number = 0
        while True:
            for unit in self._units:
                ticks = round(number * TICKS_PER_S / self._fps)
                yield FeedUnit(0, unit.data, ticks, number / self._fps, unit.is_sync, unit.params)
                number += 1
