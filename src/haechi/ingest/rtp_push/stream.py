"""One pushed stream: packets to units, stamped as any camera's; the units to the modules that were asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError, Invalid, PeerError
from haechi.base.ids import camera_of
from haechi.bus.frames import GapCause
from haechi.ingest.rtp_push.berths import Berth, CameraBerth, StreamReport
from haechi.ingest.rtp_push.modules import Attention, Module, Verdict
from haechi.ingest.rtp_push.tally import Tally
from haechi.ingest.source import Track
from haechi.media.access_unit import AccessUnit, RawUnit
from haechi.media.depacketise import codec_of, depacketiser_for
from haechi.media.push.words import Announce, Flow, Result
from haechi.media.sdp import MediaTrack

MOST_BAD_PACKETS = 100
MOST_AWAITED = 4096
"""Units whose timestamp is remembered for a result that may come; more than any decoder or queue holds back."""
_NAMES = {"h264": "H264", "h265": "H265", "mjpeg": "JPEG"}


def track_of(wish: Announce) -> MediaTrack:
    """What is announced, as a session description would have it.

    Raises:
        Invalid: ``unsupported-codec``.
    """
    name = _NAMES.get(wish.codec)
    if name is None:
        message = f"{wish.codec[:20]} is not taken; send one of {', '.join(sorted(_NAMES))}"
        raise Invalid(message, code="unsupported-codec")
    track = MediaTrack("video", wish.payload_type, name, wish.clock_hz)
    codec_of(track)
    return track


def offered(wish: Announce) -> Track:
    """The same as an intake knows it."""
    return Track(codec_of(track_of(wish)), wish.clock_hz)


class _Awaited(Struct, frozen=True, gc=False):
    """A unit of which results may come: its RTP timestamp, and when its last byte came (monotonic)."""

    ticks: int
    arrived_ns: int


class _Asked:
    """One module that was asked for, as `Listener`. Each unit is judged or counted as passed over, never both."""

    def __init__(self, name: str, stream: PushedStream) -> None:
        self.name = name
        self.attention: Attention | None = None
        self.is_over = False
        self._stream = stream
        self._shown: dict[int, int] = {}

    def show(self, unit: AccessUnit) -> None:
        """The next unit."""
        if self.attention is None:
            return
        self._shown[unit.ref.seq] = unit.pts
        if len(self._shown) > MOST_AWAITED:
            del self._shown[next(iter(self._shown))]
            self._stream.count("not-looked", 1, self.name)
        self.attention.unit(unit)

    def judged(self, verdict: Verdict) -> None:
        pts = self._shown.pop(verdict.ref.seq, None)
        if pts is None or verdict.ref.run != self._stream.berth.run.number:
            return
        passed = [seq for seq, other in self._shown.items() if other < pts]
        for seq in passed:
            del self._shown[seq]
        self._stream.judged(self.name, verdict, len(passed))

    def ended(self) -> None:
        self._leave()
        self._stream.module_ended()

    def failed(self, kind: str) -> None:
        self._stream.module_failed(self.name, kind)

    def broke_off(self, error: HaechiError) -> None:
        self._leave()
        self._stream.module_broke_off(self.name, error)

    def _leave(self) -> None:
        self.is_over = True
        self._stream.count("not-looked", len(self._shown), self.name)
        self._shown.clear()


class Hooks(Struct, frozen=True):
    """Who hears of a stream.

    Attributes:
        result: Takes results: ``result(stream, result, seq)``.
        over: Called once, after `PushedStream.end`, when no result follows.
        broke_off: A module that was asked for will give no more results: ``broke_off(stream, module, error)``.
    """

    result: Callable[[PushedStream, Result, int], None]
    over: Callable[[PushedStream], None]
    broke_off: Callable[[PushedStream, str, HaechiError], None]


class PushedStream:
    """See the module.

    Args:
        number: The client's name for it on the wire.
        berth: Makes units of it.
        hooks: Who hears of it.

    Attributes:
        seen_ns: Monotonic time of its last unit; of its beginning, before the first.
    """

    def __init__(
        self, number: int, wish: Announce, berth: Berth, clock: Clock, hooks: Hooks, tally: Tally | None = None
    ) -> None:
        self.number = number
        self.wish = wish
        self.berth = berth
        self._clock = clock
        self._hooks = hooks
        self._tally = tally or Tally()
        self._depacketiser = depacketiser_for(track_of(wish))
        self._depacketiser.trust_markers()
        self._awaited: dict[int, _Awaited] = {}
        self._asked: dict[str, _Asked] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._bad_packets = 0
        self._is_ending = self._is_over = False
        self.secret = b""
        self.units = 0
        self.seen_ns = clock.monotonic_ns()

    def report(self) -> StreamReport:
        """What there is to tell of it."""
        stream, wish = self.berth.stream, self.wish
        camera = camera_of(stream) if isinstance(self.berth, CameraBerth) else ""
        modules, lost = tuple(self._asked), self.lost_packets
        return StreamReport(stream, camera, wish.codec, wish.transport, wish.source, self.units, lost, modules)

    @property
    def lost_packets(self) -> int:
        return self._depacketiser.lost

    # -- units in ----------------------------------------------------------------------------------------------------
    def take(self, data: bytes) -> None:
        """Interleaved packets (RFC 2326 10.12). Odd channels are RTCP, which nobody needs here.

        Raises:
            PeerError: They are none, or many in a row hold no RTP of this stream.
        """
        arrived_ns = self._clock.monotonic_ns()
        position, total = 0, len(data)
        run = self._depacketiser.feed_run
        while position < total:
            start = position + 4
            end = start + (data[position + 2] << 8 | data[position + 3]) if start <= total else total + 1
            if data[position] != 0x24 or end > total:
                raise PeerError("packets are cut off or not framed", offset=position, code="push-malformed")
            if data[position + 1] & 1:
                position = end
                continue
            after = run(data, position)
            if after > position:
                position = after
                continue
            self.packet(data[start:end], arrived_ns)
            position = end

    def packet(self, data: bytes, arrived_ns: int) -> None:
        """One RTP packet."""
        try:
            units = self._depacketiser.feed_data(data)
        except PeerError:
            self._bad_packets += 1
            if self._bad_packets > MOST_BAD_PACKETS:
                raise
            return
        for raw in units:
            self._bad_packets = 0
            self._unit(raw, arrived_ns)

    def _unit(self, raw: RawUnit, arrived_ns: int) -> None:
        self.count("lost-packets", raw.lost_packets)
        self.count("damaged", raw.damaged)
        unit = self.berth.take(raw, arrived_ns)
        if unit is None:
            return
        self.units += 1
        self.seen_ns = arrived_ns
        self._tally.units += 1
        self._awaited[unit.ref.seq] = _Awaited(raw.rtp_ticks & 0xFFFFFFFF, arrived_ns)
        if len(self._awaited) > MOST_AWAITED:
            del self._awaited[next(iter(self._awaited))]
        for asked in self._asked.values():
            asked.show(unit)

    # -- modules -----------------------------------------------------------------------------------------------------
    async def ask(self, name: str, module: Module) -> bool:
        """Let a module look, as soon as it can and the stream still lasts; False: it was asked for before.

        Raises:
            Unavailable: It cannot now.
        """
        if name in self._asked:
            return False
        asked = self._asked[name] = _Asked(name, self)
        try:
            await module.prepare()
        except BaseException:
            del self._asked[name]
            raise
        if not self._is_ending:
            asked.attention = module.attend(self.berth.run, asked)
        return asked.attention is not None

    def judged(self, name: str, verdict: Verdict, skipped: int) -> None:
        """A module says what it saw; of units that we do not know (any more) nothing can be said."""
        awaited = self._awaited.get(verdict.ref.seq)
        if awaited is None or self._is_over:
            return
        self.count("not-looked", skipped, name)
        took_ns = max(0, self._clock.monotonic_ns() - awaited.arrived_ns)
        self._tally.judged(name, took_ns)
        result = Result(
            module=name,
            ticks=awaited.ticks,
            captured_ns=verdict.captured_ns,
            boxes=verdict.boxes,
            width_px=verdict.width_px,
            height_px=verdict.height_px,
            took_us=took_ns // 1000,
            skipped=skipped,
        )
        self._hooks.result(self, result, verdict.ref.seq)

    def module_failed(self, name: str, kind: str) -> None:
        """A module could not judge a unit."""
        self._tally.failures[name, kind] += 1
        self.count("module-failed", 1, name)

    def module_broke_off(self, name: str, error: HaechiError) -> None:
        """A module failed too often. Its request is over; the stream goes on, and may ask again."""
        self._asked.pop(name, None)
        if not self._is_over:
            self._hooks.broke_off(self, name, error)
        self.module_ended()

    def module_ended(self) -> None:
        """A module has judged all that it will judge."""
        asked_all = self._asked.values()
        if (
            self._is_ending
            and not self._is_over
            and all(asked.is_over or asked.attention is None for asked in asked_all)
        ):
            self._is_over = True
            self._hooks.over(self)

    # -- the end -----------------------------------------------------------------------------------------------------
    def end(self) -> None:
        """The client sends nothing more: what is in hand is judged, then `over` is called."""
        if self._is_ending:
            return
        with suppress(PeerError):  # the last picture alone, and nobody to tell it to
            for raw in self._depacketiser.flush():
                self._unit(raw, self._clock.monotonic_ns())
        self._is_ending = True
        self.berth.close(GapCause.CAMERA_CLOSED, None, self._clock.wall_ns())
        for asked in self._asked.values():
            if asked.attention is not None:
                asked.attention.end()
        self.module_ended()

    def drop(self, error: HaechiError | None = None) -> None:
        """It broke off, for this reason or because the client is gone: nobody wants to hear of it any more."""
        self._is_ending = self._is_over = True
        self.berth.close(GapCause.UNREACHABLE, error, self._clock.wall_ns())
        for asked in self._asked.values():
            if asked.attention is not None:
                asked.attention.drop()

    # -- what was left out -------------------------------------------------------------------------------------------
    def count(self, reason: str, count: int, module: str = "") -> None:
        """Something was left out; told with the next `flows`."""
        if count:
            self._counts[reason, module] = self._counts.get((reason, module), 0) + count
            self._tally.left_out[reason] += count

    def flows(self) -> list[Flow]:
        """What was left out since this was last asked."""
        counts, self._counts = self._counts, {}
        return [Flow(reason, count, module) for (reason, module), count in counts.items()]
