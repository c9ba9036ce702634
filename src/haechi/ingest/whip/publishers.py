"""Which camera has which publisher: the meeting point of those who publish and the intakes that wait.

Nothing here needs WebRTC to be there: what speaks it is given by the app as `Stage`, when there is such a camera.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_MS, NS_PER_S, Clock
from haechi.base.errors import Conflict, NotFound, Unavailable
from haechi.base.ids import CameraId
from haechi.ingest.whip.voice import PublisherVoice
from haechi.media.webrtc.description import Fragment, Offer, Ours, build_answer, build_fragment, parse_offer
from haechi.media.webrtc.ice import Credentials

if TYPE_CHECKING:
    from haechi.webrtc.peer import Peer
    from haechi.webrtc.stage import Stage

log = structlog.get_logger(__name__)

RIVAL_S = 3.0
RIVAL_LOOKS = 30
LEAST_LOOKS = 5
"""A publisher from which nothing came for `RIVAL_S` gives way to a new one of the same camera. Silence before that one
came counts, but for some looks: when we were held up ourselves, it had no chance to be heard.
"""
UNREAD_NS = 100 * NS_PER_MS
HOLD_S = 8.0
"""How long an offer waits for the camera's intake, which may be in a short pause."""
RIVAL_AGAIN_S = 15
AGAIN_S = 5

Grant = Callable[[], Awaitable[bool]]
"""Whether the publisher still may. Asked every few seconds while it publishes."""


Gone = Callable[[], Awaitable[bool]]
"""Whether who made an offer waits for its answer no more: the page was closed, or loaded anew."""


async def _never() -> bool:
    return False


class Wish(Struct, frozen=True):
    """Somebody who wants to publish.

    Attributes:
        peer: Their address, as it is shown.
        who: A user's name, or nothing for the bearer of the camera's token.
        reached_at: Our address that they came to.
        is_gone: Asked as long as the offer waits; the next one of the same camera shall not wait for a page that is
            closed.
    """

    offer: bytes
    grant: Grant
    peer: str
    who: str = ""
    reached_at: str = ""
    is_gone: Gone = _never


class Publication:
    """One publisher of one camera.

    Attributes:
        id: Names it in its URL; nobody else knows it.
        etag: Changes with each restart of ICE.
        ended_by: Why it is over, once it is; nothing before.
        voice: By what the publisher is spoken to; None: it does not listen.
    """

    def __init__(
        self, camera: CameraId, wish: Wish, offer: Offer, peer: Peer, voice: PublisherVoice | None = None
    ) -> None:
        self.id = secrets.token_urlsafe(24)
        self.etag = secrets.token_hex(8)
        self.camera = camera
        self.wish = wish
        self.offer = offer
        self.peer = peer
        self.voice = voice
        self.ended_by = ""

    def end(self, reason: str) -> None:
        """Let whoever reads it know that it is over."""
        self.ended_by = self.ended_by or reason
        if self.voice is not None:
            self.voice.end()


class PublishStatus(Struct, frozen=True):
    """What is known of a camera's publisher.

    Attributes:
        peer: Address of the last; empty: never yet.
        connected_ns: Wall time at which the present one began; 0: there is none.
        rivals: How often somebody was sent away because another published.
    """

    peer: str = ""
    who: str = ""
    connected_ns: int = 0
    rivals: int = 0
    rival_peer: str = ""
    rival_ns: int = 0


class _Post:
    """One camera's place."""

    def __init__(self) -> None:
        self.waiter: asyncio.Future[Publication] | None = None
        self.held: Publication | None = None
        self.present: Publication | None = None
        self.status = PublishStatus()
        self.turn = asyncio.Lock()


