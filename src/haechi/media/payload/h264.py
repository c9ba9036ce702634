"""H.264 over RTP (RFC 6184): single NAL units, STAP-A, FU-A; the B types only in so far as they carry no reordering."""

from __future__ import annotations

from collections.abc import Iterable

from haechi.media import h264
from haechi.media.access_unit import RawUnit, VideoParams
from haechi.media.h264 import NalType
from haechi.media.nal import split_annexb, split_lengths
from haechi.media.payload.assembly import Dialect, NalDepacketiser, NalKind
from haechi.media.payload.base import MAX_PAYLOAD_BYTES, Packetiser, check_mtu

_STAP_A, _STAP_B, _MTAP16, _MTAP24, _FU_A, _FU_B = 24, 25, 26, 27, 28, 29
_START, _END = 0x80, 0x40

_BY_TYPE: dict[int, NalKind] = {
    **dict.fromkeys((1, 2), NalKind.SLICE),
    NalType.IDR: NalKind.SYNC_SLICE,
    **dict.fromkeys((NalType.SEI, 14, 16, 17, 18), NalKind.HEAD),
    **dict.fromkeys((NalType.SPS, NalType.PPS, NalType.SPS_EXTENSION, NalType.SUBSET_SPS), NalKind.SET),
    NalType.AUD: NalKind.DROP,
}
KINDS = tuple(_BY_TYPE.get(byte & 0x1F, NalKind.TAIL) for byte in range(256))


class H264Dialect(Dialect):
    """Parameter sets by id, the active one by the slice's reference.

    A picture that is no IDR counts as a place to start when it carries a recovery-point SEI of count 0 and has I slices
    only, and no IDR has been seen in this stream: some cameras send one IDR at power-on and open GOPs ever after.
    """

    kinds = KINDS
    header_bytes = 1

    def __init__(self, sets: Iterable[bytes] = ()) -> None:
        self.changed = False
        self._sps: dict[int, bytes] = {}
        self._pps: dict[int, tuple[int, bytes]] = {}
        self._known: set[bytes] = set()
        self._saw_idr = False
        for nal in sets:
            self.add_set(nal)

    def on_sync(self) -> bool:
        self._saw_idr = True
        return len(self._sps) > 1

    def is_first_slice(self, nal: bytes) -> bool:
        return nal[1] >= 0x80

    def is_middle(self, data: bytes, position: int) -> bool:
        return position + 1 < len(data) and data[position] & 0x1F == _FU_A and not data[position + 1] & (_START | _END)

    def add_set(self, nal: bytes) -> None:
        kind = nal[0] & 0x1F
        if nal in self._known:  # cameras repeat them before every sync picture
            return
        if kind == NalType.SPS:
            sps_id = h264.parse_sps(nal).sps_id
            if self._sps.get(sps_id) != nal:
                self._known.discard(self._sps.get(sps_id, b""))
                self._known.add(nal)
                self._sps[sps_id] = nal
                self.changed = True
        elif kind == NalType.PPS:
            pps_id, sps_id = h264.parse_pps_ids(nal)
            if self._pps.get(pps_id) != (sps_id, nal):
                self._known.discard(self._pps.get(pps_id, (0, b""))[1])
                self._known.add(nal)
                self._pps[pps_id] = (sps_id, nal)
                self.changed = True

    def params_for(self, first_slice: bytes) -> VideoParams | None:
        pps = self._pps.get(h264.parse_slice_head(first_slice).pps_id)
        sps = None if pps is None else self._sps.get(pps[0])
        if sps is None:
            return None
        return h264.video_params(sps, (*self._sps.values(), *(nal for _, nal in self._pps.values())))

    def is_entry(self, heads: list[bytes], slices: list[bytes]) -> bool:
        if self._saw_idr or not any(nal[0] & 0x1F == NalType.SEI and h264.has_recovery_point(nal) for nal in heads):
            return False
        return all(h264.parse_slice_head(nal).is_intra for nal in slices)


