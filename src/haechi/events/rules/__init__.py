"""Rules, and the machines that decide by them. Pure: a state and a result in, the next state and decisions out."""

from haechi.events.rules.engine import decide, finish
from haechi.events.rules.rule import KINDS, Ground, Kind, Rule, Watch, Way
from haechi.events.rules.state import (
    GRACE_FRAMES,
    GRACE_S,
    MOST_NS,
    Closed,
    Decision,
    Going,
    Opened,
    Presence,
    RuleState,
    Went,
    box_of,
)

__all__ = [
    "GRACE_FRAMES",
    "GRACE_S",
    "KINDS",
    "MOST_NS",
    "Closed",
    "Decision",
    "Going",
    "Ground",
    "Kind",
    "Opened",
    "Presence",
    "Rule",
    "RuleState",
    "Watch",
    "Way",
    "Went",
    "box_of",
    "decide",
    "finish",
]
