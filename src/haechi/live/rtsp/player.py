"""What one player watches: the units of its tracks, from the last sync unit on, as fast as it takes them.

A player that is slow loses whole stretches up to the next sync unit, as any viewer does; the others do not notice.
"""

from __future__ import annotations

import asyncio

from haechi.base.clock import NS_PER_S
from haechi.bus.frames import VIEWER_LIMIT_UNITS, FrameBus, Subscription
from haechi.live.packets import Outlet, PacketStream, PacketStreams, UnitPackets
from haechi.live.rtsp.counts import Counts
from haechi.live.rtsp.offer import Offer, still_fits
from haechi.live.rtsp.ways import Way
from haechi.media.access_unit import AccessUnit, CodecParams

REPORT_NS = 5 * NS_PER_S


class Over(Exception):
    """The session cannot go on; the connection ends. Says why."""


class Track:
    """One track on its way to one player."""

    def __init__(self, told: CodecParams, subscription: Subscription, packets: PacketStream, sent: Sent) -> None:
        self._told = told
        self._packets = packets
        self._sent = sent
        self._params = (-1, -1)
        self._now = told
        self._reported_ns = 0
        self._made: UnitPackets | None = None
        self.subscription = subscription

    async def send(self, unit: AccessUnit) -> int:
        """Send one unit, and now and then a report; how many bytes.

        Raises:
            Over: The camera codes otherwise now than the player was told.
        """
        if self._params != (unit.ref.run, unit.params):
            self._params, self._now = (unit.ref.run, unit.params), self.subscription.params_of(unit)
            if not still_fits(self._told, self._now):
                raise Over("the camera codes otherwise now")
        made = self._made = self._packets.packets(unit, self._now)
        size = await self._sent.way.send(made, self._sent.outlet, self._packets)
        if made.wall_ns - self._reported_ns >= REPORT_NS:
            self._reported_ns = made.wall_ns
            self._sent.way.report(self._sent.outlet.sender_report(made))
        return size

    def say_goodbye(self) -> None:
        """Tell the player that nothing more comes."""
        self._sent.way.report(self._sent.outlet.goodbye())


class Sent:
    """Where a track's packets go, and the numbers that they carry there."""

    def __init__(self, outlet: Outlet, way: Way) -> None:
        self.outlet = outlet
        self.way = way


def outlet_of(offer: Offer, index: int) -> Outlet:
    """New numbers for one of the tracks that were offered."""
    return Outlet(offer.description.tracks[index].payload_type)


class Player:
    """See the module. `run` it until it is cancelled, then `close` it."""

    def __init__(self, bus: FrameBus, streams: PacketStreams, counts: Counts) -> None:
        self._bus = bus
        self._streams = streams
        self._counts = counts
        self._wake = asyncio.Event()
        self._tracks: list[Track] = []
        self._dropped = 0

    def add(self, offer: Offer, index: int, way: Way, outlet: Outlet | None = None) -> None:
        """Watch one of the tracks that were offered. ``outlet``: its numbers, where the player was told them."""
        stream = offer.streams[index]
        subscription = self._bus.channel(stream).subscribe(
            limit_units=VIEWER_LIMIT_UNITS, from_gop=True, wake=self._wake
        )
        sent = Sent(outlet or outlet_of(offer, index), way)
        self._tracks.append(Track(offer.params[index], subscription, self._streams.of(stream), sent))

    async def run(self) -> None:
        """Send until cancelled.

        Raises:
            Over: The camera is gone, or codes otherwise now.
            TimeoutError: The player takes nothing.
        """
        while True:
            self._wake.clear()
            is_more = True
            while is_more:
                is_more = False
                for track in self._tracks:
                    is_more |= await self._send_next(track)
                self._count()
            if any(track.subscription.is_over for track in self._tracks):
                raise Over("the camera is gone")
            await self._wake.wait()

    async def _send_next(self, track: Track) -> bool:
        item = track.subscription.take()
        if isinstance(item, AccessUnit):
            size = await track.send(item)
            self._counts.sent_bytes += size  # not in one: others count while this one waits
        return item is not None

    def _count(self) -> None:
        dropped = sum(track.subscription.dropped for track in self._tracks)
        self._counts.dropped_units += dropped - self._dropped
        self._dropped = dropped

    def say_goodbye(self) -> None:
        """Tell the player that nothing more comes."""
        for track in self._tracks:
            track.say_goodbye()

    def close(self) -> None:
        """Watch no more."""
        self._count()
        for track in self._tracks:
            track.subscription.close()
