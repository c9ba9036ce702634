"""From what a camera reports to events that begin and end. Pure: a state and a signal in, the next state and turns out.

A camera says that something is on, and later that it is off; or that something crossed a line, and nothing after that.
Cameras forget to say "off", say "on" twenty times a second, and say nothing more when their network is gone. So: one
event at most goes on for each kind; after its end none begins within the cool-down, and what is still on then begins
the next one; one that goes on for too long is closed.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from haechi.base.clock import NS_PER_S
from haechi.events.rules import MOST_NS
from haechi.fleet.onvif.events import DeviceEvent, Items
from haechi.fleet.onvif.topics import Kind

PULSE_NS = 2 * NS_PER_S
"""What has no end, such as a line that was crossed, counts as over so long after the last time."""
MOST_ON = 64
"""Things of one kind that are on at once: objects in fields, inputs. Beyond it the oldest is taken for off."""


class Signal(Struct, frozen=True):
    """One report of a kind that is wanted.

    Attributes:
        thing: What it is about: topic and source as the camera named them.
        is_on: None: it happened, and that is all.
    """

    kind: Kind
    thing: tuple[str, Items]
    is_on: bool | None
    at_ns: int


class Going(Struct, frozen=True):
    """An event that goes on: when it began, and when it was last told to hold."""

    start_ns: int
    last_ns: int


class State(Struct, frozen=True):
    """What is known of one kind at one camera.

    Attributes:
        on: The things that are on, in the order in which they came.
        pulse_ns: Until when a pulse counts.
        ended_ns: When the last event ended; 0: none did.
    """

    on: tuple[tuple[str, Items], ...] = ()
    pulse_ns: int = 0
    going: Going | None = None
    ended_ns: int = 0


class Began(Struct, frozen=True):
    """An event begins."""

    at_ns: int


class Ended(Struct, frozen=True):
    """The event is over. Cut: not because the camera said so."""

    at_ns: int
    is_cut: bool = False


Turn = Began | Ended


def signal_of(event: DeviceEvent, kinds: Iterable[Kind]) -> Signal | None:
    """The signal in what a device told; None when it is of no kind that is wanted."""
    kind = event.kind
    if kind is None or kind not in kinds:
        return None
    return Signal(kind, (event.topic, event.source), event.is_on, event.at_ns)


def take(state: State, signal: Signal, cooldown_s: float) -> tuple[State, tuple[Turn, ...]]:
    """A camera reports something."""
    on = tuple(one for one in state.on if one != signal.thing)
    pulse_ns = state.pulse_ns
    if signal.is_on is None:
        pulse_ns = max(pulse_ns, signal.at_ns + PULSE_NS)
    elif signal.is_on:
        on = (*on, signal.thing)[-MOST_ON:]
    state = replace(state, on=on, pulse_ns=pulse_ns)
    if state.going is not None:
        state = replace(state, going=replace(state.going, last_ns=max(state.going.last_ns, signal.at_ns)))
    return settle(state, signal.at_ns, cooldown_s)


def settle(state: State, now_ns: int, cooldown_s: float) -> tuple[State, tuple[Turn, ...]]:
    """Time passed: what follows from that alone."""
    holds = bool(state.on) or state.pulse_ns > now_ns
    going = state.going
    if going is None:
        is_cool = state.ended_ns == 0 or now_ns >= state.ended_ns + round(cooldown_s * NS_PER_S)
        if not holds or not is_cool:
            return state, ()
        return replace(state, going=Going(now_ns, now_ns)), (Began(now_ns),)
    if holds and now_ns - going.start_ns < MOST_NS:
        return state, ()
    end_ns = now_ns if holds else max(going.last_ns, going.start_ns)
    return replace(state, going=None, ended_ns=end_ns, pulse_ns=0), (Ended(end_ns),)


def lose(state: State, now_ns: int) -> tuple[State, tuple[Turn, ...]]:
    """Nobody listens any more: what goes on is over, and what was on is not known to be."""
    if state.going is None:
        return State(ended_ns=state.ended_ns), ()
    end_ns = max(now_ns, state.going.start_ns)
    return State(ended_ns=end_ns), (Ended(end_ns, is_cut=True),)


def is_resting(state: State) -> bool:
    """Whether nothing follows from the passing of time."""
    return not state.on and state.going is None
