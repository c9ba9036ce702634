"""A `Source` for a camera that is published: waits for a publisher, then takes what it sends."""

from __future__ import annotations

import structlog

from haechi.base.clock import NS_PER_MS, NS_PER_S, Clock
from haechi.base.errors import HaechiError, Invalid, PeerError, Unavailable
from haechi.base.ids import CameraId
from haechi.ingest.camera import DialledIngest
from haechi.ingest.probe import Note
from haechi.ingest.source import Sink, Source
from haechi.ingest.stamp import TimestampJump
from haechi.ingest.voice import Voice
from haechi.ingest.whip.publishers import Publication, Publishers
from haechi.ingest.whip.reception import WhipReception
from haechi.ingest.wish import CameraWish

log = structlog.get_logger(__name__)

CONNECT_S = 15.0
"""From the answer to the end of the handshake; a phone that gathers its addresses takes some seconds."""
SILENCE_NS = 8 * NS_PER_S
"""Nothing at all comes, not even ICE's checks: the browser was killed, or its network is gone."""
STALL_NS = 12 * NS_PER_S
"""Checks come, and no picture."""
TICK_S = 0.05
TELL_NS = 100 * NS_PER_MS
GRANT_NS = 2 * NS_PER_S
MOST_EARLY = 2048
"""Packets that come while the run is opened."""


class WhipOpener:
    """Cameras that a browser or an encoder publishes."""

    intake = DialledIngest

    def __init__(self, publishers: Publishers, clock: Clock) -> None:
        self.publishers = publishers
        self._clock = clock

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        return WhipSource(wish.id, self.publishers, self._clock)

    def is_here(self, camera: CameraId) -> bool:
        """See `haechi.ingest.openers.Spoken`."""
        return self.publishers.present(camera) is not None

    def voice(self, camera: CameraId) -> Voice | None:
        """See `haechi.ingest.openers.Spoken`."""
        present = self.publishers.present(camera)
        voice = present.voice if present is not None else None
        return voice if voice is not None and voice.spoken is not None else None

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`; there is nothing to connect to."""
        message = "a camera that is published cannot be tried from here; add it, and open its page for publishing"
        raise Invalid(message, code="camera-is-published")


class WhipSource:
    """See the module."""

    def __init__(self, camera: CameraId, publishers: Publishers, clock: Clock) -> None:
        self._camera = camera
        self._publishers = publishers
        self._clock = clock

    async def run(self, sink: Sink) -> None:
        """See `Source`.

        Raises:
            HaechiError: Why the publisher is gone.
        """
        publication = await self._publishers.next(self._camera)
        over = self._publishers.done
        try:
            await _Session(publication, sink, self._clock).run()
        except TimestampJump:
            over = self._publishers.again
            raise
        finally:
            over(self._camera, publication)


class _Session:
    """One publisher, from its first check to its end. It is the peer's `Receiver`."""

    def __init__(self, publication: Publication, sink: Sink, clock: Clock) -> None:
        self._publication = publication
        self._peer = publication.peer
        self._sink = sink
        self._clock = clock
        self._reception = WhipReception(publication.offer.taken, sink, clock.monotonic_ns())
        self._early: list[tuple[bytes, bool, int]] | None = []
        self._failure: HaechiError | None = None
        self._granted_ns = clock.monotonic_ns()
        self._told_ns = 0

    async def run(self) -> None:
        """Until it is over.

        Raises:
            HaechiError: Why.
        """
        self._peer.hand_over(self)
        await self._connected()
        await self._sink.opened([lane.reception.track for lane in self._reception.lanes])
        early, self._early = self._early or [], None
        for data, is_control, arrived_ns in early:
            (self.rtcp if is_control else self.rtp)(data, arrived_ns)
        self._reception.last_video_ns = self._clock.monotonic_ns()
        while True:
            await self._clock.sleep(TICK_S)
            now_ns = self._clock.monotonic_ns()
            self._check(now_ns)
            self._tell(now_ns)
            if now_ns - self._granted_ns >= GRANT_NS:
                self._granted_ns = now_ns
                await self._require_grant()

    async def _connected(self) -> None:
        waited_s = 0.0
        while not self._peer.is_connected:
            await self._clock.sleep(TICK_S)
            self._raise_failure()
            self._peer.tick()
            waited_s += TICK_S
            if waited_s > CONNECT_S:
                message = "the publisher did not connect; can it reach this server's UDP port?"
                raise Unavailable(message, code="publisher-not-connected", seconds=int(CONNECT_S))
        log.info("publisher connected", camera=self._publication.camera, peer=self._publication.wish.peer)

    # -- `Receiver` --------------------------------------------------------------------------------------------------
    def rtp(self, data: bytes, arrived_ns: int) -> None:
        """See `haechi.webrtc.peer.Receiver`."""
        if self._early is not None:
            self._keep(data, False, arrived_ns)
            return
        try:
            self._reception.rtp(data, arrived_ns)
            asks = self._reception.urgent(arrived_ns)
        except HaechiError as error:
            self._fail(error)
            return
        if asks:
            self._peer.control(asks)

    def rtcp(self, data: bytes, arrived_ns: int) -> None:
        """See `haechi.webrtc.peer.Receiver`."""
        if self._early is not None:
            self._keep(data, True, arrived_ns)
            return
        try:
            self._reception.rtcp(data, arrived_ns)
        except HaechiError as error:
            self._fail(error)

    def ended(self, reason: PeerError | None) -> None:
        """See `haechi.webrtc.peer.Receiver`."""
        self._fail(reason or Unavailable("the publisher ended the stream", code="camera-closed"))

    # -- inside ------------------------------------------------------------------------------------------------------
    def _keep(self, data: bytes, is_control: bool, arrived_ns: int) -> None:
        if self._early is not None and len(self._early) < MOST_EARLY:
            self._early.append((data, is_control, arrived_ns))

    def _fail(self, error: HaechiError) -> None:
        self._failure = self._failure or error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._publication.ended_by:
            message = "the publisher ended the stream"
            raise Unavailable(message, code="camera-closed", reason=self._publication.ended_by)

    def _check(self, now_ns: int) -> None:
        self._raise_failure()
        if now_ns - self._peer.heard_ns > SILENCE_NS:
            raise Unavailable("nothing comes from the publisher any more", code="publisher-lost")
        if now_ns - self._reception.last_video_ns > STALL_NS:
            raise Unavailable("the publisher is connected but sends no video", code="camera-stalled")

    def _tell(self, now_ns: int) -> None:
        if now_ns - self._told_ns < TELL_NS:
            return
        self._told_ns = now_ns
        try:
            out = self._reception.due(now_ns)
        except HaechiError as error:
            self._fail(error)
            return
        if out:
            self._peer.control(out)

    async def _require_grant(self) -> None:
        try:
            is_granted = await self._publication.wish.grant()
        except Unavailable:
            return  # while the database does not answer, the last answer counts (CONTRACT D4)
        if not is_granted:
            raise Unavailable("the right to publish was withdrawn", code="publishing-withdrawn")
