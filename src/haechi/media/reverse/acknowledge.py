"""How the server says which units of a camera's memory are on disk: a parameter of SET_PARAMETER (RFC 2326 10.9)."""

from __future__ import annotations

from msgspec import Struct

from haechi.media.reverse.edge import EdgeRun, Role

PARAMETER = "haechi-held"
MOST_LINES = 64
MOST_SPANS = 32


class Acknowledged(Struct, frozen=True):
    """Server: these of a run are on disk; you need not keep them. Ascending, apart."""

    role: Role
    run: EdgeRun
    spans: tuple[tuple[int, int], ...]


def acknowledgement(lines: list[Acknowledged]) -> bytes:
    """The body of SET_PARAMETER: ``haechi-held: main 4711 0-1200,1500-1800`` for each track of each run."""
    texts = (f"{PARAMETER}: {one.role} {one.run} {_told(one.spans)}\r\n" for one in lines[:MOST_LINES] if one.spans)
    return "".join(texts).encode()


def parse_acknowledgement(body: bytes) -> list[Acknowledged]:
    """Read such a body; lines that are none of ours are passed over."""
    out: list[Acknowledged] = []
    for line in body.decode("ascii", "replace").splitlines()[:MOST_LINES]:
        name, _, rest = line.partition(":")
        words = rest.split()
        if name.strip().lower() != PARAMETER or len(words) != 3 or not _is_number(words[1]):
            continue
        spans = tuple(
            span for text in words[2].split(",", MOST_SPANS)[:MOST_SPANS] if (span := _span(text)) is not None
        )
        if words[0] in ("main", "audio") and spans:
            out.append(Acknowledged("main" if words[0] == "main" else "audio", EdgeRun(int(words[1])), spans))
    return out


def _told(spans: tuple[tuple[int, int], ...]) -> str:
    """The oldest and the newest of many ranges: the oldest make room, the newest are what is live."""
    few = spans if len(spans) <= MOST_SPANS else (*spans[: MOST_SPANS // 2], *spans[-MOST_SPANS // 2 :])
    return ",".join(f"{first}-{end}" for first, end in few)


def _span(text: str) -> tuple[int, int] | None:
    first, _, end = text.partition("-")
    if not (_is_number(first) and _is_number(end)) or int(first) >= int(end):
        return None
    return int(first), int(end)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20
