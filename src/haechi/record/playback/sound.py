"""Recorded sound: which units of ``<camera>/audio``, where each stands on the wall clock, and in what coding.

AAC and Opus are copied. G.711 has no place in an MP4 and plays in no browser: the app says who makes Opus of it.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import DataLoss, Invalid, PeerError, Unavailable
from haechi.base.ids import StreamId, camera_of, stream_of
from haechi.media.aac import parse_config
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, Codec, CodecParams
from haechi.media.fmp4.muxer import end_of, fragment, init_segment
from haechi.record.playback.pieces import Piece, pieces_between
from haechi.record.playback.read import units_in
from haechi.record.playback.syncs import ParamsOf
from haechi.record.tiers.vault import Vault

log = structlog.get_logger(__name__)

STRAY_NS = 10 * NS_PER_MS
"""Sound follows on without a seam until it is this far from when it was captured: a camera's clock is not ours."""
AROUND_NS = NS_PER_S
"""Fragments this far beyond a range are looked into: where a unit stands is settled by its whole fragment."""
FRAGMENT_UNITS = 250
"""Five seconds of 20 ms packets."""


class Recoder(Protocol):
    """Makes the sound of one run into a coding that players know. Takes units in order."""

    def feed(self, unit: AccessUnit) -> list[AccessUnit]:
        """What ``unit`` completes, with times of the same clock."""


class Recoding(Struct, frozen=True):
    """Who makes sound playable; the app says.

    Attributes:
        becomes: What comes of a coding; None: nothing need or can be done.
        begin: A recoder for one run.
    """

    becomes: Callable[[AudioParams], AudioParams | None]
    begin: Callable[[AudioParams], Recoder]


def _nobody(params: AudioParams) -> Recoder:
    raise Invalid(f"{params.codec.value} cannot be put into an MP4", code="unsupported-codec")


NO_RECODING = Recoding(lambda _: None, _nobody)


class Heard(Struct, frozen=True):
    """A unit of sound, and when it begins.

    Attributes:
        wall_ns: By the camera's spacing, placed by the least delayed stamp of its fragment (ns since the epoch).
        samples: How long it lasts, at the rate of ``params``.
    """

    params: AudioParams
    run: int
    wall_ns: int
    samples: int
    unit: AccessUnit


class Laid(Struct, frozen=True):
    """A unit of sound in its place on a track: ``at`` and ``samples`` count samples; ``follows``: without a seam."""

    at: int
    samples: int
    follows: bool
    unit: AccessUnit


class Silence(Struct, frozen=True):
    """A unit in which nothing is heard, and how long it lasts."""

    data: bytes
    samples: int


def sound_of(stream: StreamId) -> StreamId | None:
    """The sound beside a stream of pictures; None: it is sound itself."""
    beside = stream_of(camera_of(stream), "audio")
    return beside if beside != stream else None


