"""Messages and interleaved packets out of a TCP byte stream (RFC 2326 sections 4 and 10.12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.rtsp.message import Headers, Message, Request, Response

MAX_HEADER_BYTES = 16 * 1024
"""Real cameras stay below 2 kB."""
MAX_HEADER_FIELDS = 100
MAX_BODY_BYTES = 64 * 1024
_DOLLAR = 0x24
_RESPONSE = re.compile(r"RTSP/1\.\d +(\d{3})(?: +(.*))?")
_REQUEST = re.compile(r"([A-Z_]{3,32}) +(\S{1,4096}) +RTSP/1\.\d")
_PLAUSIBLE_START = re.compile(rb"[A-Z][A-Z_/ ]*")


class Interleaved(Struct, frozen=True, gc=False):
    """A packet between messages: RTP or RTCP of the channel that SETUP agreed on."""

    channel: int
    data: bytes


PacketRun = Callable[[bytes, int, int], int]
"""Takes interleaved packets of one channel where they lie: ``run(data, position, end)`` is called with a whole one at
``data[position:end]``, its four bytes of framing included; it may go on with those that follow, and returns where it
stopped: ``end`` or the end of a later whole packet."""

_NO_RUNS: Mapping[int, PacketRun] = {}


def frame(channel: int, data: bytes) -> bytes:
    """``data`` as an interleaved packet."""
    return b"$" + bytes((channel,)) + len(data).to_bytes(2, "big") + data


class Deframer:
    """Turns a TCP byte stream into `Interleaved` and `Message` events, whatever its chunks."""

    __slots__ = ("_held", "_held_bytes", "_messages", "_need", "_offset")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._need = 1
        self._offset = 0
        self._messages = 0

    def feed(self, data: bytes) -> list[Interleaved | Message]:
        """Add ``data`` and give each event completed by it, in order.

        Raises:
            PeerError: See `events`.
        """
        return list(self.events(data))

    def events(self, data: bytes, runs: Mapping[int, PacketRun] = _NO_RUNS) -> Iterator[Interleaved | Message]:
        """Add ``data`` and yield each event as it is completed; iterate to the end.

        Packets of the channels in ``runs`` are not yielded: they are handed over in their turn.

        Raises:
            PeerError: The peer exceeded a limit or sent nonsense. ``offset`` is the byte position in the stream, so
                that the place can be found in a capture. The deframer is of no further use.
        """
        data = self._with_held(data)
        position, total = 0, len(data)
        while position < total:
            if data[position] == _DOLLAR:
                start = position + 4
                if start > total:
                    self._need = 4
                    break
                end = start + (data[position + 2] << 8 | data[position + 3])
                if end > total:
                    self._need = end - position
                    break
                run = runs.get(data[position + 1])
                if run is not None:
                    position = run(data, position, end)
                    continue
                yield Interleaved(data[position + 1], data[start:end])
            else:
                message, end = self._message(data, position)
                if end == position:
                    break
                if message is not None:
                    yield message
            position = end
        self._offset += position
        if position < total:
            self._held = [data[position:] if position else data]
            self._held_bytes = total - position

    def _with_held(self, data: bytes) -> bytes:
        """``data`` behind what is held back; nothing while the two complete no event."""
        if not self._held:
            return data
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes < self._need:
            return b""
        held, self._held = self._held, []
        return b"".join(held)

    def _message(self, data: bytes, position: int) -> tuple[Message | None, int]:
        """Read what begins at ``position``: a message or blank lines, and its end; ``position`` while it is not all
        there."""
        begin = position
        while position < len(data) and data[position] in b"\r\n":
            position += 1
        if position > begin:
            return None, position
        self._check_start(data, position)
        body_start = self._header_end(data, position)
        if not body_start:
            self._need = len(data) - position + 1
            return None, begin
        text = data[position:body_start].decode("utf-8", "replace")
        first, *lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
        fields = self._fields(lines, position)
        end = body_start + self._body_size(fields, position)
        if end > len(data):
            self._need = end - position
            return None, begin
        message = self._parse(first, fields, data[body_start:end], position)
        self._messages += 1
        return message, end

    def _check_start(self, data: bytes, position: int) -> None:
        """Refuse as early as possible what cannot become a message."""
        head = data[position : position + 40]
        match = _PLAUSIBLE_START.match(head)
        if match is None:
            raise self._nonsense(position)
        line, found, _ = data[position : position + MAX_HEADER_BYTES].partition(b"\n")
        if found and b"RTSP/" not in line:
            raise self._nonsense(position)

    def _header_end(self, data: bytes, position: int) -> int:
        """Where the body begins; 0 when the header is not complete. Bare line feeds are taken."""
        window = data[position : position + MAX_HEADER_BYTES]
        ends = [at + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (at := window.find(mark)) >= 0]
        if ends:
            return position + min(ends)
        if len(window) >= MAX_HEADER_BYTES:
            raise PeerError(
                "the RTSP header does not end", offset=self._offset + position, code="rtsp-header-too-long",
                limit=MAX_HEADER_BYTES,
            )  # fmt: skip
        return 0

    def _fields(self, lines: list[str], position: int) -> Headers:
        if len(lines) > MAX_HEADER_FIELDS:
            raise PeerError(
                "the RTSP header has too many fields", offset=self._offset + position, code="rtsp-header-too-long"
            )
        pairs: list[tuple[str, str]] = []
        for line in lines:
            name, colon, value = line.partition(":")
            if line[:1] in (" ", "\t") and pairs:
                pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {line.strip()}")
            elif colon:
                pairs.append((name.strip(), value.strip()))
        return Headers(tuple(pairs))

    def _body_size(self, fields: Headers, position: int) -> int:
        text = fields.get("Content-Length", "0")
        if not text.isdecimal() or len(text) > 9 or int(text) > MAX_BODY_BYTES:
            raise PeerError(
                "the RTSP message has an impossible length", offset=self._offset + position, code="rtsp-bad-message"
            )
        return int(text)

    def _parse(self, first: str, fields: Headers, body: bytes, position: int) -> Message:
        response = _RESPONSE.fullmatch(first.strip())
        if response:
            return Response(int(response[1]), response[2] or "", fields, body)
        request = _REQUEST.fullmatch(first.strip())
        if request:
            return Request(request[1], request[2], fields, body)
        raise self._nonsense(position)

    def _nonsense(self, position: int) -> PeerError:
        offset = self._offset + position
        if self._messages == 0 and offset == 0:
            return PeerError("what answers there does not speak RTSP", offset=offset, code="rtsp-not-rtsp")
        return PeerError(
            "the camera sent something that is neither RTSP nor a packet", offset=offset, code="rtsp-bad-message"
        )
