"""RTSP pull: the driver around the client machine. One TCP connection; RTP interleaved in it, or over UDP.

After PLAY everything happens inside ``data_received``: deframe, depacketise, stamp, publish. No task and no queue lies
between the socket and the bus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import Unavailable
from haechi.ingest.network import UdpPairs, connect
from haechi.ingest.reach import ANYWHERE, Reach
from haechi.ingest.session import CONNECT_S, RtspSession, no_note
from haechi.ingest.source import Sink
from haechi.media.rtsp.client import RtspClient, Wishes


class RtspTarget(Struct, frozen=True):
    """Where to connect, as whom, how RTP is to travel (``tcp``, ``udp``, ``auto``), and whether sound is wanted."""

    url: str
    host: str
    port: int
    is_tls: bool
    username: str
    password: str
    transport: str
    audio: bool = True

    def __repr__(self) -> str:
        return f"RtspTarget({self.url!r})"


class RtspSource:
    """A `Source` that pulls from a camera.

    Args:
        note: Told the name of each hop when it begins (`haechi.ingest.probe.HOPS`).
        reach: Where it may connect to; a server gives the one of its settings.
    """

    def __init__(
        self, target: RtspTarget, clock: Clock, *, note: Callable[[str], None] = no_note, reach: Reach = ANYWHERE
    ) -> None:
        self._target = target
        self._clock = clock
        self._note = note
        self._reach = reach

    async def run(self, sink: Sink) -> None:
        """See `Source`.

        Raises:
            Invalid: ``address-forbidden``, ``address-not-allowed``.
            Unavailable: ``dns-failed``, ``tcp-refused``, ``tcp-timeout``, ``tls-failed``, ``rtsp-silent``,
                ``camera-stalled``, ``keep-alive-lost``, ``connection-lost``.
            HaechiError: What `RtspClient.feed` raises.
        """
        if self._target.transport == "udp":
            await self._run(sink, "udp")
            return
        try:
            await self._run(sink, "tcp")
        except Unavailable as error:
            if error.code != "rtsp-transport" or self._target.transport != "auto":
                raise
            await self._run(sink, "udp")

    async def _run(self, sink: Sink, transport: Literal["tcp", "udp"]) -> None:
        target = self._target
        self._note("dns")
        address = await self._reach.resolve(target.host, target.port)
        pairs = await UdpPairs.bind(address) if transport == "udp" else None
        try:
            client = RtspClient(
                target.url,
                target.username,
                target.password,
                transport=transport,
                client_ports=pairs.ports if pairs is not None else (),
                wishes=Wishes(audio=target.audio),
            )
            session = RtspSession(client, sink, self._clock, pairs)
            self._note("tcp")
            await connect(session, address, CONNECT_S)
            try:
                await self._secure_and_play(session)
            finally:
                session.close()
        finally:
            if pairs is not None:
                pairs.close()

    async def _secure_and_play(self, session: RtspSession) -> None:
        if self._target.is_tls:
            self._note("tls")
            await session.start_tls(self._target.host)
        self._note("rtsp")
        await session.negotiate(self._note)
        await session.play()