def sound_pieces(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> list[Piece]:
    """The fragments that sound of a range is in; ``stream`` is that of the sound."""
    return pieces_between(connection, stream, max(0, start_ns - AROUND_NS), end_ns + AROUND_NS)


def heard_as(params: AudioParams, recoding: Recoding) -> AudioParams | None:
    """What players get for ``params``: the very same where they know it, else what is made of it. None: nothing."""
    if params.codec in (Codec.AAC, Codec.OPUS):
        return params
    return recoding.becomes(params)


def heard_in(
    vault: Vault, params_of: ParamsOf, pieces: Iterable[Piece], span: tuple[int, int], recoding: Recoding
) -> Iterator[Heard]:
    """The sound that begins in ``span`` (ns since the epoch), in one coding: that of the first piece that can be heard.

    Where a unit stands follows from its fragment alone, whatever range is asked for. What is damaged, or in another
    coding, is left out and logged: pictures are worth having without it.
    """
    chosen: AudioParams | None = None
    recoder: tuple[tuple[int, AudioParams], Recoder] | None = None
    left_out: CodecParams | None = None
    for piece in pieces:
        try:
            params = params_of(piece.recording)
            units = list(units_in(vault, piece.recording, piece.fragment))
        except DataLoss as error:
            log.warning("sound cannot be read", code=error.code, recording=piece.recording.id)
            continue
        shown = heard_as(params, recoding) if isinstance(params, AudioParams) else None
        if not isinstance(params, AudioParams) or shown is None or (chosen is not None and shown != chosen):
            if params != left_out:
                log.warning("sound of another coding is left out", recording=piece.recording.id, codec=params.codec)
            left_out = params
            continue
        offset_ns = min(unit.captured_ns - _ns(unit.pts) for unit in units)
        run = piece.recording.run
        for unit in units:
            if not span[0] <= _ns(unit.pts) + offset_ns < span[1]:
                continue
            made = [unit]
            if shown != params:
                if recoder is None or recoder[0] != (run, params):
                    recoder = ((run, params), recoding.begin(params))
                made = _recoded(recoder[1], unit)
            chosen = shown
            yield from (Heard(shown, run, _ns(one.pts) + offset_ns, samples_of(one, shown), one) for one in made)


def laid(heard: Iterable[Heard], place: Callable[[int], float]) -> Iterator[Laid]:
    """Sound on a track: without a seam while it stays within 10 ms of its time, holes left where nothing was captured.

    Args:
        place: Seconds on the track for a moment (ns since the epoch).
    """
    expected: int | None = None
    last, run = -1, -1
    for one in heard:
        wanted = round(place(one.wall_ns) * one.params.rate_hz)
        stray = STRAY_NS * one.params.rate_hz // NS_PER_S
        follows = expected is not None and run == one.run and abs(wanted - expected) <= stray
        at = expected if expected is not None and follows else wanted
        if at <= last:
            continue
        yield Laid(at, one.samples, follows, one.unit)
        expected, last, run = at + one.samples, at, one.run


def filled(units: Iterable[Laid], silence: Silence) -> Iterator[Laid]:
    """Sound with silence from 0 on wherever there is a hole: Chromium counts samples, whatever the times of a file say,
    and would play what follows a hole too soon. What was captured keeps its time; to within half a unit of silence it
    is also where a player that counts expects it.
    """
    expected = counted = 0
    for one in units:
        hole = max(0, one.at - expected)
        number = min(max(0, round((one.at - counted) / silence.samples)), hole)
        for n in range(number):
            unit = replace(one.unit, data=silence.data)
            yield Laid(expected + hole * n // number, silence.samples, n > 0, unit)
        counted += number * silence.samples
        yield one
        expected, counted = one.at + one.samples, counted + one.samples


class Group(Struct, frozen=True):
    """Units of sound that make one fragment, with times of their track (ticks), and where the last one ends."""

    units: list[AccessUnit]
    end: int


def grouped(units: Iterable[Laid], params: AudioParams, most: int = FRAGMENT_UNITS) -> Iterator[Group]:
    """Sound in fragments that end at each hole: a unit must not last into it, or a player would play it that long."""
    group: list[AccessUnit] = []
    end = 0
    for one in units:
        if group and (not one.follows or len(group) >= most):
            yield Group(group, max(end, group[-1].dts))
            group = []
        at, end = (max(0, count) * TICKS_PER_S // params.rate_hz for count in (one.at, one.at + one.samples))
        group.append(AccessUnit(one.unit.ref, at, at, one.unit.captured_ns, True, 0, one.unit.data))
    if group:
        yield Group(group, max(end, group[-1].dts))


def wrapped(heard: Iterator[Heard], start_ns: int) -> Iterator[bytes]:
    """An fMP4 of sound on the wall clock less ``start_ns``: the init segment, then fragments that end at each hole."""
    first = next(heard, None)
    if first is None:
        return
    yield init_segment(first.params)
    units = laid(chain([first], heard), lambda ns: (ns - start_ns) / NS_PER_S)
    for number, group in enumerate(grouped(units, first.params), 1):
        yield fragment(group.units, first.params, number, stamps=False, end_dts=group.end)


def samples_of(unit: AccessUnit, params: AudioParams) -> int:
    """How long a unit of AAC or Opus lasts, in samples at the rate of ``params``."""
    if params.codec is Codec.AAC:
        return parse_config(params.config).samples_per_frame
    return round((end_of([unit], params) - unit.dts) * params.rate_hz / TICKS_PER_S)


def _recoded(recoder: Recoder, unit: AccessUnit) -> list[AccessUnit]:
    try:
        return recoder.feed(unit)
    except (PeerError, Unavailable) as error:
        log.warning("sound cannot be coded", code=error.code, unit=str(unit.ref))
        return []


def _ns(ticks: int) -> int:
    return ticks * NS_PER_S // TICKS_PER_S
