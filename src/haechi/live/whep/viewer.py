"""One viewer, from the answer to its end. It takes units from a bounded queue, and sends what `Sending` makes of them.

UDP never waits, so a viewer that cannot follow loses packets, asks for them again, and in the end for a picture to
begin with. We code nothing, so that is the last sync unit and all that came since; else the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Denied, HaechiError, Invalid, PeerError, Unavailable
from haechi.base.ids import StreamId
from haechi.bus.frames import Subscription
from haechi.live.mse import LiveHub
from haechi.live.packets import PacketStream, UnitPackets
from haechi.live.whep.sending import Pace, Sending
from haechi.media.access_unit import AccessUnit, AudioParams, CodecParams, VideoParams
from haechi.media.webrtc.requests import Loss, Missing, PictureNeeded, parse_requests
from haechi.media.webrtc.watching import WatchOffer, lanes_for

if TYPE_CHECKING:
    from haechi.webrtc.peer import Peer

log = structlog.get_logger(__name__)

CONNECT_S = 15.0
"""From the answer to the end of the handshake."""
CONSENT_NS = 30 * NS_PER_S
"""Nothing at all came from the viewer, not even ICE's checks (RFC 7675 section 5.1)."""
STEP_S = 0.02
TICK_S = 0.2
REPORT_NS = NS_PER_S
RIGHTS_NS = 2 * NS_PER_S
RESEND_NS = 3 * NS_PER_S
"""A GOP goes out a second time at most so often."""
LARGEST_RESEND_BYTES = 3_000_000
"""A longer GOP is not sent again: the next sync unit is waited for."""
LOST_PART = 0.3
MOST_LOST = 20
"""Reports in a row with so much lost: this way does not carry the stream, another one may."""
NAME = "haechi"

MayStill = Callable[[], Awaitable[bool]]
"""Whether the viewer still may. Asked every 2 s; whoever asks also notes that it is being watched."""


class Track:
    """One stream of the camera on its way to this viewer."""

    def __init__(self, stream: StreamId, params: CodecParams, packets: PacketStream, sending: Sending) -> None:
        self.stream = stream
        self.params = params
        self.packets = packets
        self.sending = sending
        self.is_video = isinstance(params, VideoParams)
        self.subscription: Subscription | None = None
        self.is_behind = True
        self.resend = False
        self.resent_ns = 0
        self.reported_ns = 0
        self.lost_in_a_row = 0


