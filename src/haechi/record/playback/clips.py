"""Clips: which units of which recordings, when each is shown, how large the file gets, and the file itself.

Exact: what was captured in the range is shown, and nothing else; nothing is encoded again. Blocking; runs in threads.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import StreamId
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, CodecParams
from haechi.media.fmp4.reader import ScannedFragment, ScannedUnit
from haechi.record.index.spans import Recording, recordings_between
from haechi.record.playback.exact import Placed, SoundTrack, silence_in, write_clip
from haechi.record.playback.pieces import Piece, with_sync
from haechi.record.playback.read import layout, params_of, units_in
from haechi.record.playback.showtimes import ShowTimes
from haechi.record.playback.sound import NO_RECODING, Recoding, filled, heard_in, laid, sound_of, sound_pieces
from haechi.record.tiers.vault import Vault

CLIP_MOST_NS = 3600 * NS_PER_S
CLIP_MOST_BYTES = 4 * 1024**3
NOTE_EVERY = 64
"""Units between two words on how far it is."""

Note = Callable[[int], None]
"""Told how many units are written; may raise to stop it."""


class Part(Struct, frozen=True):
    """What one recording gives to a clip: pre-roll from its sync unit on, then what is shown from ``shown`` on."""

    recording: Recording
    fragments: tuple[ScannedFragment, ...]
    units: tuple[ScannedUnit, ...]
    shown: int


class Source(Struct, frozen=True):
    """What a clip is made from: recordings of the pictures, and fragments of the sound beside them."""

    recordings: list[Recording]
    sound: list[Piece]


class ClipPlan(Struct, frozen=True):
    """A clip before it is written.

    Attributes:
        params: In force for all of it.
        ends_ns: Just after the capture of its last unit: where footage ends in the range, or the coding changes.
        start_ns: Capture time of the first unit that is shown.
        payload_bytes: Of all units in it, those before the first that is shown included; sound is not.
        sound: Fragments that its sound is in.
    """

    params: CodecParams
    parts: tuple[Part, ...]
    places: tuple[Placed, ...]
    start_ns: int
    ends_ns: int
    payload_bytes: int
    sound: tuple[Piece, ...] = ()

    @property
    def units(self) -> int:
        """All units in it, those that are only decoded included."""
        return len(self.places)


def check_range(start_ns: int, end_ns: int, most_ns: int) -> None:
    """Refuse a range that makes no sense.

    Raises:
        Invalid: ``bad-range``.
    """
    if not 0 <= start_ns < end_ns < 1 << 62:
        raise Invalid("the range goes backwards", code="bad-range")
    if end_ns - start_ns > most_ns:
        raise Invalid(f"the range is longer than {most_ns // NS_PER_S // 60} minutes", code="bad-range")


def source_of(connection: Connection, stream: StreamId, start_ns: int, end_ns: int, *, sound: bool = True) -> Source:
    """What a clip of a range is made from."""
    beside = sound_of(stream) if sound else None
    return Source(
        with_sync(connection, recordings_between(connection, stream, start_ns, end_ns)),
        [] if beside is None else sound_pieces(connection, beside, start_ns, end_ns),
    )


def plan_clip(vault: Vault, source: Source, start_ns: int, end_ns: int) -> ClipPlan:
    """Decide what goes into a clip of ``[start_ns, end_ns)``, from the heads of the fragments.

    Raises:
        NotFound: ``clip-empty``.
        Invalid: ``clip-too-large``.
        DataLoss: The footage is damaged.
    """
    parts: list[Part] = []
    before: CodecParams | None = None
    for part, params in _parts(vault, source.recordings, start_ns, end_ns):
        if params is None:
            break
        if params != before:
            parts.clear()
        parts.append(part)
        before = params
    first = next((part for part in parts if part.shown < len(part.units)), None)
    if first is None:
        raise NotFound("nothing is recorded in that range", code="clip-empty")
    size = sum(unit.sample.size for part in parts for unit in part.units)
    if size > CLIP_MOST_BYTES:
        raise Invalid("the clip is too large; ask for a shorter one", code="clip-too-large", size_bytes=size)
    params = params_of(vault, parts[0].recording)
    captured_ns = first.units[first.shown].captured_ns
    ends_ns = parts[-1].units[-1].captured_ns + 1
    return ClipPlan(params, tuple(parts), tuple(_places(parts, first)), captured_ns, ends_ns, size, tuple(source.sound))


def sound_track(vault: Vault, plan: ClipPlan, recoding: Recoding) -> SoundTrack | None:
    """The sound of a clip, each unit where the picture of its moment is shown, from the first picture to the end of the
    last; it is read as it is taken. None: there is nothing to hear."""
    last = plan.parts[-1].units[-1]
    lasts_ns = last.sample.duration * NS_PER_S // TICKS_PER_S
    known: dict[tuple[int, int], CodecParams] = {}

    def params(recording: Recording) -> CodecParams:
        key = (recording.run, recording.params)
        if key not in known:
            known[key] = params_of(vault, recording)
        return known[key]

    span = (plan.start_ns, last.captured_ns + lasts_ns)
    heard = heard_in(vault, params, plan.sound, span, recoding)
    first = next(heard, None)
    if first is None:
        return None
    captured_ns = [unit.captured_ns for part in plan.parts for unit in part.units]
    times = ShowTimes(captured_ns, [place.pts for place in plan.places])

    units = (one for one in laid(chain([first], heard), times.seconds_at) if one.at >= 0)
    silence = silence_in(first.params)
    return SoundTrack(first.params, first.unit, units if silence is None else filled(units, silence))


def make_clip(
    vault: Vault,
    plan: ClipPlan,
    path: Path,
    note: Note = lambda _: None,
    recoding: Recoding = NO_RECODING,
) -> None:
    """Write the clip; what is there of it is removed when that fails.

    Raises:
        Invalid: The codec has no place in an MP4.
        DataLoss: The footage is damaged.
    """
    try:
        sound = sound_track(vault, plan, recoding)
        write_clip(path, plan.params, plan.places, _noted(units_of(vault, plan.parts), note), sound)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _parts(
    vault: Vault, found: list[Recording], start_ns: int, end_ns: int
) -> Iterator[tuple[Part, CodecParams | None]]:
    """Recordings are read in order; those before the first shown unit give pre-roll only, joined by run.

    The last one comes without parameters where it is of another coding, and is not of the clip.
    """
    params: CodecParams | None = None
    is_showing = False
    for recording in found:
        scanned = layout(vault, recording)
        units = [u for piece in scanned.fragments for u in piece.units if u.captured_ns < end_ns]
        if not units:
            continue
        if params is not None and scanned.init.params != params:
            if is_showing:
                yield Part(recording, (), (), 0), None
                return
            params = None
        shown = next((n for n, unit in enumerate(units) if unit.captured_ns >= start_ns), len(units))
        if not is_showing:
            first = max((n for n in range(min(shown + 1, len(units))) if units[n].sample.is_sync), default=0)
            units, shown = units[first:], shown - first
        params = scanned.init.params
        is_showing = is_showing or shown < len(units)
        wanted = [piece for piece in scanned.fragments if _overlap(piece, units)]
        yield Part(recording, tuple(wanted), tuple(units), shown), params


def _overlap(piece: ScannedFragment, units: list[ScannedUnit]) -> bool:
    return bool(units) and piece.units[-1].seq >= units[0].seq and piece.units[0].seq <= units[-1].seq


def units_of(vault: Vault, parts: tuple[Part, ...]) -> Iterator[AccessUnit]:
    """The units of a clip in decode order, as many as it has places."""
    for part in parts:
        first, last = part.units[0].seq, part.units[-1].seq
        for piece in part.fragments:
            yield from (u for u in units_in(vault, part.recording, piece) if first <= u.ref.seq <= last)


def _noted(units: Iterator[AccessUnit], note: Note) -> Iterator[AccessUnit]:
    for number, unit in enumerate(units):
        if number % NOTE_EVERY == 0:
            note(number)
        yield unit


def _places(parts: list[Part], first: Part) -> list[Placed]:
    """Show times: those of the camera within a run, from run to run by when they were captured.

    Time 0 is the earliest picture among the units to show in the first run that has some.
    """
    zero_ns = first.units[first.shown].captured_ns
    places: list[Placed] = []
    run, shift, newest = -1, 0, -(1 << 62)
    has_begun = has_left = False
    for part in parts:
        shown = [unit.sample.pts for unit in part.units]
        has_left = has_left or (has_begun and part.recording.run != first.recording.run)
        has_begun = has_begun or part is first
        if part.recording.run == first.recording.run and not has_left:
            shift = -min(unit.sample.pts for unit in first.units[first.shown :])
        elif part.recording.run != run:
            elapsed = (part.units[0].captured_ns - zero_ns) * TICKS_PER_S // NS_PER_S
            shift = max(elapsed, newest + 1) - min(shown)
        run = part.recording.run
        places += (Placed(unit.sample.pts + shift, unit.sample.is_sync) for unit in part.units)
        newest = max(newest, shift + max(shown))
    return places
