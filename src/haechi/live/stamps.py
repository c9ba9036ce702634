"""Which unit a picture is that came by WebRTC: all that a browser tells of it is its RTP timestamp.

So the page is told the timestamp of each unit over its WebSocket, the very number that stands in the packets.
"""

from __future__ import annotations

import struct

from haechi.bus.frames import Subscription
from haechi.live.mse import FLAG_SYNC, HEADER
from haechi.live.packets import PacketStream
from haechi.media.access_unit import AccessUnit

KIND_STAMP = 4
"""A message without media: the header, and the unit's RTP timestamp in four bytes."""
_TIMESTAMP = struct.Struct(">I")


def stamp(number: int, packets: PacketStream, subscription: Subscription, unit: AccessUnit) -> bytes:
    """The message for one unit on channel ``number``."""
    flags = FLAG_SYNC if unit.is_sync else 0
    head = HEADER.pack(number, KIND_STAMP, flags, unit.ref.run, unit.ref.seq, unit.captured_ns)
    return head + _TIMESTAMP.pack(packets.timestamp(unit, subscription.params_of(unit)))
