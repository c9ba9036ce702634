"""Apple's rules for live playlists (draft-pantos-hls-rfc8216bis), as a checker of our own: it reads, and says what is
wrong. It shares nothing with the code that writes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)(?:,|$)')
EPSILON_S = 0.0005


@dataclass
class SeenPart:
    uri: str
    duration_s: float
    is_independent: bool


@dataclass
class SeenSegment:
    """``uri`` is empty while the segment grows."""

    msn: int
    uri: str = ""
    duration_s: float = 0.0
    init: str = ""
    date: str = ""
    breaks: int = 0
    parts: list[SeenPart] = field(default_factory=list)


@dataclass
class Seen:
    """A media playlist as it was read."""

    text: str
    version: int = 0
    target_s: int = 0
    control: dict[str, str] = field(default_factory=dict)
    part_target_s: float = 0.0
    msn: int = 0
    breaks: int = 0
    skipped: int = 0
    segments: list[SeenSegment] = field(default_factory=list)
    growing: SeenSegment | None = None
    hint: str = ""
    reports: list[dict[str, str]] = field(default_factory=list)

    @property
    def parts(self) -> list[SeenPart]:
        """All that are named, oldest first."""
        growing = self.growing.parts if self.growing is not None else []
        return [part for segment in self.segments for part in segment.parts] + growing

    @property
    def length_s(self) -> float:
        return sum(segment.duration_s for segment in self.segments)


def attributes(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in ATTRIBUTE.findall(line.partition(":")[2])}


def read(text: str) -> Seen:
    """Read one.

    Raises:
        ValueError: It has a line that a live playlist of ours has no reason to have.
    """
    lines = text.splitlines()
    if not lines or lines[0] != "#EXTM3U":
        raise ValueError("a playlist begins with #EXTM3U")
    return _Reader(text).read(lines[1:])


class _Reader:
    """Goes through the lines of one."""

    def __init__(self, text: str) -> None:
        self.seen = Seen(text)
        self.init = ""
        self.now = SeenSegment(0)

    def read(self, lines: list[str]) -> Seen:
        for line in lines:
            if line.startswith("#"):
                name, _, value = line.removeprefix("#EXT").removeprefix("-X-").partition(":")
                if not (self._header(name, value, line) or self._segment_tag(name, value, line)):
                    raise ValueError(f"what is {line}?")
            else:
                self._segment(line)
        if self.now.parts or self.now.date:
            self._place()
            self.seen.growing = self.now
        return self.seen

    def _header(self, name: str, value: str, line: str) -> bool:
        seen = self.seen
        match name:
            case "VERSION":
                seen.version = int(value)
            case "TARGETDURATION":
                seen.target_s = int(value)
            case "SERVER-CONTROL":
                seen.control = attributes(line)
            case "PART-INF":
                seen.part_target_s = float(attributes(line)["PART-TARGET"])
            case "MEDIA-SEQUENCE":
                seen.msn = int(value)
            case "DISCONTINUITY-SEQUENCE":
                seen.breaks = int(value)
            case "SKIP":
                seen.skipped = int(attributes(line)["SKIPPED-SEGMENTS"])
            case _:
                return False
        return True

    def _segment_tag(self, name: str, value: str, line: str) -> bool:
        match name:
            case "DISCONTINUITY":
                self.now.breaks += 1
            case "MAP":
                self.init = attributes(line)["URI"]
            case "PROGRAM-DATE-TIME":
                self.now.date = value
            case "PART":
                told = attributes(line)
                independent = told.get("INDEPENDENT") == "YES"
                self.now.parts.append(SeenPart(told["URI"], float(told["DURATION"]), independent))
            case "INF":
                self.now.duration_s = float(value.rstrip(","))
            case "PRELOAD-HINT":
                self.seen.hint = attributes(line)["URI"]
            case "RENDITION-REPORT":
                self.seen.reports.append(attributes(line))
            case _:
                return False
        return True

    def _segment(self, line: str) -> None:
        self._place()
        self.now.uri = line
        self.seen.segments.append(self.now)
        self.now = SeenSegment(0)

    def _place(self) -> None:
        self.now.init = self.init
        self.now.msn = self.seen.msn + self.seen.skipped + len(self.seen.segments)


def faults_of(seen: Seen) -> list[str]:
    """What is wrong with one playlist by itself."""
    return [*_control_faults(seen), *_segment_faults(seen), *_part_faults(seen)]


def _control_faults(seen: Seen) -> list[str]:
    wrong = []
    if seen.version < (9 if seen.skipped else 6):
        wrong.append(f"4.4.1.2: version {seen.version} is too low for what is used")
    if seen.target_s < 1:
        wrong.append("4.4.3.1: no target duration")
    if float(seen.control.get("HOLD-BACK", 3 * seen.target_s)) < 3 * seen.target_s:
        wrong.append("4.4.3.8: HOLD-BACK is below three target durations")
    skip = seen.control.get("CAN-SKIP-UNTIL")
    if skip is not None and float(skip) < 6 * seen.target_s:
        wrong.append("4.4.3.8: CAN-SKIP-UNTIL is below six target durations")
    if seen.part_target_s:
        if float(seen.control.get("PART-HOLD-BACK", 0)) < 3 * seen.part_target_s - EPSILON_S:
            wrong.append("4.4.3.8: PART-HOLD-BACK is below three part targets")
        if seen.control.get("CAN-BLOCK-RELOAD") != "YES":
            wrong.append("6.2.5.2: low latency without blocking reload")
        if not seen.hint:
            wrong.append("4.4.5.3: no preload hint")
    elif seen.parts:
        wrong.append("4.4.3.7: parts without EXT-X-PART-INF")
    return wrong


def _segment_faults(seen: Seen) -> list[str]:
    wrong = []
    for segment in seen.segments:
        if int(segment.duration_s + 0.5) > seen.target_s:
            wrong.append(f"4.4.3.1: segment {segment.msn} lasts {segment.duration_s} s of {seen.target_s}")
        if not segment.date and not seen.skipped:
            wrong.append(f"segment {segment.msn} has no date")
    listed = [*seen.segments, *([seen.growing] if seen.growing is not None else [])]
    if listed and not seen.skipped and not listed[0].init:
        wrong.append("4.4.4.5: no EXT-X-MAP before the first segment")
    dates = [datetime.fromisoformat(segment.date) for segment in listed if segment.date]
    if dates != sorted(dates):
        wrong.append("6.2.1: dates go back")
    uris = [segment.uri for segment in seen.segments] + [part.uri for part in seen.parts]
    if len(set(uris)) != len(uris):
        wrong.append("a URI stands for two things")
    return wrong


def _part_faults(seen: Seen) -> list[str]:
    wrong = []
    listed = [*seen.segments, *([seen.growing] if seen.growing is not None else [])]
    for segment in listed:
        for number, part in enumerate(segment.parts):
            if part.duration_s > seen.part_target_s + EPSILON_S:
                wrong.append(f"4.4.4.9: part {part.uri} lasts {part.duration_s} s of {seen.part_target_s}")
            is_last = segment.uri and number == len(segment.parts) - 1
            if part.duration_s < 0.85 * seen.part_target_s - EPSILON_S and not is_last and not part.is_independent:
                wrong.append(f"4.4.4.9: part {part.uri} lasts only {part.duration_s} s of {seen.part_target_s}")
        whole_s = sum(part.duration_s for part in segment.parts)
        if segment.uri and segment.parts and abs(whole_s - segment.duration_s) > 0.05 + segment.duration_s * 0.02:
            wrong.append(f"the parts of segment {segment.msn} last {whole_s} s, and it {segment.duration_s}")
    return wrong


def faults_between(before: Seen, after: Seen) -> list[str]:
    """What is wrong with a playlist after another one (both whole)."""
    fixed = ("target_s", "part_target_s")
    wrong = [f"6.2.1: {name} changed" for name in fixed if getattr(before, name) != getattr(after, name)]
    if after.msn < before.msn:
        wrong.append("6.2.1: the media sequence number went back")
    gone = [segment for segment in before.segments if segment.msn < after.msn]
    if after.breaks != before.breaks + sum(segment.breaks for segment in gone):
        wrong.append("6.2.2: the discontinuity sequence number does not count what was removed")
    if gone and after.length_s < 3 * after.target_s - EPSILON_S:
        wrong.append("6.2.2: segments were removed below three target durations")
    now = {segment.msn: segment for segment in after.segments}
    for segment in before.segments:
        same = now.get(segment.msn)
        if segment.msn >= after.msn and (same is None or _identity(same) != _identity(segment)):
            wrong.append(f"6.2.1: segment {segment.msn} changed, or is missing")
    if before.hint and after.parts and before.hint != after.hint:
        first = before.parts[-1].uri if before.parts else ""
        uris = [part.uri for part in after.parts]
        is_old = first not in uris
        if before.hint not in uris and not is_old:
            wrong.append(f"4.4.5.3: the hint {before.hint} never came")
    return wrong


def _identity(segment: SeenSegment) -> tuple[str, float, str, str, int]:
    return segment.uri, segment.duration_s, segment.init, segment.date, segment.breaks


def joined(known: Seen, delta: Seen) -> list[tuple[str, float, str, str, int]]:
    """The segments of a delta update, with what was skipped taken from a playlist that was there before."""
    skipped = [segment for segment in known.segments if delta.msn <= segment.msn < delta.msn + delta.skipped]
    if len(skipped) != delta.skipped:
        raise ValueError("6.2.5.1: what is skipped was not there before")
    init = skipped[-1].init if skipped else ""
    for segment in delta.segments:
        segment.init = init = segment.init or init
    return [_identity(segment) for segment in (*skipped, *delta.segments)]
