"""The events that one camera reports: which go on, and every change to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId, EventId, new_id, stream_of
from haechi.events.docket import Kind as Change
from haechi.events.docket import Note
from haechi.events.event import REPORTED, Event, Report
from haechi.events.reported import signals
from haechi.events.reported.moments import Moment, Moments
from haechi.events.reported.signals import Ended, State, Turn
from haechi.events.reported.wishes import Wish
from haechi.fleet.onvif.events import DeviceEvent
from haechi.fleet.onvif.topics import Kind

WHOLE = (0.0, 0.0, 1.0, 1.0)
UPDATE_NS = 5 * NS_PER_S
"""How often it is told that an event still goes on."""
LONGEST_NAME = 120
Tell = Callable[[Note], None]


class Book:
    """One camera. What is told of the same camera is done in order.

    Attributes:
        unseen: Reports that became no event, because the camera showed no picture near that moment.
    """

    def __init__(self, camera: CameraId, wish: Wish, moments: Moments, tell: Tell) -> None:
        self.unseen = 0
        self._camera = camera
        self._stream = stream_of(camera)
        self._wish = wish
        self._moments = moments
        self._tell = tell
        self._states: dict[Kind, State] = {}
        self._open: dict[Kind, Event] = {}
        self._last: dict[Kind, DeviceEvent] = {}
        self._turn = asyncio.Lock()

    @property
    def is_resting(self) -> bool:
        """Whether nothing follows from the passing of time."""
        return all(signals.is_resting(one) for one in self._states.values())

    async def take(self, event: DeviceEvent) -> bool:
        """The camera says something; whether it is of a kind that is wanted."""
        signal = signals.signal_of(event, self._wish.kinds)
        if signal is None:
            return False
        async with self._turn:
            if signal.is_on is not False:
                self._last[signal.kind] = event
            state = self._states.get(signal.kind, State())
            await self._follow(signal.kind, *signals.take(state, signal, self._wish.cooldown_s))
        return True

    async def settle(self, now_ns: int) -> None:
        """Time passed."""
        async with self._turn:
            for kind, state in list(self._states.items()):
                await self._follow(kind, *signals.settle(state, now_ns, self._wish.cooldown_s))
                self._went(kind, now_ns)

    async def lose(self, now_ns: int) -> None:
        """Nobody listens any more. What goes on ends with what is known of it."""
        async with self._turn:
            for kind, state in list(self._states.items()):
                self._states[kind], turns = signals.lose(state, now_ns)
                event = self._open.pop(kind, None)
                if event is not None and turns:
                    self._close(event, turns[0].at_ns, is_cut=True)

    async def _follow(self, kind: Kind, state: State, turns: tuple[Turn, ...]) -> None:
        self._states[kind] = state
        for turn in turns:
            moment = await self._moments.nearest(self._stream, turn.at_ns)
            if isinstance(turn, Ended):
                before = self._open.pop(kind, None)
                if before is not None:
                    event = before if moment is None else replace(before, last_ref=moment.ref)
                    self._close(event, turn.at_ns, is_cut=turn.is_cut)
            elif moment is None:
                self.unseen += 1
            else:
                self._begin(kind, turn.at_ns, moment)

    def _begin(self, kind: Kind, at_ns: int, moment: Moment) -> None:
        said = self._last[kind]
        event = Event(
            id=EventId(new_id("evt")),
            camera=self._camera,
            stream=self._stream,
            rule=REPORTED,
            rule_name=said.topic[:LONGEST_NAME],
            zone=None,
            zone_name="",
            label=kind,
            severity=self._wish.severity,
            score=1.0,
            start_ns=at_ns,
            last_ns=at_ns,
            end_ns=None,
            first_ref=moment.ref,
            last_ref=moment.ref,
            best_ref=moment.ref,
            best_ns=moment.captured_ns,
            best_box=WHOLE,
            model_name="",
            model_hash="",
            config_hash="",
        )
        self._open[kind] = event
        report = Report(said.topic, (*said.source, *said.data), said.at_ns)
        self._tell(Note(Change.OPENED, event, report))

    def _went(self, kind: Kind, now_ns: int) -> None:
        event = self._open.get(kind)
        if event is not None and now_ns - event.last_ns >= UPDATE_NS:
            self._open[kind] = replace(event, last_ns=now_ns)
            self._tell(Note(Change.WENT, self._open[kind], None))

    def _close(self, event: Event, at_ns: int, *, is_cut: bool) -> None:
        end_ns = max(at_ns, event.start_ns)
        self._tell(Note(Change.CLOSED, replace(event, last_ns=end_ns, end_ns=end_ns, is_cut=is_cut), None))