class H264Depacketiser(NalDepacketiser):
    """Payloads of one H.264 track to units. ``sets``: parameter sets from the SDP, if it has any."""

    def __init__(self, payload_type: int, sets: Iterable[bytes] = ()) -> None:
        super().__init__(payload_type, H264Dialect(sets))

    def feed_data(self, data: bytes) -> list[RawUnit]:
        if (
            self._fragment
            and len(data) > 14
            and data[12] & 0x1F == _FU_A
            and not data[13] & (_START | _END)
            and self._add_in_order(data, 14)
        ):
            return []
        return super().feed_data(data)

    def _take(self, data: bytes, start: int, end: int, timestamp: int, marker: bool) -> list[RawUnit]:
        out: list[RawUnit] = []
        if timestamp != self._timestamp:
            self._begin(timestamp, out)
        kind = data[start] & 0x1F
        if kind == _FU_A:
            if start + 2 >= end:
                raise self._malformed("an FU-A fragment is empty", start)
            head = data[start + 1]
            if not head & (_START | _END):
                self._fragment_add(data[start + 2 : end])
                return out
            self._fragment_edge(data, start, end, out)
            if not head & _END:
                return out
        elif kind == _FU_B:
            self._take_fu_b(data, start, end, out)
        elif kind in (_STAP_A, _STAP_B):
            self._take_aggregate(data, start + (1 if kind == _STAP_A else 3), end, out)
        elif 0 < kind < _STAP_A:
            self._drop_fragment()
            self._nal(data[start:end], out)
        elif data.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01"), start):
            for nal in split_annexb(data[start:end]):  # some encoders leave the start codes in
                self._nal(nal, out)
        else:
            raise self._malformed(f"H.264 payload structure {kind} (interleaved mode) is not supported", start)
        self._end(marker, out)
        return out

    def _fragment_edge(self, data: bytes, start: int, end: int, out: list[RawUnit]) -> None:
        """A fragment that starts or ends a NAL unit (cameras that set both bits send a whole one)."""
        head = data[start + 1]
        if head & _START:
            self._drop_fragment()
            self._fragment_start(bytes(((data[start] & 0xE0) | (head & 0x1F),)))
        self._fragment_add(data[start + 2 : end])
        if head & _END:
            self._fragment_end(out)

    def _take_fu_b(self, data: bytes, start: int, end: int, out: list[RawUnit]) -> None:
        """FU-B is FU-A with a decoding order number after the first header."""
        if start + 4 >= end:
            raise self._malformed("an FU-B fragment is empty", start)
        self._fragment_edge(data[start : start + 2] + data[start + 4 : end], 0, end - start - 2, out)

    def _take_aggregate(self, data: bytes, position: int, end: int, out: list[RawUnit]) -> None:
        self._drop_fragment()
        while position + 2 < end:
            size = data[position] << 8 | data[position + 1]
            position += 2
            if position + size > end:
                raise self._malformed("a NAL unit in a STAP is longer than its packet", position)
            if size:
                self._nal(data[position : position + size], out)
            position += size


class H264Packetiser(Packetiser):
    """Units to payloads: one NAL unit a packet, fragmented when it does not fit; parameter sets in one STAP-A."""

    def __init__(self, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._most = check_mtu(max_payload_bytes)

    def packetise(self, data: bytes) -> list[tuple[bytes, bool]]:
        out: list[bytes] = []
        for nal in split_lengths(data):
            out += [nal] if len(nal) <= self._most else self._fragments(nal)
        return [(payload, index == len(out) - 1) for index, payload in enumerate(out)]

    def parameter_sets(self, sets: tuple[bytes, ...]) -> list[bytes]:
        """Payloads, without marker, that carry ``sets`` before a sync unit: a STAP-A when they fit into one."""
        aggregate = bytes((max((nal[0] & 0x60 for nal in sets), default=0) | _STAP_A,)) + b"".join(
            len(nal).to_bytes(2, "big") + nal for nal in sets if len(nal) < 0x10000
        )
        if len(sets) > 1 and len(aggregate) <= self._most:
            return [aggregate]
        return [part for nal in sets for part in ([nal] if len(nal) <= self._most else self._fragments(nal))]

    def _fragments(self, nal: bytes) -> list[bytes]:
        indicator, kind, step = (nal[0] & 0xE0) | _FU_A, nal[0] & 0x1F, self._most - 2
        starts = range(1, len(nal), step)
        return [
            bytes((indicator, kind | (_START if at == 1 else 0) | (_END if at + step >= len(nal) else 0)))
            + nal[at : at + step]
            for at in starts
        ]
