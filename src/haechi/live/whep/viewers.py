"""All who watch by WebRTC: offers are answered, viewers run, and are found again by those who hold their name."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError, Invalid, NotFound, Unavailable
from haechi.base.faults import Apart
from haechi.base.ids import CameraId, StreamId, role_of, stream_of
from haechi.live.demand import Lease
from haechi.live.mse import LiveHub
from haechi.live.whep.sending import Sending
from haechi.live.whep.viewer import NAME, MayStill, Track, Viewer, require_in_order
from haechi.media.access_unit import AudioParams, CodecParams, VideoParams
from haechi.media.webrtc.description import Fragment, Ours, build_fragment
from haechi.media.webrtc.ice import Credentials
from haechi.media.webrtc.watching import Lane, WatchOffer, build_watch_answer, lanes_for, parse_watch_offer

if TYPE_CHECKING:
    from haechi.webrtc.peer import Peer
    from haechi.webrtc.stage import Stage

log = structlog.get_logger(__name__)

MOST_VIEWERS = 500
DOOR_S = 5.0
"""The first viewer opens the port: it is there a moment later."""
HOLD_S = 8.0
"""A stream that is made for its viewers is there a moment after the first asked."""
STEP_S = 0.05
AGAIN_S = 5


class WatchWish(Struct, frozen=True):
    """Somebody who wants to watch.

    Attributes:
        reached_at: Our address that they came to.
        over: Called once, when the viewer is gone.
    """

    offer: bytes
    stream: StreamId
    may_still: MayStill
    over: Callable[[], None]
    reached_at: str = ""


class Watching:
    """One viewer of one camera, by a name that nobody else knows.

    Attributes:
        etag: Changes with each restart of ICE.
    """

    def __init__(self, camera: CameraId, wish: WatchWish, peer: Peer, viewer: Viewer) -> None:
        self.id = secrets.token_urlsafe(24)
        self.etag = secrets.token_hex(8)
        self.camera = camera
        self.wish = wish
        self.peer = peer
        self.viewer = viewer
        self.lease = Lease()


class Totals(Struct, frozen=True):
    """Since the start: packets sent, and packets sent again because they were asked for."""

    packets: int = 0
    again: int = 0


class Viewers:
    """All viewers. One event loop owns it.

    Args:
        most: At the same time.

    Attributes:
        stage: Where they connect to; None: nobody asked yet, or it is switched off.
        wanted: Set from the first offer on.
        is_on: Whether offers are taken at all.
    """

    def __init__(self, hub: LiveHub, clock: Clock, most: int = MOST_VIEWERS) -> None:
        self._hub = hub
        self._clock = clock
        self._most = most
        self._present: dict[str, Watching] = {}
        self._begun: asyncio.Queue[Watching] = asyncio.Queue()
        self._gone = Totals()
        self.stage: Stage | None = None
        self.wanted = asyncio.Event()
        self.is_on = True

    @property
    def count(self) -> int:
        """Who watches now."""
        return len(self._present)

    @property
    def totals(self) -> Totals:
        """What all viewers got, those who are gone included."""
        viewers = [one.viewer for one in self._present.values()]
        packets = sum(viewer.packets for viewer in viewers)
        return Totals(self._gone.packets + packets, self._gone.again + sum(viewer.again for viewer in viewers))

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with Apart("webrtc viewer", self._hub.faults) as group:
                while True:
                    group.create_task(self._serve(await self._begun.get()))
        finally:
            while not self._begun.empty():
                self._forget(self._begun.get_nowait())

    async def offer(self, camera: CameraId, wish: WatchWish) -> tuple[Watching, bytes]:
        """Take an offer; gives the viewer, who begins at once, and the answer.

        Raises:
            Invalid: ``bad-offer``, ``viewer-lacks-codec``, ``pictures-reordered``.
            NotFound: ``whep-off``.
            HaechiError: The stream cannot be had (`Demand.want`).
            Unavailable: ``stream-not-live``, ``whep-not-ready``, ``too-many-viewers``, ``too-many-peers``.
        """
        if not self.is_on:
            raise NotFound("watching by WebRTC is switched off on this server", code="whep-off")
        if self.count >= self._most:
            message = "as many watch by WebRTC as this server takes; watch in another way, or try again later"
            raise Unavailable(message, code="too-many-viewers", limit=self._most)
        offer = parse_watch_offer(wish.offer)
        lease = await self._hub.demand.want(wish.stream)
        try:
            video = await self._video(wish.stream, lease)
            audio = self._params(stream_of(camera, "audio"))
            lanes = lanes_for(offer, video, audio if isinstance(audio, AudioParams) else None)
            stage = await self._ready()
            tracks = [self._track(camera, wish.stream, lane, video, audio) for lane in lanes]
            watching, answer = self._begin(camera, wish, offer, tracks, stage)
        except BaseException:
            lease.close()
            raise
        watching.lease = lease
        return watching, answer

    def find(self, camera: CameraId, watching: str) -> Watching:
        """The viewer of this name.

        Raises:
            NotFound: ``viewer-not-found``.
        """
        found = self._present.get(watching)
        if found is None or found.camera != camera:
            raise NotFound("no such viewer, or it is over", code="viewer-not-found")
        return found

    def leave(self, watching: Watching) -> None:
        """The viewer says that it is over."""
        watching.viewer.end(Unavailable("the viewer left", code="viewer-left"))

    def restart(self, watching: Watching, fragment: Fragment, reached_at: str) -> bytes:
        """New ICE credentials on both sides; gives our fragment.

        Raises:
            Unavailable: ``whep-not-ready``.
        """
        from haechi.webrtc.peer import fresh_credentials

        if self.stage is None:
            raise _not_ready()
        ours = fresh_credentials()
        self.stage.restart(watching.peer, ours, fragment.ice)
        watching.etag = secrets.token_hex(8)
        return build_fragment(_ours(self.stage, ours, reached_at))

    def _begin(
        self, camera: CameraId, wish: WatchWish, offer: WatchOffer, tracks: list[Track], stage: Stage
    ) -> tuple[Watching, bytes]:
        from haechi.webrtc.peer import fresh_credentials

        ours = fresh_credentials()
        lanes = [(track.sending.lane, track.sending.ssrc) for track in tracks]
        answer = build_watch_answer(offer, lanes, _ours(stage, ours, wish.reached_at), NAME)
        peer = stage.expect(ours, offer.ice, offer.fingerprints)
        viewer = Viewer(self._hub, offer, peer, tracks, wish.may_still, self._clock)
        watching = Watching(camera, wish, peer, viewer)
        self._present[watching.id] = watching
        self._begun.put_nowait(watching)
        return watching, answer

    async def _serve(self, watching: Watching) -> None:
        began_ns = self._clock.monotonic_ns()
        code = "server-stops"
        try:
            await watching.viewer.run()
        except* HaechiError as group:
            code = _code(group)
        finally:
            self._forget(watching)
            seconds = (self._clock.monotonic_ns() - began_ns) // 1_000_000_000
            log.info("viewer gone", camera=watching.camera, code=code, seconds=seconds)

    def _forget(self, watching: Watching) -> None:
        viewer = watching.viewer
        if self._present.pop(watching.id, None) is None:
            return
        self._gone = Totals(self._gone.packets + viewer.packets, self._gone.again + viewer.again)
        if self.stage is not None:
            self.stage.forget(watching.peer)
        else:
            watching.peer.close()
        watching.lease.close()
        watching.wish.over()

    def _params(self, stream: StreamId) -> CodecParams | None:
        """How the stream is coded now; None: nothing comes."""
        channel = self._hub.bus.channel(stream)
        run, last = channel.current, channel.last
        return None if run is None or last is None or last.ref.run != run.number else run.params[last.params]

    async def _video(self, stream: StreamId, lease: Lease) -> VideoParams:
        for _ in range(int(HOLD_S / STEP_S)):
            params = self._params(stream)
            if isinstance(params, VideoParams):
                for unit in self._hub.bus.channel(stream).gop():
                    require_in_order(unit)
                return params
            if role_of(stream) == "main":
                break
            if lease.error is not None:
                raise lease.error
            await self._clock.sleep(STEP_S)
        message = "the camera sends nothing at the moment; try again in some seconds"
        raise Unavailable(message, code="stream-not-live", retry_after_s=AGAIN_S)

    async def _ready(self) -> Stage:
        self.wanted.set()
        for _ in range(int(DOOR_S / STEP_S)):
            if self.stage is not None:
                return self.stage
            await self._clock.sleep(STEP_S)
        raise _not_ready()

    def _track(
        self, camera: CameraId, stream: StreamId, lane: Lane, video: VideoParams, audio: CodecParams | None
    ) -> Track:
        is_sound = not lane.codec.is_video
        if is_sound:
            stream = stream_of(camera, "audio")
        params = audio if is_sound else video
        if params is None:
            raise Invalid("this section has no stream", code="bad-offer")
        return Track(stream, params, self._hub.packets.of(stream), Sending(lane))


def _ours(stage: Stage, ice: Credentials, reached_at: str) -> Ours:
    return Ours(ice, stage.fingerprint, stage.candidates(reached_at), secrets.randbits(62))


def _not_ready() -> Unavailable:
    message = "the port for WebRTC is not open yet; try again in some seconds"
    return Unavailable(message, code="whep-not-ready", retry_after_s=AGAIN_S)


def _code(group: BaseExceptionGroup[HaechiError]) -> str:
    first = group.exceptions[0]
    return first.code if isinstance(first, HaechiError) else _code(first)
