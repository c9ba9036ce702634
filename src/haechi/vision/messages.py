"""What the server and a decode worker say to each other: msgpack after a 4-byte big-endian length, on one socket.

The worker is not trusted: what it sends is read into these types with limits and used as numbers and text only.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from haechi.base.framing import framed, said_by_process
from haechi.media.access_unit import UnitRef, VideoParams
from haechi.vision.detectors import DetectorSetup, DetectorSpec
from haechi.vision.result import FrameResult, Moved

Analyse = Literal["no", "motion", "always"]
"""Whether a frame is looked at: not, when something moves, or in any case."""
MOST_STATE_BYTES = 4 * 1024 * 1024
Name = Annotated[str, Meta(max_length=40)]


class UnitIn(Struct, frozen=True):
    """An access unit on its way to the decoder."""

    ref: UnitRef
    pts: int
    captured_ns: int
    is_sync: bool
    data: bytes
    analyse: Analyse = "no"


class ModelSetup(Struct, frozen=True):
    """Weights, and which module they are for."""

    module: str
    weights: DetectorSetup


class Setup(Struct, frozen=True, tag="setup"):
    """The first message: what to load, and how much memory the worker may take.

    Attributes:
        detectors: Those of the module ``objects``, merged.
        models: Weights of other modules, by the module that they are for; several of one name are all its own.
        keyframes: Modules of key frames that need no weights.
        memory_bytes: Limit of the address space; 0: none.
        confine: Whether to lock the worker in after loading.
        niceness: How far the worker stands back when processors are short: intake and recording come before looking.
    """

    detectors: tuple[DetectorSetup, ...]
    memory_bytes: int
    confine: bool = True
    niceness: int = 0
    models: tuple[ModelSetup, ...] = ()
    keyframes: tuple[str, ...] = ()


class Work(Struct, frozen=True, tag="work"):
    """Decode units of a stream, and look at some of them.

    Attributes:
        key: Which decoder: the stream, or a name of its own for a replay.
        params: Given when the first unit begins a GOP: the decoder before it is drained, and a new one made.
        drain: Give out what the decoder holds back after these units, and forget it.
        modules: What looks at the frames, see `haechi.vision.programme`; what was not loaded is left out.
        is_again: Each module looks at each frame, whatever it did before, and none with a state of the stream: what
            was seen live is to be compared.
    """

    job: int
    key: str
    units: tuple[UnitIn, ...]
    params: VideoParams | None
    drain: bool
    modules: tuple[str, ...]
    is_again: bool = False


class Still(Struct, frozen=True, tag="still"):
    """Make a JPEG of the last of ``units``; the first is a sync unit."""

    job: int
    units: tuple[UnitIn, ...]
    params: VideoParams
    width_px: int | None
    quality: int


class Layout(Struct, frozen=True, tag="layout"):
    """Lay JPEGs of our own making out side by side, as one JPEG; one alone is made smaller.

    Attributes:
        pictures: Row by row from the top left; an empty one leaves its cell black.
        width_px, height_px: Of a cell; a picture of another shape is fitted in. Height 0: as the first picture needs.
    """

    job: int
    pictures: tuple[bytes, ...]
    columns: int
    width_px: int
    height_px: int
    quality: int


class Forget(Struct, frozen=True, tag="forget"):
    """The stream is gone: drop its decoder, its background, and what modules know of it."""

    key: str


class Restore(Struct, frozen=True, tag="restore"):
    """Go on from what a module knew of a stream, here or in another worker."""

    key: str
    module: str
    state: bytes


class Save(Struct, frozen=True, tag="save"):
    """Say what modules know of a stream: a `Saved` for each. It is about to move."""

    key: str


class Ready(Struct, frozen=True, tag="ready"):
    """The worker has loaded everything and locked itself in.

    Attributes:
        detectors: The one of ``objects``, if it was loaded; of several merged.
        confined: What holds it: any of ``no-new-privileges``, ``seccomp``, ``memory``, ``files``.
        modules: What programmes may name.
    """

    detectors: tuple[DetectorSpec, ...]
    confined: tuple[str, ...]
    modules: tuple[str, ...] = ()


class Progress(Struct, frozen=True, tag="progress"):
    """The decoder is about to be given unit ``index`` of a job; -1: the detector is about to look."""

    job: int
    index: int


class Use(Struct, frozen=True):
    """What a module did in a job.

    Attributes:
        looks: Frames that it looked at.
        missed: Those of them that took longer than its deadline.
        took_ns: Time that it took.
        failed: Looks that ended with an error of its own; ``reason`` is the last one's.
    """

    module: Name
    looks: int = 0
    missed: int = 0
    took_ns: int = 0
    failed: int = 0
    reason: Annotated[str, Meta(max_length=400)] = ""


def added(one: Use, other: Use) -> Use:
    """Both together; the reason is the later one's."""
    return Use(
        one.module,
        one.looks + max(0, other.looks),
        one.missed + max(0, other.missed),
        one.took_ns + max(0, other.took_ns),
        one.failed + max(0, other.failed),
        other.reason or one.reason,
    )


class Saved(Struct, frozen=True, tag="saved"):
    """What a module knows of a stream, for `Restore`."""

    key: Annotated[str, Meta(max_length=200)]
    module: Name
    state: Annotated[bytes, Meta(max_length=MOST_STATE_BYTES)]


class Done(Struct, frozen=True, tag="done"):
    """A `Work` is finished.

    Attributes:
        results: One for each frame that was looked at, in order of presentation; those that the decoder held back in
            an earlier job of the same GOP are among them.
        decoded: Frames that came out.
        damaged: Units that gave an error or a frame with invented parts.
        still: Frames that were to be looked at on motion, and did not move.
        cpu_ns: CPU time of the worker since it started.
        took_ns: Time that this job took, its share of the detector's included.
        moved: One for each frame that was to be looked at on motion or always, whether or not it moved.
        uses: What each module did.
    """

    job: int
    results: tuple[FrameResult, ...]
    decoded: int
    damaged: int
    still: int
    cpu_ns: int
    took_ns: int
    moved: tuple[Moved, ...] = ()
    uses: Annotated[tuple[Use, ...], Meta(max_length=16)] = ()


class Picture(Struct, frozen=True, tag="picture"):
    """The answer to a `Still` or a `Layout`."""

    job: int
    jpeg: bytes


class Failed(Struct, frozen=True, tag="failed"):
    """A job cannot be done, for a reason that a second try would not change."""

    job: int
    code: str
    message: str


Request = Setup | Work | Still | Layout | Forget | Restore | Save
Reply = Ready | Progress | Done | Picture | Failed | Saved

_encoder = msgspec.msgpack.Encoder()
request_decoder = msgspec.msgpack.Decoder(Request)
reply_decoder = msgspec.msgpack.Decoder(Reply)


def pack(message: Request | Reply) -> bytes:
    """One message, ready to be written."""
    return framed(_encoder.encode(message))


def read_reply(body: bytes) -> Reply:
    """A message of the worker.

    Raises:
        PeerError: ``worker-message``: it is none.
    """
    reply: Reply = said_by_process(reply_decoder, body)
    return reply
