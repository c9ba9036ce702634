"""One stream in a module's process: its units are decoded here, and become what the module is shown next."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import HaechiError
from haechi.vision.decode import Decoded, GopDecoder
from haechi.vision.modules.contract import About, Glimpse, Spec, Thing
from haechi.vision.modules.messages import Feed, Followed
from haechi.vision.runtime import Pixels

MOST_FOLLOWED = 32
"""Results that wait for a module of tracks; beyond it the oldest are left out, counted."""
KNOWN_NS = NS_PER_S
"""What is known of a picture holds for those that are at most so much newer."""
MOST_ENTERED = 256


class _Picture(Struct, frozen=True):
    about: About
    pixels: Pixels


class Lane:
    """See the module.

    Attributes:
        missed: Pictures (for a module of tracks: results) that the module was to see and had no time for.
        cpu_ns: Processor time that decoding took since this was last taken.
        is_closing: Nothing more comes.
    """

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._decoder: GopDecoder | None = None
        self._entered: dict[int, Feed] = {}
        self._next_index = 0
        self._pictures: deque[_Picture] = deque(maxlen=spec.frames if spec.kind == "snippet" else 1)
        self._fresh = 0
        self._followed: deque[Followed] = deque()
        self.missed = 0
        self.cpu_ns = 0
        self.is_closing = False

    @property
    def has_work(self) -> bool:
        """Whether there is something to look at, or an end to tell."""
        if self.is_closing or self._spec.kind == "track":
            return self.is_closing or bool(self._followed)
        if self._spec.kind == "snippet":
            return len(self._pictures) == self._spec.frames and self._fresh >= self._spec.stride
        return self._fresh > 0

    def feed(self, feed: Feed) -> None:
        """Decode a unit. What cannot be decoded is left out, up to the next sync unit."""
        began_ns = time.process_time_ns()
        try:
            if feed.params is not None:
                self.finish()
                self._decoder, self._entered, self._next_index = GopDecoder(feed.params), {}, 0
            if self._decoder is not None:
                self._entered[self._next_index] = feed
                if len(self._entered) > MOST_ENTERED:
                    del self._entered[next(iter(self._entered))]
                self._next_index += 1
                self._collect(self._decoder.feed(self._next_index - 1, feed.pts, feed.data))
                if feed.is_last:
                    self.finish()
        except HaechiError:
            self._decoder = None
        self.cpu_ns += time.process_time_ns() - began_ns

    def follow(self, followed: Followed) -> None:
        """What the house knows of a picture."""
        self._followed.append(followed)
        if len(self._followed) > MOST_FOLLOWED:
            self._followed.popleft()
            self.missed += self._spec.kind == "track"

    def finish(self) -> None:
        """The pictures that the decoder holds back."""
        if self._decoder is not None:
            self._collect(self._decoder.drain())
            self._decoder = None

    def take(self) -> Glimpse | None:
        """What the module is shown next; None: nothing yet."""
        if self._spec.kind == "track":
            return self._tracks()
        if self._spec.kind == "snippet":
            is_ready = len(self._pictures) == self._spec.frames and self._fresh >= self._spec.stride
            late = self._fresh // self._spec.stride - 1
        else:
            is_ready, late = self._fresh > 0, self._fresh - 1
        if not is_ready:
            return None
        self.missed += max(0, late)
        self._fresh = 0
        newest = self._pictures[-1].about
        pictures = tuple(one.pixels for one in self._pictures)
        return Glimpse(newest, pictures, tuple(one.about for one in self._pictures), self._known(newest))

    def _tracks(self) -> Glimpse | None:
        if not self._followed:
            return None
        followed = self._followed.popleft()
        return Glimpse(followed.about, (), (), followed.things)

    def _known(self, about: About) -> tuple[Thing, ...]:
        """The newest that is known of the picture or of one shortly before it."""
        while len(self._followed) > 1 and _holds(self._followed[1], about):
            self._followed.popleft()
        first = self._followed[0] if self._followed else None
        return first.things if first is not None and _holds(first, about) else ()

    def _collect(self, decoded: list[Decoded]) -> None:
        for one in decoded:
            feed = self._entered.pop(one.index, None)
            if feed is None or not feed.is_shown or one.frame.is_damaged:
                continue
            width, height = self._spec.size_px or (one.frame.width_px, one.frame.height_px)
            about = About(feed.stream, feed.run, feed.seq, feed.pts, feed.captured_ns, width, height)
            if self._pictures and self._pictures[-1].about.run != feed.run:
                self._pictures.clear()
                self._fresh = 0
            self._pictures.append(_Picture(about, one.frame.scaled(width, height)))
            self._fresh += 1


def blank(spec: Spec, side_px: int) -> Glimpse:
    """Black pictures of no camera, as a module wants them."""
    width, height = spec.size_px or (side_px, side_px)
    about = About("", 0, 0, 0, 0, width, height)
    count = {"track": 0, "snippet": spec.frames}.get(spec.kind, 1)
    black = np.zeros((height, width, 3), np.uint8)
    return Glimpse(about, (black,) * count, (about,) * count)


def _holds(followed: Followed, about: About) -> bool:
    known = followed.about
    return known.run == about.run and 0 <= about.captured_ns - known.captured_ns <= KNOWN_NS
