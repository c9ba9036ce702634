"""Audio whose packets are units as they are: G.711 (RFC 3551 section 4.5.14) and Opus (RFC 7587)."""

from __future__ import annotations

from haechi.media.access_unit import AudioParams, RawUnit
from haechi.media.payload.base import Depacketiser, Packetiser


class FrameDepacketiser(Depacketiser):
    """One packet, one unit."""

    def __init__(self, payload_type: int, params: AudioParams) -> None:
        super().__init__(payload_type)
        self._announce: AudioParams | None = params

    def _take(self, data: bytes, start: int, end: int, timestamp: int, marker: bool) -> list[RawUnit]:
        params, self._announce = self._announce, None
        return [RawUnit(self._unwrapper.unwrap(timestamp), True, data[start:end], params, self._take_lost())]

    def _on_loss(self) -> None:
        """A lost packet is a lost unit: nothing is in progress."""

    def flush(self) -> list[RawUnit]:
        return []


class FramePacketiser(Packetiser):
    """One unit, one packet. The marker bit would say that talk begins after silence; cameras do not set it."""

    def packetise(self, data: bytes) -> list[tuple[bytes, bool]]:
        return [(data, False)]
