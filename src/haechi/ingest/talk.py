"""Speaks to cameras: which of them hear, by what way, and one person at a time.

A camera that we connect to is spoken to over a connection of its own, by which nothing is pulled, and only while
somebody speaks. Asking every camera for its way back on the connection that is recorded would be one connection less,
and would put what is recorded at the mercy of each camera's manners there: some change their sound's codec, some allow
one such client and lock their own app out. A camera that came to us, by dialling or by WHIP, has one line, and is
spoken to over that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Conflict, HaechiError, Invalid, Unavailable
from haechi.base.ids import CameraId
from haechi.ingest.network import connect
from haechi.ingest.openers import Opener, Openers, Spoken, target_of
from haechi.ingest.reach import ANYWHERE, Reach
from haechi.ingest.rtsp import RtspTarget
from haechi.ingest.session import CONNECT_S, RtspSession, no_note
from haechi.ingest.source import Track
from haechi.ingest.speech import SpeechBuffer
from haechi.ingest.voice import Voice, say
from haechi.ingest.wish import CameraWish
from haechi.media.access_unit import RawUnit
from haechi.media.rtsp.client import RtspClient, Wishes

KNOWN_NS = 600 * NS_PER_S
"""So long we believe what a camera said about its way back."""
UNKNOWN_NS = 20 * NS_PER_S
"""The same where it could not be asked."""


class _Deaf:
    """A `Sink` for who only speaks."""

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        """See `Sink`."""
        return [False] * len(tracks)

    def unit(self, track: int, raw: RawUnit, arrived_ns: int) -> None:
        """Nothing was set up that could come."""

    def report(self, track: int, camera_wall_ns: int, rtp_ticks: int) -> None:
        """As above."""


class _Described(Exception):
    """The camera told what it has; nothing was set up yet."""


class _Curious(_Deaf):
    """For who only asks."""

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        """See `Sink`."""
        raise _Described


class Standing(Struct, frozen=True):
    """Whether a camera can be spoken to; ``why`` not: a code, empty where it can."""

    why: str = ""

    @property
    def is_possible(self) -> bool:
        return not self.why


class _Known(Struct, frozen=True):
    """What a camera said, and until when that is believed (monotonic)."""

    address: object
    standing: Standing
    until_ns: int


class TalkCounts(Struct):
    """What was said, since the process started; pieces are of 20 ms."""

    begun: int = 0
    spoken: int = 0
    dropped: int = 0
    silences: int = 0


class Talk:
    """Everybody who speaks to a camera of this process. One event loop owns it.

    Attributes:
        counts: What was said.
        refused: How often nobody could speak, by code.
    """

    def __init__(self, openers: Openers, clock: Clock) -> None:
        self._openers = openers
        self._clock = clock
        self._known: dict[CameraId, _Known] = {}
        self._asking: dict[CameraId, asyncio.Lock] = {}
        self._speakers: dict[CameraId, str] = {}
        self.counts = TalkCounts()
        self.refused: Counter[str] = Counter()

    @property
    def speaking(self) -> int:
        """Cameras that are spoken to at this moment."""
        return len(self._speakers)

    def speaker(self, camera: CameraId) -> str:
        """Who speaks to it now; empty: nobody."""
        return self._speakers.get(camera, "")

    @contextmanager
    def seat(self, camera: CameraId, who: str) -> Iterator[None]:
        """The right to be heard there, for one at a time.

        Raises:
            Conflict: ``camera-spoken-to``: somebody else speaks.
        """
        present = self._speakers.get(camera)
        if present is not None:
            raise Conflict(f"{present} is speaking to this camera; wait a moment", code="camera-spoken-to", who=present)
        self._speakers[camera] = who
        try:
            yield
        finally:
            del self._speakers[camera]

    async def standing(self, camera: CameraWish) -> Standing:
        """Whether the camera can be spoken to. A camera that we connect to is asked, now and then."""
        if not camera.enabled:
            return Standing("camera-off")
        opener = self._openers.of(camera.address)
        if isinstance(opener, Spoken):
            return _standing(opener, camera.id)
        if camera.address.kind != "rtsp":
            return Standing("no-back-channel")
        async with self._asking.setdefault(camera.id, asyncio.Lock()):
            known = self._known.get(camera.id)
            now_ns = self._clock.monotonic_ns()
            if known is None or known.address != camera.address or now_ns >= known.until_ns:
                known = self._known[camera.id] = await self._ask(camera)
        return known.standing

    @asynccontextmanager
    async def voice(self, camera: CameraWish) -> AsyncIterator[Voice]:
        """By what the camera is spoken to, for as long as the block lasts.

        Raises:
            Invalid: ``no-back-channel``, ``back-channel-codec``, ``camera-off``.
            Unavailable: ``camera-offline``, and what connecting to a camera raises.
            HaechiError: What `RtspClient.feed` raises.
        """
        if not camera.enabled:
            raise Invalid("this camera is switched off", code="camera-off")
        if camera.address.kind == "rtsp":
            async with back_channel(target_of(camera.address, "tcp"), self._clock, self._openers.reach) as voice:
                yield voice
            return
        opener = self._openers.of(camera.address)
        found = opener.voice(camera.id) if isinstance(opener, Spoken) else None
        if found is None:
            raise _why_not(opener, camera.id)
        yield found

    def count(self, buffer: SpeechBuffer) -> None:
        """Somebody has spoken."""
        self.counts.begun += 1
        self.counts.spoken += buffer.spoken
        self.counts.dropped += buffer.dropped
        self.counts.silences += buffer.silences

    def forget(self, camera: CameraId) -> None:
        """What was known of it turned out otherwise."""
        self._known.pop(camera, None)

    async def _ask(self, camera: CameraWish) -> _Known:
        standing, lasts_ns = Standing(), KNOWN_NS
        try:
            await ask(target_of(camera.address, "tcp"), self._clock, self._openers.reach)
        except Invalid as error:
            standing = Standing(error.code)
        except (HaechiError, OSError):
            standing, lasts_ns = Standing("camera-offline"), UNKNOWN_NS
        return _Known(camera.address, standing, self._clock.monotonic_ns() + lasts_ns)


def _standing(opener: Spoken, camera: CameraId) -> Standing:
    """Of a camera that came to us."""
    if opener.voice(camera) is not None:
        return Standing()
    return Standing("no-back-channel" if opener.is_here(camera) else "camera-offline")


def _why_not(opener: Opener, camera: CameraId) -> HaechiError:
    if isinstance(opener, Spoken) and _standing(opener, camera).why == "camera-offline":
        return Unavailable("the camera is not connected", code="camera-offline")
    return Invalid("this camera takes no sound: it offers no back channel for G.711", code="no-back-channel")


@asynccontextmanager
async def back_channel(target: RtspTarget, clock: Clock, reach: Reach = ANYWHERE) -> AsyncIterator[Voice]:
    """A connection to a camera by which nothing comes, and sound goes.

    Raises:
        Invalid: ``no-back-channel``, ``back-channel-codec``, and what `RtspClient.feed` raises.
        HaechiError: What `haechi.ingest.rtsp.RtspSource.run` raises.
    """
    async with _connected(target, clock, reach, _Deaf()) as session:
        await session.negotiate(no_note)
        playing = asyncio.ensure_future(session.play())
        try:
            yield session
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)


async def ask(target: RtspTarget, clock: Clock, reach: Reach = ANYWHERE) -> None:
    """Return when the camera has a way back that we speak; nothing is set up.

    Raises:
        HaechiError: As `back_channel`.
    """
    async with _connected(target, clock, reach, _Curious()) as session:
        try:
            await session.negotiate(no_note)
        except _Described:
            return


@asynccontextmanager
async def _connected(target: RtspTarget, clock: Clock, reach: Reach, sink: _Deaf) -> AsyncIterator[RtspSession]:
    wishes = Wishes(audio=False, talk="only")
    session = RtspSession(RtspClient(target.url, target.username, target.password, wishes=wishes), sink, clock, None)
    address = await reach.resolve(target.host, target.port)
    await connect(session, address, CONNECT_S)
    try:
        if target.is_tls:
            await session.start_tls(target.host)
        yield session
    finally:
        session.close()


async def talk_to(target: RtspTarget, samples: bytes, clock: Clock, *, reach: Reach = ANYWHERE) -> int:
    """Say something to a camera that we connect to; see `say`. The number of packets.

    Raises:
        Invalid: ``speech-too-long``, and what `back_channel` raises.
        HaechiError: As `back_channel`.
    """
    async with back_channel(target, clock, reach) as voice:
        return await say(voice, samples, clock)
