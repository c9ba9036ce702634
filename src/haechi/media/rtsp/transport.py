"""The Transport header (RFC 2326 section 12.39)."""

from __future__ import annotations

from typing import Self

from msgspec import Struct

Pair = tuple[int, int]


class Transport(Struct, frozen=True):
    """One way to carry a track. Pairs are (RTP, RTCP). ``source`` is the sender's host where the header names it."""

    is_tcp: bool
    interleaved: Pair | None = None
    client_ports: Pair | None = None
    server_ports: Pair | None = None
    source: str = ""
    ssrc: int | None = None
    is_multicast: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one alternative; what cannot be read counts as absent."""
        spec, *items = (item.strip() for item in text.split(";"))
        pairs = (item.partition("=") for item in items)
        values = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
        return cls(
            spec.upper().endswith("/TCP"),
            _pair(values.get("interleaved", ""), 255),
            _pair(values.get("client_port", ""), 0xFFFF),
            _pair(values.get("server_port", ""), 0xFFFF),
            values.get("source", ""),
            _ssrc(values.get("ssrc", "")),
            "multicast" in values,
        )

    def serialise(self) -> str:
        """The header value."""
        parts = ["RTP/AVP/TCP" if self.is_tcp else "RTP/AVP", "unicast"]
        pairs = (
            ("interleaved", self.interleaved),
            ("client_port", self.client_ports),
            ("server_port", self.server_ports),
        )
        parts += [f"{name}={pair[0]}-{pair[1]}" for name, pair in pairs if pair]
        if self.ssrc is not None:
            parts.append(f"ssrc={self.ssrc:08X}")
        return ";".join(parts)


def parse_alternatives(header: str) -> list[Transport]:
    """The alternatives that a client offers, best first (at most eight are looked at)."""
    return [Transport.parse(text) for text in header.split(",", 8)[:8]]


def _pair(text: str, most: int) -> Pair | None:
    first, _, second = text.partition("-")
    if not first.isdecimal() or len(first) > 5 or (second and (not second.isdecimal() or len(second) > 5)):
        return None
    low = int(first)
    high = int(second) if second else low + 1
    return (low, high) if high <= most else None


def _ssrc(text: str) -> int | None:
    try:
        value = int(text, 16)
    except ValueError:
        return None
    return value if 0 <= value < 1 << 32 else None