class Publishers:
    """All places. One event loop owns it.

    Attributes:
        stage: Where they connect to; None while there is no camera that is published.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._posts: dict[CameraId, _Post] = {}
        self.stage: Stage | None = None

    async def offer(self, camera: CameraId, wish: Wish, *, audio: bool) -> tuple[Publication, bytes]:
        """Take an offer; gives the publication and the answer.

        Raises:
            Invalid: ``bad-offer``, ``offer-without-h264``.
            Conflict: ``camera-connected``: somebody publishes, and is heard: a copied token takes nothing over.
            Unavailable: ``whip-not-ready``, ``too-many-peers``, ``publisher-gone``.
        """
        offer = parse_offer(wish.offer, audio=audio)
        post = self._posts.setdefault(camera, _Post())
        if post.turn.locked():
            raise _connected()
        async with post.turn:
            await self._make_room(camera, post, wish)
            waiter = await self._intake(post, wish)
            stage = self.stage
            if stage is None or waiter.done():
                raise _not_ready()
            publication, answer = self._begin(camera, wish, offer, stage)
            waiter.set_result(publication)
        return publication, answer

    async def next(self, camera: CameraId) -> Publication:
        """Wait for a publisher. Whoever asks hands it back by `done`, or by `again`."""
        post = self._posts.setdefault(camera, _Post())
        publication, post.held = post.held, None
        if publication is None or publication.peer.is_over:
            waiter = post.waiter = asyncio.get_running_loop().create_future()
            try:
                publication = await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._forget(waiter.result())
                raise
            finally:
                post.waiter = None
        post.present = publication
        post.status = _status(post.status, publication.wish, self._clock.wall_ns())
        return publication

    def again(self, camera: CameraId, publication: Publication) -> None:
        """The publisher goes on, in another run."""
        post = self._posts.setdefault(camera, _Post())
        post.held = publication

    def done(self, camera: CameraId, publication: Publication) -> None:
        """The publisher is gone."""
        publication.end("gone")
        self._forget(publication)
        post = self._posts.get(camera)
        if post is not None and post.present is publication:
            post.present = None
            post.status = _status(post.status, publication.wish, 0)

    def find(self, camera: CameraId, publication: str) -> Publication:
        """The publication of this name.

        Raises:
            NotFound: ``publication-not-found``.
        """
        post = self._posts.get(camera)
        present = post.present if post is not None else None
        if present is None or present.ended_by or not secrets.compare_digest(present.id, publication):
            raise NotFound("no such publication, or it is over", code="publication-not-found")
        return present

    def restart(self, publication: Publication, fragment: Fragment, reached_at: str) -> bytes:
        """New ICE credentials on both sides (RFC 9725 section 4.3.3); gives our fragment.

        Raises:
            Unavailable: ``whip-not-ready``.
        """
        from haechi.webrtc.peer import fresh_credentials

        if self.stage is None:
            raise _not_ready()
        ours = fresh_credentials()
        self.stage.restart(publication.peer, ours, fragment.ice)
        publication.etag = secrets.token_hex(8)
        return build_fragment(self._ours(self.stage, ours, reached_at))

    def present(self, camera: CameraId) -> Publication | None:
        """Who publishes now; None: nobody."""
        post = self._posts.get(camera)
        present = post.present if post is not None else None
        return None if present is None or present.ended_by or present.peer.is_over else present

    def status(self, camera: CameraId) -> PublishStatus:
        """For people."""
        post = self._posts.get(camera)
        return post.status if post is not None else PublishStatus()

    def _begin(self, camera: CameraId, wish: Wish, offer: Offer, stage: Stage) -> tuple[Publication, bytes]:
        from haechi.webrtc.peer import fresh_credentials

        ours = fresh_credentials()
        voice = PublisherVoice(offer.talk, self._clock) if offer.talk is not None else None
        answer = build_answer(offer, self._ours(stage, ours, wish.reached_at), voice=voice.ssrc if voice else 0)
        peer = stage.expect(ours, offer.ice, offer.fingerprints)
        if voice is not None:
            voice.lend(peer)
        return Publication(camera, wish, offer, peer, voice), answer

    def _ours(self, stage: Stage, ice: Credentials, reached_at: str) -> Ours:
        return Ours(ice, stage.fingerprint, stage.candidates(reached_at), secrets.randbits(62))

    def _forget(self, publication: Publication) -> None:
        if self.stage is not None:
            self.stage.forget(publication.peer)
        else:
            publication.peer.close()

    async def _make_room(self, camera: CameraId, post: _Post, wish: Wish) -> None:
        """Send the newcomer away while the present publisher is heard; end one that is not."""
        present = post.present
        if present is None or present.ended_by:
            return
        if await self._is_alive(present.peer, wish):
            post.status = _rivalled(post.status, wish.peer, self._clock.wall_ns())
            log.warning("a second publisher for a camera that has one", camera=camera, peer=wish.peer)
            raise _connected()
        present.end("replaced")

    async def _is_alive(self, peer: Peer, wish: Wish) -> bool:
        asked_ns = self._clock.monotonic_ns()
        silent_s = (asked_ns - peer.heard_ns) / NS_PER_S
        for _ in range(max(LEAST_LOOKS, round(RIVAL_LOOKS * (1 - silent_s / RIVAL_S)))):
            await self._clock.sleep(RIVAL_S / RIVAL_LOOKS)
            await _require_there(wish)
            if peer.is_over:
                return False
            if peer.heard_ns > asked_ns + UNREAD_NS:
                return True
        return False

    async def _intake(self, post: _Post, wish: Wish) -> asyncio.Future[Publication]:
        """The camera's intake, when it waits.

        Raises:
            Unavailable: ``whip-not-ready``, ``publisher-gone``.
        """
        for _ in range(int(HOLD_S * 20)):
            await _require_there(wish)
            if post.waiter is not None and not post.waiter.done() and self.stage is not None:
                return post.waiter
            await self._clock.sleep(0.05)
        raise _not_ready()


async def _require_there(wish: Wish) -> None:
    if await wish.is_gone():
        raise Unavailable("who made the offer is gone", code="publisher-gone")


def _connected() -> Conflict:
    message = "somebody publishes to this camera already; end that first, or wait until it is over"
    return Conflict(message, code="camera-connected", retry_after_s=RIVAL_AGAIN_S)


def _not_ready() -> Unavailable:
    message = "the camera does not take a publisher now; is it switched on? Try again in some seconds"
    return Unavailable(message, code="whip-not-ready", retry_after_s=AGAIN_S)


def _status(before: PublishStatus, wish: Wish, connected_ns: int) -> PublishStatus:
    return PublishStatus(wish.peer, wish.who, connected_ns, before.rivals, before.rival_peer, before.rival_ns)


def _rivalled(before: PublishStatus, peer: str, now_ns: int) -> PublishStatus:
    return PublishStatus(before.peer, before.who, before.connected_ns, before.rivals + 1, peer, now_ns)
