"""H.265 over RTP (RFC 7798): single NAL units, aggregation packets, fragmentation units; no DONL."""

from __future__ import annotations

from collections.abc import Iterable

from haechi.media import h265
from haechi.media.access_unit import RawUnit, VideoParams
from haechi.media.h265 import NalType
from haechi.media.nal import split_lengths
from haechi.media.payload.assembly import Dialect, NalDepacketiser, NalKind
from haechi.media.payload.base import MAX_PAYLOAD_BYTES, Packetiser, check_mtu

_AP, _FU, _PACI = 48, 49, 50
_START, _END = 0x80, 0x40


def _kind(nal_type: int) -> NalKind:
    if nal_type < 32:
        return NalKind.SYNC_SLICE if 16 <= nal_type <= 21 else NalKind.SLICE
    if nal_type in (NalType.VPS, NalType.SPS, NalType.PPS):
        return NalKind.SET
    if nal_type == NalType.AUD:
        return NalKind.DROP
    return NalKind.HEAD if nal_type == NalType.PREFIX_SEI or 41 <= nal_type <= 44 else NalKind.TAIL


KINDS = tuple(_kind((byte >> 1) & 0x3F) for byte in range(256))


class H265Dialect(Dialect):
    """Parameter sets by id, the active one by the slice's reference."""

    kinds = KINDS
    header_bytes = 2

    def __init__(self, sets: Iterable[bytes] = ()) -> None:
        self.changed = False
        self._vps: dict[int, bytes] = {}
        self._sps: dict[int, bytes] = {}
        self._pps: dict[int, tuple[int, bytes]] = {}
        self._known: set[bytes] = set()
        for nal in sets:
            self.add_set(nal)

    def on_sync(self) -> bool:
        return len(self._sps) > 1

    def is_first_slice(self, nal: bytes) -> bool:
        return nal[2] >= 0x80

    def is_middle(self, data: bytes, position: int) -> bool:
        if position + 2 >= len(data):
            return False
        return (data[position] >> 1) & 0x3F == _FU and not data[position + 2] & (_START | _END)

    def add_set(self, nal: bytes) -> None:
        if nal in self._known:  # cameras repeat them before every sync picture
            return
        kind = h265.nal_type(nal)
        if kind == NalType.PPS:
            pps_id, sps_id = h265.parse_pps_ids(nal)
            if self._pps.get(pps_id) != (sps_id, nal):
                self._known.discard(self._pps.get(pps_id, (0, b""))[1])
                self._known.add(nal)
                self._pps[pps_id] = (sps_id, nal)
                self.changed = True
            return
        if kind == NalType.VPS:
            sets, key = self._vps, h265.parse_vps_id(nal)
        else:
            sets, key = self._sps, h265.parse_sps(nal).sps_id
        if sets.get(key) != nal:
            self._known.discard(sets.get(key, b""))
            self._known.add(nal)
            sets[key] = nal
            self.changed = True

    def params_for(self, first_slice: bytes) -> VideoParams | None:
        pps = self._pps.get(h265.parse_slice_pps_id(first_slice))
        sps = None if pps is None else self._sps.get(pps[0])
        if sps is None or not self._vps:
            return None
        pictures = (nal for _, nal in self._pps.values())
        return h265.video_params(sps, (*self._vps.values(), *self._sps.values(), *pictures))

    def is_entry(self, heads: list[bytes], slices: list[bytes]) -> bool:
        return False


class H265Depacketiser(NalDepacketiser):
    """Payloads of one H.265 track to units. ``sets``: parameter sets from the SDP, if it has any."""

    def __init__(self, payload_type: int, sets: Iterable[bytes] = ()) -> None:
        super().__init__(payload_type, H265Dialect(sets))

    def feed_data(self, data: bytes) -> list[RawUnit]:
        if (
            self._fragment
            and len(data) > 15
            and (data[12] >> 1) & 0x3F == _FU
            and not data[14] & (_START | _END)
            and self._add_in_order(data, 15)
        ):
            return []
        return super().feed_data(data)

    def _take(self, data: bytes, start: int, end: int, timestamp: int, marker: bool) -> list[RawUnit]:
        out: list[RawUnit] = []
        if timestamp != self._timestamp:
            self._begin(timestamp, out)
        if end - start < 3:
            raise self._malformed("an H.265 payload has no content", start)
        kind = (data[start] >> 1) & 0x3F
        if kind == _FU:
            head = data[start + 2]
            if not head & (_START | _END):
                self._fragment_add(data[start + 3 : end])
                return out
            self._fragment_edge(data, start, end, out)
            if not head & _END:
                return out
        elif kind == _AP:
            self._take_aggregate(data, start + 2, end, out)
        elif kind < _AP:
            self._drop_fragment()
            self._nal(data[start:end], out)
        else:
            raise self._malformed(f"H.265 payload structure {kind} is not supported", start)
        self._end(marker, out)
        return out

    def _fragment_edge(self, data: bytes, start: int, end: int, out: list[RawUnit]) -> None:
        """A fragment that starts or ends a NAL unit."""
        head = data[start + 2]
        if head & _START:
            self._drop_fragment()
            self._fragment_start(bytes(((data[start] & 0x81) | ((head & 0x3F) << 1), data[start + 1])))
        self._fragment_add(data[start + 3 : end])
        if head & _END:
            self._fragment_end(out)

    def _take_aggregate(self, data: bytes, position: int, end: int, out: list[RawUnit]) -> None:
        self._drop_fragment()
        while position + 2 < end:
            size = data[position] << 8 | data[position + 1]
            position += 2
            if position + size > end:
                raise self._malformed("a NAL unit in an aggregation packet is longer than its packet", position)
            if size:
                self._nal(data[position : position + size], out)
            position += size


class H265Packetiser(Packetiser):
    """Units to payloads: one NAL unit a packet, fragmented when it does not fit; parameter sets in one AP."""

    def __init__(self, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._most = check_mtu(max_payload_bytes)

    def packetise(self, data: bytes) -> list[tuple[bytes, bool]]:
        out: list[bytes] = []
        for nal in split_lengths(data):
            out += [nal] if len(nal) <= self._most else self._fragments(nal)
        return [(payload, index == len(out) - 1) for index, payload in enumerate(out)]

    def parameter_sets(self, sets: tuple[bytes, ...]) -> list[bytes]:
        """Payloads, without marker, that carry ``sets`` before a sync unit: an AP when they fit into one."""
        parts = (len(nal).to_bytes(2, "big") + nal for nal in sets if len(nal) < 0x10000)
        aggregate = bytes((_AP << 1, 1)) + b"".join(parts)
        if len(sets) > 1 and len(aggregate) <= self._most:
            return [aggregate]
        return [part for nal in sets for part in ([nal] if len(nal) <= self._most else self._fragments(nal))]

    def _fragments(self, nal: bytes) -> list[bytes]:
        first, second, kind, step = (nal[0] & 0x81) | (_FU << 1), nal[1], h265.nal_type(nal), self._most - 3
        return [
            bytes((first, second, kind | (_START if at == 2 else 0) | (_END if at + step >= len(nal) else 0)))
            + nal[at : at + step]
            for at in range(2, len(nal), step)
        ]
