"""Speaks to a camera over a connection of its own, by which nothing is pulled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from haechi.base.clock import Clock
from haechi.ingest.network import connect
from haechi.ingest.reach import ANYWHERE, Reach
from haechi.ingest.rtsp import RtspTarget
from haechi.ingest.session import CONNECT_S, RtspSession, no_note
from haechi.ingest.source import Track
from haechi.ingest.voice import say
from haechi.media.access_unit import RawUnit
from haechi.media.rtsp.client import RtspClient, Wishes


class _Deaf:
    """A `Sink` for who only speaks."""

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        """See `Sink`."""
        return [False] * len(tracks)

    def unit(self, track: int, raw: RawUnit, arrived_ns: int) -> None:
        """Nothing was set up that could come."""

    def report(self, track: int, camera_wall_ns: int, rtp_ticks: int) -> None:
        """As above."""


async def talk_to(target: RtspTarget, samples: bytes, clock: Clock, *, reach: Reach = ANYWHERE) -> int:
    """Say something to a camera that we connect to; see `say`. The number of packets.

    Raises:
        Invalid: ``no-back-channel``, ``speech-too-long``, and what `RtspClient.feed` raises.
        HaechiError: What `haechi.ingest.rtsp.RtspSource.run` raises.
    """
    wishes = Wishes(audio=False, talk="only")
    client = RtspClient(target.url, target.username, target.password, wishes=wishes)
    session = RtspSession(client, _Deaf(), clock, None)
    address = await reach.resolve(target.host, target.port)
    await connect(session, address, CONNECT_S)
    try:
        if target.is_tls:
            await session.start_tls(target.host)
        await session.negotiate(no_note)
        playing = asyncio.ensure_future(session.play())
        saying = asyncio.ensure_future(say(session, samples, clock))
        await asyncio.wait({playing, saying}, return_when=asyncio.FIRST_COMPLETED)
        for task in (playing, saying):
            task.cancel()
        said, _ = await asyncio.gather(saying, playing, return_exceptions=True)
        if isinstance(said, asyncio.CancelledError):
            playing.result()
        return saying.result()
    finally:
        session.close()
