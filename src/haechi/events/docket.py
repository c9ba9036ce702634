"""From rulings to events: the ones that go on, and every change to them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S
from haechi.base.ids import EventId, RuleId, StreamId, camera_of, new_id
from haechi.events.desk import Basis, Ruling
from haechi.events.event import Event, Report
from haechi.events.rules import Closed, Opened, Watch, Went
from haechi.vision.result import FrameResult

UPDATE_NS = 2 * NS_PER_S
"""How often the progress of an event that goes on is worth telling."""


class Kind(StrEnum):
    """What happened to an event."""

    OPENED = "opened"
    WENT = "went"
    CLOSED = "closed"


class Note(Struct, frozen=True):
    """A change to an event that is to be stored and told; with what it was decided from when it is new."""

    kind: Kind
    event: Event
    basis: Basis | Report | None


class Docket:
    """The events that go on, one at most for each stream and rule."""

    def __init__(self, make_id: Callable[[], EventId] = lambda: EventId(new_id("evt"))) -> None:
        self._make_id = make_id
        self._open: dict[tuple[StreamId, RuleId], Event] = {}
        self._told_ns: dict[EventId, int] = {}

    def take(self, stream: StreamId, ruling: Ruling, result: FrameResult | None, model_name: str) -> Note | None:
        """Apply a ruling of a stream; None when nothing is worth telling. ``result`` is what led to it, if any did."""
        key = (stream, ruling.watch.rule.id)
        match ruling.decision:
            case Opened() as opened:
                if result is None:
                    return None
                event = _opened(self._make_id(), stream, ruling.watch, opened, result)
                event = structs.replace(event, model_name=model_name)
                self._open[key] = event
                self._told_ns[event.id] = opened.at_ns
                return Note(Kind.OPENED, event, ruling.basis)
            case Went() as went:
                return self._went(key, went)
            case Closed() as closed:
                before = self._open.pop(key, None)
                if before is None:
                    return None
                self._told_ns.pop(before.id, None)
                end_ns = max(closed.end_ns, before.start_ns)
                event = structs.replace(
                    before, last_ns=end_ns, end_ns=end_ns, last_ref=closed.ref, is_cut=closed.is_cut
                )
                return Note(Kind.CLOSED, event, None)

    def _went(self, key: tuple[StreamId, RuleId], went: Went) -> Note | None:
        before = self._open.get(key)
        if before is None:
            return None
        event = structs.replace(before, last_ns=max(went.at_ns, before.last_ns), last_ref=went.ref)
        if went.box is not None:
            event = structs.replace(event, score=went.score, best_ref=went.ref, best_ns=went.at_ns, best_box=went.box)
        self._open[key] = event
        if went.at_ns - self._told_ns[event.id] < UPDATE_NS:
            return None
        self._told_ns[event.id] = went.at_ns
        return Note(Kind.WENT, event, None)


def _opened(number: EventId, stream: StreamId, watch: Watch, opened: Opened, result: FrameResult) -> Event:
    rule, place = watch.rule, watch.line if watch.rule.kind == "crossing" else watch.zone
    return Event(
        id=number,
        camera=camera_of(stream),
        stream=stream,
        rule=rule.id,
        rule_name=rule.name,
        zone=None if watch.zone is None or watch.zone is not place else watch.zone.id,
        zone_name="" if place is None else place.name,
        label=rule.label,
        severity=rule.severity,
        score=opened.score,
        start_ns=opened.start_ns,
        last_ns=opened.at_ns,
        end_ns=None,
        first_ref=opened.start_ref,
        last_ref=opened.ref,
        best_ref=opened.ref,
        best_ns=opened.at_ns,
        best_box=opened.box,
        model_name="",
        model_hash=result.model_hash,
        config_hash=result.config_hash,
        kind=rule.kind,
        detail=opened.detail,
    )