class Viewer:
    """See the module. It is the peer's `Receiver`."""

    def __init__(
        self, hub: LiveHub, offer: WatchOffer, peer: Peer, tracks: list[Track], may_still: MayStill, clock: Clock
    ) -> None:
        self._hub = hub
        self._offer = offer
        self.peer = peer
        self._tracks = tracks
        self._by_ssrc = {track.sending.ssrc: track for track in tracks}
        self._may_still = may_still
        self._clock = clock
        self._pace = Pace(clock.monotonic_ns())
        self._failure: HaechiError | None = None
        self._granted_ns = clock.monotonic_ns()

    @property
    def packets(self) -> int:
        """Sent so far."""
        return sum(track.sending.outlet.packets for track in self._tracks)

    @property
    def again(self) -> int:
        """Sent a second time because they were asked for."""
        return sum(track.sending.again for track in self._tracks)

    def end(self, reason: HaechiError) -> None:
        """It is over a moment later."""
        self._failure = self._failure or reason

    async def run(self) -> None:
        """Until it is over.

        Raises:
            ExceptionGroup: Of the `HaechiError` that says why.
        """
        self.peer.hand_over(self)
        await self._connected()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                for track in self._tracks:
                    group.create_task(self._show(track))
        finally:
            for track in self._tracks:
                self.peer.control(track.sending.outlet.goodbye())

    # -- `Receiver` --------------------------------------------------------------------------------------------------
    def rtp(self, data: bytes, arrived_ns: int) -> None:
        """See `haechi.webrtc.peer.Receiver`. A viewer sends none that we would read."""

    def rtcp(self, data: bytes, arrived_ns: int) -> None:
        """See `haechi.webrtc.peer.Receiver`."""
        for request in parse_requests(data):
            track = self._by_ssrc.get(request.ssrc)
            if track is None:
                continue
            match request:
                case Missing():
                    for packet in track.sending.once_more(request.sequences):
                        self.peer.media(packet)
                case PictureNeeded():
                    self._picture_needed(track, arrived_ns)
                case Loss():
                    self._lost(track, request.part)

    def ended(self, reason: PeerError | None) -> None:
        """See `haechi.webrtc.peer.Receiver`."""
        self.end(reason or Unavailable("the viewer left", code="viewer-left"))

    # -- inside ------------------------------------------------------------------------------------------------------
    async def _connected(self) -> None:
        waited_s = 0.0
        while not self.peer.is_connected:
            await self._clock.sleep(STEP_S)
            self._raise_failure()
            self.peer.tick()
            waited_s += STEP_S
            if waited_s > CONNECT_S:
                message = "the viewer did not connect; can it reach this server's UDP port?"
                raise Unavailable(message, code="viewer-not-connected", seconds=int(CONNECT_S))

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(TICK_S)
            self._raise_failure()
            now_ns = self._clock.monotonic_ns()
            if now_ns - self.peer.heard_ns > CONSENT_NS:
                raise Unavailable("nothing comes from the viewer any more", code="viewer-lost")
            for track in self._tracks:
                self._report(track, now_ns)
            if now_ns - self._granted_ns >= RIGHTS_NS:
                self._granted_ns = now_ns
                if not await self._may_still():
                    raise Denied("the right to watch was withdrawn", code="watching-withdrawn")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _report(self, track: Track, now_ns: int) -> None:
        newest = track.sending.newest
        if newest is not None and now_ns - track.reported_ns >= REPORT_NS:
            track.reported_ns = now_ns
            self.peer.control(track.sending.outlet.sender_report(newest, NAME))

    def _picture_needed(self, track: Track, now_ns: int) -> None:
        """Begin again at the last sync unit, unless that was done just now or is too much."""
        if not track.is_video or track.is_behind or now_ns - track.resent_ns < RESEND_NS:
            return
        gop = self._hub.bus.channel(track.stream).gop()
        if gop and sum(len(unit.data) for unit in gop) <= LARGEST_RESEND_BYTES and track.subscription is not None:
            track.resent_ns = now_ns
            track.resend = True
            track.subscription.close()

    def _lost(self, track: Track, part: float) -> None:
        track.lost_in_a_row = track.lost_in_a_row + 1 if part >= LOST_PART else 0
        if track.lost_in_a_row >= MOST_LOST:
            self.end(Unavailable("too much gets lost on the way to this viewer", code="viewer-too-slow"))

    async def _show(self, track: Track) -> None:
        while True:
            track.subscription = self._hub.bus.watch(track.stream)
            track.is_behind = track.is_video
            try:
                await self._follow(track, track.subscription)
            finally:
                track.subscription.close()
            if not track.resend:
                raise Unavailable("the camera is gone", code="camera-closed")
            track.resend = False

    async def _follow(self, track: Track, subscription: Subscription) -> None:
        """Send what comes, until the subscription is closed."""
        while await subscription.wait():
            units: list[UnitPackets] = []
            while (item := subscription.take()) is not None:
                if isinstance(item, AccessUnit) and not track.resend:
                    params = subscription.params_of(item)
                    self._require_same(track, item, params)
                    units.append(track.packets.packets(item, params))
            track.is_behind = track.is_behind and len(units) > 2
            timeline = track.sending.timeline
            stamps = timeline.squeezed([one.ticks for one in units]) if track.is_behind else None
            for index, made in enumerate(units):
                await self._send(track, made, timeline.true(made.ticks) if stamps is None else stamps[index])

    def _require_same(self, track: Track, unit: AccessUnit, params: CodecParams) -> None:
        """Raises when the viewer must offer anew, or watch in another way."""
        if params is not track.params and params != track.params:
            video = params if isinstance(params, VideoParams) else None
            audio = params if isinstance(params, AudioParams) else None
            if params.codec is not track.params.codec or (video and not self._takes(video)) or audio:
                raise Unavailable("the camera codes in another way now; connect again", code="stream-changed")
            track.params = params
        if track.is_video:
            require_in_order(unit)

    def _takes(self, video: VideoParams) -> bool:
        """Whether these parameters can go under the very number that was agreed on."""
        try:
            lanes = lanes_for(self._offer, video, None)
        except Invalid:
            return False
        agreed = next(track.sending.lane for track in self._tracks if track.is_video)
        return any(lane.payload_type == agreed.payload_type for lane in lanes)

    async def _send(self, track: Track, made: UnitPackets, ticks: int) -> None:
        media, clock, pace = self.peer.media, self._clock, self._pace
        for packet in track.sending.write(made, ticks):
            media(packet)
            wait_s = pace.wait_s(len(packet), clock.monotonic_ns())
            if wait_s > 0:
                await clock.sleep(wait_s)


def require_in_order(unit: AccessUnit) -> None:
    """Players of WebRTC show pictures in the order in which they come.

    Raises:
        Invalid: ``pictures-reordered``: this camera sends B-pictures.
    """
    if unit.pts != unit.dts:
        message = "this camera sends pictures out of order (B-pictures), which WebRTC cannot show; watch in another way"
        raise Invalid(message, code="pictures-reordered")
