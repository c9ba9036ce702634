"""The judge of views as a module of key frames: one judge for each stream."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from haechi.base.errors import Invalid
from haechi.base.ids import StreamId
from haechi.media.access_unit import UnitRef
from haechi.vision.modules.contract import Answer, Glimpse, Spec
from haechi.vision.result import Score
from haechi.vision.view.judge import ViewJudge
from haechi.vision.view.picture import seen
from haechi.vision.view.state import packed, read
from haechi.vision.view.words import scored, standing

NAME = "view"
VERSION = "1"
LEAST_PX = 96
"""A smaller picture shows too little to be compared with."""
STANDING_NS = 10_000_000_000
"""How often it is said where the view lies when nothing happens."""


class ViewModule:
    """See the module."""

    def __init__(self) -> None:
        digest = hashlib.sha256(f"haechi {NAME} {VERSION}".encode()).hexdigest()
        self.spec = Spec(NAME, VERSION, "Apache-2.0", kind="keyframe", needs=frozenset({"boxes"}), sha256=digest)
        self._judges: dict[str, ViewJudge] = {}
        self._said_ns: dict[str, int] = {}

    def look(self, batch: Sequence[Glimpse]) -> Sequence[Answer]:
        """One answer each."""
        return [self._judge(glimpse) for glimpse in batch]

    def save(self, stream: str) -> bytes:
        """What is known of a stream's view; empty: nothing yet."""
        judge = self._judges.get(stream)
        return b"" if judge is None else packed(judge.state())

    def restore(self, stream: str, state: bytes) -> None:
        """Go on from there; what cannot be read is as if there were nothing."""
        try:
            self._judges[stream] = ViewJudge(read(state))
        except Invalid:
            self._judges.pop(stream, None)

    def forget(self, stream: str) -> None:
        """The stream is gone."""
        self._judges.pop(stream, None)
        self._said_ns.pop(stream, None)

    def _judge(self, glimpse: Glimpse) -> Answer:
        about = glimpse.about
        picture = seen(glimpse.pictures[-1])
        if min(picture.size) < LEAST_PX:
            return Answer()
        judge = self._judges.setdefault(about.stream, ViewJudge())
        findings = judge.take(picture, [thing.box for thing in glimpse.things], about.captured_ns)
        ref = UnitRef(StreamId(about.stream), about.run, about.seq)
        scores: list[Score] = [scored(finding, about.captured_ns, ref, picture.size) for finding in findings]
        if findings or about.captured_ns - self._said_ns.get(about.stream, 0) >= STANDING_NS:
            self._said_ns[about.stream] = about.captured_ns
            scores.append(standing(judge, about.captured_ns, picture.size))
        return Answer(scores=tuple(scores))


def make() -> ViewModule:
    """The factory."""
    return ViewModule()
